//! Test support, for development only.
//!
//! | look for | in |
//! | --- | --- |
//! | a realm's outputs, kept | [`recorder`] |
//! | text in, text out: a test case without Rust | [`transcript`] |
//! | seeded sessions that do anything, with the invariants checked after every step | [`simulation`] |

pub mod recorder;
pub mod simulation;
pub mod transcript;
