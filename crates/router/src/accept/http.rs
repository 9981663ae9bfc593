//! HTTP requests: upgrades to WebSocket, and whatever the transport's HTTP service answers.
//!
//! ```text
//!  first head ──▶ an upgrade? ──yes──▶ negotiate ──▶ 101, or why not     (no more than one head is read for it)
//!                     │ no
//!                     ▼
//!                  hyper, for this request and all that follow on the connection; an upgrade may be among them
//! ```

mod serve;
mod stream;
mod upgrade;

use crossweave_transport::http::{HttpError, Response, peek_request};
use crossweave_transport::websocket::handshake::is_upgrade;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout_at;

use self::stream::HttpStream;
pub(crate) use self::upgrade::server_options;
use super::{Acceptor, Handshake, NotEstablished, Reached};

impl Acceptor {
    /// Upgrades the connection, if that is what its first request asks for.
    pub(super) async fn http(&self, mut handshake: Handshake) -> Result<Option<Reached>, NotEstablished> {
        let Handshake { stream, buffer, deadline, .. } = &mut handshake;
        let (request, len) = match timeout_at(*deadline, peek_request(stream, buffer)).await {
            Ok(Ok(Some(peeked))) => peeked,
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(error)) => return refuse(handshake, &error).await,
            Err(_) if buffer.is_empty() => return Err(NotEstablished::Silent),
            Err(_) => {
                let late = Response::text(408, "the request did not arrive in time");
                end_with(handshake, &late).await?;
                return Err(NotEstablished::Deadline);
            }
        };
        if !is_upgrade(&request) {
            return Ok(Some(Reached::Http(Box::new(handshake))));
        }
        handshake.buffer.drain(..len);
        match self.negotiate(&request, handshake.tls.is_some()) {
            Ok(agreed) => {
                let response = agreed.response();
                let written = timeout_at(handshake.deadline, handshake.stream.write_all(&response)).await;
                written.map_err(|_| NotEstablished::Deadline)??;
                let Handshake { stream, address, tls, buffer, deadline } = handshake;
                let established = agreed.established((stream, buffer), (address, tls), deadline);
                Ok(Some(Reached::Session(Box::new(established))))
            }
            Err(refused) => {
                end_with(handshake, &refused.response).await?;
                Err(refused.into())
            }
        }
    }
}

async fn refuse(handshake: Handshake, error: &HttpError) -> Result<Option<Reached>, NotEstablished> {
    match error.response() {
        Some(response) => {
            end_with(handshake, &response).await?;
            Err(NotEstablished::Refused(error.to_string()))
        }
        None => Err(NotEstablished::Closed),
    }
}

/// Answers, and closes the connection.
async fn end_with(handshake: Handshake, response: &Response) -> Result<(), NotEstablished> {
    let mut stream = HttpStream::new(handshake.stream, Vec::new());
    stream.write_all(&response.encode()).await?;
    Ok(stream.linger().await?)
}
