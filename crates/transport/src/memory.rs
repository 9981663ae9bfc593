//! Connections within the process, for embedded sessions and tests.

use crate::stream::{Duplex, Stream};
use tokio::io::DuplexStream;

impl Duplex for DuplexStream {}

/// How many octets each direction holds before writing waits.
pub const CAPACITY: usize = 64 * 1024;

/// Two connected streams: what is written to one is read from the other.
pub fn pair() -> (Stream, Stream) {
    pair_with_capacity(CAPACITY)
}

/// As [`pair`], with room for `capacity` octets in each direction.
pub fn pair_with_capacity(capacity: usize) -> (Stream, Stream) {
    let (left, right) = tokio::io::duplex(capacity);
    (Stream::Boxed(Box::new(left)), Stream::Boxed(Box::new(right)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn what_is_written_on_one_side_is_read_on_the_other() {
        let (mut left, mut right) = pair();
        assert!(!left.is_direct());
        left.write_all(b"hello").await.unwrap();
        drop(left);
        let mut read = Vec::new();
        right.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"hello");
    }
}
