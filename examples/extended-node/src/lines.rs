//! A transport of our own: WAMP in JSON, one message a line, for people with `nc`.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use crossweave_node::{Entrance, Protocol};
use crossweave_transport::Stream;
use crossweave_wamp::Serializer;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, split};

/// Octets of a line, whatever the configuration says.
const LINE_LEN_MAX: u64 = 1 << 20;

/// Ends a connection whose lines are longer than `line_len_max`.
struct Lines {
    line_len_max: u64,
}

/// `extra` of the configuration: `{"line_len_max": 4096}`.
///
/// # Errors
/// `line_len_max` is no number of octets from 1 to a mebibyte.
pub(crate) fn make(extra: &Value) -> Result<Arc<dyn Protocol>, String> {
    let len = extra.get("line_len_max").map_or(Some(LINE_LEN_MAX), Value::as_u64);
    let len = len.filter(|len| (1..=LINE_LEN_MAX).contains(len));
    let line_len_max =
        len.ok_or_else(|| format!("extra is {extra}: `line_len_max` is 1 to {LINE_LEN_MAX}"))?;
    Ok(Arc::new(Lines { line_len_max }))
}

impl Protocol for Lines {
    fn speak<'a>(
        &'a self,
        stream: Stream,
        entrance: Entrance,
    ) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>> {
        Box::pin(async move {
            let (from_client, mut to_client) = split(stream);
            let (mut from_router, mut to_router) = split(entrance.open(Serializer::Json)?);
            let inwards = async {
                let mut from_client = BufReader::new(from_client);
                let mut line = Vec::new();
                loop {
                    line.clear();
                    let mut bounded = (&mut from_client).take(self.line_len_max);
                    if bounded.read_until(b'\n', &mut line).await? == 0 {
                        return Ok(());
                    }
                    if line.pop() != Some(b'\n') {
                        return Err(io::Error::other("a line is too long, or has no end"));
                    }
                    to_router.write_u32(line.len() as u32).await?;
                    to_router.write_all(&line).await?;
                }
            };
            let outwards = async {
                loop {
                    // The router is not hostile: what it announces, it sends.
                    let len = from_router.read_u32().await? as usize;
                    let mut message = vec![0; len];
                    from_router.read_exact(&mut message).await?;
                    message.push(b'\n');
                    to_client.write_all(&message).await?;
                }
            };
            tokio::select! {
                ended = inwards => ended,
                ended = outwards => ended,
            }
        })
    }
}
