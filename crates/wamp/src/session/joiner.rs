//! The client's side of opening a session.
//!
//! ```text
//!            hello()             WELCOME
//!  Idle ───────────▶ Joining ───────────────▶ Open
//!                     │  ▲ │
//!           CHALLENGE │  │ │ ABORT, other
//!                     ▼  │ ▼
//!                 Authenticating ──────────▶ Closed
//!                  (authenticate())
//! ```

use crate::error::ProtocolViolation;
use crate::message::{Abort, Challenge, Message, Welcome};

/// Where the opening stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing sent.
    Idle,
    /// HELLO or AUTHENTICATE sent.
    Joining,
    /// The application is to answer a CHALLENGE.
    Authenticating,
    /// The session is open.
    Open,
    /// It will not open.
    Closed,
}

/// What a message leads to.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Answer this CHALLENGE, then call [`Joiner::authenticated`].
    Challenge(Challenge),
    /// The session is open.
    Welcome(Welcome),
    /// The router refused.
    Refused(Abort),
}

/// The state machine above.
#[derive(Debug)]
pub struct Joiner {
    state: State,
}

impl Default for Joiner {
    fn default() -> Self {
        Joiner { state: State::Idle }
    }
}

impl Joiner {
    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// HELLO is sent.
    pub fn hello(&mut self) {
        assert_eq!(self.state, State::Idle, "HELLO is sent once");
        self.state = State::Joining;
    }

    /// AUTHENTICATE is sent.
    pub fn authenticated(&mut self) {
        assert_eq!(self.state, State::Authenticating, "AUTHENTICATE answers a CHALLENGE");
        self.state = State::Joining;
    }

    /// A message before the session is open.
    pub fn receive(&mut self, message: Message<'_>) -> Result<Step, ProtocolViolation> {
        match (self.state, message) {
            (State::Joining, Message::Challenge(challenge)) => {
                self.state = State::Authenticating;
                Ok(Step::Challenge(challenge))
            }
            (State::Joining, Message::Welcome(welcome)) => {
                self.state = State::Open;
                Ok(Step::Welcome(welcome))
            }
            (State::Joining | State::Authenticating, Message::Abort(abort)) => {
                self.state = State::Closed;
                Ok(Step::Refused(abort))
            }
            (state, other) => {
                self.state = State::Closed;
                let name = other.kind().name();
                Err(ProtocolViolation::new(format!("unexpected {name} from the router while {state:?}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;
    use crate::value::Dict;

    #[test]
    fn a_challenge_is_answered_before_welcome() {
        let mut joiner = Joiner::default();
        joiner.hello();
        let challenge = Challenge { method: "ticket".into(), extra: Dict::new() };
        assert!(matches!(joiner.receive(challenge.into()), Ok(Step::Challenge(_))));
        joiner.authenticated();
        let welcome = Welcome { session: SessionId(7), details: Dict::new() };
        assert!(matches!(joiner.receive(welcome.into()), Ok(Step::Welcome(_))));
        assert_eq!(joiner.state(), State::Open);
    }

    #[test]
    fn a_welcome_in_answer_to_nothing_is_a_violation() {
        let welcome = Welcome { session: SessionId(7), details: Dict::new() };
        assert!(Joiner::default().receive(welcome.into()).is_err());
    }
}
