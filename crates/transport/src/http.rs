//! Just enough HTTP/1.1 for WebSocket upgrades, for the first head of a connection and small plain answers. Not a web server.
//!
//! [`request`] reads bounded heads and bodies, [`response`] writes answers.

pub mod request;
pub mod response;

pub use request::{
    HEAD_LEN_MAX, HEADERS_MAX, HttpError, Request, parse_request, peek_request, read_body, read_request,
};
pub use response::Response;

/// Header fields in the order received. Names are compared without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    pub(crate) fn from_parsed(fields: &[httparse::Header<'_>]) -> Headers {
        let own = |field: &httparse::Header<'_>| {
            (field.name.to_owned(), String::from_utf8_lossy(field.value).trim().to_owned())
        };
        Headers(fields.iter().map(own).collect())
    }

    /// The first field of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every field of this name.
    pub fn all<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s str> {
        self.0.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The field, if it is there exactly once.
    pub fn single(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// The comma-separated elements of all fields of this name, trimmed, empty ones left out.
    pub fn elements<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s str> {
        self.all(name).flat_map(|value| value.split(',')).map(str::trim).filter(|element| !element.is_empty())
    }

    /// Whether a comma-separated field names `token`, without regard to case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.elements(name).any(|element| element.eq_ignore_ascii_case(token))
    }

    /// Fields by name and value.
    pub fn from_fields<N: Into<String>, V: Into<String>>(
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Headers {
        Headers(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// All fields in the order received.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
