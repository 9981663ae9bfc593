//! The real program, run as its users run it.

mod authentication;
mod authorizer;
mod background;
mod components;
mod configuration;
mod explain;
mod guests;
mod history;
mod managed;
mod node;
mod peer;
mod register;
mod shell;
mod start;
mod verbs;
mod watchers;
