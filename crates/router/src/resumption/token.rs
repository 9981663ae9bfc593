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

/// By which tokens a session may be claimed.
#[derive(Debug)]
pub(crate) struct Keys {
    /// That of its last WELCOME.
    newest: TokenHash,
    /// That by which its client came; nothing when it is known to have the newest.
    previous: Option<TokenHash>,
    /// That of who waits for the session to be given up. No client has it.
    lent: Option<TokenHash>,
}

impl Keys {
    pub(crate) fn new(token: &Token) -> Keys {
        Keys { newest: token.hash(), previous: None, lent: None }
    }

    /// Whether it may be claimed by this one now.
    pub(crate) fn is_good(&self, token: &Token) -> bool {
        let Keys { newest, previous, lent } = self;
        [Some(newest), previous.as_ref(), lent.as_ref()].into_iter().flatten().any(|key| key.is_of(token))
    }

    /// Whether who has this one came by it before, and may not have the last WELCOME.
    pub(crate) fn is_previous(&self, token: &Token) -> bool {
        self.previous.as_ref().is_some_and(|previous| previous.is_of(token))
    }

    /// One for who has shown a good one and has to wait. Who waits by an earlier one has no claim any more.
    pub(crate) fn lend(&mut self, shown: &Token) -> Token {
        let lent = Token::random();
        *self = Keys { newest: shown.hash(), previous: None, lent: Some(lent.hash()) };
        lent
    }

    /// The next one, for who has shown this one, which stays good until [`Keys::confirm`].
    pub(crate) fn renew(&mut self, shown: &Token) -> Token {
        let is_lent = self.lent.take().is_some_and(|lent| lent.is_of(shown));
        let shown = if is_lent { self.newest.clone() } else { shown.hash() };
        let next = Token::random();
        *self = Keys { previous: Some(shown), ..Keys::new(&next) };
        next
    }

    /// The client has the newest.
    pub(crate) fn confirm(&mut self) {
        self.previous = None;
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

    #[test]
    fn a_token_is_good_until_its_client_is_known_to_have_the_next() {
        let first = Token::random();
        let mut keys = Keys::new(&first);
        let second = keys.renew(&first);
        assert!(keys.is_good(&first) && keys.is_good(&second));
        let third = keys.renew(&first);
        assert!(keys.is_good(&first) && !keys.is_good(&second) && keys.is_good(&third));
        keys.confirm();
        assert!(!keys.is_good(&first) && keys.is_good(&third));
    }

    #[test]
    fn who_has_waited_may_come_back_by_the_token_that_it_has_shown() {
        let first = Token::random();
        let mut keys = Keys::new(&first);
        let (early, late) = (keys.lend(&first), keys.lend(&first));
        assert!(!keys.is_good(&early), "one waits at a time");
        let second = keys.renew(&late);
        assert!(keys.is_good(&first) && keys.is_good(&second) && !keys.is_good(&late));
    }
}
