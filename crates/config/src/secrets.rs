//! Secrets of a configuration, and how they are kept out of the source lines that an error report shows.
//!
//! A report quotes lines of the file, and a file may stand in one line with a ticket on it. The search is lexical, so
//! that it also works on a file that does not parse.

use std::fmt;

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Keys whose values are secrets in a Crossbar.io configuration.
const SECRET_KEYS: &[&str] =
    &["ticket", "secret", "password", "github_secret", "stored-key", "server-key", "salt", "privkey"];

/// Whether the value of this key must not be shown.
pub(crate) fn is_secret(key: &str) -> bool {
    SECRET_KEYS.contains(&key)
}

/// The text with every value of a secret key starred out, byte for byte, so that offsets and
/// lines stay what they are.
pub(crate) fn mask(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for key in SECRET_KEYS {
        for (at, _) in text.match_indices(key) {
            if let Some(value) = value_after(text.as_bytes(), at, key.len()) {
                let digits = bytes[value].iter_mut().filter(|byte| **byte != b'\n');
                digits.for_each(|byte| *byte = b'*');
            }
        }
    }
    // Whole values are replaced by ASCII, and values end at ASCII delimiters, so this is UTF-8.
    String::from_utf8(bytes).unwrap_or_default()
}

/// The bytes of the value that follows the key at `at`, if this is a key at all.
fn value_after(text: &[u8], at: usize, key_len: usize) -> Option<std::ops::Range<usize>> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if at > 0 && is_word(text[at - 1]) {
        return None;
    }
    let mut next = at + key_len;
    if text.get(next).is_some_and(|byte| matches!(byte, b'"' | b'\'')) {
        next += 1;
    }
    next = skip_blank(text, next);
    if text.get(next) != Some(&b':') {
        return None;
    }
    let start = skip_blank(text, next + 1);
    match text.get(start)? {
        b'{' | b'[' => None,
        quote @ (b'"' | b'\'') => Some(start + 1..end_of_quoted(text, start + 1, *quote)),
        _ => Some(start..end_of_plain(text, start)),
    }
}

fn skip_blank(text: &[u8], from: usize) -> usize {
    text[from..]
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .map_or(text.len(), |offset| from + offset)
}

fn end_of_quoted(text: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while at < text.len() && text[at] != quote {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

fn end_of_plain(text: &[u8], from: usize) -> usize {
    text[from..]
        .iter()
        .position(|byte| matches!(byte, b'\n' | b',' | b'}' | b']'))
        .map_or(text.len(), |offset| from + offset)
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn secrets_are_starred_in_both_formats_and_nothing_moves() {
        for (before, after) in [
            (r#"{"ticket": "sö\"t", "role": "a"}"#, r#"{"ticket": "******", "role": "a"}"#),
            ("secret: abc\nrole: a", "secret: ***\nrole: a"),
            (r#"{"ticket": {"type": "static"}}"#, r#"{"ticket": {"type": "static"}}"#),
            (r#"{"authmethods": ["ticket"]}"#, r#"{"authmethods": ["ticket"]}"#),
            (r#"{"my_ticket": "x"}"#, r#"{"my_ticket": "x"}"#),
            (r#"{"password" :"ab"#, r#"{"password" :"**"#),
            (r#"secret: "#, r#"secret: "#),
        ] {
            assert_eq!(mask(before), after);
            assert_eq!(mask(before).len(), before.len());
        }
    }
}
