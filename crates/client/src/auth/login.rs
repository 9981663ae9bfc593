//! One login, from HELLO to WELCOME.

use crossweave_auth::channel::Bound;
use crossweave_auth::cryptosign::{self, PrivateKey, PublicKey};
use crossweave_auth::scram::ClientExchange;
use crossweave_auth::wampcra;
use crossweave_wamp::message::{Authenticate, Challenge, Welcome};
use crossweave_wamp::{Dict, Value};

use super::{Auth, ChallengeError};

/// What is remembered from HELLO to WELCOME.
pub(crate) struct Login {
    auth: Auth,
    binding: Option<Bound>,
    scram: Option<ClientExchange>,
    /// What a router is to sign whose key is known.
    router_challenge: [u8; 32],
}

impl Login {
    /// `channel`: the bytes of `tls-exporter`, if the login is to be tied to the connection.
    pub(crate) fn new(auth: &Auth, channel: Option<[u8; 32]>) -> Login {
        let binding = channel.map(Bound::TlsExporter);
        let scram = match auth {
            Auth::Scram { authid, .. } => Some(ClientExchange::new(authid, random(), binding)),
            _ => None,
        };
        Login { auth: auth.clone(), binding, scram, router_challenge: random() }
    }

    /// Adds what HELLO says about authentication.
    pub(crate) fn announce(&self, details: &mut Dict, authextra: &Dict) {
        let methods: Vec<Value> = self.auth.methods().iter().map(|method| Value::from(*method)).collect();
        details.insert("authmethods", methods);
        if let Some(authid) = self.auth.authid() {
            details.insert("authid", authid);
        }
        let mut extra = authextra.clone();
        if let Some(scram) = &self.scram {
            scram.authextra().into_iter().for_each(|(key, value)| extra.insert(key, value));
        }
        let key = match &self.auth {
            Auth::Cryptosign { key, router, .. } => Some((key, router.is_some())),
            Auth::CryptosignProxy { key, .. } => Some((key, false)),
            _ => None,
        };
        if let Some((key, knows_router)) = key {
            extra.insert("pubkey", key.public().to_hex());
            extra.insert("channel_binding", self.binding.map(|bound| bound.name()));
            if knows_router {
                extra.insert("challenge", cryptosign::challenge_to_hex(&self.router_challenge));
            }
        }
        if !extra.is_empty() {
            details.insert("authextra", extra);
        }
    }

    /// The answer to a CHALLENGE. May take long (PBKDF2, Argon2): not for a task that others wait for.
    pub(crate) fn answer(&mut self, challenge: &Challenge) -> Result<Authenticate, ChallengeError> {
        if !self.auth.methods().contains(&challenge.method.as_str()) {
            return Err(ChallengeError::Method(challenge.method.chars().take(32).collect()));
        }
        let extra = &challenge.extra;
        let signature = match &self.auth {
            Auth::Anonymous | Auth::AnonymousProxy | Auth::Tls { .. } | Auth::Cookie => {
                return Err(ChallengeError::Method(challenge.method.clone()));
            }
            Auth::Own { answers, .. } => return answers.answer(extra),
            Auth::Ticket { ticket, .. } => ticket.reveal().to_owned(),
            Auth::WampCra { secret, .. } => wampcra::answer(secret, extra)?,
            Auth::Cryptosign { key, router, .. } => self.sign(key, router.as_ref(), extra)?,
            Auth::CryptosignProxy { key, .. } => self.sign(key, None, extra)?,
            Auth::Scram { password, .. } => {
                let scram = self.scram.as_mut().expect("was made with the login");
                return Ok(scram.answer(extra, password)?);
            }
        };
        Ok(Authenticate { signature, extra: Dict::new() })
    }

    fn sign(
        &self,
        key: &PrivateKey,
        router: Option<&PublicKey>,
        extra: &Dict,
    ) -> Result<String, ChallengeError> {
        let challenge = extra.str("challenge").and_then(cryptosign::challenge_from_hex);
        let challenge = challenge.ok_or(ChallengeError::Field("challenge"))?;
        if extra.str("channel_binding") != self.binding.map(|bound| bound.name()) {
            return Err(ChallengeError::NotBound);
        }
        let channel = self.binding.map(|bound| bound.id());
        if let Some(router) = router {
            let expected = cryptosign::message(&self.router_challenge, channel.as_ref());
            if !router.is_signed(extra.str("signature").unwrap_or_default(), &expected) {
                return Err(ChallengeError::Impostor);
            }
        }
        Ok(key.sign(&cryptosign::message(&challenge, channel.as_ref())))
    }

    /// Whether this WELCOME can be believed.
    pub(crate) fn verify(&self, welcome: &Welcome) -> Result<(), ChallengeError> {
        let Some(scram) = &self.scram else { return Ok(()) };
        let none = Dict::new();
        Ok(scram.verify(welcome.details.dict("authextra").unwrap_or(&none))?)
    }
}

fn random<const LEN: usize>() -> [u8; LEN] {
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossweave_auth::scram::client::ClientError;
    use crossweave_auth::wampcra::SaltingError;
    use crossweave_wamp::SessionId;

    fn answer(auth: &Auth, method: &str, extra: Dict) -> Result<String, ChallengeError> {
        let challenge = Challenge { method: method.into(), extra };
        Login::new(auth, None).answer(&challenge).map(|answer| answer.signature)
    }

    #[test]
    fn another_method_than_the_offered_one_is_not_answered() {
        let cra = Auth::wamp_cra("joe", "secret!!!");
        for (auth, method) in [(&cra, "ticket"), (&Auth::Anonymous, "anonymous"), (&Auth::Cookie, "cookie")] {
            let error = answer(auth, method, Dict::new()).unwrap_err();
            assert_eq!(error, ChallengeError::Method(method.into()));
        }
    }

    #[test]
    fn a_challenge_cannot_ask_for_endless_work() {
        let extra = Dict::new().with("challenge", "x").with("salt", "s").with("iterations", 1_000_001);
        let error = answer(&Auth::wamp_cra("joe", "secret!!!"), "wampcra", extra).unwrap_err();
        assert!(matches!(error, ChallengeError::Salting(SaltingError::Excessive { .. })));
    }

    #[test]
    fn a_router_without_the_expected_key_is_not_joined() {
        let router = PrivateKey::from_bytes(&[9; 32]);
        let key = PrivateKey::from_bytes(&[7; 32]);
        let auth = Auth::Cryptosign { authid: None, key: key.clone(), router: Some(router.public()) };
        let mut login = Login::new(&auth, Some([3; 32]));
        let extra = Dict::new()
            .with("challenge", cryptosign::challenge_to_hex(&[1; 32]))
            .with("channel_binding", "tls-exporter");
        let challenge = |extra: Dict| Challenge { method: "cryptosign".into(), extra };
        assert_eq!(login.answer(&challenge(extra.clone())), Err(ChallengeError::Impostor));
        let right = router.sign(&cryptosign::message(&login.router_challenge, Some(&[3; 32])));
        let answer = login.answer(&challenge(extra.clone().with("signature", right.clone()))).unwrap();
        assert!(key.public().is_signed(&answer.signature, &cryptosign::message(&[1; 32], Some(&[3; 32]))));
        let mut unbound = extra.with("signature", right);
        unbound.remove("channel_binding");
        assert_eq!(login.answer(&challenge(unbound)), Err(ChallengeError::NotBound));
    }

    #[test]
    fn a_router_that_lets_a_scram_client_in_without_proof_is_not_believed() {
        let login = Login::new(&Auth::scram("joe", "pencil"), None);
        let welcome = Welcome { session: SessionId(1), details: Dict::new() };
        assert_eq!(login.verify(&welcome), Err(ChallengeError::Scram(ClientError::Impostor)));
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!(
            "{:?} {:?} {:?}",
            Auth::ticket("joe", "open sesame"),
            Auth::wamp_cra("joe", "open sesame"),
            Auth::scram("joe", "open sesame")
        );
        assert!(!shown.contains("sesame"), "{shown}");
    }
}
