//! One connection: bytes are written, and whatever comes meanwhile is kept.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf};

use super::stream::Stream;

/// How many bytes are asked for at once.
const READ_BYTES: usize = 16 * 1024;

/// A connection and what has come over it that nobody has taken.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    /// Room for what is read; `start..end` of it is there.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether a request has gone over it before.
    pub(crate) is_used: bool,
}

/// How far a piece of a request was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// To its end.
    All,
    /// Something came from the other side before; more need not be sent.
    Interrupted,
}

impl Connection {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, bytes: Vec::new(), start: 0, end: 0, is_used: false }
    }

    /// Returns what has come and was not taken.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn take(&mut self, n: usize) {
        self.start += n;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Reads once, at most `most` bytes, and returns how many came; 0 at the end.
    pub(crate) async fn fill(&mut self, most: usize) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx, most)).await
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        if self.bytes.len() - self.end < READ_BYTES {
            self.bytes.drain(..self.start);
            (self.start, self.end) = (0, self.end - self.start);
            self.bytes.resize(self.end + READ_BYTES, 0);
        }
        let end = self.bytes.len().min(self.end.saturating_add(most));
        let mut room = ReadBuf::new(&mut self.bytes[self.end..end]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room))?;
        let n = room.filled().len();
        self.end += n;
        Poll::Ready(Ok(n))
    }

    /// Writes two pieces as one, and counts in `n_written` what the system took. What comes from the other
    /// side while it does not take more ends the writing.
    pub(crate) async fn write(
        &mut self,
        pieces: [&[u8]; 2],
        n_written: &mut u64,
    ) -> io::Result<Written> {
        let [mut head, mut tail] = pieces;
        poll_fn(|cx| {
            while !head.is_empty() || !tail.is_empty() {
                let stream = Pin::new(&mut self.stream);
                let written = if head.is_empty() {
                    stream.poll_write(cx, tail)
                } else {
                    stream.poll_write_vectored(cx, &[IoSlice::new(head), IoSlice::new(tail)])
                };
                match written {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(n)) => {
                        *n_written += n as u64;
                        let of_head = n.min(head.len());
                        head = &head[of_head..];
                        tail = &tail[n - of_head..];
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return self.poll_interrupted(cx),
                }
            }
            match Pin::new(&mut self.stream).poll_flush(cx)? {
                Poll::Ready(()) => Poll::Ready(Ok(Written::All)),
                Poll::Pending => self.poll_interrupted(cx),
            }
        })
        .await
    }

    fn poll_interrupted(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Written>> {
        ready!(self.poll_fill(cx, READ_BYTES))?;
        Poll::Ready(Ok(Written::Interrupted))
    }

    /// Closes the sending half.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}
