//! The body of a request.

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::{ResponseBody, text};

/// The body of a request, which is still on its way.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    deadline: Instant,
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
            BodyError::Late => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer; the connection is closed behind it.
    pub fn response(&self) -> Response<ResponseBody> {
        let mut response = text(self.status(), &self.to_string());
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, deadline: Instant) -> RequestBody {
        RequestBody { incoming, deadline }
    }

    /// Reads it, if it has at most `max` octets. A client that waits for `100 Continue` is told to go on.
    ///
    /// # Errors
    /// It is too long, too late or broken.
    pub async fn read(mut self, max: usize) -> Result<Bytes, BodyError> {
        // What `Content-Length` claims is refused before it is sent.
        if self.incoming.size_hint().lower() > max as u64 {
            return Err(BodyError::TooLong { max });
        }
        let mut read = BytesMut::new();
        loop {
            let frame =
                timeout_at(self.deadline, self.incoming.frame()).await.map_err(|_| BodyError::Late)?;
            let Some(frame) = frame else { return Ok(read.freeze()) };
            let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
            if read.len() + data.len() > max {
                return Err(BodyError::TooLong { max });
            }
            read.extend_from_slice(&data);
        }
    }
}
