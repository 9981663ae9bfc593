//! Ways to log in that are none of WAMP's, with messages of their own.
//!
//! ```text
//!  HELLO ─▶ begin ─▶ hello ─┬─▶ Challenge ─▶ CHALLENGE ··· AUTHENTICATE ─▶ answer ─┐
//!                           │       ▲                                             │
//!                           │       └─────────────────────────────────────────────┤
//!                           ├─▶ Admit ─▶ WELCOME ◀────────────────────────────────┤
//!                           └─▶ an error ─▶ ABORT ◀───────────────────────────────┘
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crossweave_auth::Secret;
use crossweave_wamp::Dict;

use crate::authenticator::{AuthenticateRequest, Granted, NotGranted};

/// CHALLENGEs that one login may take. One that wants more has failed.
pub const CHALLENGES_MAX: usize = 16;

/// A method by which clients log in, under a name that the operator chooses.
///
/// It works on at most 256 clients at a time, and all of a router together, authenticators included, on at most 4096; others wait.
/// A step that takes longer than five seconds, the wait included, a panic, and more than [`CHALLENGES_MAX`] challenges count as
/// [`NotGranted::Failed`]. Beside that the login as a whole has the time that the transport gives for opening a session.
pub trait LoginMethod: Send + Sync + fmt::Debug {
    /// A client wants to log in. `request.ticket` is none.
    fn begin(&self, request: AuthenticateRequest) -> Box<dyn Login>;
}

/// One login. It is what the method knows of it between the client's messages, and is dropped when it has ended or the client
/// is gone.
pub trait Login: Send {
    /// What comes after HELLO. Called once, first.
    fn hello(&mut self) -> LoginStep<'_>;

    /// What comes after AUTHENTICATE, the client's answer to the last challenge. `signature` and `extra` are what it has sent;
    /// both are up to the client.
    fn answer(&mut self, signature: Secret, extra: Dict) -> LoginStep<'_>;
}

/// What comes next, sooner or later.
pub type LoginStep<'a> = Pin<Box<dyn Future<Output = Result<LoginNext, NotGranted>> + Send + 'a>>;

/// What comes next in a login.
#[derive(Clone, Debug)]
pub enum LoginNext {
    /// The client is asked for more: `extra` of CHALLENGE.
    Challenge(Dict),
    /// It is let in. Its `credential` is not looked at.
    Admit(Granted),
}
