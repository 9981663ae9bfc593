//! The real program, run as its users run it.

mod apply;
mod authentication;
mod authorizer;
mod background;
mod configuration;
mod explain;
mod history;
mod keys;
mod management;
mod node;
mod peer;
mod register;
mod shell;
mod start;
mod stop;
mod top;
mod verbs;
