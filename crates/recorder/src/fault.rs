//! Faults in replies: what hostile networks and broken servers do to a reply, on purpose.
//!
//! A fault and the reply that it is to spoil come in; the bytes that a client sees go out. hyper refuses
//! to write what is no HTTP, so a reply with a fault never goes through it: the service fails with an
//! [`Injected`], which makes hyper let go of the connection, and what is to be seen is then played on the
//! bare stream. Bytes are counted from there, whatever the connection has carried before, and the
//! connection ends with it. Over HTTP/2 any fault resets its stream: there is no bare stream to play on.

use std::error::Error;
use std::fmt;
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use ringback_exchange::{Headers, Reply};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::limits::Limits;
use crate::message;

/// What is done to a reply in place of giving it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is answered, until the client gives up or [`Limits::fault`] is over.
    Timeout,
    /// The connection is reset before a byte of the reply.
    Reset,
    /// The connection is reset after the head of the reply.
    ResetAfterHead,
    /// The connection is closed without a byte.
    Empty,
    /// Bytes come that are no HTTP, and the connection is closed.
    Garbage,
    /// The connection is closed after so many bytes of the body, fewer than the head has promised.
    Truncate(usize),
    /// The body comes so many bytes a second, for [`Limits::fault`] at most.
    Drip(NonZeroU32),
    /// `Content-Length` is off by so many bytes: more, and the end never comes; fewer, and what is left
    /// looks like the begin of another reply.
    Length(i64),
}

/// Bytes that are no HTTP. The first are what a TLS server says to one who speaks HTTP.
const GARBAGE: &[u8] = b"\x15\x03\x01\x00\x02\x02\x16\xFF\xFEthis is no HTTP\x00\r\n";

/// How often a drip is written at most.
const DRIPS_PER_SECOND: u32 = 20;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("timeout"),
            Self::Reset => f.write_str("reset"),
            Self::ResetAfterHead => f.write_str("reset-after-head"),
            Self::Empty => f.write_str("empty"),
            Self::Garbage => f.write_str("garbage"),
            Self::Truncate(bytes) => write!(f, "truncate({bytes})"),
            Self::Drip(rate) => write!(f, "drip({rate}/s)"),
            Self::Length(by) => write!(f, "length({by:+})"),
        }
    }
}

impl Fault {
    /// Tells whether a client sees anything of the reply.
    pub(crate) const fn shows_reply(self) -> bool {
        match self {
            Self::Timeout | Self::Reset | Self::Empty | Self::Garbage => false,
            Self::ResetAfterHead | Self::Truncate(_) | Self::Drip(_) | Self::Length(_) => true,
        }
    }

    /// Says what is wrong with the fault for a reply with a body of so many bytes.
    pub(crate) fn misfit(self, body: usize) -> Option<String> {
        let misfit =
            |why: &str| Some(format!("`{self}` does nothing to a body of {body} bytes: {why}"));
        match self {
            Self::Truncate(bytes) if bytes >= body => misfit("cut it after fewer"),
            Self::Drip(_) if body == 0 => misfit("give the reply one"),
            Self::Length(0) => Some("`length(+0)` is the right length".to_owned()),
            Self::Length(by) if by.unsigned_abs() > body as u64 && by < 0 => {
                misfit("a length cannot be below 0")
            }
            _ => None,
        }
    }
}

/// A fault that is to be played in place of a reply. It is the error with which the service fails.
#[derive(Debug, Clone)]
pub(crate) struct Injected {
    fault: Fault,
    head: Bytes,
    body: Bytes,
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault on purpose: {}", self.fault)
    }
}

impl Error for Injected {}

/// Spoils a reply: returns what is left of it for the record, which is what a client gets to see. HEAD
/// gets no body in any case.
pub(crate) fn spoil(fault: Fault, mut reply: Reply, to_head: bool) -> Option<Reply> {
    if !fault.shows_reply() {
        return None;
    }
    let length = reply.body.0.len() as u64;
    let said = match fault {
        Fault::Length(by) => length.saturating_add_signed(by),
        _ => length,
    };
    reply.headers.0.retain(|line| !line.0.eq_ignore_ascii_case("content-length"));
    reply.headers.push("content-length", said.to_string());
    reply.headers.push("connection", "close");
    match fault {
        _ if to_head => reply.body = Bytes::new().into(),
        Fault::ResetAfterHead => reply.body = Bytes::new().into(),
        Fault::Truncate(bytes) => reply.body.0.truncate(bytes),
        _ => {}
    }
    Some(reply)
}

impl Injected {
    /// Makes a fault ready to be played. `reply` is what [`spoil`] has left, and `body` its body, held by
    /// whatever has to be held until it is written.
    pub(crate) fn new(fault: Fault, reply: Option<&Reply>, body: Bytes) -> Self {
        let head = reply.map(|reply| head(reply.status, &reply.headers)).unwrap_or_default();
        Self { fault, head, body }
    }

    /// Finds the fault in the error with which hyper has let go of a connection.
    pub(crate) fn find(error: &hyper::Error) -> Option<&Self> {
        error.source()?.downcast_ref()
    }

    /// Plays the fault, until its end or until `stop` turns true. Returns whether the connection is to be
    /// reset now; otherwise it is to be closed.
    pub(crate) async fn play<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        limits: &Limits,
        stop: &mut watch::Receiver<bool>,
    ) -> bool {
        let played = async {
            match self.fault {
                Fault::Timeout => wait_for_end(stream).await,
                Fault::Reset | Fault::Empty => Ok(()),
                Fault::Garbage => write(stream, GARBAGE, limits.reply).await,
                Fault::ResetAfterHead => write(stream, &self.head, limits.reply).await,
                Fault::Truncate(_) | Fault::Length(_) => {
                    write(stream, &self.head, limits.reply).await?;
                    write(stream, &self.body, limits.reply).await
                }
                Fault::Drip(rate) => {
                    write(stream, &self.head, limits.reply).await?;
                    drip(stream, &self.body, rate).await
                }
            }
        };
        // A listener that stops does not wait for what hangs on purpose.
        let played = tokio::select! {
            played = timeout(limits.fault, played) => matches!(played, Ok(Ok(()))),
            _ = stop.wait_for(|stop| *stop) => false,
        };
        match self.fault {
            Fault::Reset | Fault::ResetAfterHead => true,
            // What was not written to its end must not look like an end.
            Fault::Drip(_) => !played,
            _ => false,
        }
    }
}

/// Writes the head of a reply as HTTP/1.1. Its lines are judged when a script is made ready.
fn head(status: u16, headers: &Headers) -> Bytes {
    let reason = StatusCode::from_u16(status).ok().and_then(|it| it.canonical_reason());
    let mut head = Vec::new();
    head.extend(format!("HTTP/1.1 {status} {}\r\n", reason.unwrap_or_default()).as_bytes());
    for (name, value) in headers.iter() {
        if message::header(name, value).is_some() {
            head.extend([name.as_bytes(), b": ", &value.0, b"\r\n"].concat());
        }
    }
    head.extend(b"\r\n");
    head.into()
}

/// Reads and throws away until the client is done.
async fn wait_for_end(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    let mut sink = vec![0; 4 << 10];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}

async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    within: Duration,
) -> std::io::Result<()> {
    let written = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    timeout(within, written).await?
}

async fn drip(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    rate: NonZeroU32,
) -> std::io::Result<()> {
    let drop = (rate.get() / DRIPS_PER_SECOND).max(1);
    let pause = Duration::from_secs_f64(f64::from(drop) / f64::from(rate.get()));
    let mut ticks = tokio::time::interval(pause);
    for drop in bytes.chunks(drop as usize) {
        ticks.tick().await;
        stream.write_all(drop).await?;
        stream.flush().await?;
    }
    Ok(())
}

/// Says a fault and what it takes away, for the record: `truncate(10) of 52 bytes`.
pub(crate) fn note(fault: Fault, reply: &Reply) -> String {
    let mut note = fault.to_string();
    if let Fault::Truncate(_) = fault {
        let _ = write!(note, " of {} bytes", reply.body.0.len());
    }
    note
}
