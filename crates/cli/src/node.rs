//! What the commands share about a node: where its configuration is, and the node without one.

mod builtin;
mod directory;

pub(crate) use builtin::builtin;
pub(crate) use directory::{NodeDirectory, NotLoaded};
