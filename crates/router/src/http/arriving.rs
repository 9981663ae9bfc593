//! How much of bodies is in memory before anybody has proven who it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Room for what arrives of bodies on the connections of one transport that have not joined.
#[derive(Debug)]
pub(crate) struct Room {
    /// Octets in all.
    octets: usize,
    /// Octets that are left.
    left: AtomicUsize,
}

impl Room {
    pub(crate) fn new(octets: usize) -> Arc<Room> {
        Arc::new(Room { octets, left: AtomicUsize::new(octets) })
    }

    /// How much a single body may have, if there is no other.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }
}

/// What one body has of it, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    room: Arc<Room>,
    octets: usize,
}

impl Share {
    pub(super) fn new(room: Arc<Room>) -> Share {
        Share { room, octets: 0 }
    }

    /// Makes it as large as this; says whether there is room for that.
    pub(super) fn grow_to(&mut self, octets: usize) -> bool {
        let more = octets.saturating_sub(self.octets);
        let taken =
            self.room.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(more));
        if taken.is_ok() {
            self.octets += more;
        }
        taken.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.left.fetch_add(self.octets, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_the_room_together_and_give_it_back() {
        let room = Room::new(100);
        let (mut one, mut other) = (Share::new(room.clone()), Share::new(room.clone()));
        assert!(one.grow_to(40) && one.grow_to(60) && other.grow_to(40));
        assert!(!one.grow_to(61) && !other.grow_to(41), "there is no more");
        assert!(one.grow_to(60), "what it has it keeps");
        drop(one);
        assert!(other.grow_to(100));
        drop(other);
        assert_eq!(room.left.load(Ordering::Relaxed), 100);
    }
}
