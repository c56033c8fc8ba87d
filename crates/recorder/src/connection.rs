//! One connection, from its first byte to its last.
//!
//! A socket comes in, and is closed when this returns: because the client is done, because it broke a
//! limit, or because the listener is stopping and no request is under way.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, timeout};

use crate::capture::Capture;
use crate::fault::Injected;
use crate::limits::Limits;

/// The smallest buffer that hyper takes without a panic.
const BUFFER_BYTES_MIN: usize = 8 << 10;

/// Serves a connection until it ends, or until `stop` turns true and its request is answered.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    capture: Arc<Capture>,
    keep_alive: bool,
    mut stop: watch::Receiver<bool>,
) {
    let limits = capture.limits.clone();
    if capture.resets_on_accept() {
        let _ = stream.set_zero_linger();
        return;
    }
    let Some(stream) = first_byte(stream, limits.first_byte, &mut stop).await else { return };
    // Without it a small reply waits for the client's acknowledgement of the one before. Where the
    // system refuses, replies are late, not wrong.
    let _ = stream.set_nodelay(true);
    // Taken from the queue of a listener that is stopping, this is its only request.
    let mut stopping = *stop.borrow();
    let keep_alive = keep_alive && !stopping;
    let unread = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let unread = Arc::clone(&unread);
        move |request| Box::pin(Arc::clone(&capture).exchange(request, peer, Arc::clone(&unread)))
    });
    let wire = Wire { stream, patience: limits.reply, deadline: None };
    let mut connection =
        http1_builder(&limits, keep_alive).serve_connection(TokioIo::new(wire), service);
    let ended = loop {
        tokio::select! {
            // Polled first, so that the bytes that are there are read before hyper is told to stop: a
            // connection of which it has read nothing is closed at once.
            biased;
            ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break ended,
            // An error means that the listener is gone, which is reason enough.
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner().stream;
    if let Some(injected) = ended.as_ref().err().and_then(Injected::find)
        && injected.play(&mut stream, &limits, &mut stop).await
    {
        let _ = stream.set_zero_linger();
        return;
    }
    let may_come = ended.is_err() || unread.load(Ordering::Relaxed) || !parts.read_buf.is_empty();
    close(stream, if may_come { limits.linger } else { Duration::ZERO }).await;
}

/// Waits for the first byte without taking it. hyper's own limit begins at the first byte, so without
/// this a client that says nothing would stay for ever.
async fn first_byte(
    stream: TcpStream,
    within: Duration,
    stop: &mut watch::Receiver<bool>,
) -> Option<TcpStream> {
    let mut first = [0];
    tokio::select! {
        peeked = timeout(within, stream.peek(&mut first)) => {
            return matches!(peeked, Ok(Ok(1..))).then_some(stream);
        }
        _ = stop.wait_for(|stop| *stop) => {}
    }
    // A request that is there already is answered, even when the listener is stopping. The system is
    // asked directly: the runtime may not have heard of it yet.
    let stream = stream.into_std().ok()?;
    if matches!(stream.peek(&mut first), Ok(1..)) { TcpStream::from_std(stream).ok() } else { None }
}

/// Never with `pipeline_flush`: hyper would then drop its own 400 and 431 unsent.
fn http1_builder(limits: &Limits, keep_alive: bool) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.head_bytes.max(BUFFER_BYTES_MIN))
        .max_headers(limits.header_lines)
        .keep_alive(keep_alive)
        // A client may close its sending half after the request and still wants the reply. It also
        // keeps hyper from dropping an exchange halfway when the client has gone: what was forwarded
        // is recorded to its end.
        .half_close(true);
    builder
}

/// Says that no more will be sent, and then reads what still comes, at most for `linger`.
async fn close(mut stream: TcpStream, linger: Duration) {
    if stream.shutdown().await.is_err() || linger.is_zero() {
        return;
    }
    let mut sink = vec![0; 16 << 10];
    let _ = timeout(linger, async { while let Ok(1..) = stream.read(&mut sink).await {} }).await;
}

/// A socket that gives a client only so long to take a reply.
///
/// The time runs from the first write that has to wait to the end of the flush, which is the whole
/// reply; counted from write to write, one byte at a time would hold a reply's memory for hours.
struct Wire {
    stream: TcpStream,
    patience: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    fn limit<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            return polled;
        }
        let patience = self.patience;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.limit(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.limit(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        if polled.is_ready() {
            self.deadline = None;
        }
        self.limit(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
