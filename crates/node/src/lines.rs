//! What processes write, line by line, to the end.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long the end of what a process has written is waited for once it has ended. What it has started may go on writing.
const END_DEADLINE: Duration = Duration::from_secs(2);

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

/// The tasks that read what one process writes.
#[derive(Default)]
pub(crate) struct Readers(JoinSet<()>);

impl Readers {
    pub(crate) fn spawn(&mut self, reader: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(reader);
    }

    /// The process has ended: waits until all that it has written is read. What still comes after that, from others that have
    /// its output, is read without anybody waiting for it.
    ///
    /// Cancel safe.
    pub(crate) async fn finish(&mut self) {
        let all = async { while self.0.join_next().await.is_some() {} };
        if timeout(END_DEADLINE, all).await.is_err() {
            self.0.detach_all();
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.0.detach_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_process_has_ended_when_all_that_it_has_written_is_read() {
        let (read, mut written) = tokio::sync::oneshot::channel();
        let mut readers = Readers::default();
        readers.spawn(async move {
            tokio::time::sleep(END_DEADLINE / 2).await;
            let _ = read.send(());
        });
        // Whoever waits may be interrupted.
        assert!(timeout(END_DEADLINE / 4, readers.finish()).await.is_err());
        assert!(written.try_recv().is_err());
        readers.finish().await;
        assert_eq!(written.try_recv(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_output_that_others_keep_open_is_read_on_and_not_waited_for() {
        let (read, written) = tokio::sync::oneshot::channel();
        let mut readers = Readers::default();
        readers.spawn(async move {
            tokio::time::sleep(END_DEADLINE * 2).await;
            let _ = read.send(());
        });
        let begun = tokio::time::Instant::now();
        readers.finish().await;
        assert_eq!(begun.elapsed(), END_DEADLINE);
        drop(readers);
        assert_eq!(written.await, Ok(()));
    }

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
