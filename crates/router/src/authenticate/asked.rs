//! Asking an authenticator.

use std::time::Duration;

use crossweave_auth::{Secret, wampcra};
use crossweave_wamp::message::Abort;
use crossweave_wamp::{Dict, SessionId};

use tokio::time::timeout;

use super::pending::Standing;
use super::start::{Attempt, nobody};
use super::{Grant, Refusal, Said, Verdict, certificate};
use crate::authenticator::looks::Asking;
use crate::authenticator::turns::Turn;
use crate::authenticator::{Asked, AuthenticateRequest, Credential, Granted, NotGranted};
use crate::realm::AbortOnDrop;

/// An answer that takes longer, the wait included, has failed.
pub(super) const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// What an authenticator is to be asked.
pub(super) struct Question {
    attempt: Attempt,
    asked: Asked,
    /// The id its session will have.
    session: SessionId,
}

impl Question {
    pub(super) fn new(attempt: Attempt, asked: Asked) -> Question {
        let session = attempt.new_session_id(attempt.realm.as_deref());
        Question { attempt, asked, session }
    }

    /// Asks about a client that has said no more than HELLO.
    pub(super) fn ask(self) -> Verdict {
        self.wait(None)
    }

    /// Asks about a client that has sent a ticket.
    pub(super) fn with_ticket(self, ticket: &str) -> Verdict {
        self.wait(Some(Secret::from(ticket)))
    }

    fn wait(self, ticket: Option<Secret>) -> Verdict {
        let late = Box::new(self.late());
        Verdict::Wait(Box::pin(self.run(ticket)), late)
    }

    /// It did not answer in time.
    fn late(&self) -> Refusal {
        let cause = format!("{} did not answer in time", self.asked.name());
        Refusal::unproven(self.attempt.method, self.attempt.authid.as_deref(), cause)
    }

    async fn run(self, ticket: Option<Secret>) -> Verdict {
        match timeout(ANSWER_DEADLINE, self.decide(ticket)).await {
            Ok(verdict) => verdict,
            Err(_) => Verdict::Refuse(self.late()),
        }
    }

    async fn decide(&self, ticket: Option<Secret>) -> Verdict {
        let (answer, turn) = match self.answer(ticket).await {
            Ok(answered) => answered,
            Err(why) => return self.attempt.not_granted(&self.asked.name(), why),
        };
        let (attempt, asking) = (&self.attempt, self.asking());
        let (looks, decoy) = (&attempt.shared.looks, attempt.shared.decoy());
        match answer {
            Ok(granted) => {
                looks.remember(&asking, &granted, &decoy);
                self.challenge(granted, Standing::Known, turn).await
            }
            Err(why) => {
                let standing = self.standing(&why);
                let authid = attempt.authid.as_deref().unwrap_or_default();
                match standing.zip(looks.make_up(&asking, &decoy, authid)) {
                    Some((standing, made_up)) => self.challenge(made_up, standing, turn).await,
                    None => attempt.not_granted(&self.asked.name(), why),
                }
            }
        }
    }

    /// What the log is told of a client that must not find out that it will not be let in.
    fn standing(&self, why: &NotGranted) -> Option<Standing> {
        match why {
            NotGranted::NoSuchClient => Some(Standing::UnknownToAsked),
            NotGranted::Refused(why) => {
                Some(Standing::Refused(format!("{} refused it: {why}", self.asked.name()).into()))
            }
            NotGranted::Denied { .. } | NotGranted::Failed(_) => None,
        }
    }

    fn asking(&self) -> Asking<'_> {
        let Attempt { realm, method, .. } = &self.attempt;
        Asking { asked: &self.asked, realm: realm.as_deref(), method }
    }

    /// The authenticator's answer, and the turn that lasts as long as it is worked on. A panic of it ends its own task only.
    async fn answer(
        &self,
        ticket: Option<Secret>,
    ) -> Result<(Result<Granted, NotGranted>, Turn), NotGranted> {
        let turn = self.attempt.shared.questions.take(&self.asked, self.attempt.realm.as_deref()).await?;
        let (asked, shared) = (self.asked.clone(), self.attempt.shared.clone());
        let request = self.attempt.request(self.session, ticket);
        let asked = tokio::spawn(async move { (asked.authenticate(shared, request).await, turn) });
        AbortOnDrop(asked).await.ok_or_else(|| NotGranted::Failed("it panicked".to_owned()))
    }

    /// Lets a client in that the authenticator knows, or challenges it to prove what the authenticator says.
    async fn challenge(&self, granted: Granted, standing: Standing, turn: Turn) -> Verdict {
        let (attempt, asked) = (&self.attempt, self.asked.name());
        let grant = attempt.granted(&granted, self.asked.provider(), asked.clone(), self.session);
        match (attempt.method, granted.credential) {
            ("anonymous" | "ticket" | "tls", _) => Verdict::Admit(Box::new(grant)),
            ("wampcra", Credential::WampCra { secret, salting }) => {
                // Deriving a key may take long: not here, where others wait. It cannot be stopped, and keeps the turn also if the
                // client does not wait for it, so that no client makes more of it run at a time than there are turns.
                let derive = tokio::task::spawn_blocking(move || {
                    let _turn = turn;
                    wampcra::Credential::new(secret, salting)
                });
                match derive.await {
                    Ok(credential) => attempt.challenge_wampcra(grant, credential, standing),
                    Err(_) => attempt.unproven("deriving the key failed"),
                }
            }
            ("scram" | "wamp-scram", Credential::Scram(credential)) => {
                attempt.challenge_scram(grant, credential, standing)
            }
            ("cryptosign" | "cryptosign-proxy", Credential::Cryptosign(mut keys)) => {
                match attempt.offered_key() {
                    Err(refusal) => Verdict::Refuse(refusal),
                    Ok(offered) => {
                        keys.retain(|key| offered.is_none_or(|offered| offered == *key));
                        let standing = match standing {
                            Standing::Known if keys.is_empty() => Standing::KeyNotListed,
                            standing => standing,
                        };
                        if keys.is_empty() {
                            // A signature is checked as well, since that takes time.
                            keys.push(offered.unwrap_or_else(nobody));
                        }
                        attempt.challenge_cryptosign(grant, keys, standing)
                    }
                }
            }
            (method, _) => attempt.unproven(format_args!("{asked} gave no credential for {method}")),
        }
    }
}

impl Attempt {
    /// What somebody is asked about the client.
    pub(super) fn request(&self, session: SessionId, ticket: Option<Secret>) -> AuthenticateRequest {
        let Attempt { realm, authid, authextra, caller, method, .. } = self;
        let mut transport = caller.transport();
        if let Some(certificate) = caller.certificate() {
            transport.insert("peer_cert", certificate::describe(certificate));
        }
        let mut details = Dict::new()
            .with("session", session.0)
            .with("authmethod", *method)
            .with("authextra", authextra.clone().unwrap_or_default())
            .with("transport", transport);
        if let Some(authid) = authid {
            details.insert("authid", authid.as_str());
        }
        AuthenticateRequest { realm: realm.clone(), authid: authid.clone(), method, ticket, details }
    }

    /// What the client gets of whom `by` lets in.
    pub(super) fn granted(
        &self,
        granted: &Granted,
        provider: &'static str,
        by: String,
        session: SessionId,
    ) -> Grant {
        let authid = match granted.authid.as_deref().or(self.authid.as_deref()) {
            Some(authid) => authid.into(),
            None => super::admit::random_authid(),
        };
        let realm = granted.realm.as_deref().map(Into::into);
        let grant = self.grant(&authid, &granted.authrole, realm.as_ref(), provider);
        let said = Box::new(Said { by, names_realm: granted.realm.is_some() });
        Grant { authextra: granted.extra.clone(), session: Some(session), said: Some(said), ..grant }
    }

    /// It is not let in by whom was asked.
    pub(super) fn not_granted(&self, asked: &str, why: NotGranted) -> Verdict {
        match why {
            NotGranted::Denied { uri, message } => {
                let cause = format!("{asked} denied it with {uri}, which the client is told");
                let Refusal { cause, .. } = Refusal::unproven(self.method, self.authid.as_deref(), cause);
                Verdict::Refuse(Refusal { abort: Abort::new(uri, message), cause, is_told: false })
            }
            NotGranted::NoSuchClient => self.unproven(format_args!("{asked} knows no such client")),
            NotGranted::Refused(why) => self.unproven(format_args!("{asked} refused it: {why}")),
            NotGranted::Failed(why) => self.unproven(format_args!("{asked} failed: {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crossweave_auth::wampcra::Salting;
    use crossweave_transport::PeerAddress;
    use crossweave_transport::codec::Framing;
    use crossweave_wamp::batch::Batching;
    use crossweave_wamp::{Serializer, uris};
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::authenticate::Caller;
    use crate::authenticator::Procedure;
    use crate::peer::Wire;
    use crate::{AdmissionOptions, Router};

    fn question(router: &Router) -> Question {
        let wire =
            Wire { serializer: Serializer::Json, framing: Framing::RawSocket, batching: Batching::Single };
        let caller = Caller {
            address: PeerAddress::Memory,
            wire,
            channel_framing: "rawsocket",
            tls: None,
            visit: None,
        };
        let (shared, realm) = (router.shared().clone(), Some("realm1".to_owned()));
        let (authid, method) = (Some("joe".to_owned()), "wampcra");
        let attempt = Attempt { shared, realm, authid, authextra: None, caller, method };
        let uri = "com.example.authenticate".to_owned();
        let asked = Procedure { uri, realm: None, authrole: None, default_role: None, passes_errors: false };
        Question::new(attempt, Asked::Procedure(Arc::new(asked)))
    }

    #[tokio::test]
    async fn a_key_is_derived_within_a_turn_also_if_nobody_waits_for_it() {
        let router = Router::new(AdmissionOptions::default());
        let (question, turns) = (question(&router), router.shared().questions.clone());
        let salting = Some(Salting { salt: "salt".into(), iterations: 200_000, key_len: 32 });
        let credential = Credential::WampCra { secret: "pa55".into(), salting };
        let granted = Granted { authrole: "user".into(), credential, ..Granted::default() };
        let turn = turns.take(&question.asked, None).await.unwrap();
        let given_up = timeout(Duration::ZERO, question.challenge(granted, Standing::Known, turn)).await;
        assert!(given_up.is_err());
        assert_eq!(turns.taken(), 1);
        let derived = async {
            while turns.taken() > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(30), derived).await.expect("the turn is given back");
    }

    #[test]
    fn a_failure_is_told_to_nobody_but_the_log() {
        let refusal = Refusal::unproven("ticket", Some("joe"), "the authenticator failed: no such table");
        assert_eq!(refusal.abort.reason, uris::AUTHENTICATION_FAILED);
        assert_eq!(refusal.abort.details.str("message"), Some("authentication failed"));
        assert!(refusal.cause.contains("no such table"));
    }
}
