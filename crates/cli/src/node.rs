//! A node in one process: what its configuration says, as routers with realms and transports.
//!
//! ```text
//! configuration ──plan──▶ steps ──running──▶ routers ──ready──▶ addresses
//! ```
//!
//! Each router worker is a [`Router`](crossweave_router::Router) of its own, as its realms are apart from those of others
//! even if they have the same name.

mod authentication;
mod builtin;
mod certificates;
mod directory;
mod judge;
mod key;
mod plan;
mod ready;
mod realm;
mod running;
mod site;
mod transport;
mod websocket;

pub(crate) use builtin::builtin;
pub(crate) use directory::{NodeDirectory, NotLoaded};
pub(crate) use judge::{Judged, Question, Verdict, judge};
pub(crate) use key::node_key;
pub(crate) use plan::{Obstacle, Plan, plan};
pub(crate) use running::RunningNode;

/// What the configuration means, as far as it can be done.
#[derive(Debug, Default)]
struct Findings {
    /// What cannot be done; nothing is started then.
    obstacles: Vec<Obstacle>,
    /// What has no effect, and harms nobody.
    warnings: Vec<String>,
}

impl Findings {
    fn obstacle(&mut self, place: &str, what: impl ToString) {
        self.obstacles.push(Obstacle { place: place.to_owned(), what: what.to_string() });
    }

    fn no_effect(&mut self, place: &str, key: &str, why: &str) {
        self.warnings.push(format!("{place}: `{key}` has no effect: {why}"));
    }
}
