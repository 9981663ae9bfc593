//! Methods that are none of WAMP's: their names, each kept once for as long as the program runs, so that a method is as small
//! and as quickly compared as the others.

use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Names that stand for something else wherever methods are named.
const RESERVED: [&str; 6] =
    ["anonymous-proxy", "cookie", "cryptosign-proxy", "scram", "trusted", "wamp-scram"];

/// The methods that were declared.
static DECLARED: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// A method of the program's own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnMethod(&'static str);

impl OwnMethod {
    /// Methods that can be declared while a program runs.
    pub const OWN_MAX: usize = 256;
    /// The longest name, in bytes.
    pub const NAME_LEN_MAX: usize = 64;

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// Whether a method of the program's own can have this name: 1 to 64 of `a-z`, `0-9`, `_`, `-` and `.`, a letter first, and
    /// none that stands for something else.
    pub fn is_name(name: &str) -> bool {
        let is_letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
        name.len() <= Self::NAME_LEN_MAX
            && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
            && name.bytes().all(is_letter)
            && !RESERVED.contains(&name)
    }

    pub(super) fn find(name: &str) -> Option<OwnMethod> {
        let declared = DECLARED.lock().unwrap_or_else(PoisonError::into_inner);
        declared.iter().find(|known| **known == name).map(|known| OwnMethod(known))
    }

    pub(super) fn declare(name: &str) -> Result<OwnMethod, String> {
        if !Self::is_name(name) {
            return Err(format!("no authentication method can be called {name:?}"));
        }
        let mut declared = DECLARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = declared.iter().find(|known| **known == name) {
            return Ok(OwnMethod(known));
        }
        if declared.len() >= Self::OWN_MAX {
            return Err(format!(
                "there are {} authentication methods of this program already",
                Self::OWN_MAX
            ));
        }
        let name: &'static str = Box::leak(name.into());
        declared.push(name);
        Ok(OwnMethod(name))
    }
}

impl fmt::Debug for OwnMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use crate::AuthMethod;

    #[test]
    fn a_declared_method_is_known_by_its_name_from_then_on() {
        assert_eq!(AuthMethod::parse("smoke-signals"), None);
        let declared = AuthMethod::declare("smoke-signals").unwrap();
        assert_eq!(declared.name(), "smoke-signals");
        assert_eq!(AuthMethod::parse("smoke-signals"), Some(declared));
        assert_eq!(AuthMethod::declare("smoke-signals"), Ok(declared));
        assert_eq!(AuthMethod::declare("ticket"), Ok(AuthMethod::Ticket));
    }

    #[test]
    fn names_that_mean_something_else_or_are_none_are_refused() {
        let long = "a".repeat(65);
        for name in ["", "cookie", "trusted", "cryptosign-proxy", "Otp", "1time", "a b", "ö", &long] {
            assert!(AuthMethod::declare(name).is_err(), "{name:?}");
        }
        assert_eq!(AuthMethod::declare("wamp-scram"), Ok(AuthMethod::Scram));
    }
}
