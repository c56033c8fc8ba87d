//! A request as it goes over the wire: pure. A message, a style and a fault come in; what is written,
//! waited for and done to the connection goes out, and the message says what it has become.

use bytes::Bytes;
use rand::rngs::ChaCha12Rng;
use rand::{Rng as _, SeedableRng as _};
use ringback_exchange::{Header, Headers, Request};

use super::reply::Reading;
use crate::fault::{Argument, Fault, Kind, Point};
use crate::style::Style;

/// What is done with a connection, in this order.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    pub(crate) reading: Reading,
    /// Whether other requests may go over the same connection, before and after.
    pub(crate) shares_connection: bool,
    /// Whether the system is to keep little of what comes, so that reading slowly is felt.
    pub(crate) has_small_window: bool,
}

/// One thing that is done with a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Write both, as one.
    Send(Bytes, Bytes),
    /// Write at so many bytes a second.
    Drip(Bytes, u32),
    /// Wait for 100, as long as the style says.
    AwaitContinue,
    /// Close the sending half.
    Finish,
    /// Reset the connection, and read nothing.
    Reset,
}

/// Where lines end, and what the request line says, unless a fault wants otherwise.
const LINE_END: &str = "\r\n";
const VERSION: &str = "HTTP/1.1";

/// Puts a request into the form in which it is sent. The lines that frame its body are there already.
pub(crate) fn script(
    request: &mut Request,
    url: &str,
    style: &Style,
    fault: Option<Fault>,
) -> Script {
    if let Some(fault) = fault {
        alter(request, url, fault);
    }
    let reading = Reading { is_head: request.method == "HEAD", bytes_per_second: None };
    let mut script = Script {
        steps: Vec::with_capacity(3),
        reading,
        shares_connection: fault.is_none(),
        has_small_window: false,
    };
    let head = head(request, fault);
    let body = body(request, style, fault);
    let steps = &mut script.steps;
    let number = match fault.map(|fault| fault.argument) {
        Some(Argument::Number(n)) => n,
        _ => 0,
    };
    let (kind, point) = match fault {
        Some(Fault { kind, argument: Argument::Point(point) }) => (Some(kind), point),
        fault => (fault.map(|fault| fault.kind), Point::End),
    };
    if kind == Some(Kind::Garbage) {
        steps.push(Step::Send(body, Bytes::new()));
        return script;
    }
    match point {
        Point::Start => {}
        Point::Head => steps.push(Step::Send(head, Bytes::new())),
        Point::Body(n) => steps.push(Step::Send(head, body.slice(..body.len().min(n as usize)))),
        Point::End if kind == Some(Kind::SlowBody) => {
            steps.extend([Step::Send(head, Bytes::new()), Step::Drip(body, number)]);
        }
        Point::End if style.expect_continue.is_some() => {
            let send = |bytes| Step::Send(bytes, Bytes::new());
            steps.extend([send(head), Step::AwaitContinue, send(body)]);
        }
        Point::End => steps.push(Step::Send(head, body)),
    }
    match kind {
        Some(Kind::Cut) => steps.push(Step::Finish),
        Some(Kind::Reset) => steps.push(Step::Reset),
        Some(Kind::SlowRead) => {
            script.reading.bytes_per_second = Some(number);
            script.has_small_window = true;
        }
        _ => {}
    }
    script
}

/// Does to a request what can be done to its parts.
fn alter(request: &mut Request, url: &str, fault: Fault) {
    let length = request.body.0.len();
    let number = match fault.argument {
        Argument::Number(n) => n as usize,
        _ => 0,
    };
    let headers = &mut request.headers;
    match fault.kind {
        Kind::LengthTooLong => set_framing(headers, &[length + number], false),
        Kind::LengthTooShort => set_framing(headers, &[length.saturating_sub(number)], false),
        Kind::TwoLengths => set_framing(headers, &[length, length + 1], false),
        Kind::LengthAndChunked => set_framing(headers, &[length], true),
        Kind::NoLength => set_framing(headers, &[], false),
        Kind::BadChunk => set_framing(headers, &[], true),
        Kind::OddCase => {
            for Header(name, _) in &mut headers.0 {
                *name = odd_case(name);
            }
        }
        Kind::NoHost => headers.0.retain(|line| !line.0.eq_ignore_ascii_case("host")),
        Kind::TwoHosts => headers.0.insert(0, Header("host".to_owned(), "second.invalid".into())),
        Kind::FoldedLine => headers.push("x-folded", "one\r\n two"),
        Kind::SpaceBeforeColon => headers.push("x-space ", "1"),
        Kind::NulInValue => headers.push("x-nul", "a\0b"),
        Kind::BigHead => headers.push("x-big", "a".repeat(number * 1024)),
        Kind::AbsoluteTarget => request.target = url.to_owned(),
        Kind::Garbage => {
            *headers = Headers::default();
            request.body = garbage(number).into();
        }
        Kind::Cut
        | Kind::Reset
        | Kind::Hold
        | Kind::SlowBody
        | Kind::SlowRead
        | Kind::LfOnly
        | Kind::Http10
        | Kind::BadVersion => {}
    }
}

/// Replaces what says how long the body is.
fn set_framing(headers: &mut Headers, lengths: &[usize], is_chunked: bool) {
    let is_framing = |name: &str| {
        ["content-length", "transfer-encoding"].iter().any(|it| name.eq_ignore_ascii_case(it))
    };
    headers.0.retain(|line| !is_framing(&line.0));
    for length in lengths {
        headers.push("content-length", length.to_string());
    }
    if is_chunked {
        headers.push("transfer-encoding", "chunked");
    }
}

fn odd_case(name: &str) -> String {
    let odd = |(n, letter): (usize, char)| {
        if n % 2 == 0 { letter.to_ascii_lowercase() } else { letter.to_ascii_uppercase() }
    };
    name.chars().enumerate().map(odd).collect()
}

/// Bytes that are no HTTP from the first one on. An empty line ends them, so that nobody need wait for
/// more.
fn garbage(n: usize) -> Bytes {
    let mut bytes = vec![0; n];
    ChaCha12Rng::seed_from_u64(n as u64).fill_bytes(&mut bytes);
    if let Some(first) = bytes.first_mut() {
        *first |= 0x80;
    }
    let end = n.saturating_sub(4);
    bytes[end..].copy_from_slice(&b"\r\n\r\n"[4 - (n - end)..]);
    bytes.into()
}

fn head(request: &Request, fault: Option<Fault>) -> Bytes {
    let kind = fault.map(|fault| fault.kind);
    let version = match kind {
        Some(Kind::Http10) => "HTTP/1.0",
        Some(Kind::BadVersion) => "HTTP/9.9",
        _ => VERSION,
    };
    let end = if kind == Some(Kind::LfOnly) { "\n" } else { LINE_END };
    let lines: usize = request.headers.0.iter().map(|line| line.0.len() + line.1.0.len() + 4).sum();
    let mut head = Vec::with_capacity(request.method.len() + request.target.len() + 16 + lines);
    for text in [&request.method, " ", &request.target, " ", version, end] {
        head.extend_from_slice(text.as_bytes());
    }
    for Header(name, value) in &request.headers.0 {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(&value.0);
        head.extend_from_slice(end.as_bytes());
    }
    head.extend_from_slice(end.as_bytes());
    head.into()
}

fn body(request: &Request, style: &Style, fault: Option<Fault>) -> Bytes {
    let body = &request.body.0;
    let kind = fault.map(|fault| fault.kind);
    let is_chunked = request.headers.get("transfer-encoding") == Some("chunked");
    if !is_chunked {
        return body.clone();
    }
    let size = style.chunked.map_or(usize::MAX, std::num::NonZeroUsize::get);
    let mut bytes = Vec::with_capacity(body.len() + 64);
    for chunk in body.chunks(size) {
        let line = match kind {
            Some(Kind::BadChunk) => "five\r\n".to_owned(),
            _ => format!("{:x}\r\n", chunk.len()),
        };
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes.into()
}
