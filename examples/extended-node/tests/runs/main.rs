//! The program runs, with what it adds to the node.

mod beacon;
mod codes;
mod door;
mod drawer;
mod ending;
mod greeting;
mod ledger;
mod lines;
mod node;
mod sessions;
