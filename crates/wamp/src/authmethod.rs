//! The methods by which a client proves who it is.

/// A method that proves something. (A cookie proves what another method has proven before, and is none.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuthMethod {
    /// `anonymous`: nothing is proven.
    Anonymous,
    /// `ticket`: a shared text.
    Ticket,
    /// `wampcra`: a shared secret that is not sent.
    WampCra,
    /// `scram`, also called `wamp-scram`: a password that is neither sent nor stored.
    Scram,
    /// `cryptosign`: a private key.
    Cryptosign,
    /// `tls`: a client certificate.
    Tls,
}

impl AuthMethod {
    /// All of them.
    pub const ALL: [AuthMethod; 6] = [
        AuthMethod::Anonymous,
        AuthMethod::Ticket,
        AuthMethod::WampCra,
        AuthMethod::Scram,
        AuthMethod::Cryptosign,
        AuthMethod::Tls,
    ];

    /// Its name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            AuthMethod::Anonymous => "anonymous",
            AuthMethod::Ticket => "ticket",
            AuthMethod::WampCra => "wampcra",
            AuthMethod::Scram => "scram",
            AuthMethod::Cryptosign => "cryptosign",
            AuthMethod::Tls => "tls",
        }
    }

    /// The method of this name, as a configuration or HELLO has it.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "wamp-scram" => Some(AuthMethod::Scram),
            name => AuthMethod::ALL.into_iter().find(|method| method.name() == name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_known_by_its_name_and_scram_by_two() {
        for method in AuthMethod::ALL {
            assert_eq!(AuthMethod::parse(method.name()), Some(method));
        }
        assert_eq!(AuthMethod::parse("wamp-scram"), Some(AuthMethod::Scram));
        assert_eq!(AuthMethod::parse("cookie"), None);
    }
}
