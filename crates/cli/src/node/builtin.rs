//! The node that runs without any configuration.

use crossweave_config::{Endpoint, Node, Ports, Worker, default_node};

/// The built-in node, on another port if asked for; 0 lets the system choose.
pub(crate) fn builtin(port: Option<u16>) -> Node {
    let mut node = default_node();
    let routers = node.workers.iter_mut().filter_map(|worker| match worker {
        Worker::Router(router) => Some(router),
        _ => None,
    });
    for transport in routers.flat_map(|router| &mut router.transports) {
        if let (Endpoint::Tcp(tcp), Some(port)) = (&mut transport.endpoint, port) {
            tcp.ports = Ports::One(port);
        }
    }
    node
}
