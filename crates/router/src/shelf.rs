//! Places to keep things in that a program brings along, known by their names.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A shelf by its name. Two are the same if they have the same name and are the same shelf.
pub struct Named<S: ?Sized> {
    /// Its name, as a place beside files.
    place: PathBuf,
    shelf: Arc<S>,
}

impl<S: ?Sized> Named<S> {
    /// The shelf that has this name. What is kept in shelves of one name is one: transports that name the same one share a jar.
    pub fn new(name: &str, shelf: Arc<S>) -> Named<S> {
        Named { place: PathBuf::from(format!("rust:{name}")), shelf }
    }

    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Asks it. A panic of the shelf is its error.
    pub(crate) fn ask<T>(&self, call: impl FnOnce(&S) -> Result<T, String>) -> Result<T, String> {
        let asked = catch_unwind(AssertUnwindSafe(|| call(&self.shelf)));
        asked.unwrap_or_else(|_| Err("it panicked".to_owned()))
    }
}

impl<S: ?Sized> Clone for Named<S> {
    fn clone(&self) -> Self {
        Named { place: self.place.clone(), shelf: self.shelf.clone() }
    }
}

impl<S: ?Sized> PartialEq for Named<S> {
    fn eq(&self, other: &Named<S>) -> bool {
        self.place == other.place && Arc::ptr_eq(&self.shelf, &other.shelf)
    }
}

impl<S: ?Sized> Eq for Named<S> {}

impl<S: ?Sized> fmt::Debug for Named<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Named").field(&self.place).finish()
    }
}
