//! A universal echo server, as a driver would build it out of this crate.

use crossweave_transport::codec::Codec;
use crossweave_transport::http::{Response, read_body, read_request};
use crossweave_transport::rawsocket::{ClientHello, HandshakeError, MaxLen, Refusal};
use crossweave_transport::tls::TlsAcceptor;
use crossweave_transport::websocket::deflate::DeflateOptions;
use crossweave_transport::websocket::handshake::{ServerOptions, is_upgrade, upgrade};
use crossweave_transport::{BoundAddress, Item, ListenEndpoint, Listener, Protocol, Stream, sniff};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

/// The only serializer that the server speaks on RawSocket.
pub(crate) const SERIALIZER: u8 = 2;

pub(crate) struct Server {
    pub(crate) address: BoundAddress,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(endpoint: &ListenEndpoint, tls: Option<TlsAcceptor>) -> Server {
        let listener = Listener::bind(endpoint).await.unwrap();
        let address = listener.address().clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await;
                let tls = tls.clone();
                tokio::spawn(async move {
                    let stream = match tls {
                        // A peer that does not manage TLS is gone.
                        Some(tls) => tls.secure(stream).await.ok()?,
                        None => stream,
                    };
                    serve(stream).await
                });
            }
        });
        Server { address, task }
    }

    pub(crate) fn port(&self) -> u16 {
        match &self.address {
            BoundAddress::Tcp(address) => address.port(),
            BoundAddress::Unix(path) => panic!("{} is no port", path.display()),
        }
    }
}

pub(crate) fn options() -> ServerOptions {
    ServerOptions {
        protocols: vec!["wamp.2.json".into(), "wamp.2.cbor".into()],
        deflate: Some(DeflateOptions { min_len: 0, ..Default::default() }),
        ..Default::default()
    }
}

async fn serve(mut stream: Stream) -> Option<()> {
    let mut buffer = Vec::new();
    stream.read_buf(&mut buffer).await.ok()?;
    match sniff(&buffer)? {
        Protocol::RawSocket => rawsocket(stream, buffer).await,
        Protocol::Http => http(stream, buffer).await,
        other => {
            assert!(other.complaint().is_some());
            None
        }
    }
}

async fn rawsocket(mut stream: Stream, mut buffer: Vec<u8>) -> Option<()> {
    while buffer.len() < 4 {
        stream.read_buf(&mut buffer).await.ok().filter(|len| *len > 0)?;
    }
    let hello = ClientHello::parse(buffer[..4].try_into().unwrap());
    let reply = match hello {
        Ok(hello) if hello.serializer == SERIALIZER => hello.accept(MaxLen::at_least(100_000)),
        Ok(_) => Refusal::SerializerUnsupported.reply(),
        Err(HandshakeError::Refused(refusal)) => refusal.reply(),
        Err(_) => return None,
    };
    stream.write_all(&reply).await.ok()?;
    let codec = Codec::rawsocket(MaxLen::at_least(100_000), hello.ok()?.max_len);
    if reply[1] & 0x0f == 0 {
        return stream.shutdown().await.ok();
    }
    echo(stream, codec, buffer.split_off(4)).await
}

async fn http(mut stream: Stream, mut buffer: Vec<u8>) -> Option<()> {
    let request = match read_request(&mut stream, &mut buffer).await {
        Ok(request) => request?,
        Err(error) => return stream.write_all(&error.response()?.encode()).await.ok(),
    };
    if !is_upgrade(&request) {
        let body = read_body(&mut stream, &mut buffer, &request, 1000).await.ok()?;
        let answer = Response::new(200).with_body("text/plain", body);
        return stream.write_all(&answer.encode()).await.ok();
    }
    let options = Arc::new(options());
    match upgrade(&request, &options, stream.tls().is_some()) {
        Err(refused) => stream.write_all(&refused.response().encode()).await.ok(),
        Ok(upgrade) => {
            // The first message comes in the same segment as the answer, as a fast router's may.
            let mut codec = upgrade.codec(&options);
            let mut answer = upgrade.response(&[]);
            codec.append_message(&mut answer, true, b"welcome").ok()?;
            stream.write_all(&answer).await.ok()?;
            echo(stream, codec, buffer).await
        }
    }
}

/// Sends every message back.
pub(crate) async fn echo(mut stream: Stream, mut codec: Codec, mut buffer: Vec<u8>) -> Option<()> {
    let mut out = Vec::new();
    loop {
        let mut at = 0;
        loop {
            let decoded = codec.decoder.decode(&mut buffer[at..]).ok()?;
            at += decoded.consumed;
            match decoded.item {
                Item::Incomplete => break,
                Item::Message { text, data } => codec.encoder.append_message(&mut out, text, data).ok()?,
                Item::Ping(payload) => codec.encoder.append_pong(&mut out, payload).ok()?,
                Item::Pong(_) => {}
                Item::Close { code, .. } => {
                    codec.encoder.append_close(&mut out, code, "");
                    stream.write_all(&out).await.ok()?;
                    return stream.shutdown().await.ok();
                }
            }
        }
        buffer.drain(..at);
        stream.write_all(&out).await.ok()?;
        stream.flush().await.ok()?;
        out.clear();
        stream.read_buf(&mut buffer).await.ok().filter(|len| *len > 0)?;
    }
}
