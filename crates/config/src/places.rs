//! Where in the file the rules stand, for those who explain them.

use std::collections::HashMap;

use crate::source::Place;

/// The places of roles, authorizers and permissions in a configuration file, by their JSON paths.
#[derive(Debug, Clone, Default)]
pub struct Places(HashMap<String, Place>);

impl Places {
    pub(crate) fn insert(&mut self, path: String, place: Place) {
        self.0.insert(path, place);
    }

    /// The place of what has this path, such as [`Permission::path`](crate::Permission).
    pub fn get(&self, path: &str) -> Option<Place> {
        self.0.get(path).copied()
    }
}
