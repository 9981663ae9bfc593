//! The program runs, with what it adds to the node.

mod door;
mod greeting;
mod node;
mod sessions;
