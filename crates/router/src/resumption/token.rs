//! The secret by which a client shows that a session is its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// 128 random bits, good for one resumption. No log shows them.
pub(crate) struct Token(String);

impl Token {
    /// A new one.
    pub(crate) fn random() -> Token {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        Token(STANDARD.encode(bytes))
    }

    /// What a client sent as one.
    pub(crate) fn given(text: &str) -> Token {
        Token(text.to_owned())
    }

    /// As the client gets it: 24 characters of Base64.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// What the router keeps of it.
    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

/// Enough of a token to know it again.
#[derive(Clone)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    /// Whether it is of this token. Takes the same time wherever they differ.
    pub(crate) fn is_of(&self, token: &Token) -> bool {
        self.0.ct_eq(&token.hash().0).into()
    }
}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_is_known_again() {
        let token = Token::random();
        assert_eq!(token.text().len(), 24);
        assert!(token.hash().is_of(&Token::given(token.text())));
        for wrong in ["", &token.text()[1..], Token::random().text()] {
            assert!(!token.hash().is_of(&Token::given(wrong)), "{wrong}");
        }
    }
}
