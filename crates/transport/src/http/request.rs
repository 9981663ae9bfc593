//! Reading a request: head bounded to 8 KiB and 64 fields. Bodies are read by `Content-Length`; one in chunks is for whoever
//! serves the request to read.

use super::{Headers, Response};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest request or response head, from the first octet to the empty line.
pub const HEAD_LEN_MAX: usize = 8 * 1024;

/// The most header fields of one head.
pub const HEADERS_MAX: usize = 64;

/// Octets asked of the stream at a time while reading a head.
const READ_LEN: usize = 1024;

/// A request head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method as sent, such as `GET`.
    pub method: String,
    /// The path as sent, still percent-encoded; at least `/` unless the method is `OPTIONS` (`*`).
    pub path: String,
    /// What is behind the first `?`, if there is one.
    pub query: Option<String>,
    /// Whether the request is HTTP/1.1 rather than 1.0.
    pub is_http11: bool,
    /// The header fields.
    pub headers: Headers,
    /// How many octets of body follow, as `Content-Length` claims; zero without.
    pub body_len: usize,
    /// Whether the body comes in chunks instead, as `Transfer-Encoding` says.
    pub is_chunked: bool,
}

impl Request {
    /// Whether the connection may serve another request after this one.
    pub fn keeps_alive(&self) -> bool {
        if self.is_http11 {
            !self.headers.has_token("Connection", "close")
        } else {
            self.headers.has_token("Connection", "keep-alive")
        }
    }
}

/// A request that cannot be served. [`HttpError::response`] is the answer; the connection closes behind it.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The head does not end within [`HEAD_LEN_MAX`] octets, or has too many fields.
    #[error("request head exceeds {HEAD_LEN_MAX} octets or {HEADERS_MAX} fields")]
    HeadTooLong,
    /// The head breaks HTTP/1.1 syntax.
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    /// Neither HTTP/1.0 nor HTTP/1.1.
    #[error("unsupported http version")]
    Version,
    /// The body uses another `Transfer-Encoding` than `chunked`, or this one where it is not taken.
    #[error("this transfer-encoding is not supported here; send content-length")]
    TransferEncoding,
    /// The body is longer than the reader admits.
    #[error("request body of {len} octets exceeds {max} octets")]
    BodyTooLong {
        /// What `Content-Length` claims.
        len: usize,
        /// What the reader admits.
        max: usize,
    },
    /// The peer closed the connection within a request; there is nobody to answer.
    #[error("connection closed within a request")]
    Closed,
    /// Reading failed; there is nobody to answer.
    #[error("cannot read request: {0}")]
    Io(#[from] io::Error),
}

impl HttpError {
    /// The answer to send, if there is somebody to read it.
    pub fn response(&self) -> Option<Response> {
        let status = match self {
            HttpError::HeadTooLong => 431,
            HttpError::Malformed(_) => 400,
            HttpError::Version => 505,
            HttpError::TransferEncoding => 501,
            HttpError::BodyTooLong { .. } => 413,
            HttpError::Closed | HttpError::Io(_) => return None,
        };
        Some(Response::text(status, &self.to_string()))
    }
}

/// Reads the request head at the front of `buf` and tells its length; `None` asks for more bytes.
///
/// # Errors
/// The head is malformed or too long.
pub fn parse_request(buf: &[u8]) -> Result<Option<(Request, usize)>, HttpError> {
    let Some(head) = complete_head(buf).ok_or(HttpError::HeadTooLong)? else {
        return if starts_like_a_request(buf) { Ok(None) } else { Err(HttpError::Malformed("request line")) };
    };
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut fields);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        // An empty line in the wrong place.
        Ok(httparse::Status::Partial) => return Err(HttpError::Malformed("incomplete head")),
        Err(httparse::Error::TooManyHeaders) => return Err(HttpError::HeadTooLong),
        Err(httparse::Error::Version) => return Err(HttpError::Version),
        Err(error) => return Err(HttpError::Malformed(syntax_error(error))),
    }
    let headers = Headers::from_parsed(parsed.headers);
    let is_http11 = parsed.version == Some(1);
    check_host(&headers, is_http11)?;
    let (path, query) = split_target(parsed.path.unwrap_or("/"));
    let (body_len, is_chunked) = body_framing(&headers, is_http11)?;
    let method = parsed.method.unwrap_or_default().to_owned();
    Ok(Some((Request { method, path, query, is_http11, headers, body_len, is_chunked }, head.len())))
}

/// Whether the first line names a version of HTTP, as far as it has come: other protocols that begin with a line of text
/// need not wait for the deadline.
fn starts_like_a_request(buf: &[u8]) -> bool {
    let Some(end) = memchr::memchr(b'\n', buf) else { return true };
    let line = &buf[..end];
    line.trim_ascii().is_empty() || memchr::memmem::find(line, b" HTTP/").is_some()
}

/// The head up to and with its empty line. The outer `None` is a head that is too long, the inner an unfinished one.
///
/// Looking for the end first keeps a peer that sends octet by octet from having its head parsed each time.
pub(crate) fn complete_head(buf: &[u8]) -> Option<Option<&[u8]>> {
    let window = &buf[..buf.len().min(HEAD_LEN_MAX)];
    match memchr::memmem::find(window, b"\r\n\r\n") {
        Some(end) => Some(Some(&buf[..end + 4])),
        None if buf.len() >= HEAD_LEN_MAX => None,
        None => Some(None),
    }
}

pub(crate) fn syntax_error(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "header name",
        httparse::Error::HeaderValue => "header value",
        httparse::Error::NewLine => "line end",
        httparse::Error::Status => "status",
        httparse::Error::Token => "request line",
        httparse::Error::TooManyHeaders => "too many headers",
        httparse::Error::Version => "version",
    }
}

fn check_host(headers: &Headers, is_http11: bool) -> Result<(), HttpError> {
    match headers.all("Host").count() {
        1 => Ok(()),
        0 if !is_http11 => Ok(()),
        0 => Err(HttpError::Malformed("host header missing")),
        _ => Err(HttpError::Malformed("host header repeated")),
    }
}

/// Path and query of a request target, which may be in absolute form.
fn split_target(target: &str) -> (String, Option<String>) {
    let target = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') && !scheme.contains('?') => {
            &rest[rest.find(['/', '?']).unwrap_or(rest.len())..]
        }
        _ => target,
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    (if path.is_empty() { "/".to_owned() } else { path.to_owned() }, query)
}

/// What follows the head: so many octets, or chunks. Anything that two parsers might read differently is refused.
fn body_framing(headers: &Headers, is_http11: bool) -> Result<(usize, bool), HttpError> {
    let mut lengths = headers.all("Content-Length");
    let len = lengths.next();
    if let Some(encoding) = headers.get("Transfer-Encoding") {
        let is_chunked = encoding.eq_ignore_ascii_case("chunked") && is_http11;
        return match len {
            Some(_) => Err(HttpError::Malformed("both content-length and transfer-encoding")),
            None if is_chunked && headers.single("Transfer-Encoding").is_some() => Ok((0, true)),
            None => Err(HttpError::TransferEncoding),
        };
    }
    let Some(len) = len else { return Ok((0, false)) };
    if lengths.next().is_some() || len.is_empty() || !len.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(HttpError::Malformed("content-length"));
    }
    len.parse().map(|len| (len, false)).map_err(|_| HttpError::Malformed("content-length"))
}

/// Reads a request head from `stream`. `buf` starts with what was read already and ends with what is behind the head.
///
/// `None` is a connection that was closed before a request began. The deadline is the caller's.
///
/// # Errors
/// The request cannot be served.
pub async fn read_request<S: AsyncRead + Unpin>(
    stream: &mut S,
    buf: &mut Vec<u8>,
) -> Result<Option<Request>, HttpError> {
    let Some((request, len)) = peek_request(stream, buf).await? else { return Ok(None) };
    buf.drain(..len);
    Ok(Some(request))
}

/// As [`read_request`], but the head stays at the front of `buf`; its length is told.
///
/// # Errors
/// The request cannot be served.
pub async fn peek_request<S: AsyncRead + Unpin>(
    stream: &mut S,
    buf: &mut Vec<u8>,
) -> Result<Option<(Request, usize)>, HttpError> {
    loop {
        if let Some(peeked) = parse_request(buf)? {
            return Ok(Some(peeked));
        }
        buf.reserve(READ_LEN);
        match stream.read_buf(buf).await? {
            0 if buf.is_empty() => return Ok(None),
            0 => return Err(HttpError::Closed),
            _ => {}
        }
    }
}

/// Reads the request's body of at most `max` octets. `buf` as for [`read_request`].
///
/// # Errors
/// The body is too long or does not arrive.
pub async fn read_body<S: AsyncRead + Unpin>(
    stream: &mut S,
    buf: &mut Vec<u8>,
    request: &Request,
    max: usize,
) -> Result<Vec<u8>, HttpError> {
    let len = request.body_len;
    if request.is_chunked {
        return Err(HttpError::TransferEncoding);
    }
    if len > max {
        return Err(HttpError::BodyTooLong { len, max });
    }
    while buf.len() < len {
        buf.reserve(READ_LEN);
        if stream.read_buf(buf).await? == 0 {
            return Err(HttpError::Closed);
        }
    }
    let behind = buf.split_off(len);
    Ok(std::mem::replace(buf, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<(Request, usize)>, HttpError> {
        parse_request(text.as_bytes())
    }

    #[test]
    fn request_is_split_into_its_parts() {
        let text =
            "POST /a%20b?x=1?y HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nX-A: 1\r\nx-a: 2\r\n\r\nbody";
        let (request, len) = parse(text).unwrap().unwrap();
        assert_eq!(len, text.len() - 4);
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/a%20b"));
        assert_eq!((request.query.as_deref(), request.body_len), (Some("x=1?y"), 12));
        assert_eq!(request.headers.all("X-a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(request.headers.single("x-a"), None);
        assert!(request.keeps_alive());
    }

    #[test]
    fn half_a_head_asks_for_more_at_every_cut() {
        let text = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        for cut in 0..text.len() {
            assert!(parse(&text[..cut]).unwrap().is_none(), "cut at {cut}");
        }
    }

    #[test]
    fn a_banner_of_another_protocol_is_refused_at_its_first_line() {
        assert!(parse("SSH-2.0-OpenSSH").unwrap().is_none());
        assert_eq!(parse("SSH-2.0-OpenSSH\r\n").unwrap_err().response().unwrap().status(), 400);
        assert!(parse("\r\nGET / HTTP/1.1\r\n").unwrap().is_none());
    }

    #[test]
    fn absolute_targets_lose_their_authority() {
        for (target, path) in
            [("http://h/p", "/p"), ("http://h", "/"), ("http://h?q", "/"), ("/a://b", "/a://b")]
        {
            let (request, _) = parse(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")).unwrap().unwrap();
            assert_eq!(request.path, path, "{target}");
        }
    }

    #[test]
    fn bad_requests_get_their_status() {
        let long = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(HEAD_LEN_MAX));
        let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(HEADERS_MAX));
        for (text, status) in [
            (long.as_str(), 431),
            (many.as_str(), 431),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
            ("GET  HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\n folded: x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nA: \0\r\n\r\n", 400),
            ("\r\n\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
            ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.response().unwrap().status(), status, "{error} for {text:?}");
        }
    }

    #[test]
    fn endless_head_is_refused_at_the_bound() {
        let garbage = vec![b'a'; HEAD_LEN_MAX];
        assert!(parse_request(&garbage[..HEAD_LEN_MAX - 1]).unwrap().is_none());
        assert!(matches!(parse_request(&garbage), Err(HttpError::HeadTooLong)));
    }

    #[tokio::test]
    async fn bodies_are_read_up_to_the_limit_and_what_follows_is_kept() {
        let text = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET";
        let mut stream = &text[..];
        let mut buf = Vec::new();
        let request = read_request(&mut stream, &mut buf).await.unwrap().unwrap();
        let too_long = read_body(&mut stream, &mut buf, &request, 4).await.unwrap_err();
        assert_eq!(too_long.response().unwrap().status(), 413);
        assert_eq!(read_body(&mut stream, &mut buf, &request, 5).await.unwrap(), b"hello");
        assert_eq!(buf, b"GET");
        assert!(matches!(read_request(&mut stream, &mut buf).await, Err(HttpError::Closed)));
        assert!(read_request(&mut &b""[..], &mut Vec::new()).await.unwrap().is_none());
    }
}
