//! Channel binding: an authentication that holds for one TLS connection only.
//!
//! Whoever sits between client and router has a TLS connection with each; what the client signs for one of them is worth
//! nothing on the other.

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

/// What is known of the TLS connection at hand: the 32 bytes of each binding that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Of `tls-unique`.
    pub tls_unique: Option<[u8; 32]>,
    /// Of `tls-exporter`.
    pub tls_exporter: Option<[u8; 32]>,
}

/// A client asks for a binding that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// Of another name, or no text.
    #[error("unknown channel binding: use tls-exporter")]
    Unknown,
    /// The connection does not have it.
    #[error("channel binding {name} is not available on this connection{hint}", name = .0.name(), hint = hint(*.0))]
    Unavailable(ChannelBinding),
}

fn hint(binding: ChannelBinding) -> &'static str {
    match binding {
        ChannelBinding::TlsUnique => ": use tls-exporter with tls 1.3",
        ChannelBinding::TlsExporter => ": it needs tls 1.3",
    }
}

impl Channel {
    /// The bytes of a binding.
    pub fn id(&self, binding: ChannelBinding) -> Result<[u8; 32], ChannelError> {
        match binding {
            ChannelBinding::TlsUnique => self.tls_unique,
            ChannelBinding::TlsExporter => self.tls_exporter,
        }
        .ok_or(ChannelError::Unavailable(binding))
    }

    /// What `authextra.channel_binding` of a HELLO asks for. Absent, null and empty ask for nothing.
    pub fn requested(
        &self,
        authextra: Option<&crossweave_wamp::Dict>,
    ) -> Result<Option<(ChannelBinding, [u8; 32])>, ChannelError> {
        use crossweave_wamp::Value;
        match authextra.and_then(|extra| extra.get("channel_binding")) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Str(name)) if name.is_empty() => Ok(None),
            Some(name) => {
                let binding = name.as_str().and_then(ChannelBinding::parse).ok_or(ChannelError::Unknown)?;
                Ok(Some((binding, self.id(binding)?)))
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
        assert_eq!(ask("tls-exporter".into()), Ok(Some((ChannelBinding::TlsExporter, [7; 32]))));
        assert_eq!(ask("tls-unique".into()), Err(ChannelError::Unavailable(ChannelBinding::TlsUnique)));
        assert_eq!(ask("tls-server-end-point".into()), Err(ChannelError::Unknown));
        assert_eq!(ask(5.into()), Err(ChannelError::Unknown));
        assert_eq!(ask(Value::Null), Ok(None));
        assert_eq!(channel.requested(None), Ok(None));
    }
}
