//! The router's side of opening a session.
//!
//! ```text
//!              HELLO                    challenge()
//!  Waiting ───────────▶ Deciding ─────────────────────▶ Challenging
//!     │                  │  │  ▲                              │
//!     │ ABORT, other     │  │  └──────── AUTHENTICATE ────────┘
//!     ▼                  │  │ accept()                        │ ABORT, other
//!  Closed ◀──────────────┘  └──────────▶ Open                 │
//!     ▲        refuse()                                       │
//!     └───────────────────────────────────────────────────────┘
//! ```
//!
//! Who may join is not decided here: the driver asks its authentication between [`Step::Decide`] and
//! [`Acceptor::challenge`], [`Acceptor::accept`] or [`Acceptor::refuse`].

use crate::error::ProtocolViolation;
use crate::message::{Authenticate, Hello, Message};

/// Where a session's opening stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// For HELLO.
    Waiting,
    /// The driver is to decide.
    Deciding,
    /// For AUTHENTICATE.
    Challenging,
    /// The session is open: messages belong to the realm.
    Open,
    /// Nothing more is accepted.
    Closed,
}

/// What a message leads to.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Decide on this HELLO.
    Decide(Hello),
    /// Decide on this answer to the CHALLENGE.
    Verify(Authenticate),
    /// The peer gave up; close the transport.
    Aborted,
}

/// The state machine above.
#[derive(Debug)]
pub struct Acceptor {
    state: State,
}

impl Default for Acceptor {
    fn default() -> Self {
        Acceptor { state: State::Waiting }
    }
}

impl Acceptor {
    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// A message before the session is open.
    pub fn receive(&mut self, message: Message<'_>) -> Result<Step, ProtocolViolation> {
        match (self.state, message) {
            (State::Waiting, Message::Hello(hello)) => {
                self.state = State::Deciding;
                Ok(Step::Decide(hello))
            }
            (State::Challenging, Message::Authenticate(answer)) => {
                self.state = State::Deciding;
                Ok(Step::Verify(answer))
            }
            (State::Waiting | State::Challenging, Message::Abort(_)) => {
                self.state = State::Closed;
                Ok(Step::Aborted)
            }
            (state, other) => {
                self.state = State::Closed;
                Err(unexpected(&other, state))
            }
        }
    }

    /// A CHALLENGE is sent.
    pub fn challenge(&mut self) {
        assert_eq!(self.state, State::Deciding, "a challenge follows HELLO or AUTHENTICATE");
        self.state = State::Challenging;
    }

    /// WELCOME is sent.
    pub fn accept(&mut self) {
        assert_eq!(self.state, State::Deciding, "WELCOME follows HELLO or AUTHENTICATE");
        self.state = State::Open;
    }

    /// ABORT is sent.
    pub fn refuse(&mut self) {
        self.state = State::Closed;
    }
}

fn unexpected(message: &Message<'_>, state: State) -> ProtocolViolation {
    let expected = match state {
        State::Waiting => "HELLO is expected first",
        State::Challenging => "AUTHENTICATE is expected after CHALLENGE",
        State::Deciding => "the answer to the last message is pending",
        State::Open | State::Closed => "the session is not being opened",
    };
    ProtocolViolation::new(format!("unexpected {}: {expected}", message.kind().name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Abort, Goodbye};
    use crate::value::Dict;

    fn hello() -> Message<'static> {
        Hello { realm: Some("realm1".into()), details: Dict::new() }.into()
    }

    fn authenticate() -> Message<'static> {
        Authenticate { signature: "secret".into(), extra: Dict::new() }.into()
    }

    #[test]
    fn a_session_opens_with_hello_challenge_authenticate() {
        let mut acceptor = Acceptor::default();
        assert!(matches!(acceptor.receive(hello()), Ok(Step::Decide(_))));
        acceptor.challenge();
        assert!(matches!(acceptor.receive(authenticate()), Ok(Step::Verify(_))));
        acceptor.accept();
        assert_eq!(acceptor.state(), State::Open);
    }

    #[test]
    fn nothing_but_hello_opens_a_session() {
        for message in [authenticate(), Goodbye::new("wamp.close.normal").into()] {
            let mut acceptor = Acceptor::default();
            assert!(acceptor.receive(message).is_err());
            assert_eq!(acceptor.state(), State::Closed);
            assert!(acceptor.receive(hello()).is_err());
        }
    }

    #[test]
    fn a_second_hello_while_deciding_is_a_violation() {
        let mut acceptor = Acceptor::default();
        acceptor.receive(hello()).unwrap();
        let violation = acceptor.receive(hello()).unwrap_err();
        assert!(violation.message().contains("HELLO"), "{violation}");
    }

    #[test]
    fn an_abort_closes() {
        let mut acceptor = Acceptor::default();
        let abort = Message::from(Abort::new("wamp.error.canceled", "changed my mind"));
        assert_eq!(acceptor.receive(abort), Ok(Step::Aborted));
        assert_eq!(acceptor.state(), State::Closed);
    }
}
