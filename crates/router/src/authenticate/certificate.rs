//! What an authenticator is told of a client's certificate.

use crossweave_wamp::Dict;
use sha1::Digest as _;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};

/// The names of a certificate that a parser understands, as Crossbar.io calls them.
const NAMES: [(&str, &str); 6] = [
    ("2.5.4.3", "cn"),
    ("2.5.4.10", "o"),
    ("2.5.4.11", "ou"),
    ("2.5.4.6", "c"),
    ("2.5.4.8", "st"),
    ("2.5.4.7", "l"),
];

/// Hashes, names and time of a certificate in DER: `sha1`, `sha256`, `subject`, `issuer`, `cn`, `serial`, `not_before` and
/// `not_after` (seconds since 1970). Only the hashes if it cannot be read.
pub(super) fn describe(der: &[u8]) -> Dict {
    let facts = Dict::new()
        .with("sha1", colons(&sha1::Sha1::digest(der)))
        .with("sha256", colons(&sha2::Sha256::digest(der)));
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return facts };
    let subject = name(certificate.subject());
    let cn = subject.str("cn").map(str::to_owned);
    let validity = certificate.validity();
    facts
        .with("cn", cn)
        .with("subject", subject)
        .with("issuer", name(certificate.issuer()))
        .with("serial", certificate.raw_serial_as_string())
        .with("not_before", validity.not_before.timestamp())
        .with("not_after", validity.not_after.timestamp())
}

fn name(name: &X509Name<'_>) -> Dict {
    let mut dict = Dict::new();
    for attribute in name.iter_attributes() {
        let oid = attribute.attr_type().to_id_string();
        if let (Some((_, key)), Ok(text)) = (NAMES.iter().find(|(id, _)| *id == oid), attribute.as_str()) {
            dict.insert(*key, text);
        }
    }
    dict
}

/// `AA:BB:…`, as OpenSSL shows a fingerprint.
fn colons(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_described_and_noise_only_hashed() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "joe");
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Example");
        let der = params.self_signed(&key).unwrap().der().to_vec();
        let facts = describe(&der);
        assert_eq!(
            (facts.str("cn"), facts.dict("subject").unwrap().str("o")),
            (Some("joe"), Some("Example"))
        );
        assert_eq!(facts.str("sha1").map(str::len), Some(59));
        let noise = describe(&der[..der.len() / 2]);
        assert_eq!(noise.len(), 2);
    }
}
