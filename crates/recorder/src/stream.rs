//! What hyper reads from and writes to: a socket, with or without TLS on it.
//!
//! Three layers, and each has its place. Lowest the socket with its patience, which sees bytes as they
//! are on the wire; faults on purpose belong there too. Then TLS, or nothing. Above that the
//! [`Tee`](crate::tee::Tee), which sees HTTP.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use crate::patient::Patient;

/// How every connection of HTTP/2 begins (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream of HTTP.
#[derive(Debug)]
pub(crate) struct Stream {
    layer: Layer,
    /// Bytes that were looked at and are still to be read.
    seen: Vec<u8>,
}

#[derive(Debug)]
enum Layer {
    Plain(Patient),
    Tls(Box<TlsStream<Patient>>),
}

impl Stream {
    pub(crate) const fn plain(socket: Patient) -> Self {
        Self { layer: Layer::Plain(socket), seen: Vec::new() }
    }

    pub(crate) fn tls(stream: TlsStream<Patient>) -> Self {
        Self { layer: Layer::Tls(Box::new(stream)), seen: Vec::new() }
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        let socket = match &self.layer {
            Layer::Plain(socket) => socket,
            Layer::Tls(stream) => stream.get_ref().0,
        };
        let _ = socket.stream.set_zero_linger();
    }

    /// Tells whether the two sides have agreed on HTTP/2 while they agreed on TLS.
    pub(crate) fn has_chosen_http2(&self) -> bool {
        match &self.layer {
            Layer::Plain(_) => false,
            Layer::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }

    /// Looks whether the client begins as HTTP/2 does. Waits for as many bytes as tell.
    ///
    /// # Cancel safety
    ///
    /// What was looked at is still read later.
    pub(crate) async fn begins_as_http2(&mut self) -> io::Result<bool> {
        while self.seen.len() < PREFACE.len() && PREFACE.starts_with(&self.seen) {
            let mut bytes = [0; PREFACE.len()];
            let mut buffer = ReadBuf::new(&mut bytes[self.seen.len()..]);
            poll_fn(|cx| self.layer.poll_read(cx, &mut buffer)).await?;
            if buffer.filled().is_empty() {
                break;
            }
            self.seen.extend_from_slice(buffer.filled());
        }
        Ok(self.seen == PREFACE)
    }
}

impl Layer {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.seen.is_empty() {
            let count = self.seen.len().min(buffer.remaining());
            buffer.put_slice(&self.seen[..count]);
            self.seen.drain(..count);
            return Poll::Ready(Ok(()));
        }
        self.layer.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.layer {
            Layer::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Layer::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.layer {
            Layer::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Layer::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.layer {
            Layer::Plain(stream) => stream.is_write_vectored(),
            Layer::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.layer {
            Layer::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Layer::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.layer {
            Layer::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Layer::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
