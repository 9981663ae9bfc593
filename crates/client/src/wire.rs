//! A connection: a stream of octets and the framing on it.

use std::io;

use crossweave_transport::codec::{Codec, Decoder, Encoder};
use crossweave_transport::connector::{Negotiated, TcpKeepalive};
use crossweave_transport::item::{Decoded, Item};
use crossweave_transport::rawsocket::MaxLen;
use crossweave_transport::tls::TlsClientOptions;
use crossweave_transport::websocket::Limits;
use crossweave_transport::{CodecError, ConnectError, ConnectOptions, Connection};
use crossweave_wamp::Serializer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use crate::limits::READ_BYTES;
use crate::options::{Keepalive, Options};

/// Octets both ways, whatever they run on.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// An open connection.
pub(crate) struct Wire {
    pub(crate) stream: Box<dyn ByteStream>,
    pub(crate) input: Input,
    pub(crate) encoder: Encoder,
    pub(crate) serializer: Serializer,
    /// The `tls-exporter` channel binding, on TLS 1.3.
    pub(crate) tls_exporter: Option<[u8; 32]>,
    /// How to find out that the router is gone, where that is possible.
    pub(crate) keepalive: Option<Keepalive>,
}

impl Wire {
    /// Connects to a URL.
    pub(crate) async fn connect(url: &str, options: &Options) -> Result<Wire, ConnectError> {
        let connection = crossweave_transport::connect(url, &connect_options(options)).await?;
        let serializer = serializer_of(&connection, &options.serializers);
        let is_pinged = match connection.negotiated {
            Negotiated::Subprotocol(_) => true,
            Negotiated::Serializer(_) => options.keepalive.on_rawsocket,
        };
        let tls_exporter = connection.stream.tls().and_then(|tls| tls.tls_exporter());
        let (decoder, encoder) = connection.codec.split();
        Ok(Wire {
            tls_exporter,
            stream: Box::new(connection.stream),
            input: Input::new(decoder, connection.leftover),
            encoder,
            serializer,
            keepalive: Some(options.keepalive).filter(|keepalive| is_pinged && !keepalive.idle.is_zero()),
        })
    }

    /// Takes over a stream that speaks RawSocket frames, without a handshake.
    pub(crate) fn rawsocket(
        stream: impl ByteStream + 'static,
        serializer: Serializer,
        options: &Options,
    ) -> Wire {
        let own_max = MaxLen::at_least(options.message_len_max);
        let (decoder, encoder) = Codec::rawsocket(own_max, MaxLen::MAX).split();
        let input = Input::new(decoder, Vec::new());
        Wire { stream: Box::new(stream), input, encoder, serializer, tls_exporter: None, keepalive: None }
    }
}

fn connect_options(options: &Options) -> ConnectOptions {
    // UBJSON has one name for its two encodings.
    let mut protocols: Vec<String> =
        options.serializers.iter().map(|serializer| serializer.subprotocol().to_owned()).collect();
    protocols.dedup();
    let Keepalive { idle, timeout, .. } = options.keepalive;
    let in_s = |time: std::time::Duration| u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
    // What is not asked over the connection, as over many a RawSocket, the system asks.
    let keepalive = TcpKeepalive { idle_s: in_s(idle), timeout_s: in_s(timeout) };
    ConnectOptions {
        timeout_ms: options.connect_timeout.as_millis().try_into().unwrap_or(u64::MAX),
        tls: TlsClientOptions { ca_file: options.ca_file.clone(), certificate: options.certificate.clone() },
        protocols,
        serializers: options.serializers.iter().map(|serializer| serializer.rawsocket_id()).collect(),
        limits: Limits { max_frame_size: options.message_len_max, max_message_size: options.message_len_max },
        rawsocket_max_len: MaxLen::at_least(options.message_len_max),
        deflate: None,
        headers: options.headers.clone(),
        tcp_keepalive: Some(keepalive).filter(|_| !idle.is_zero()),
    }
}

/// The connector lets only offered ones pass; with none offered the first is as good as any.
fn serializer_of(connection: &Connection, offered: &[Serializer]) -> Serializer {
    let agreed = match &connection.negotiated {
        Negotiated::Subprotocol(name) => name.as_deref().and_then(Serializer::from_subprotocol),
        Negotiated::Serializer(id) => Serializer::from_rawsocket_id(*id),
    };
    agreed.or_else(|| offered.first().copied()).unwrap_or(Serializer::Json)
}

/// The receiving half: what was read and not yet decoded.
pub(crate) struct Input {
    decoder: Decoder,
    buffer: Vec<u8>,
    /// Octets at the front of the buffer that are used up.
    used: usize,
}

impl Input {
    fn new(decoder: Decoder, leftover: Vec<u8>) -> Input {
        Input { decoder, buffer: leftover, used: 0 }
    }

    /// Reads once. The number of octets: 0 at the end of the stream. Loses nothing when dropped.
    pub(crate) async fn read(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.buffer.drain(..self.used);
        self.used = 0;
        self.buffer.reserve(READ_BYTES);
        stream.read_buf(&mut self.buffer).await
    }

    /// The next item of what was read.
    pub(crate) fn next(&mut self) -> Result<Item<'_>, CodecError> {
        let Decoded { consumed, item } = self.decoder.decode(&mut self.buffer[self.used..])?;
        self.used += consumed;
        Ok(item)
    }
}
