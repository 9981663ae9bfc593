//! The master secret of a handshake, from rustls to the one place that needs it.

use rustls::KeyLog;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use zeroize::Zeroizing;

/// As the format of key logs calls the master secret of TLS 1.2.
const LABEL: &str = "CLIENT_RANDOM";

thread_local! {
    /// From [`MasterSecrets::log`] to [`watch`], both within one poll of a handshake.
    static TOLD: Cell<Option<MasterSecret>> = const { Cell::new(None) };
}

/// A master secret and the client's random number of the handshake it is of. Overwritten when it goes; cannot be printed.
pub(in crate::tls) struct MasterSecret {
    client_random: [u8; 32],
    /// On the heap, so that moving it leaves no copy.
    bytes: Zeroizing<Vec<u8>>,
}

impl MasterSecret {
    pub(super) fn new(client_random: [u8; 32], bytes: &[u8]) -> MasterSecret {
        MasterSecret { client_random, bytes: Zeroizing::new(bytes.to_vec()) }
    }

    /// Whether it is of the handshake that began with this number.
    pub(super) fn is_of(&self, client_random: &[u8]) -> bool {
        self.client_random == client_random
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The key log of a server: logs nothing, but hands the secret of a handshake that is watched to [`watch`].
#[derive(Debug)]
pub(in crate::tls) struct MasterSecrets;

impl KeyLog for MasterSecrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        if let (LABEL, Ok(client_random)) = (label, client_random.try_into()) {
            TOLD.set(Some(MasterSecret::new(client_random, secret)));
        }
    }

    fn will_log(&self, label: &str) -> bool {
        label == LABEL
    }
}

/// Does a handshake: what comes of it, and the master secret that rustls told of meanwhile.
pub(in crate::tls) async fn watch<F: Future + Unpin>(mut handshake: F) -> (F::Output, Option<MasterSecret>) {
    let mut secret = None;
    let output = poll_fn(|cx| {
        // What a handshake that panicked has left is nobody's.
        TOLD.take();
        let polled = Pin::new(&mut handshake).poll(cx);
        if let Some(told) = TOLD.take() {
            secret = Some(told);
        }
        polled
    })
    .await;
    (output, secret)
}
