//! The services of a real router, over real sockets.

mod access_log;
mod bridge;
mod demo;
mod files;
mod longpoll;
mod node;
mod page;
mod protocol;
mod rest;
mod site;
mod tls;
