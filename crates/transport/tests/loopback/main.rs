//! Listeners and connectors against each other on this machine: TCP, Unix sockets, TLS, both handshakes.

mod connect;
mod listen;
mod scratch;
mod server;
mod tls;
