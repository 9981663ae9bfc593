//! What a finished handshake tells about a connection.

use rustls::{CommonState, ConnectionCommon};

/// What TLS knows of a connection and its peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// Such as `TLSv1_3`.
    pub version: String,
    /// Such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
    /// The server name that the client asked for; only known to servers.
    pub server_name: Option<String>,
    /// The peer's certificates in DER, its own first; empty if it sent none.
    pub peer_certificates: Vec<Vec<u8>>,
    /// Exported keying material as RFC 9266 asks for, which both ends can compute and nobody between them. What it is worth
    /// depends on the version: see [`TlsFacts::tls_exporter`].
    pub channel_binding: Option<[u8; 32]>,
    /// The `tls-unique` channel binding of RFC 5929, section 3: the first Finished message. Only known to servers, on TLS 1.2
    /// with the extended master secret of RFC 7627.
    pub tls_unique: Option<[u8; 12]>,
}

impl TlsFacts {
    /// The `tls-exporter` channel binding of RFC 9266. On TLS 1.3 only: on 1.2 it needs an extension of which rustls does
    /// not tell whether the peer has it; there is `tls-unique` instead.
    pub fn tls_exporter(&self) -> Option<[u8; 32]> {
        self.channel_binding.filter(|_| self.version == "TLSv1_3")
    }

    pub(super) fn of<D>(
        connection: &ConnectionCommon<D>,
        server_name: Option<&str>,
        tls_unique: Option<[u8; 12]>,
    ) -> TlsFacts {
        let state: &CommonState = connection;
        let name = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
        TlsFacts {
            version: name(state.protocol_version().map(|version| format!("{version:?}"))),
            cipher_suite: name(state.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()))),
            server_name: server_name.map(str::to_owned),
            peer_certificates: state
                .peer_certificates()
                .unwrap_or_default()
                .iter()
                .map(|certificate| certificate.to_vec())
                .collect(),
            channel_binding: connection
                .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
                .ok(),
            tls_unique,
        }
    }
}
