//! Where a realm's ids come from.

use crossweave_wamp::id::ID_MAX;
use crossweave_wamp::{PublicationId, RegistrationId, SessionId, SubscriptionId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Draws ids of the global scope at random and counts those of the router scope up.
///
/// The specification asks for uniform randomness in the global scope (sessions, publications) and leaves the router scope
/// (subscriptions, registrations) to the router: small numbers there make every EVENT and INVOCATION a dozen bytes shorter.
#[derive(Debug)]
pub(crate) struct Ids {
    random: ChaCha8Rng,
    subscriptions: u64,
    registrations: u64,
}

impl Ids {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Ids { random: ChaCha8Rng::from_seed(seed), subscriptions: 0, registrations: 0 }
    }

    /// A number from 1 to 2^53, each as likely.
    #[inline]
    fn draw(&mut self) -> u64 {
        (self.random.next_u64() & (ID_MAX - 1)) + 1
    }

    pub(crate) fn session(&mut self) -> SessionId {
        SessionId(self.draw())
    }

    #[inline]
    pub(crate) fn publication(&mut self) -> PublicationId {
        PublicationId(self.draw())
    }

    /// The correlation id of a denial.
    pub(crate) fn denial(&mut self) -> u64 {
        self.random.next_u64()
    }

    pub(crate) fn subscription(&mut self) -> SubscriptionId {
        self.subscriptions += 1;
        SubscriptionId(self.subscriptions)
    }

    pub(crate) fn registration(&mut self) -> RegistrationId {
        self.registrations += 1;
        RegistrationId(self.registrations)
    }

    /// One of `0..len`; `len` is not zero.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        (self.random.next_u64() % len as u64) as usize
    }
}
