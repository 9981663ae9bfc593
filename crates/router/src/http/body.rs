//! The body of a request.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::arriving::{Room, Share};
use super::limits::BODY_UNCOUNTED_LEN;
use super::{ResponseBody, text};
use crate::admission::PendingCell;

/// The body of a request, which is still on its way.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    deadline: Instant,
    /// Whether the connection has joined, and the room for bodies of those that have not.
    pending: PendingCell,
    room: Arc<Room>,
    /// Where it comes from, as bounds for addresses count.
    address: Option<IpAddr>,
}

/// Why a body was not read. [`BodyError::response`] is the answer.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than it may be.
    #[error("the body is longer than {max} octets")]
    TooLong {
        /// How long it may be.
        max: usize,
    },
    /// There is no room for more of it, as too many others are on their way.
    #[error("too many long requests are on their way; try again later")]
    Busy,
    /// It did not come in time.
    #[error("the request did not arrive in time")]
    Late,
    /// It broke off, or its framing is wrong.
    #[error("the body is broken")]
    Broken,
}

impl BodyError {
    /// The status that says so.
    pub fn status(&self) -> StatusCode {
        match self {
            BodyError::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            BodyError::Late => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer; the connection is closed behind it.
    pub fn response(&self) -> Response<ResponseBody> {
        let mut response = text(self.status(), &self.to_string());
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        if let BodyError::Busy = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl RequestBody {
    pub(crate) fn new(
        incoming: Incoming,
        deadline: Instant,
        pending: PendingCell,
        room: Arc<Room>,
        address: Option<IpAddr>,
    ) -> RequestBody {
        RequestBody { incoming, deadline, pending, room, address }
    }

    /// Reads it, if it has at most `max` octets. A client that waits for `100 Continue` is told to go on.
    ///
    /// What is read counts for [`pending_body_bytes_max`](crate::AdmissionOptions::pending_body_bytes_max), and for the share of its
    /// address, until all of it is there.
    ///
    /// # Errors
    /// It is too long, too late or broken, or there is no room for it.
    pub async fn read(mut self, max: usize) -> Result<Bytes, BodyError> {
        // For one that is longer than all the room that its address has there will be none later, either.
        let alone_max = self.room.alone_max(self.address).saturating_add(BODY_UNCOUNTED_LEN);
        let max = if max > alone_max && self.pending.is_pending() { alone_max } else { max };
        // What `Content-Length` claims is refused before it is sent.
        if self.incoming.size_hint().lower() > max as u64 {
            return Err(BodyError::TooLong { max });
        }
        let (mut read, mut share) = (BytesMut::new(), None);
        loop {
            let frame =
                timeout_at(self.deadline, self.incoming.frame()).await.map_err(|_| BodyError::Late)?;
            let Some(frame) = frame else { return Ok(read.freeze()) };
            let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
            if read.len() + data.len() > max {
                return Err(BodyError::TooLong { max });
            }
            let len = read.len() + data.len();
            if len > BODY_UNCOUNTED_LEN && !self.has_room(&mut share, len - BODY_UNCOUNTED_LEN) {
                return Err(BodyError::Busy);
            }
            read.extend_from_slice(&data);
        }
    }

    #[cold]
    fn has_room(&self, share: &mut Option<Share>, octets: usize) -> bool {
        if share.is_none() && !self.pending.is_pending() {
            return true;
        }
        share.get_or_insert_with(|| Share::new(self.room.clone(), self.address)).grow_to(octets)
    }
}
