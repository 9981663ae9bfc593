//! The program runs, with what it adds to the node.

mod beacon;
mod door;
mod drawer;
mod greeting;
mod lines;
mod node;
mod sessions;
