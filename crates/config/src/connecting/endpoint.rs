//! `endpoint` of a connecting transport.

use std::path::PathBuf;

use crate::document::Value;
use crate::endpoint::{IpVersion, port, unix_path, version};
use crate::reading::{At, Fields, Reading};

/// Where to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectingEndpoint {
    /// `"type": "tcp"`.
    Tcp(ConnectingTcp),
    /// `"type": "unix"`.
    Unix {
        /// `path`: the socket; relative ones start at the node directory. Needed.
        path: PathBuf,
        /// `timeout`: seconds until it must be connected, 0 to 600; 0 for no limit. Default: 10.
        timeout: u32,
    },
}

/// A TCP endpoint to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectingTcp {
    /// `host`: a name or an IP address. Needed.
    pub host: String,
    /// `port`: 1 to 65535, or an environment variable, `"$NAME"`. Needed.
    pub port: u16,
    /// `version`: 4 or 6. Default: 4.
    pub version: IpVersion,
    /// `timeout`: seconds until it must be connected, 0 to 600; 0 for no limit. Default: 10.
    pub timeout: u32,
    /// `tls`. Default: none.
    pub tls: Option<ClientTls>,
}

/// `tls` of a connecting endpoint. All files are PEM; relative paths start at the node directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientTls {
    /// `hostname`: the name that the certificate of the router must be for. Needed.
    pub hostname: String,
    /// `ca_certificates`: files with the certificates of those who may have issued it. Default: those that the system trusts.
    pub ca_certificates: Vec<PathBuf>,
    /// `certificate`: the file with our own certificate, and `key` with it. Default: none is shown.
    pub certificate: Option<PathBuf>,
    /// `key`: the file with the private key of `certificate`.
    pub key: Option<PathBuf>,
}

#[derive(Clone, Copy)]
enum Kind {
    Tcp,
    Unix,
    Twisted,
    Tor,
}

const KINDS: &[(&str, Kind)] =
    &[("tcp", Kind::Tcp), ("unix", Kind::Unix), ("twisted", Kind::Twisted), ("tor", Kind::Tor)];

impl ConnectingEndpoint {
    pub(super) fn read(reading: &mut Reading<'_>, at: At<'_>) -> Option<Self> {
        let mut fields = reading.object(at, "a connecting endpoint")?;
        let at = fields.required(reading, "type")?;
        match reading.word(&at, KINDS)? {
            Kind::Tcp => ConnectingTcp::read(reading, fields).map(Self::Tcp),
            Kind::Unix => {
                let path = fields.required(reading, "path").and_then(|at| unix_path(reading, &at));
                let timeout = timeout(reading, &mut fields);
                fields.finish(reading);
                Some(Self::Unix { path: path?, timeout })
            }
            Kind::Twisted => {
                reading.refused(
                    &at,
                    "endpoint type `twisted`",
                    "it is Twisted's own notation for endpoints; write a `tcp` or `unix` endpoint",
                );
                None
            }
            Kind::Tor => {
                reading.refused(
                    &at,
                    "endpoint type `tor`",
                    "Tor is not spoken; connect to a Tor proxy's own port forwarding instead",
                );
                None
            }
        }
    }
}

fn timeout(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> u32 {
    fields.int(reading, "timeout", 0..=600, "seconds").unwrap_or(10)
}

impl ConnectingTcp {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Option<Self> {
        let host = fields.required(reading, "host").and_then(|at| reading.expanded(&at));
        let port = fields.required(reading, "port").and_then(|at| match at.item.value {
            Value::Integer(_) => {
                reading.integer(&at, 1..=65_535, "").and_then(|port| u16::try_from(port).ok())
            }
            _ => port(reading, &at),
        });
        let version = version(reading, &mut fields);
        let timeout = timeout(reading, &mut fields);
        let tls = fields.part(reading, "tls", "TLS settings").map(|fields| ClientTls::read(reading, fields));
        fields.finish(reading);
        Some(Self { host: host?, port: port?, version, timeout, tls })
    }
}

impl ClientTls {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let hostname = fields.required(reading, "hostname").and_then(|at| reading.text(&at));
        let list = fields.list(reading, "ca_certificates", "a list of files");
        let tls = Self {
            hostname: hostname.unwrap_or_default(),
            ca_certificates: list.iter().filter_map(|at| reading.existing_file(at)).collect(),
            certificate: fields.get("certificate").and_then(|at| reading.existing_file(&at)),
            key: fields.get("key").and_then(|at| reading.existing_file(&at)),
        };
        for (one, other) in [("certificate", "key"), ("key", "certificate")] {
            if fields.get(one).is_some() && fields.get(other).is_none() {
                fields.missing(reading, other);
            }
        }
        fields.finish(reading);
        tls
    }
}
