//! Logging in by a method of the program's own, one step after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crossweave_auth::Secret;
use crossweave_wamp::message::{Authenticate, Challenge};
use crossweave_wamp::{Dict, SessionId};
use tokio::time::timeout;

use super::asked::ANSWER_DEADLINE;
use super::pending::{Pending, Proof, Standing};
use super::start::Attempt;
use super::{Refusal, Verdict};
use crate::authenticator::NotGranted;
use crate::login::{CHALLENGES_MAX, Login, LoginNext};
use crate::methods::Own;
use crate::realm::AbortOnDrop;

/// A login under way.
pub(super) struct OwnLogin {
    attempt: Attempt,
    own: Own,
    /// What the method knows of it; none before the first step.
    state: Option<State>,
    /// The id its session will have.
    session: SessionId,
    challenges: usize,
}

/// What the client has said last.
enum Heard {
    Hello,
    Answer(Secret, Dict),
}

impl Attempt {
    /// Asks a method of the program's own what comes after HELLO.
    pub(super) fn own(self, own: &Own) -> Verdict {
        let session = self.new_session_id(self.realm.as_deref());
        let login = OwnLogin { attempt: self, own: own.clone(), state: None, session, challenges: 0 };
        Box::new(login).wait(Heard::Hello)
    }
}

impl OwnLogin {
    /// Asks what comes after the answer to its challenge.
    pub(super) fn with_answer(self: Box<Self>, answer: &Authenticate) -> Verdict {
        let heard = Heard::Answer(answer.signature.as_str().into(), answer.extra.clone());
        self.wait(heard)
    }

    fn wait(self: Box<Self>, heard: Heard) -> Verdict {
        let late = Box::new(self.late());
        Verdict::Wait(Box::pin(self.run(heard)), late)
    }

    /// It did not say in time what comes next.
    fn late(&self) -> Refusal {
        let cause = format!("{} did not answer in time", self.name());
        Refusal::unproven(self.attempt.method, self.attempt.authid.as_deref(), cause)
    }

    /// For the log.
    fn name(&self) -> String {
        format!("login method {:?}", &*self.own.name)
    }

    async fn run(self: Box<Self>, heard: Heard) -> Verdict {
        let late = self.late();
        timeout(ANSWER_DEADLINE, self.decide(heard)).await.unwrap_or(Verdict::Refuse(late))
    }

    async fn decide(mut self: Box<Self>, heard: Heard) -> Verdict {
        let name = self.name();
        match self.step(heard).await {
            Ok(LoginNext::Challenge(_)) if self.challenges >= CHALLENGES_MAX => {
                let why = format!("it wants more than {CHALLENGES_MAX} challenges");
                self.attempt.not_granted(&name, NotGranted::Failed(why))
            }
            Ok(LoginNext::Challenge(extra)) => self.challenge(extra),
            Ok(LoginNext::Admit(granted)) => {
                Verdict::Admit(Box::new(self.attempt.granted(&granted, "function", name, self.session)))
            }
            Err(why) => self.attempt.not_granted(&name, why),
        }
    }

    fn challenge(mut self: Box<Self>, extra: Dict) -> Verdict {
        self.challenges += 1;
        let challenge = Challenge { method: self.attempt.method.to_owned(), extra };
        // Who it will be, only the end of the login says.
        let grant = self.attempt.grant("", "", None, "function");
        let pending = Pending { grant, standing: Standing::Known, proof: Proof::Own(self) };
        Verdict::Challenge(challenge, Box::new(pending))
    }

    /// One step of the method, in a task of its own: a panic ends that task only.
    async fn step(&mut self, heard: Heard) -> Result<LoginNext, NotGranted> {
        let shared = &self.attempt.shared;
        let turn = shared.questions.take_login(&self.own.name).await?;
        let (state, by) = (self.state.take(), self.own.by.clone());
        let request = self.attempt.request(self.session, None);
        let step = tokio::spawn(async move {
            let _turn = turn;
            let mut state = match state {
                Some(state) => state,
                None => State(Some(by.begin(request))),
            };
            let next = match (state.0.as_mut(), heard) {
                (Some(login), Heard::Hello) => login.hello().await,
                (Some(login), Heard::Answer(signature, extra)) => login.answer(signature, extra).await,
                (None, _) => Err(NotGranted::Failed("it has ended".to_owned())),
            };
            (state, next)
        });
        let Some((state, next)) = AbortOnDrop(step).await else {
            return Err(NotGranted::Failed("it panicked".to_owned()));
        };
        self.state = Some(state);
        next
    }
}

/// What a method knows of a login. That it may panic when it is dropped is nobody else's trouble: openings share tasks.
struct State(Option<Box<dyn Login>>);

impl Drop for State {
    fn drop(&mut self) {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(self.0.take())));
    }
}
