//! TLS of a listening endpoint.

use std::path::PathBuf;

use crate::reading::{At, Fields, Finding, Reading};

/// TLS of a listening endpoint. All files are PEM; relative paths start at the node directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// `key`: the file with the private key. Needed.
    pub key: PathBuf,
    /// `certificate`: the file with the certificate, which may be followed by its chain. Needed.
    pub certificate: PathBuf,
    /// `chain_certificates`: files with the certificates between this one and the root. Default: none.
    pub chain_certificates: Vec<PathBuf>,
    /// `certificates`: more certificates, for other names. The first one that is for the name a client asks for is shown, the one
    /// above if none is. Default: none.
    pub certificates: Vec<Certificate>,
    /// `ca_certificates`: if there are any, clients must show a certificate issued by one of them. Default: none.
    pub ca_certificates: Vec<PathBuf>,
}

/// A certificate beside the first one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Certificate {
    /// `key`: the file with the private key. Needed.
    pub key: PathBuf,
    /// `certificate`: the file with the certificate, which may be followed by its chain. Needed.
    pub certificate: PathBuf,
    /// `chain_certificates`: files with the certificates between this one and the root. Default: none.
    pub chain_certificates: Vec<PathBuf>,
}

/// A file of [`Tls`] that is there and cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableFile {
    /// The file, as it is in [`Tls`].
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

impl Tls {
    pub(super) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let mut files = Files::default();
        let tls = Self {
            key: files.one(reading, &mut fields, "key"),
            certificate: files.one(reading, &mut fields, "certificate"),
            chain_certificates: files.list(reading, &mut fields, "chain_certificates"),
            certificates: files.certificates(reading, &mut fields),
            ca_certificates: files.list(reading, &mut fields, "ca_certificates"),
        };
        if let Some(host) = reading.host.filter(|_| !files.is_incomplete && !reading.is_disabled) {
            host.unusable(&tls).into_iter().for_each(|unusable| files.report(reading, unusable));
        }
        fields.no_effect(reading, "dhparam", "keys are agreed on with elliptic curves");
        fields.no_effect(reading, "ciphers", "TLS 1.2 and 1.3 are spoken with safe cipher suites only");
        fields.finish(reading);
        tls
    }
}

/// The files of one section and where their names stand.
#[derive(Default)]
struct Files<'d> {
    places: Vec<(PathBuf, At<'d>)>,
    /// Whether one is missing, which has been reported.
    is_incomplete: bool,
}

impl<'d> Files<'d> {
    fn one(&mut self, reading: &mut Reading<'_>, fields: &mut Fields<'d>, key: &'static str) -> PathBuf {
        let at = fields.required(reading, key);
        self.is_incomplete |= at.is_none();
        at.and_then(|at| self.at(reading, at)).unwrap_or_default()
    }

    fn certificates(&mut self, reading: &mut Reading<'_>, fields: &mut Fields<'d>) -> Vec<Certificate> {
        let mut certificates = Vec::new();
        for at in fields.list(reading, "certificates", "a list of certificates") {
            let Some(mut fields) = reading.object(at, "a certificate") else {
                self.is_incomplete = true;
                continue;
            };
            certificates.push(Certificate {
                key: self.one(reading, &mut fields, "key"),
                certificate: self.one(reading, &mut fields, "certificate"),
                chain_certificates: self.list(reading, &mut fields, "chain_certificates"),
            });
            fields.finish(reading);
        }
        certificates
    }

    fn list(
        &mut self,
        reading: &mut Reading<'_>,
        fields: &mut Fields<'d>,
        key: &'static str,
    ) -> Vec<PathBuf> {
        let list = fields.list(reading, key, "a list of file names");
        list.into_iter().filter_map(|at| self.at(reading, at)).collect()
    }

    fn at(&mut self, reading: &mut Reading<'_>, at: At<'d>) -> Option<PathBuf> {
        let path = reading.existing_file(&at);
        match &path {
            Some(path) => self.places.push((path.clone(), at)),
            None => self.is_incomplete = true,
        }
        path
    }

    fn report(&self, reading: &mut Reading<'_>, unusable: UnusableFile) {
        let of_path = self.places.iter().find(|(path, _)| *path == unusable.path);
        if let Some((_, at)) = of_path.or(self.places.first()) {
            reading.report(at, Finding::error(unusable.message));
        }
    }
}
