//! HTTP requests: upgrades to WebSocket, and whatever the transport's HTTP service answers.
//!
//! ```text
//!  first head ──▶ an upgrade? ──yes──▶ negotiate ──▶ 101, or why not     (no more than one head is read for it)
//!                     │ no
//!                     ▼
//!           a task of its own: hyper, for this request and all that follow on the connection; an upgrade may be among them
//! ```

mod serve;
mod stream;
mod upgrade;

use std::time::Instant;

use crossweave_transport::PeerAddress;
use crossweave_transport::http::{HttpError, Request, Response, peek_request};
use crossweave_transport::websocket::handshake::is_upgrade;
use http::StatusCode;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout_at;

use self::stream::HttpStream;
use super::{Acceptor, Handshake, NotEstablished, Purpose};
use crate::http::Answered;

impl Acceptor {
    /// Upgrades a connection, or says that there are requests on it.
    pub(super) async fn http(&self, mut handshake: Handshake) -> Result<Option<Purpose>, NotEstablished> {
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
            return Ok(Some(Purpose::Requests(Box::new(handshake))));
        }
        handshake.buffer.drain(..len);
        let since = Instant::now();
        let negotiated = self.negotiate(&request, handshake.tls.is_some());
        let refused = negotiated.as_ref().err();
        self.tell_of_first(&request, &handshake.address, refused.map(|it| &it.response), since);
        match negotiated {
            Ok(agreed) => {
                let response = agreed.response();
                let written = timeout_at(handshake.deadline, handshake.stream.write_all(&response)).await;
                written.map_err(|_| NotEstablished::Deadline)??;
                let Handshake { stream, address, tls, buffer, deadline } = handshake;
                let established = agreed.established((stream, buffer), (address, tls), deadline);
                Ok(Some(Purpose::Session(Box::new(established))))
            }
            Err(refused) => {
                end_with(handshake, &refused.response).await?;
                Err(refused.into())
            }
        }
    }
}

impl Acceptor {
    /// Tells the transport's service of a connection's first request, one to upgrade, and what it was refused with.
    fn tell_of_first(
        &self,
        request: &Request,
        peer: &PeerAddress,
        refused: Option<&Response>,
        since: Instant,
    ) {
        let Some(service) = &self.options.http else { return };
        let status =
            refused.map_or(Ok(StatusCode::SWITCHING_PROTOCOLS), |it| StatusCode::from_u16(it.status()));
        service.answered(&Answered {
            peer,
            method: &request.method,
            path: &request.path,
            user_agent: request.headers.single("User-Agent"),
            status: status.unwrap_or(StatusCode::BAD_REQUEST),
            octets: refused.map_or(0, |it| it.body().len() as u64),
            since,
        });
    }
}

async fn refuse(handshake: Handshake, error: &HttpError) -> Result<Option<Purpose>, NotEstablished> {
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
