//! One connection, from its first byte to its last.
//!
//! A socket comes in, and is closed when this returns: because the client is done, because it broke a
//! limit, or because the listener is stopping and no request is under way.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::capture::Capture;
use crate::fault::Injected;
use crate::http2;
use crate::limits::Limits;
use crate::line::Line;
use crate::patient::Patient;
use crate::refusal::Refusal;
use crate::replies::Replies;
use crate::stream::Stream;
use crate::tape::Tape;
use crate::tee::{SharedTape, Tee};
use crate::tls::Tls;

/// The byte that TLS begins with (RFC 8446 section 5.1: a record that is a handshake).
const TLS_HANDSHAKE: u8 = 0x16;

/// As much is kept of what came without TLS where TLS was due.
const PLAIN_BYTES: usize = 4 << 10;

/// What is answered to it, in clear text: the client would not understand anything else.
const PLAIN_REPLY: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// The smallest buffer that hyper takes without a panic.
const BUFFER_BYTES_MIN: usize = 8 << 10;

/// How clients may speak.
#[derive(Debug, Clone)]
pub(crate) struct Speech {
    /// Whether a connection of HTTP/1 takes a second request.
    pub(crate) keep_alive: bool,
    /// Whether HTTP/2 may begin without TLS.
    pub(crate) h2c: bool,
    pub(crate) tls: Option<Tls>,
}

/// Serves a connection until it ends, or until `stop` turns true and its request is answered.
pub(crate) async fn serve(
    socket: TcpStream,
    peer: SocketAddr,
    capture: Arc<Capture>,
    speech: Speech,
    mut stop: watch::Receiver<bool>,
) {
    let limits = &capture.limits;
    if capture.resets_on_accept() {
        let _ = socket.set_zero_linger();
        return;
    }
    let Some((socket, first)) = first_byte(socket, limits.first_byte, &mut stop).await else {
        return;
    };
    // Without it a small reply waits for the client's acknowledgement of the one before. Where the
    // system refuses, replies are late, not wrong.
    let _ = socket.set_nodelay(true);
    let (number, peer) = (capture.next_connection(), peer.to_string());
    let socket = Patient::new(socket, limits.reply);
    let opened = match &speech.tls {
        // Boxed, as below: a connection that says nothing would hold room for all that it may become.
        Some(tls) => Box::pin(handshake(socket, first, tls, limits)).await,
        None => Ok(Stream::plain(socket)),
    };
    let mut stream = match opened {
        Ok(stream) => stream,
        Err(refusal) => {
            let line = Line::http1(number, peer, SharedTape::new(Tape::new(0, 0)));
            return Box::pin(capture.keep_refused(refusal, &line)).await;
        }
    };
    let is_http2 = if speech.h2c {
        matches!(timeout(limits.first_byte, stream.begins_as_http2()).await, Ok(Ok(true)))
    } else {
        stream.has_chosen_http2()
    };
    if is_http2 {
        let replies = Replies::default();
        let line = Arc::new(Line::http2(number, peer, replies.clone()));
        return Box::pin(http2::serve(stream, line, replies, capture, stop)).await;
    }
    let tape = SharedTape::new(Tape::new(limits.header_lines, limits.head_bytes));
    let line = Arc::new(Line::http1(number, peer, tape.clone()));
    http1(Tee { stream, tape }, line, capture, speech.keep_alive, stop).await;
}

/// Agrees on TLS, or says why not.
async fn handshake(
    mut socket: Patient,
    first: u8,
    tls: &Tls,
    limits: &Limits,
) -> Result<Stream, Refusal> {
    if first != TLS_HANDSHAKE {
        let mut bytes = vec![0; limits.head_bytes.min(PLAIN_BYTES)];
        let length = timeout(limits.first_byte, socket.read(&mut bytes)).await;
        bytes.truncate(length.unwrap_or(Ok(0)).unwrap_or_default());
        let _ = timeout(limits.linger, socket.write_all(PLAIN_REPLY)).await;
        close(Stream::plain(socket), limits.linger).await;
        let why = "the client does not speak TLS, and here it must".to_owned();
        return Err(Refusal { bytes, why, status: Some(StatusCode::BAD_REQUEST) });
    }
    let why = match timeout(limits.head, tls.acceptor().accept(socket)).await {
        Ok(Ok(stream)) => return Ok(Stream::tls(stream)),
        Ok(Err(error)) => format!("the client and this side did not agree on TLS: {error}"),
        Err(_) => format!("the client had not agreed on TLS after {:?}", limits.head),
    };
    Err(Refusal { bytes: Vec::new(), why, status: None })
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
    let mut stream = parts.io.into_inner().stream;
    if let Err(error) = ended {
        may_come = true;
        if let Some(injected) = Injected::find(&error) {
            if injected.play(&mut stream, &capture.limits, &mut stop).await {
                return stream.reset();
            }
        } else {
            let unclaimed = tape.lock().unclaimed();
            if let Some(refusal) = Refusal::of(&error, unclaimed, &capture.limits) {
                Box::pin(capture.keep_refused(refusal, &line)).await;
            }
        }
    }
    let linger = if may_come { capture.limits.linger } else { Duration::ZERO };
    close(stream, linger).await;
}

/// Waits for the first byte without taking it. hyper's own limit begins at the first byte, so without
/// this a client that says nothing would stay for ever.
async fn first_byte(
    socket: TcpStream,
    within: Duration,
    stop: &mut watch::Receiver<bool>,
) -> Option<(TcpStream, u8)> {
    let mut first = [0];
    tokio::select! {
        peeked = timeout(within, socket.peek(&mut first)) => {
            return matches!(peeked, Ok(Ok(1..))).then_some((socket, first[0]));
        }
        _ = stop.wait_for(|stop| *stop) => {}
    }
    // A request that is there already is answered, even when the listener is stopping. The system is
    // asked directly: the runtime may not have heard of it yet.
    let socket = socket.into_std().ok()?;
    match socket.peek(&mut first) {
        Ok(1..) => Some((TcpStream::from_std(socket).ok()?, first[0])),
        _ => None,
    }
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
