//! What processes write, line by line.

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

/// Octets of a line; what is longer is cut.
const LINE_LEN_MAX: u64 = 16 * 1024;

/// The lines of a stream, each no longer than [`LINE_LEN_MAX`].
pub(crate) struct Lines<S> {
    reader: BufReader<S>,
    line: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Lines<S> {
    pub(crate) fn of(stream: S) -> Self {
        Lines { reader: BufReader::new(stream), line: Vec::new() }
    }

    /// The next line; none at the end.
    pub(crate) async fn next(&mut self) -> Option<String> {
        self.line.clear();
        match (&mut self.reader).take(LINE_LEN_MAX).read_until(b'\n', &mut self.line).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(String::from_utf8_lossy(&self.line).trim_end().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_without_end_comes_in_pieces() {
        let text = format!("{}\nshort", "x".repeat(LINE_LEN_MAX as usize + 10));
        let mut lines = Lines::of(text.as_bytes());
        for len in [LINE_LEN_MAX as usize, 10, 5] {
            assert_eq!(lines.next().await.map(|line| line.len()), Some(len));
        }
        assert_eq!(lines.next().await, None);
    }
}
