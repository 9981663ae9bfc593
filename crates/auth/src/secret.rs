//! Texts that must not be seen.

use std::fmt;

use zeroize::Zeroizing;

/// A text that no log shows and that is wiped when it is dropped. Two are compared with
/// [`ticket::is_same`](crate::ticket::is_same), never with `==` on what [`Secret::reveal`] returns.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Secret(Zeroizing::new(text.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl PartialEq for Secret {
    /// For configurations that are compared with each other; takes the same time wherever they differ.
    fn eq(&self, other: &Secret) -> bool {
        crate::ticket::is_same(self, other.reveal())
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_and_compares() {
        let secret = Secret::from("open sesame");
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret, Secret::from("open sesame"));
        assert_ne!(secret, Secret::from("open"));
    }
}
