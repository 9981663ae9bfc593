//! How much of bodies is in memory before anybody has proven who it is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::options::AdmissionOptions;

/// Room for what arrives of bodies on the connections of one transport that have not joined.
#[derive(Debug)]
pub(crate) struct Room {
    /// Octets in all.
    octets_max: usize,
    /// Octets of one address.
    per_address_max: usize,
    taken: Mutex<Taken>,
}

/// Octets that bodies have. An address is there for as long as a body of it has some.
#[derive(Debug, Default)]
struct Taken {
    octets: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Room {
    pub(crate) fn new(options: &AdmissionOptions) -> Arc<Room> {
        let octets_max = options.pending_body_bytes_max;
        let per_address_max = options.pending_body_bytes_per_address_max.min(octets_max);
        Arc::new(Room { octets_max, per_address_max, taken: Mutex::default() })
    }

    /// How much a single body may have, if there is no other.
    pub(super) fn alone_max(&self, address: Option<IpAddr>) -> usize {
        if address.is_some() { self.per_address_max } else { self.octets_max }
    }
}

/// What one body has of it, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    room: Arc<Room>,
    /// Where it comes from; nothing for Unix sockets, which count only together.
    address: Option<IpAddr>,
    octets: usize,
}

impl Share {
    pub(super) fn new(room: Arc<Room>, address: Option<IpAddr>) -> Share {
        Share { room, address, octets: 0 }
    }

    /// Makes it as large as this; says whether there is room for that.
    pub(super) fn grow_to(&mut self, octets: usize) -> bool {
        let more = octets.saturating_sub(self.octets);
        if more == 0 {
            return true;
        }
        let mut taken = self.room.taken.lock();
        let of_address = self.address.and_then(|it| taken.by_address.get(&it).copied()).unwrap_or_default();
        let (all, of_address) = (taken.octets.saturating_add(more), of_address.saturating_add(more));
        if all > self.room.octets_max || (self.address.is_some() && of_address > self.room.per_address_max) {
            return false;
        }
        taken.octets = all;
        if let Some(address) = self.address {
            taken.by_address.insert(address, of_address);
        }
        self.octets += more;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.octets == 0 {
            return;
        }
        let mut taken = self.room.taken.lock();
        taken.octets -= self.octets;
        if let Some(address) = self.address
            && let Some(of_address) = taken.by_address.get_mut(&address)
        {
            *of_address -= self.octets;
            if *of_address == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(octets_max: usize, per_address_max: usize) -> Arc<Room> {
        Room::new(&AdmissionOptions {
            pending_body_bytes_max: octets_max,
            pending_body_bytes_per_address_max: per_address_max,
            ..AdmissionOptions::default()
        })
    }

    fn is_empty(room: &Room) -> bool {
        let taken = room.taken.lock();
        taken.octets == 0 && taken.by_address.is_empty()
    }

    #[test]
    fn shares_have_the_room_together_and_give_it_back() {
        let room = room(100, 100);
        let (mut one, mut other) = (Share::new(room.clone(), None), Share::new(room.clone(), None));
        assert!(one.grow_to(40) && one.grow_to(60) && other.grow_to(40));
        assert!(!one.grow_to(61) && !other.grow_to(41), "there is no more");
        assert!(one.grow_to(60), "what it has it keeps");
        drop(one);
        assert!(other.grow_to(100));
        drop(other);
        assert!(is_empty(&room));
    }

    #[test]
    fn one_address_does_not_have_all_of_the_room() {
        let room = room(100, 60);
        let of = |last: u8| Share::new(room.clone(), Some(IpAddr::from([10, 0, 0, last])));
        let (mut one, mut same, mut other, mut local) = (of(1), of(1), of(2), Share::new(room.clone(), None));
        assert!(one.grow_to(40) && same.grow_to(20) && !same.grow_to(21), "60 octets are of one address");
        assert!(other.grow_to(30) && local.grow_to(10) && !other.grow_to(31), "100 of all");
        drop(one);
        assert!(same.grow_to(60) && !same.grow_to(61));
        assert_eq!((room.alone_max(same.address), room.alone_max(None)), (60, 100));
        drop((same, other, local, of(3)));
        assert!(is_empty(&room));
    }
}
