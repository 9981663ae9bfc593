//! The RawSocket handshake.

use crossweave_transport::Codec;
use crossweave_transport::codec::Framing;
use crossweave_transport::rawsocket::handshake::{
    ClientHello, HANDSHAKE_LEN, HandshakeError, MaxLen, Refusal,
};
use crossweave_wamp::{Batching, Serializer};
use tokio::io::AsyncWriteExt as _;

use super::{Acceptor, Handshake, NotEstablished};
use crate::connection::{Established, PingOptions};
use crate::peer::Wire;

impl Acceptor {
    pub(super) async fn rawsocket(&self, mut handshake: Handshake) -> Result<Established, NotEstablished> {
        let Some(options) = &self.options.rawsocket else {
            return Err(NotEstablished::Refused("rawsocket is not spoken on this transport".into()));
        };
        handshake.read(HANDSHAKE_LEN).await?;
        let mut octets = [0; HANDSHAKE_LEN];
        octets.copy_from_slice(&handshake.buffer[..HANDSHAKE_LEN]);
        handshake.buffer.drain(..HANDSHAKE_LEN);
        let hello = match ClientHello::parse(octets) {
            Ok(hello) => hello,
            Err(HandshakeError::Refused(refusal)) => return refuse(handshake, refusal).await,
            Err(error) => return Err(NotEstablished::Refused(error.to_string())),
        };
        let is_asked_for = |it: &Serializer| it.rawsocket_id() == hello.serializer;
        let Some(serializer) = options.serializers.iter().copied().find(is_asked_for) else {
            return refuse(handshake, Refusal::SerializerUnsupported).await;
        };
        let own_max = MaxLen::at_least(options.max_message_size);
        handshake.stream.write_all(&hello.accept(own_max)).await?;
        let codec = Codec::rawsocket(own_max, hello.max_len);
        Ok(Established {
            stream: handshake.stream,
            message_len_max: codec.encoder.len_max(),
            codec,
            wire: Wire { serializer, framing: Framing::RawSocket, batching: Batching::Single },
            leftover: handshake.buffer,
            address: handshake.address,
            tls: handshake.tls,
            authentication: options.authentication.as_ref().unwrap_or(&self.options.authentication).clone(),
            visit: None,
            channel_framing: "rawsocket",
            ping: PingOptions::new(options.auto_ping_interval_ms, options.auto_ping_timeout_ms),
            deadline: handshake.deadline,
        })
    }
}

async fn refuse(mut handshake: Handshake, refusal: Refusal) -> Result<Established, NotEstablished> {
    handshake.stream.write_all(&refusal.reply()).await?;
    handshake.stream.shutdown().await?;
    Err(NotEstablished::Refused(format!("rawsocket handshake: {refusal}")))
}
