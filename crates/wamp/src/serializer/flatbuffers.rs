//! WAMP in FlatBuffers, by the schema that Autobahn|Python publishes (`wamp.fbs`).
//!
//! A message is a table of its own kind within the table `Message`, whose `msg_type` is the number of the WAMP message (37
//! for EVENT_RECEIVED, as 337 does not fit). Options and details are fields of that table. `args` and `kwargs` are opaque
//! bytes to FlatBuffers: a list and a dict in CBOR. A payload of this serializer is therefore one of CBOR
//! ([`Serializer::of_payload`](super::Serializer::of_payload)), and goes to a CBOR peer as it is.
//!
//! # What the schema has no field for
//! The schema knows fewer options and details than WAMP has. Those it does not know, and values that its fields cannot
//! hold, travel as a CBOR dict in a field far behind those of the schema (`schema::REST`): readers that do not know the
//! field do not see it, as FlatBuffers promises. So nothing is lost between two peers that both know it.
//!
//! Autobahn leaves out the `roles` of HELLO and WELCOME, although its schema requires them: a peer without any is taken for
//! one that has all roles, without features.
//!
//! # How it is done
//! `schema` says which element, option or detail of a message is in which field. By it a table is rewritten as a CBOR
//! message, which is read as any other (`read`), and a message, written in CBOR, becomes a table (`write`). So there is
//! one place that knows the rules of messages. The price is a second pass, some 0.5 µs.

mod read;
mod schema;
mod table;
mod write;

pub(crate) use read::message as decode;
pub(crate) use write::message as encode;
