//! The client against a router that follows a script, message by message.

mod calls;
mod connections;
mod hostile;
mod joining;
mod peer;
mod procedures;
mod pubsub;
mod resumption;
