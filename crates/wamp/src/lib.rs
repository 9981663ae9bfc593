//! The WAMP language: everything two peers must agree on, and nothing else.
//!
//! This crate is pure. It opens no socket, reads no clock and draws no random number, so every rule of the protocol can be
//! tested with bytes in and bytes out.
//!
//! | look for | in |
//! | --- | --- |
//! | a message and its options | [`message`] |
//! | `args` and `kwargs` as they travel | [`payload`] |
//! | JSON, MessagePack, CBOR, UBJSON, FlatBuffers | [`serializer`] |
//! | several messages in one of the transport | [`batch`] |
//! | what becomes of a slow subscriber's events | [`delivery`] |
//! | URIs, patterns, the predefined ones | [`uri`], [`uris`] |
//! | opening and closing a session, both sides | [`session`] |
//! | roles and features peers announce | [`features`] |
//! | what a peer can do wrong | [`error`] |
//! | every bound on what a peer may send | [`limits`] |
//!
//! The specification is the WAMP protocol document, "rfc/text" in the repository wamp-proto/wamp-proto.

pub mod authmethod;
pub mod batch;
pub mod delivery;
pub mod error;
pub mod features;
pub mod id;
pub mod limits;
pub mod message;
pub mod payload;
pub mod serializer;
pub mod session;
pub mod uri;
pub mod uris;
pub mod value;

pub use authmethod::AuthMethod;
pub use batch::Batching;
pub use delivery::{ConflationKey, Delivery, OnSlow};
pub use error::ProtocolViolation;
pub use id::{PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId};
pub use message::Message;
pub use payload::Payload;
pub use serializer::Serializer;
pub use uri::{MatchPolicy, Strictness};
pub use value::{Dict, Value};
