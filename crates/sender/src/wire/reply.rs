//! A reply, read from a connection as RFC 9112 frames it.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use ringback_exchange::{Failure, FailureDetail, Header, Headers, Outcome, Reply};

use super::connection::Connection;
use crate::attempt::{Ended, REPLY_BYTES_MAX};
use crate::classify::{Stage, deepest, of_talking};
use crate::phases::Phases;

/// How many bytes the head of a reply may have.
const HEAD_BYTES_MAX: usize = 256 * 1024;

/// How many header lines a reply may have, as with the other engine.
const LINES_MAX: usize = 100;

/// How many interim replies (100 to 199) may come before the reply.
const INTERIM_MAX: usize = 32;

/// How many bytes the line of a chunk's size and its extensions may have.
const CHUNK_LINE_BYTES_MAX: usize = 16 * 1024;

/// How a reply is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// Whether it has no body, whatever its lines say, because the request was HEAD.
    pub(crate) is_head: bool,
    /// How many bytes are taken a second, when not all at once.
    pub(crate) bytes_per_second: Option<u32>,
}

/// A reply that came, and whether another request may go over its connection.
pub(crate) struct Read {
    pub(crate) ended: Ended,
    pub(crate) keeps: bool,
}

/// The head of a reply.
struct Head {
    version: u8,
    status: u16,
    headers: Headers,
}

/// How the body of a reply ends (RFC 9112 section 6.3).
enum Framing {
    Length(u64),
    Chunked,
    Close,
}

/// Why no whole reply came.
enum Broken {
    /// The connection ended or failed.
    Io(io::Error),
    /// What came is no HTTP.
    NotHttp(String),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn not_http(why: impl Into<String>) -> Broken {
    Broken::NotHttp(why.into())
}

fn ended_early(what: &str) -> Broken {
    Broken::Io(io::Error::new(io::ErrorKind::UnexpectedEof, format!("closed {what}")))
}

/// Reads a reply to its end. What goes wrong is an outcome too.
pub(crate) async fn read(connection: &mut Connection, reading: Reading, phases: &Phases) -> Read {
    let failed = |broken, stage, status| {
        let (kind, detail) = match broken {
            Broken::Io(error) => (of_talking(&error, stage), deepest(&error)),
            Broken::NotHttp(why) => (Failure::BadHttp, why),
        };
        let detail = FailureDetail { kind, detail, status };
        Read { ended: Ended { outcome: Outcome::Failed(detail), cut_at: None }, keeps: false }
    };
    let head = match final_head(connection, reading, phases).await {
        Ok(head) => head,
        Err(broken) => return failed(broken, Stage::Head, None),
    };
    let framing = match framing(&head, reading) {
        Ok(framing) => framing,
        Err(broken) => return failed(broken, Stage::Head, None),
    };
    phases.answers_with(head.status);
    let mut body = Vec::new();
    let is_cut = match read_body(connection, &framing, reading, &mut body).await {
        Ok(is_cut) => is_cut,
        Err(broken) => return failed(broken, Stage::Body, Some(head.status)),
    };
    let keeps = !is_cut
        && !matches!(framing, Framing::Close)
        && head.status != 101
        && is_kept_alive(&head)
        && connection.unread().is_empty();
    let reply =
        Reply { status: head.status, headers: head.headers, body: Bytes::from(body).into() };
    let cut_at = is_cut.then_some(REPLY_BYTES_MAX as u64);
    Read { ended: Ended { outcome: Outcome::Answered(reply), cut_at }, keeps }
}

/// Waits for 100 or for the reply itself. Tells whether the body may be sent.
pub(crate) async fn may_continue(connection: &mut Connection, phases: &Phases) -> io::Result<bool> {
    loop {
        match parse(connection.unread()) {
            Ok(Some((head, length))) if head.status == 100 => {
                connection.take(length);
                return Ok(true);
            }
            // Others before it are of no interest.
            Ok(Some((head, length))) if (102..200).contains(&head.status) => {
                connection.take(length);
            }
            // Whatever else it is: the reader of the reply finds it again.
            Ok(Some(_)) | Err(_) => return Ok(false),
            Ok(None) if connection.unread().len() >= HEAD_BYTES_MAX => return Ok(false),
            Ok(None) => {
                if connection.fill(usize::MAX).await? == 0 {
                    return Ok(false);
                }
                phases.came();
            }
        }
    }
}

async fn final_head(
    connection: &mut Connection,
    reading: Reading,
    phases: &Phases,
) -> Result<Head, Broken> {
    let mut n_interim = 0;
    loop {
        if !connection.unread().is_empty() {
            phases.came();
        }
        match parse(connection.unread())? {
            // 101 is the end of HTTP on this connection, and so is an answer.
            Some((head, length)) if head.status < 200 && head.status != 101 => {
                connection.take(length);
                n_interim += 1;
                if n_interim > INTERIM_MAX {
                    return Err(not_http(format!("more than {INTERIM_MAX} interim replies")));
                }
            }
            Some((head, length)) => {
                connection.take(length);
                return Ok(head);
            }
            None if connection.unread().len() >= HEAD_BYTES_MAX => {
                return Err(not_http(format!("a head of more than {HEAD_BYTES_MAX} bytes")));
            }
            None => {
                let had = connection.unread().len();
                if more(connection, reading).await? == 0 {
                    return Err(ended_early(&if had == 0 {
                        "before any byte of a reply".to_owned()
                    } else {
                        format!("after {had} bytes of a head")
                    }));
                }
            }
        }
    }
}

/// Reads once, slowly where that is wanted.
async fn more(connection: &mut Connection, reading: Reading) -> io::Result<usize> {
    let Some(rate) = reading.bytes_per_second else {
        return connection.fill(usize::MAX).await;
    };
    let (bytes, pause) = pieces(rate);
    tokio::time::sleep(pause).await;
    connection.fill(bytes).await
}

/// Divides a rate into pieces: ten a second, or one byte at a time where it is slower.
pub(crate) fn pieces(bytes_per_second: u32) -> (usize, Duration) {
    let bytes = (bytes_per_second / 10).max(1);
    (bytes as usize, Duration::from_secs(1) * bytes / bytes_per_second.max(1))
}

/// Parses a head, and returns how long it is; nothing when it is not whole.
fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Broken> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut lines = [httparse::EMPTY_HEADER; LINES_MAX];
    let mut response = httparse::Response::new(&mut lines);
    let length = match response.parse(bytes).map_err(|error| not_http(error.to_string()))? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    if response.code.is_some_and(|code| code < 100) {
        return Err(not_http("a status below 100"));
    }
    // One piece of memory for all the values.
    let block = Bytes::copy_from_slice(&bytes[..length]);
    let place = |value: &[u8]| value.as_ptr() as usize - bytes.as_ptr() as usize;
    let headers = response.headers.iter().map(|line| {
        let at = place(line.value);
        let value = if line.value.is_empty() {
            Bytes::new()
        } else {
            block.slice(at..at + line.value.len())
        };
        Header(line.name.to_owned(), value.into())
    });
    let head = Head {
        version: response.version.unwrap_or(1),
        status: response.code.unwrap_or_default(),
        headers: Headers(headers.collect()),
    };
    Ok(Some((head, length)))
}

fn framing(head: &Head, reading: Reading) -> Result<Framing, Broken> {
    if reading.is_head || matches!(head.status, 101 | 204 | 304) {
        return Ok(Framing::Length(0));
    }
    let mut length = None;
    let mut coding = None;
    for Header(name, value) in &head.headers.0 {
        if name.eq_ignore_ascii_case("transfer-encoding") {
            coding = Some(value);
        } else if name.eq_ignore_ascii_case("content-length") {
            for text in value.0.split(|byte| *byte == b',') {
                let n = number(text.trim_ascii());
                let n = n.ok_or_else(|| not_http("a content-length that is no number"))?;
                if length.is_some_and(|other| other != n) {
                    return Err(not_http("two content-lengths that differ"));
                }
                length = Some(n);
            }
        }
    }
    if coding.is_some() && head.version == 0 {
        // RFC 9112 section 6.1: its framing is faulty.
        return Err(not_http("a transfer-encoding in HTTP/1.0"));
    }
    match (coding, length) {
        (Some(coding), _) => {
            let last = coding.0.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            let is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
            Ok(if is_chunked { Framing::Chunked } else { Framing::Close })
        }
        (None, Some(n)) => Ok(Framing::Length(n)),
        (None, None) => Ok(Framing::Close),
    }
}

/// Reads digits and nothing else, as RFC 9110 section 8.6 wants it.
fn number(text: &[u8]) -> Option<u64> {
    let is_digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_digits)?.parse().ok()
}

fn is_kept_alive(head: &Head) -> bool {
    let has = |token: &str| {
        head.headers.get_all("connection").any(|value| {
            let mut tokens = value.0.split(|byte| *byte == b',');
            tokens.any(|it| it.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
        })
    };
    if head.version == 0 { has("keep-alive") } else { !has("close") }
}

/// Reads the body, up to the limit of what is kept. Tells whether there was more.
async fn read_body(
    connection: &mut Connection,
    framing: &Framing,
    reading: Reading,
    body: &mut Vec<u8>,
) -> Result<bool, Broken> {
    match framing {
        Framing::Length(length) => read_bytes(connection, *length, reading, body).await,
        Framing::Chunked => read_chunks(connection, reading, body).await,
        Framing::Close => loop {
            if keep(connection, u64::MAX, body) {
                return Ok(true);
            }
            if more(connection, reading).await? == 0 {
                return Ok(false);
            }
        },
    }
}

/// Moves what has come, up to `most` bytes of it, to the body. Tells whether it did not fit.
fn keep(connection: &mut Connection, most: u64, body: &mut Vec<u8>) -> bool {
    let there = connection.unread();
    let n = there.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    let fits = n.min(REPLY_BYTES_MAX - body.len());
    body.extend_from_slice(&there[..fits]);
    connection.take(fits);
    fits < n
}

async fn read_bytes(
    connection: &mut Connection,
    length: u64,
    reading: Reading,
    body: &mut Vec<u8>,
) -> Result<bool, Broken> {
    let mut left = length;
    loop {
        let had = body.len();
        if keep(connection, left, body) {
            return Ok(true);
        }
        left -= (body.len() - had) as u64;
        if left == 0 {
            return Ok(false);
        }
        if more(connection, reading).await? == 0 {
            return Err(ended_early(&format!("{left} bytes before the end of the body")));
        }
    }
}

async fn read_chunks(
    connection: &mut Connection,
    reading: Reading,
    body: &mut Vec<u8>,
) -> Result<bool, Broken> {
    loop {
        let (line, size) = loop {
            let bad = |_| not_http("a chunk size that is no number");
            // The parser takes a line without any digit for a size of 0.
            if connection.unread().first().is_some_and(|byte| !byte.is_ascii_hexdigit()) {
                return Err(bad(httparse::InvalidChunkSize));
            }
            match httparse::parse_chunk_size(connection.unread()).map_err(bad)? {
                httparse::Status::Complete(found) => break found,
                httparse::Status::Partial => {}
            }
            wait_in_chunks(connection, reading, CHUNK_LINE_BYTES_MAX).await?;
        };
        // A line end inside an extension is how one reply is passed off as two.
        if connection.unread()[..line.saturating_sub(2)].contains(&b'\n') {
            return Err(not_http("a line end in a chunk extension"));
        }
        connection.take(line);
        if size == 0 {
            return read_trailers(connection, reading).await.map(|()| false);
        }
        if read_bytes(connection, size, reading, body).await? {
            return Ok(true);
        }
        while connection.unread().len() < 2 {
            wait_in_chunks(connection, reading, CHUNK_LINE_BYTES_MAX).await?;
        }
        if !connection.unread().starts_with(b"\r\n") {
            return Err(not_http("a chunk that is longer than its size"));
        }
        connection.take(2);
    }
}

/// Trailer lines are read to find the end of the reply, and not kept. They end with CRLF, as chunks do.
async fn read_trailers(connection: &mut Connection, reading: Reading) -> Result<(), Broken> {
    const END: &[u8] = b"\r\n\r\n";
    loop {
        let there = connection.unread();
        if there.starts_with(b"\r\n") {
            connection.take(2);
            return Ok(());
        }
        if let Some(at) = there.windows(END.len()).position(|four| four == END) {
            let mut lines = [httparse::EMPTY_HEADER; LINES_MAX];
            let end = at + END.len();
            httparse::parse_headers(&there[..end], &mut lines)
                .map_err(|error| not_http(format!("in the trailer: {error}")))?;
            connection.take(end);
            return Ok(());
        }
        wait_in_chunks(connection, reading, HEAD_BYTES_MAX).await?;
    }
}

async fn wait_in_chunks(
    connection: &mut Connection,
    reading: Reading,
    most: usize,
) -> Result<(), Broken> {
    if connection.unread().len() >= most {
        return Err(not_http(format!("more than {most} bytes between chunks")));
    }
    if more(connection, reading).await? == 0 {
        return Err(ended_early("before the last chunk"));
    }
    Ok(())
}
