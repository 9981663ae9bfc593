//! The configuration of a node: typed, checked as a whole, every problem with its place.
//!
//! The format is that of a Crossbar.io node, version 2, as JSON (with comments and trailing commas) or YAML. One check
//! finds every problem of a file, each with line, column, JSON path, what was expected, and the nearest valid word.
//! What Crossbar.io knows and Crossweave has not got yet is answered with a sentence, never with silence:
//! an error where leaving it out would let clients in or fail them, else a warning.
//!
//! ```text
//! text ──document──▶ tree of values with byte ranges ──reading──▶ Node, or Problems
//! ```
//!
//! Start with [`load`] for a node directory or [`parse`] for a text. [`Node`] and what is in it is the manual: every
//! field says its key, unit, range and default. A new section of the configuration is a new file beside `realm`,
//! `role` and the others, with a type and its `read`.

mod activation;
mod auth;
mod authmethod;
mod cbdir;
mod connecting;
mod controller;
mod delivery;
mod document;
mod endpoint;
mod environment;
mod host;
mod identity;
mod linked;
mod node;
pub mod part;
mod permission;
mod places;
mod problem;
mod reading;
mod realm;
mod rewrite;
mod role;
mod schema;
mod secrets;
mod serializer;
mod service;
mod source;
mod starter;
mod store;
mod template;
mod transport;
mod worker;

use std::path::Path;
use std::sync::Arc;

pub use activation::RealmActivation;
pub use auth::{
    Anonymous, Auth, CryptosignPrincipal, Dynamic, Function, Method, OwnMethod, ProxyPrincipal, Salting,
    ScramPrincipal, TicketPrincipal, TlsPrincipal, WampCraUser,
};
pub use authmethod::AuthMethod;
pub use cbdir::{
    CBDIR_VARIABLES, CONFIG_FILES, ConfigFile, Loaded, find_cbdir, load, load_checking, load_with, survey,
    tidy,
};
pub use connecting::{ClientTls, ConnectingEndpoint, ConnectingProtocol, ConnectingTcp, ConnectingTransport};
pub use controller::{
    Controller, ControllerOptions, Fabric, Heartbeat, Keyring, Limits, NODE_ID, ShutdownTrigger, is_node_id,
};
pub use delivery::{Delivery, DeliveryKey, DeliveryPolicy};
pub use document::{FILE_LEN_MAX, Format, NESTING_MAX, VALUES_MAX};
pub use endpoint::{Endpoint, IpVersion, Ports, TcpEndpoint, Tls, UnixEndpoint, UnusableFile};
pub use environment::Environment;
pub use host::Host;
pub use identity::Identity;
pub use linked::Linked;
pub use node::Node;
pub use permission::{Allow, Disclose, Matching, Permission, Validate};
pub use places::Places;
pub use problem::{PROBLEMS_MAX, Problem, Problems, Severity};
pub use reading::{ID, is_id};
pub use realm::{
    Catalog, Inventory, Realm, RealmOptions, RouterLink, SessionStats, UriCheck, category_of_realm,
};
pub use rewrite::{Rewritten, convert, upgrade};
pub use role::{Role, TRUSTED};
pub use schema::schema;
pub use secrets::Secret;
pub use serializer::Serializer;
pub use service::{
    Archive, CatalogPage, Cgi, IpNetwork, JsonValue, LongPoll, Redirect, Resource, RestBridge, RestOptions,
    ReverseProxy, StaticFiles, StaticSource, Upload, UploadFields, Wap, WapRoute, WapTemplates, WebService,
    WebSocketReverseProxy, Webhook, Wsgi,
};
pub use source::Place;
pub use starter::{default_document, default_node, init_template};
pub use store::{CallQueue, EventHistory, Store, StoreKind};
pub use template::Template;
pub use transport::{
    AllowedOrigins, ConnectionOptions, Cookie, CookieStore, Deflate, FlashPolicy, LinkedTransport, Mqtt,
    OnSlow, PayloadKind, PayloadMapping, Protocol, RawSocket, RawSocketOptions, ResumptionOptions, Transport,
    Universal, Web, WebOptions, WebPath, WebSocket, WebSocketOptions, WebSocketPath, WebSocketTestee,
};
pub use worker::{
    Callbacks, Code, ContainerComponent, ContainerRestart, ContainerShutdown, ContainerWorker, Disabled,
    GuestOptions, GuestOutput, GuestStdin, GuestWatch, GuestWorker, HostMonitorWorker, Inherit, LinkedWorker,
    NO_DATA_MARKETS, ProcessEnv, ProxyAuth, ProxyConnection, ProxyRoute, ProxyWorker, RouterComponent,
    RouterWorker, WebSocketTesteeWorker, Worker, WorkerOptions, WorkerTemplate,
};

use document::Document;
use reading::{Finding, Reading};
use source::Source;

/// A configuration without errors.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What it says.
    pub node: Node,
    /// The same as it is written, without comments: variables are not replaced.
    pub document: serde_json::Value,
    /// Where its roles and permissions stand.
    pub places: Places,
    /// What is probably not meant as it is written, but does no harm; and what is correct and not built yet
    /// ([`Severity::NotBuilt`]), with which no node is to be started.
    pub warnings: Problems,
}

/// Checks the text of a configuration. Relative paths in it stay relative, and no file is looked at.
///
/// # Errors
/// All errors and warnings of the text, at most [`PROBLEMS_MAX`], each with a place inside it.
pub fn parse(text: &str, format: Format, file_name: &str, env: Environment<'_>) -> Result<Checked, Problems> {
    check(text, format, file_name, env, None, None)
}

fn check(
    text: &str,
    format: Format,
    file_name: &str,
    env: Environment<'_>,
    cbdir: Option<&Path>,
    host: Option<&dyn Host>,
) -> Result<Checked, Problems> {
    let checked = examine(text, format, file_name, env, cbdir, host);
    match checked.warnings.count(Severity::Error) {
        0 => Ok(checked),
        _ => Err(checked.warnings),
    }
}

/// Reads as much as can be read; the errors are among the warnings.
fn examine(
    text: &str,
    format: Format,
    file_name: &str,
    env: Environment<'_>,
    cbdir: Option<&Path>,
    host: Option<&dyn Host>,
) -> Checked {
    let source = Arc::new(Source::new(file_name, text));
    let mut reading = Reading::new(&source, env, cbdir);
    reading.host = host;
    let mut node = Node::default();
    let mut written = serde_json::Value::Null;
    match Document::parse(&source, format) {
        Ok(mut document) => {
            let root = reading.root(&document);
            node = node::read(&mut reading, root);
            document.root.settle(&reading.texts);
            written = document.root.to_json();
        }
        Err(error) => {
            let finding = Finding::error(error.message).expected_if(error.expected);
            reading.add(error.range, "$", finding);
        }
    }
    let (list, places) = reading.into_findings();
    Checked { node, document: written, places, warnings: Problems::new(source, list) }
}
