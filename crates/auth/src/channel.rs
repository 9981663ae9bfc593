//! Channel binding: an authentication that holds for one TLS connection only.
//!
//! Whoever sits between client and router has a TLS connection with each; what the client signs for one of them is worth
//! nothing on the other.

use sha2::{Digest as _, Sha256};

/// What an authentication is tied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    /// `tls-unique`: the first Finished message, RFC 5929. TLS 1.2 only.
    TlsUnique,
    /// `tls-exporter`: exported keying material, RFC 9266.
    TlsExporter,
}

impl ChannelBinding {
    /// As WAMP spells it.
    pub fn name(self) -> &'static str {
        match self {
            ChannelBinding::TlsUnique => "tls-unique",
            ChannelBinding::TlsExporter => "tls-exporter",
        }
    }

    /// The binding of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [ChannelBinding::TlsUnique, ChannelBinding::TlsExporter].into_iter().find(|it| it.name() == name)
    }
}

/// A binding with the bytes that both ends have of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `tls-unique`: the `verify_data` of the first Finished message.
    TlsUnique([u8; 12]),
    /// `tls-exporter`: the exported keying material.
    TlsExporter([u8; 32]),
}

impl Bound {
    /// Which binding this is.
    pub fn binding(&self) -> ChannelBinding {
        match self {
            Bound::TlsUnique(_) => ChannelBinding::TlsUnique,
            Bound::TlsExporter(_) => ChannelBinding::TlsExporter,
        }
    }

    /// As WAMP spells it.
    pub fn name(&self) -> &'static str {
        self.binding().name()
    }

    /// The bytes as they are, which is what SCRAM sends and signs (RFC 5802, section 5.1).
    pub fn data(&self) -> &[u8] {
        match self {
            Bound::TlsUnique(data) => data,
            Bound::TlsExporter(data) => data,
        }
    }

    /// The 32 bytes that cryptosign mixes into its challenge: of `tls-unique`, whose bytes are fewer, the SHA-256, as Autobahn
    /// has it.
    pub fn id(&self) -> [u8; 32] {
        match self {
            Bound::TlsUnique(data) => Sha256::digest(data).into(),
            Bound::TlsExporter(data) => *data,
        }
    }
}

/// What is known of the TLS connection at hand: the bytes of each binding that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Of `tls-unique`.
    pub tls_unique: Option<[u8; 12]>,
    /// Of `tls-exporter`.
    pub tls_exporter: Option<[u8; 32]>,
}

/// A client asks for a binding that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// Of another name, or no text.
    #[error("unknown channel binding: use tls-exporter, or tls-unique with tls 1.2")]
    Unknown,
    /// The connection does not have it.
    #[error("channel binding {name} is not available on this connection{hint}", name = .0.name(), hint = hint(*.0))]
    Unavailable(ChannelBinding),
}

fn hint(binding: ChannelBinding) -> &'static str {
    match binding {
        ChannelBinding::TlsUnique => {
            ": use tls-exporter with tls 1.3; it needs tls 1.2 with extended master secret"
        }
        ChannelBinding::TlsExporter => ": it needs tls 1.3",
    }
}

impl Channel {
    /// A binding with its bytes.
    ///
    /// # Errors
    /// The connection does not have it.
    pub fn bound(&self, binding: ChannelBinding) -> Result<Bound, ChannelError> {
        match binding {
            ChannelBinding::TlsUnique => self.tls_unique.map(Bound::TlsUnique),
            ChannelBinding::TlsExporter => self.tls_exporter.map(Bound::TlsExporter),
        }
        .ok_or(ChannelError::Unavailable(binding))
    }

    /// What `authextra.channel_binding` of a HELLO asks for. Absent, null and empty ask for nothing.
    pub fn requested(
        &self,
        authextra: Option<&crossweave_wamp::Dict>,
    ) -> Result<Option<Bound>, ChannelError> {
        use crossweave_wamp::Value;
        match authextra.and_then(|extra| extra.get("channel_binding")) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Str(name)) if name.is_empty() => Ok(None),
            Some(name) => {
                let binding = name.as_str().and_then(ChannelBinding::parse).ok_or(ChannelError::Unknown)?;
                Ok(Some(self.bound(binding)?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossweave_wamp::{Dict, Value};

    #[test]
    fn a_binding_that_is_not_there_is_never_left_out_silently() {
        let channel = Channel { tls_unique: None, tls_exporter: Some([7; 32]) };
        let ask = |value: Value| channel.requested(Some(&Dict::new().with("channel_binding", value)));
        assert_eq!(ask("tls-exporter".into()), Ok(Some(Bound::TlsExporter([7; 32]))));
        assert_eq!(ask("tls-unique".into()), Err(ChannelError::Unavailable(ChannelBinding::TlsUnique)));
        assert_eq!(ask("tls-server-end-point".into()), Err(ChannelError::Unknown));
        assert_eq!(ask(5.into()), Err(ChannelError::Unknown));
        assert_eq!(ask(Value::Null), Ok(None));
        assert_eq!(channel.requested(None), Ok(None));
    }

    #[test]
    fn cryptosign_mixes_in_the_hash_of_tls_unique_and_tls_exporter_as_it_is() {
        let unique = Bound::TlsUnique(*b"hello world!");
        assert_eq!(unique.data(), b"hello world!");
        let expected = "7509e5bda0c762d2bac7f90d758b5b2263fa01ccbc542ab5e3df163be08e6ca9";
        let hex: String = unique.id().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((hex.as_str(), unique.name()), (expected, "tls-unique"));
        assert_eq!(Bound::TlsExporter([7; 32]).id(), [7; 32]);
    }
}
