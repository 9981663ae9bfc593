//! `wamp-scram`, which Autobahn and Crossbar.io call `scram`: a password that is neither sent nor stored.
//!
//! ```text
//!  client                                       router
//!    HELLO       authid, nonce ──────────────▶
//!    CHALLENGE                 ◀────────────── nonce + router's nonce, salt, kdf, iterations, memory
//!    AUTHENTICATE  proof       ──────────────▶ compared with the stored key
//!    WELCOME                   ◀────────────── verifier: the router knows the server key
//! ```
//!
//! What is signed (the AuthMessage of RFC 5802) holds all of it. [`server`] and [`client`] are the two sides, [`credential`]
//! is what a router stores. Specification: "Salted Challenge Response Authentication Mechanism".

pub mod client;
pub mod credential;
pub mod server;
mod transcript;

pub use client::ClientExchange;
pub use credential::{Credential, Kdf, KdfError};
pub use server::ServerExchange;

/// The names of the method: the specification's, and Autobahn's.
pub const METHODS: [&str; 2] = ["wamp-scram", "scram"];
