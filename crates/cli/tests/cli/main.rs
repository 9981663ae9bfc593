//! The real program, run as its users run it.

mod authentication;
mod authorizer;
mod background;
mod configuration;
mod explain;
mod history;
mod node;
mod peer;
mod register;
mod rewriting;
mod shell;
mod start;
mod unbuilt;
mod verbs;
