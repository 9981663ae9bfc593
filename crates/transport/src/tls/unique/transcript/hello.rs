//! What a ServerHello says of the handshake: RFC 5246, section 7.4.1.3.

const TLS_1_2: &[u8] = &[3, 3];
/// RFC 7627.
const EXTENDED_MASTER_SECRET: u16 = 23;
/// RFC 8446: the version is another one than the hello begins with.
const SUPPORTED_VERSIONS: u16 = 43;

/// Whether this is one of TLS 1.2 with an extended master secret; none if it is malformed.
pub(super) fn is_bindable(hello: &[u8]) -> Option<bool> {
    let (version, rest) = hello.split_at_checked(2)?;
    let (_random, rest) = rest.split_at_checked(32)?;
    let (session_len, rest) = rest.split_first()?;
    let (_session, rest) = rest.split_at_checked(usize::from(*session_len))?;
    let (_suite_and_compression, rest) = rest.split_at_checked(3)?;
    let mut extensions = match rest {
        [] => &[],
        _ => prefixed(rest).filter(|(_, behind)| behind.is_empty())?.0,
    };
    let mut is_extended = false;
    while !extensions.is_empty() {
        let (kind, rest) = extensions.split_first_chunk::<2>()?;
        match u16::from_be_bytes(*kind) {
            EXTENDED_MASTER_SECRET => is_extended = true,
            SUPPORTED_VERSIONS => return Some(false),
            _ => {}
        }
        extensions = prefixed(rest)?.1;
    }
    Some(version == TLS_1_2 && is_extended)
}

/// What has its length before it, and what is behind it.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}
