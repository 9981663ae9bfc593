//! Who may connect at all: bounds that hold before anyone has authenticated.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use crossweave_transport::PeerAddress;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::options::AdmissionOptions;

/// Counts connections.
#[derive(Debug)]
pub(crate) struct Admission {
    options: AdmissionOptions,
    counts: Mutex<Counts>,
    /// A connection has gone.
    has_left: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    connections: usize,
    pending: usize,
    pending_by_address: HashMap<IpAddr, usize>,
}

/// Which bound of [`AdmissionOptions`] a connection met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// `connections_max`.
    #[error("too many connections")]
    Connections,
    /// `pending_max`.
    #[error("too many connections that have not joined")]
    Pending,
    /// `pending_per_address_max`.
    #[error("too many connections from this address that have not joined")]
    PendingFromAddress,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
}

/// A connection that has not joined, counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Pending {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
}

/// The [`Pending`] of a connection during its handshake, which more than one may end.
#[derive(Clone, Debug)]
pub(crate) struct PendingCell(Arc<Mutex<Option<Pending>>>);

impl PendingCell {
    pub(crate) fn new(pending: Pending) -> PendingCell {
        PendingCell(Arc::new(Mutex::new(Some(pending))))
    }

    /// Whether it still counts.
    pub(crate) fn is_pending(&self) -> bool {
        self.0.lock().is_some()
    }

    pub(crate) fn take(&self) -> Option<Pending> {
        self.0.lock().take()
    }
}

impl Admission {
    pub(crate) fn new(options: AdmissionOptions) -> Arc<Self> {
        Arc::new(Admission { options, counts: Mutex::default(), has_left: Notify::new() })
    }

    pub(crate) fn options(&self) -> &AdmissionOptions {
        &self.options
    }

    /// Counts a connection in, or says which bound it meets.
    pub(crate) fn admit(self: &Arc<Self>, address: &PeerAddress) -> Result<(Admitted, Pending), Refused> {
        let mut counts = self.counts.lock();
        if counts.connections >= self.options.connections_max {
            return Err(Refused::Connections);
        }
        let pending = self.count_pending(&mut counts, address)?;
        counts.connections += 1;
        Ok((Admitted { admission: self.clone() }, pending))
    }

    /// Counts a connection that is to join (again).
    pub(crate) fn pend(self: &Arc<Self>, address: &PeerAddress) -> Result<Pending, Refused> {
        self.count_pending(&mut self.counts.lock(), address)
    }

    fn count_pending(
        self: &Arc<Self>,
        counts: &mut Counts,
        address: &PeerAddress,
    ) -> Result<Pending, Refused> {
        let address = network(address);
        if counts.pending >= self.options.pending_max {
            return Err(Refused::Pending);
        }
        if let Some(address) = address {
            let from_address = counts.pending_by_address.entry(address).or_default();
            if *from_address >= self.options.pending_per_address_max {
                return Err(Refused::PendingFromAddress);
            }
            *from_address += 1;
        }
        counts.pending += 1;
        Ok(Pending { admission: self.clone(), address })
    }

    /// Waits until every connection that had joined is gone.
    pub(crate) async fn until_all_left(&self) {
        loop {
            let changed = self.has_left.notified();
            let (connections, pending) = self.counts();
            if connections <= pending {
                return;
            }
            changed.await;
        }
    }

    /// Connections now, and how many of them have not joined.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let counts = self.counts.lock();
        (counts.connections, counts.pending)
    }
}

/// What counts as one address: of IPv6 the network of 64 bits, as a single host has all of one.
pub(crate) fn network(address: &PeerAddress) -> Option<IpAddr> {
    match address {
        PeerAddress::Tcp(address) => Some(match address.ip().to_canonical() {
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
            v4 => v4,
        }),
        PeerAddress::Unix { .. } | PeerAddress::Memory => None,
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.counts.lock().connections -= 1;
        self.admission.has_left.notify_waiters();
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut counts = self.admission.counts.lock();
        counts.pending -= 1;
        if let Some(address) = self.address
            && let Some(from_address) = counts.pending_by_address.get_mut(&address)
        {
            *from_address -= 1;
            if *from_address == 0 {
                counts.pending_by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> PeerAddress {
        PeerAddress::Tcp(format!("{address}:1000").parse().unwrap())
    }

    #[test]
    fn each_bound_refuses_and_lets_go() {
        let options = AdmissionOptions {
            connections_max: 4,
            pending_max: 3,
            pending_per_address_max: 2,
            ..AdmissionOptions::default()
        };
        let admission = Admission::new(options);
        let a = admission.admit(&from("10.0.0.1")).unwrap();
        let b = admission.admit(&from("10.0.0.1")).unwrap();
        assert_eq!(admission.admit(&from("10.0.0.1")).unwrap_err(), Refused::PendingFromAddress);
        let c = admission.admit(&from("10.0.0.2")).unwrap();
        assert_eq!(admission.admit(&from("10.0.0.3")).unwrap_err(), Refused::Pending);
        drop(a.1);
        let d = admission.admit(&from("10.0.0.3")).unwrap();
        assert_eq!(admission.admit(&from("10.0.0.4")).unwrap_err(), Refused::Connections);
        drop((a.0, b, c, d));
        assert_eq!(admission.counts(), (0, 0));
        assert!(admission.counts.lock().pending_by_address.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let options = AdmissionOptions { pending_per_address_max: 2, ..AdmissionOptions::default() };
        let admission = Admission::new(options);
        let _kept = [
            admission.admit(&from("[2001:db8:0:1::1]")).unwrap(),
            admission.admit(&from("[2001:db8:0:1:ffff:ffff:ffff:ffff]")).unwrap(),
        ];
        assert_eq!(admission.admit(&from("[2001:db8:0:1:2::]")).unwrap_err(), Refused::PendingFromAddress);
        let neighbour = admission.admit(&from("[2001:db8:0:2::1]"));
        assert!(neighbour.is_ok(), "another network");
    }
}
