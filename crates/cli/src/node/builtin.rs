//! The node that runs without any configuration.

use crossweave_config::{Environment, Format, Node, default_document, parse};
use serde_json::{Value, json};

/// The built-in node, on another port if asked for; 0 lets the system choose. With the document that says the same.
pub(crate) fn builtin(port: Option<u16>) -> (Node, Value) {
    let mut document = default_document();
    // It is a part of this process: nobody is to wait for a second one.
    document["workers"][0]["options"] = json!({"inline": true});
    if let Some(port) = port {
        document["workers"][0]["transports"][0]["endpoint"]["port"] = port.into();
    }
    let checked = parse(&document.to_string(), Format::Json, "built-in", Environment::empty());
    let checked = checked.unwrap_or_else(|problems| panic!("the built-in node is correct: {problems}"));
    (checked.node, checked.document)
}

#[cfg(test)]
mod tests {
    use crossweave_config::{Endpoint, Ports, Worker};

    use super::*;

    #[test]
    fn the_port_that_is_asked_for_is_the_only_one() {
        for (asked, expected) in [(None, 8080), (Some(0), 0), (Some(9000), 9000)] {
            let (node, _) = builtin(asked);
            let [Worker::Router(worker)] = &node.workers[..] else { panic!("one worker") };
            assert!(worker.is_inline);
            let [transport] = &worker.transports[..] else { panic!("one transport") };
            let Endpoint::Tcp(tcp) = &transport.endpoint else { panic!("not tcp") };
            assert_eq!(tcp.ports, Ports::One(expected));
        }
    }
}
