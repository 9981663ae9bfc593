//! `Range`, as RFC 9110 section 14 has it: one range of octets.

use http::HeaderValue;

/// What of a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// From this octet to that one, both included.
    Between(u64, u64),
    /// From this octet on.
    From(u64),
    /// So many octets at the end.
    Last(u64),
}

impl Range {
    /// Reads the field. None if it is to be ignored: it is invalid, of another unit, or of several ranges. Numbers have any
    /// length; what does not fit is behind the end of every file.
    pub(super) fn parse(field: &str) -> Option<Range> {
        let (first, last) = field.strip_prefix("bytes=")?.trim_matches([' ', '\t']).split_once('-')?;
        match (first, last) {
            ("", last) => Some(Range::Last(position(last)?)),
            (first, "") => Some(Range::From(position(first)?)),
            (first, last) => {
                let (first, last) = (position(first)?, position(last)?);
                (first <= last).then_some(Range::Between(first, last))
            }
        }
    }

    /// The field as simple as it can be written.
    pub(super) fn field(self) -> HeaderValue {
        let range = match self {
            Range::Between(first, last) => format!("bytes={first}-{last}"),
            Range::From(first) => format!("bytes={first}-"),
            Range::Last(len) => format!("bytes=-{len}"),
        };
        HeaderValue::try_from(range).expect("digits can stand in a field")
    }
}

fn position(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_range_of_octets_is_ignored() {
        for field in
            ["lines=1-2", "bytes=", "bytes=-", "bytes=5", "bytes=10-5", "bytes=+1-2", "bytes=0-1,3-4"]
        {
            assert_eq!(Range::parse(field), None, "{field}");
        }
    }

    #[test]
    fn numbers_of_any_length_are_read() {
        let huge = "9".repeat(40);
        assert_eq!(Range::parse(&format!("bytes=007-{huge}")), Some(Range::Between(7, u64::MAX)));
        assert_eq!(Range::parse(&format!("bytes={huge}-")), Some(Range::From(u64::MAX)));
        assert_eq!(Range::parse("bytes= -03 ").map(Range::field), Some(HeaderValue::from_static("bytes=-3")));
    }
}
