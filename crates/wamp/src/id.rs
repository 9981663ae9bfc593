//! WAMP ids: integers from 1 to 2^53, one Rust type per scope.
//!
//! Specification: "Identifiers" / "IDs". Global-scope ids (session, publication) are drawn at random by the router;
//! router-scope ids (subscription, registration) are the router's to choose; session-scope ids (request) count up from 1 at
//! their sender.

use std::fmt;

/// The largest WAMP id: 2^53, the largest integer that every peer's number type holds exactly.
pub const ID_MAX: u64 = 1 << 53;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id! {
    /// A session, unique on the router (global scope).
    SessionId
}
id! {
    /// A request, counted by the peer that sends it (session scope).
    RequestId
}
id! {
    /// A publication (global scope).
    PublicationId
}
id! {
    /// A subscription: one topic or pattern, shared by all its subscribers (router scope).
    SubscriptionId
}
id! {
    /// A registration: one procedure or pattern, shared by all its callees (router scope).
    RegistrationId
}
