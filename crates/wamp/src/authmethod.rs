//! The methods by which a client proves who it is.

mod own;

pub use own::OwnMethod;

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
    /// A method of the program's own, under the name that its operator has given it.
    Own(OwnMethod),
}

impl AuthMethod {
    /// Those of WAMP.
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
            AuthMethod::Own(method) => method.name(),
        }
    }

    /// The method of this name, as a configuration or HELLO has it. One of the program's own is known once it was
    /// [declared](AuthMethod::declare).
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "wamp-scram" => Some(AuthMethod::Scram),
            name => {
                let known = AuthMethod::ALL.into_iter().find(|method| method.name() == name);
                known.or_else(|| OwnMethod::find(name).map(AuthMethod::Own))
            }
        }
    }

    /// The same; from now on a name that is none of WAMP's is one of the program's own. Not for names that come from peers, as it
    /// is never forgotten.
    ///
    /// # Errors
    /// No method can have this name, or there are [`OWN_MAX`](OwnMethod::OWN_MAX) already.
    pub fn declare(name: &str) -> Result<Self, String> {
        match AuthMethod::parse(name) {
            Some(method) => Ok(method),
            None => OwnMethod::declare(name).map(AuthMethod::Own),
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
