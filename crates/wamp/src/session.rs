//! Opening and closing a session, as state machines of both sides. Specification: "Sessions".
//!
//! [`acceptor`] is the router's side, [`joiner`] the client's. What happens in between is for the realm and the application.

pub mod acceptor;
pub mod joiner;
