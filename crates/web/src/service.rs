//! What a web service is.

use crossweave_router::HttpPeer;
use crossweave_router::http::{Answering, RequestBody};
use http::Request;

/// A service at a path of a [`Site`](crate::Site). Programs that embed the router may add their own.
pub trait WebService: Send + Sync {
    /// Answers one request. Answers to HEAD may carry the body of GET: it is left out when they are written.
    ///
    /// It is dropped, while it answers, when the client closes the connection.
    fn respond<'a>(&'a self, exchange: Exchange<'a>) -> Answering<'a>;

    /// What the access log has instead of a request's path, by the service's own path and what follows. Default: the path itself;
    /// for a service whose paths hold secrets something else.
    fn logged_path(&self, mount: &str, below: &[String]) -> Option<String> {
        let _ = (mount, below);
        None
    }
}

/// A request, and where it was sent to.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The request as it came.
    pub request: Request<RequestBody>,
    /// Who sent it.
    pub peer: &'a HttpPeer,
    /// The path of the service: `/`, or such as `/api/files`.
    pub mount: &'a str,
    /// What follows in the request's path, component by component, decoded. A component is never empty, `.` or `..`, and has
    /// neither `/` nor `\0` in it.
    pub below: Vec<String>,
    /// Whether the request's path ends with `/`.
    pub is_folder: bool,
}
