//! The configuration to start with.

use crate::Checked;
use crate::document::Format;
use crate::environment::Environment;
use crate::node::Node;

const STARTER: &str = include_str!("starter/config.json");

/// The text of a `config.json` to start with, with comments that explain it.
///
/// It says the same as [`default_node`]. A start page and a demo, which a node without a configuration may have besides,
/// are not in it.
pub fn init_template() -> &'static str {
    STARTER
}

/// The realms and transports of a node that has no configuration: realm `realm1`, where anonymous clients may do
/// everything and are disclosed only if they ask for it, and one universal transport at 127.0.0.1:8080, with RawSocket
/// and with WebSocket at `/ws`.
pub fn default_node() -> Node {
    starter().node
}

/// [`default_node`] as it would be written.
pub fn default_document() -> serde_json::Value {
    starter().document
}

fn starter() -> Checked {
    let checked = crate::parse(STARTER, Format::Json, "config.json", Environment::empty());
    checked.expect("the starter configuration is correct: a test parses it")
}
