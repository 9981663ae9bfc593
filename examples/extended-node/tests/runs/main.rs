//! The program runs, with what it adds to the node.

mod beacon;
mod door;
mod greeting;
mod node;
mod sessions;
