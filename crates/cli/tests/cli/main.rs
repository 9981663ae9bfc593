//! The real program, run as its users run it.

mod authentication;
mod authorizer;
mod background;
mod components;
mod configuration;
mod example;
mod explain;
mod guests;
mod history;
mod managed;
mod node;
mod peer;
mod register;
mod rewriting;
mod shell;
mod start;
mod templates;
mod unbuilt;
mod verbs;
mod watchers;
