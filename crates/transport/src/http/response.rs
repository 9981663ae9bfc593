//! Writing an answer.

use std::fmt::Write as _;

/// An HTTP/1.1 response with its whole body in memory. Closes the connection unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    keeps_alive: bool,
}

impl Response {
    /// An answer without body.
    pub fn new(status: u16) -> Response {
        Response { status, headers: Vec::new(), body: Vec::new(), keeps_alive: false }
    }

    /// A line of plain text.
    pub fn text(status: u16, text: &str) -> Response {
        Response::new(status).with_body("text/plain; charset=utf-8", format!("{text}\n"))
    }

    /// Adds a header field. Line breaks in the value are replaced, so that it cannot start another field.
    ///
    /// `Content-Length` and `Connection` are written by [`Response::encode`].
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Response {
        let clean = |text: &str| text.replace(|c: char| c.is_control() && c != '\t', " ");
        self.headers.push((clean(name), clean(value)));
        self
    }

    /// Sets the body and its `Content-Type`.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Response {
        self.body = body.into();
        self.with_header("Content-Type", content_type)
    }

    /// Says whether the connection serves another request afterwards.
    #[must_use]
    pub fn keep_alive(mut self, keeps_alive: bool) -> Response {
        self.keeps_alive = keeps_alive;
        self
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The header fields, without those that are written with the body's length and the connection's fate.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The octets to send.
    pub fn encode(&self) -> Vec<u8> {
        let mut octets = self.encode_head();
        octets.extend_from_slice(&self.body);
        octets
    }

    /// The answer to a `HEAD` request: the length of the body, but not the body.
    pub fn encode_head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, phrase(self.status));
        for (name, value) in &self.headers {
            append_field(&mut head, name, value);
        }
        // An answer that never has a body has no length either (RFC 9110 section 8.6).
        if !matches!(self.status, 204 | 304) {
            append_field(&mut head, "Content-Length", &self.body.len().to_string());
        }
        append_field(&mut head, "Connection", if self.keeps_alive { "keep-alive" } else { "close" });
        head.push_str("\r\n");
        head.into_bytes()
    }
}

pub(crate) fn append_field(head: &mut String, name: &str, value: &str) {
    write!(head, "{name}: {value}\r\n").expect("writing to a string does not fail");
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_is_written_whole() {
        let response = Response::text(404, "no such page").with_header("X-A", "1").keep_alive(true);
        let head = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nX-A: 1\r\n\
                    Content-Length: 13\r\nConnection: keep-alive\r\n\r\n";
        assert_eq!(response.encode_head(), head.as_bytes());
        assert_eq!(response.encode(), format!("{head}no such page\n").as_bytes());
    }

    #[test]
    fn an_answer_that_never_has_a_body_has_no_length() {
        for status in [204, 304] {
            let octets = Response::new(status).encode();
            assert!(!String::from_utf8(octets).unwrap().contains("Content-Length"), "{status}");
        }
    }

    #[test]
    fn header_values_cannot_break_out_of_their_line() {
        let octets = Response::new(302).with_header("Location", "/a\r\nSet-Cookie: x=y").encode();
        assert!(!String::from_utf8(octets).unwrap().contains("\nSet-Cookie"));
    }
}
