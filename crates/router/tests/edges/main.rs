//! The edges of a connection's life: before its session, at its end, and while the router shuts down.

mod closing;
mod delivery;
mod logging;
mod opening;
mod pages;
mod peer;
mod shutdown;
