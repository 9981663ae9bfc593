//! What sessions within the program see of authorizers, trust levels and event histories.

mod authorizer;
mod authorizer_procedure;
mod history;
mod peer;
mod trustlevels;
