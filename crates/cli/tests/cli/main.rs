//! The real program, run as its users run it.

mod apply;
mod authentication;
mod authorizer;
mod background;
mod components;
mod configuration;
mod example;
mod explain;
mod guests;
mod history;
mod keys;
mod links;
mod managed;
mod management;
mod node;
mod peer;
mod register;
mod rewriting;
mod shell;
mod start;
mod stop;
mod templates;
mod top;
mod unbuilt;
mod verbs;
mod watchers;
