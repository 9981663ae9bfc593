//! A table with small reusable keys, so that other tables can point into it with four bytes.

use std::ops::{Index, IndexMut};

/// A place in a [`Slab`]. It is reused once its entry was removed.
pub(crate) type Key = u32;

/// Entries at stable keys.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Option<T>>,
    free: Vec<Key>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { entries: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts an entry where it finds room.
    #[inline]
    pub(crate) fn insert(&mut self, entry: T) -> Key {
        if let Some(key) = self.free.pop() {
            self.entries[key as usize] = Some(entry);
            return key;
        }
        let key = Key::try_from(self.entries.len()).expect("memory ends before four billion entries");
        self.entries.push(Some(entry));
        key
    }

    /// Takes the entry out.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get_mut(key as usize)?.take()?;
        self.free.push(key);
        Some(entry)
    }

    /// The entry, if there is one.
    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        self.entries.get(key as usize)?.as_ref()
    }

    /// The entry, if there is one.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.entries.get_mut(key as usize)?.as_mut()
    }

    /// All entries, by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().flatten()
    }

    /// All entries, by key, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().flatten()
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}

impl<T> Index<Key> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, key: Key) -> &T {
        self.get(key).expect("keys are dropped together with their entry")
    }
}

impl<T> IndexMut<Key> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, key: Key) -> &mut T {
        self.get_mut(key).expect("keys are dropped together with their entry")
    }
}
