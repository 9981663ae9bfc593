//! What several services ask for: realms and roles, and networks.

use std::net::IpAddr;

use crate::auth::{check_realm, check_role};
use crate::reading::{At, Fields, Finding, Reading, quoted};
use crate::role::TRUSTED;
use crate::transport::Surroundings;

/// Addresses that begin with the same bits: `192.168.0.0/16`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpNetwork {
    /// An address of the network.
    pub address: IpAddr,
    /// How many bits are the same.
    pub bits: u8,
}

impl IpNetwork {
    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let number = |address: IpAddr| match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 4),
            IpAddr::V6(v6) => (v6.to_bits(), 6),
        };
        let ((ours, version), (theirs, other)) = (number(self.address), number(address));
        let differ = ours ^ theirs;
        version == other && (self.bits == 0 || differ >> (128 - u32::from(self.bits)) == 0)
    }

    pub(super) fn read(reading: &mut Reading<'_>, at: &At<'_>) -> Option<Self> {
        let text = reading.text(at)?;
        let network = Self::parse(&text);
        if network.is_none() {
            let message = format!("{} is not a network", quoted(&text));
            reading.report(at, Finding::error(message).expected("such as `192.168.0.0/16`, or an address"));
        }
        network
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, mask) =
            text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask)));
        let address: IpAddr = address.parse().ok()?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let bits = mask.map_or(Some(max), bits_of).filter(|bits| *bits <= max)?;
        Some(Self { address, bits })
    }
}

/// How many bits a mask covers: a number, or for IPv4 also `255.255.255.0`.
fn bits_of(mask: &str) -> Option<u8> {
    if let Ok(bits) = mask.parse() {
        return Some(bits);
    }
    let mask = mask.parse::<std::net::Ipv4Addr>().ok()?.to_bits();
    let bits = mask.leading_ones();
    // Ones, and after them nothing but zeros.
    (bits == mask.count_ones()).then(|| u8::try_from(bits).ok()).flatten()
}

/// `realm` and `role` of a service: as whom it acts.
pub(super) fn acts_as(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    around: &Surroundings<'_>,
    role_key: &'static str,
) -> Option<(String, String)> {
    let realm = fields.required(reading, "realm").and_then(|at| {
        let realm = reading.text(&at)?;
        check_realm(reading, &at, &realm, around.realms());
        Some(realm)
    });
    let role = fields.required(reading, role_key).and_then(|at| {
        let role = reading.text(&at)?;
        // A service may have the router's own role: nobody logs in as it.
        if role != TRUSTED {
            check_role(reading, &at, &role, realm.as_deref(), around.realms());
        }
        Some(role)
    });
    Some((realm?, role?))
}

/// `require_ip`: networks from which requests may come.
pub(super) fn require_ip(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Vec<IpNetwork> {
    let list = fields.list(reading, "require_ip", "a list of networks");
    list.iter().filter_map(|at| IpNetwork::read(reading, at)).collect()
}

/// A limit for what is posted: 0 stands for none in Crossbar.io.
pub(super) fn post_body_limit(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> u32 {
    /// The most that Crossbar.io allows to be set, and our default, where it has no limit.
    const MAX: u32 = 1 << 20;
    fields.int(reading, "post_body_limit", 0..=i64::from(MAX), "bytes").filter(|it| *it > 0).unwrap_or(MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_addresses_with_the_same_first_bits() {
        for (network, address, expected) in [
            ("192.168.0.0/16", "192.168.7.1", true),
            ("192.168.0.0/16", "192.169.0.1", false),
            ("192.168.1.1/255.255.255.0", "192.168.1.7", true),
            ("192.168.1.1/255.255.255.0", "192.168.2.7", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("::/0", "::1", true),
        ] {
            let network = IpNetwork::parse(network).expect("a network");
            assert_eq!(
                network.contains(address.parse().expect("an address")),
                expected,
                "{network:?} {address}"
            );
        }
        for text in ["10.0.0.0/33", "10.0.0.0/255.0.255.0", "10.0.0/8", "::/129", "x", "10.0.0.0/"] {
            assert_eq!(IpNetwork::parse(text), None, "{text}");
        }
    }
}
