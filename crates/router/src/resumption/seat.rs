//! The places that a realm has for resumable sessions.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crossweave_router_core::boundary::Session;
use crossweave_transport::PeerAddress;
use parking_lot::Mutex;

use super::ResumptionOptions;
use crate::admission::network;

/// Whose seats are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// Who has proven to be this.
    Authid(Arc<str>),
    /// Who has proven nothing: all of one address, of IPv6 the network of 64 bits.
    Network(IpAddr),
    /// Who has proven nothing and comes over a Unix socket: all processes of one user, by its number.
    User(u32),
    /// Parts of this process.
    Memory,
}

impl Owner {
    pub(crate) fn of(session: &Session, address: &PeerAddress) -> Owner {
        match (&*session.authmethod, network(address), address) {
            ("anonymous", Some(network), _) => Owner::Network(network),
            ("anonymous", None, PeerAddress::Unix { uid, .. }) => Owner::User(*uid),
            ("anonymous", None, _) => Owner::Memory,
            _ => Owner::Authid(session.authid.clone()),
        }
    }
}

/// The seats of a realm.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_owner: HashMap<Owner, usize>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    owner: Owner,
}

impl Seat {
    /// Takes one, if there is one left, for all and for this owner.
    pub(crate) fn take(seats: &Arc<Seats>, owner: Owner, options: &ResumptionOptions) -> Option<Seat> {
        let mut taken = seats.taken.lock();
        let own = taken.by_owner.get(&owner).copied().unwrap_or(0);
        if taken.all >= options.sessions_max || own >= options.sessions_per_client_max {
            return None;
        }
        taken.all += 1;
        taken.by_owner.insert(owner.clone(), own + 1);
        drop(taken);
        Some(Seat { seats: seats.clone(), owner })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock();
        taken.all -= 1;
        if let Some(own) = taken.by_owner.get_mut(&self.owner) {
            *own -= 1;
            if *own == 0 {
                taken.by_owner.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_more_than_its_share_and_all_together_no_more_than_there_are() {
        let options =
            ResumptionOptions { sessions_max: 4, sessions_per_client_max: 2, ..ResumptionOptions::default() };
        let seats = Arc::<Seats>::default();
        let take = |owner: &Owner| Seat::take(&seats, owner.clone(), &options);
        let (joe, house) = (Owner::Authid("joe".into()), Owner::Network([192, 0, 2, 1].into()));
        let of_joe = [take(&joe), take(&joe)];
        assert!(of_joe.iter().all(Option::is_some) && take(&joe).is_none());
        let _of_house = [take(&house).unwrap(), take(&house).unwrap()];
        assert!(take(&Owner::User(1000)).is_none(), "all are taken");
        drop(of_joe);
        assert!(take(&house).is_none());
        let _of_user = [take(&Owner::User(1000)).unwrap(), take(&Owner::User(1000)).unwrap()];
        assert_eq!(seats.taken.lock().by_owner.len(), 2, "who has none is not counted");
    }
}
