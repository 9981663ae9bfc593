//! Boots the real `crossweave` binary and speaks to it over blocking sockets.
//!
//! [`Node`] is a running process with its log; [`Peer`] a WAMP session (JSON over RawSocket or WebSocket) that can be
//! made to send anything; [`Canary`] two healthy sessions that tell whether the router still serves others.
//!
//! ```no_run
//! let node = e2e::Node::start();
//! let mut peer = e2e::Peer::rawsocket(node.address()).expect("the node accepts");
//! peer.join("realm1").expect("anonymous may join");
//! node.stop_and_expect_success();
//! ```

mod binary;
mod canary;
mod node;
mod peer;
pub mod wire;

pub use binary::crossweave;
pub use canary::Canary;
pub use node::{Node, config};
pub use peer::Peer;
