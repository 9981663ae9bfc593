//! The start page, the bridge and the demo of a real router, over real sockets.

mod bridge;
mod demo;
mod node;
mod page;
