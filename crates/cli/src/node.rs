//! What the commands share about a node: where its configuration is, how it is asked, and the node without one.

mod builtin;
mod directory;
mod management;

pub(crate) use builtin::builtin;
pub(crate) use directory::{Cbdir, NodeDirectory, NotLoaded, meant};
pub(crate) use management::{Management, check_told, manage, manage_then, not_running, running};
