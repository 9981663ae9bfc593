//! Routers that change while they run.

mod hot_uris;
mod local;
mod node;
mod provision;
mod realms;
mod roles;
mod status;
mod taps;
mod transports;
