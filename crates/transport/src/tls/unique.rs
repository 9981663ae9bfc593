//! `tls-unique`, the channel binding of RFC 5929, section 3, on TLS 1.2: the first Finished message of a handshake.
//!
//! rustls does not give it away, but what it is computed from can be had: the master secret, which a key log is told, and the
//! handshake messages, which are in the clear until they are over. In a full handshake the first Finished is the client's,
//! over everything before it; when a session is resumed it is the server's, over the hellos.
//!
//! There is a binding only if the extended master secret (RFC 7627) was negotiated: without, somebody in the middle may have
//! two connections of the same binding (the triple handshake). Whatever else is unclear means that there is none, too. What
//! would be computed from a transcript that is wrong is nothing that a peer has: a login with it fails.
//!
//! The recorder is taken off the stream, and the secret is overwritten, as soon as the handshake is over.

mod recording;
mod secret;
mod transcript;

pub(super) use recording::Recorder;
pub(super) use secret::{MasterSecret, MasterSecrets, watch};

use rustls::{ProtocolVersion, ServerConnection, SupportedCipherSuite, Tls12CipherSuite};
use transcript::{FirstFinished, Transcript};

/// The length of `verify_data` of all cipher suites of TLS 1.2 that there are, RFC 5246, section 7.4.9.
const VERIFY_DATA_LEN: usize = 12;

/// The binding of a connection whose handshake is done; none on TLS 1.3.
pub(super) fn tls_unique(
    connection: &ServerConnection,
    transcript: &Transcript,
    secret: Option<MasterSecret>,
) -> Option<[u8; VERIFY_DATA_LEN]> {
    let SupportedCipherSuite::Tls12(suite) = connection.negotiated_cipher_suite()? else { return None };
    if connection.protocol_version() != Some(ProtocolVersion::TLSv1_2) {
        return None;
    }
    let finished = transcript.first_finished(connection.handshake_kind()?)?;
    let secret = secret.filter(|secret| secret.is_of(finished.client_random))?;
    Some(verify_data(suite, &secret, &finished))
}

/// RFC 5246, section 7.4.9: `PRF(master_secret, finished_label, Hash(handshake_messages))`.
fn verify_data(
    suite: &Tls12CipherSuite,
    secret: &MasterSecret,
    finished: &FirstFinished<'_>,
) -> [u8; VERIFY_DATA_LEN] {
    let mut hash = suite.common.hash_provider.start();
    for messages in finished.messages {
        hash.update(messages);
    }
    let mut verify_data = [0; VERIFY_DATA_LEN];
    let seed = hash.finish();
    suite.prf_provider.for_secret(&mut verify_data, secret.bytes(), finished.label, seed.as_ref());
    verify_data
}

#[cfg(test)]
mod tests;
