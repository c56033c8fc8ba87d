//! One connection, from its first byte to its last.
//!
//! A socket comes in, and is closed when this returns: because the client is done, because it broke a
//! limit, or because the listener is stopping and no request is under way.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::capture::Capture;
use crate::limits::Limits;
use crate::line::Line;
use crate::patient::Patient;
use crate::refusal::Refusal;
use crate::stream::Stream;
use crate::tape::Tape;
use crate::tee::{SharedTape, Tee};

/// The smallest buffer that hyper takes without a panic.
const BUFFER_BYTES_MIN: usize = 8 << 10;

/// Serves a connection until it ends, or until `stop` turns true and its request is answered.
pub(crate) async fn serve(
    socket: TcpStream,
    peer: SocketAddr,
    capture: Arc<Capture>,
    keep_alive: bool,
    mut stop: watch::Receiver<bool>,
) {
    let limits = &capture.limits;
    let Some(socket) = first_byte(socket, limits.first_byte, &mut stop).await else { return };
    // Without it a small reply waits for the client's acknowledgement of the one before. Where the
    // system refuses, replies are late, not wrong.
    let _ = socket.set_nodelay(true);
    let stream = Stream::plain(Patient::new(socket, limits.reply));
    let tape = SharedTape::new(Tape::new(limits.header_lines, limits.head_bytes));
    let line = Line::new(capture.next_connection(), peer.to_string(), Some(tape.clone()));
    http1(Tee { stream, tape }, Arc::new(line), capture, keep_alive, stop).await;
}

/// Serves HTTP/1.
async fn http1(
    tee: Tee<Stream>,
    line: Arc<Line>,
    capture: Arc<Capture>,
    keep_alive: bool,
    mut stop: watch::Receiver<bool>,
) {
    // Taken from the queue of a listener that is stopping, this is its only request.
    let mut stopping = *stop.borrow();
    let keep_alive = keep_alive && !stopping;
    let tape = tee.tape.clone();
    let service =
        service_fn(|request| Box::pin(Arc::clone(&capture).exchange(request, Arc::clone(&line))));
    let mut connection =
        http1_builder(&capture.limits, keep_alive).serve_connection(TokioIo::new(tee), service);
    let ended = loop {
        tokio::select! {
            // Polled first, so that the bytes that are there are read before hyper is told to stop: a
            // connection of which it has read nothing is closed at once.
            biased;
            ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break ended,
            // An error means that the listener is gone, which is reason enough.
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    let mut may_come = line.has_unread() || !parts.read_buf.is_empty();
    if let Err(error) = ended {
        may_come = true;
        let unclaimed = tape.lock().unclaimed();
        if let Some(refusal) = Refusal::of(&error, unclaimed, &capture.limits) {
            capture.keep_refused(refusal, &line).await;
        }
    }
    let linger = if may_come { capture.limits.linger } else { Duration::ZERO };
    close(parts.io.into_inner().stream, linger).await;
}

/// Waits for the first byte without taking it. hyper's own limit begins at the first byte, so without
/// this a client that says nothing would stay for ever.
async fn first_byte(
    socket: TcpStream,
    within: Duration,
    stop: &mut watch::Receiver<bool>,
) -> Option<TcpStream> {
    let mut first = [0];
    tokio::select! {
        peeked = timeout(within, socket.peek(&mut first)) => {
            return matches!(peeked, Ok(Ok(1..))).then_some(socket);
        }
        _ = stop.wait_for(|stop| *stop) => {}
    }
    // A request that is there already is answered, even when the listener is stopping. The system is
    // asked directly: the runtime may not have heard of it yet.
    let socket = socket.into_std().ok()?;
    if matches!(socket.peek(&mut first), Ok(1..)) { TcpStream::from_std(socket).ok() } else { None }
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
async fn close(mut stream: Stream, linger: Duration) {
    if stream.shutdown().await.is_err() || linger.is_zero() {
        return;
    }
    let mut sink = vec![0; 16 << 10];
    let _ = timeout(linger, async { while let Ok(1..) = stream.read(&mut sink).await {} }).await;
}
