//! What hyper has read of a connection, split into requests as they came.
//!
//! hyper hands out header names in lower case and without their order. So the bytes that it reads are
//! put down here too, and when it has understood a head, that head is claimed from the front of them.
//! Where its body ends follows from hyper's own decision about its length; the bytes of bodies are
//! counted and not kept. What was never claimed is what hyper refused.

use bytes::Bytes;
use ringback_exchange::{Content, Header, Headers};

use crate::chunks::Chunks;
use crate::framing::{self, Note, Parts};

/// As many header lines as fit on the stack; more are split on the heap.
const LINES_ON_STACK: usize = 100;

/// How long hyper says that a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// So many bytes.
    Bytes(u64),
    /// As many as its chunks have.
    Chunked,
}

/// A head as it came.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// All of it, with its line ends.
    pub(crate) bytes: Bytes,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Headers,
    pub(crate) notes: Vec<Note>,
}

/// The bytes of one connection.
#[derive(Debug)]
pub(crate) struct Tape {
    at: At,
    /// What came behind the last request and belongs to no head yet. hyper reads no further than its
    /// own buffer while it has not understood a head, so this is never longer than that buffer.
    unclaimed: Vec<u8>,
    /// Of the request that was claimed last.
    has_extensions: bool,
    trailers: Vec<u8>,
    limits: Limits,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    lines: usize,
    trailer_bytes: usize,
}

#[derive(Debug)]
enum At {
    Head,
    Body(u64),
    Chunks(Chunks),
}

impl Tape {
    /// Begins before the first byte.
    pub(crate) fn new(header_lines: usize, head_bytes: usize) -> Self {
        let limits = Limits { lines: header_lines, trailer_bytes: head_bytes };
        let (unclaimed, trailers) = (Vec::new(), Vec::new());
        Self { at: At::Head, unclaimed, has_extensions: false, trailers, limits }
    }

    /// Takes down bytes that hyper has read.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match &mut self.at {
                At::Head => {
                    self.unclaimed.extend_from_slice(bytes);
                    return;
                }
                At::Body(left) => {
                    let taken =
                        usize::try_from(*left).map_or(bytes.len(), |it| it.min(bytes.len()));
                    *left -= taken as u64;
                    bytes = &bytes[taken..];
                    if *left == 0 {
                        self.at = At::Head;
                    }
                }
                At::Chunks(chunks) => {
                    bytes = chunks.feed(bytes);
                    if chunks.has_ended() {
                        self.has_extensions = chunks.has_extensions;
                        self.trailers = std::mem::take(&mut chunks.trailers);
                        self.at = At::Head;
                    }
                }
            }
        }
    }

    /// Takes the head that hyper has understood just now from the front. None would mean that hyper
    /// reads a head differently from the parser that it uses itself.
    pub(crate) fn claim(&mut self, length: Length) -> Option<Head> {
        let (head, end) = if self.limits.lines <= LINES_ON_STACK {
            split(&self.unclaimed, &mut [httparse::EMPTY_HEADER; LINES_ON_STACK])?
        } else {
            split(&self.unclaimed, &mut vec![httparse::EMPTY_HEADER; self.limits.lines])?
        };
        // Not kept for the next head: an idle connection holds nothing.
        let behind = std::mem::take(&mut self.unclaimed);
        self.at = match length {
            Length::Bytes(0) => At::Head,
            Length::Bytes(bytes) => At::Body(bytes),
            Length::Chunked => At::Chunks(Chunks::new(self.limits.trailer_bytes)),
        };
        self.has_extensions = false;
        self.trailers = Vec::new();
        self.feed(&behind[end..]);
        Some(head)
    }

    /// Tells what stood between the chunks of the request that was claimed last, once its body has ended
    /// or never will: whether there were extensions, and the trailer lines.
    pub(crate) fn behind_body(&mut self) -> (bool, Headers) {
        let has_extensions = match &self.at {
            At::Chunks(chunks) => chunks.has_extensions,
            _ => self.has_extensions,
        };
        (has_extensions, trailers(&std::mem::take(&mut self.trailers), self.limits.lines))
    }

    /// Returns what hyper has read and made no request of.
    pub(crate) fn unclaimed(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.unclaimed)
    }
}

/// Splits the head at the front of `bytes`, and says where it ends. The values share one copy of it:
/// the buffer that they came in would stay in memory as long as they do.
fn split<'a>(bytes: &'a [u8], lines: &mut [httparse::Header<'a>]) -> Option<(Head, usize)> {
    let mut parsed = httparse::Request::new(lines);
    let httparse::Status::Complete(end) = parsed.parse(bytes).ok()? else { return None };
    let head = Bytes::copy_from_slice(&bytes[..end]);
    let place = |part: &[u8]| {
        let begin = part.as_ptr() as usize - bytes.as_ptr() as usize;
        head.slice(begin..begin + part.len())
    };
    let (method, target) = (parsed.method?.to_owned(), parsed.path?.to_owned());
    let headers = parsed.headers.iter();
    let headers =
        headers.map(|line| Header(line.name.to_owned(), Content(place(line.value)))).collect();
    let headers = Headers(headers);
    let notes = framing::notes(&Parts {
        bytes: &head,
        method: &method,
        target: &target,
        is_version_1_0: parsed.version == Some(0),
        headers: &headers,
    });
    Some((Head { bytes: head, method, target, headers, notes }, end))
}

fn trailers(bytes: &[u8], lines: usize) -> Headers {
    if bytes.len() <= b"\r\n".len() {
        return Headers::default();
    }
    let mut lines = vec![httparse::EMPTY_HEADER; lines];
    match httparse::parse_headers(bytes, &mut lines) {
        Ok(httparse::Status::Complete((_, lines))) => {
            lines.iter().map(|line| (line.name, line.value.to_vec())).collect()
        }
        // hyper has refused them too, and has said why.
        _ => Headers::default(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_are_claimed_one_after_the_other_however_the_bytes_come() {
        let wire =
            b"POST /1 HTTP/1.1\r\nHost: h\r\nX-B: 1\r\nx-a:2 \r\nX-B: 3\r\nContent-Length: 3\r\n\
                     \r\nabc\r\nPUT /2 HTTP/1.1\r\nHOST: h\r\nTransfer-Encoding: chunked\r\n\r\n\
                     2;x\r\nab\r\n0\r\nSum: 1\r\n\r\nGET /3 HTTP/1.0\n\nrest";
        for piece in 1..=wire.len() {
            let mut tape = Tape::new(100, 1000);
            let mut heads = Vec::new();
            for piece in wire.chunks(piece) {
                tape.feed(piece);
                // hyper claims what is whole as soon as it is.
                while heads.len() < 3 {
                    let length = [Length::Bytes(3), Length::Chunked, Length::Bytes(0)][heads.len()];
                    let Some(head) = tape.claim(length) else { break };
                    heads.push(head);
                }
            }
            let targets: Vec<_> = heads.iter().map(|head| head.target.as_str()).collect();
            assert_eq!(targets, ["/1", "/2", "/3"], "{piece}");
            let names: Vec<_> = heads[0].headers.0.iter().map(|line| line.0.as_str()).collect();
            assert_eq!(names, ["Host", "X-B", "x-a", "X-B", "Content-Length"]);
            assert_eq!(heads[0].headers.get("x-a"), Some("2"));
            assert!(heads[0].bytes.ends_with(b"Content-Length: 3\r\n\r\n"));
            assert_eq!(heads[1].notes, [Note::EmptyLinesBefore]);
            assert_eq!(heads[2].notes, [Note::BareLineFeed, Note::Version10]);
            assert_eq!(tape.unclaimed(), b"rest");
        }
    }

    #[test]
    fn trailers_and_extensions_are_those_of_the_request() {
        let mut tape = Tape::new(100, 1000);
        tape.feed(
            b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\nSum: 1\r\n\r\n",
        );
        tape.claim(Length::Chunked).unwrap();
        tape.feed(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(tape.behind_body(), (true, Headers::from_iter([("Sum", "1")])));
        tape.claim(Length::Bytes(0)).unwrap();
        assert_eq!(tape.behind_body(), (false, Headers::default()));
        assert_eq!(tape.unclaimed(), b"");
    }

    #[test]
    fn a_body_is_counted_and_not_kept() {
        let mut tape = Tape::new(100, 1000);
        tape.feed(b"PUT / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
        tape.claim(Length::Bytes(1_000_000)).unwrap();
        for _ in 0..1000 {
            tape.feed(&[b'x'; 1000]);
        }
        assert_eq!(tape.unclaimed.capacity(), 0);
        tape.feed(b"GET");
        assert_eq!(tape.unclaimed(), b"GET");
    }

    #[test]
    fn many_lines_are_split_where_they_are_permitted() {
        let head = format!("GET / HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(500));
        let mut tape = Tape::new(1000, 100_000);
        tape.feed(head.as_bytes());
        assert_eq!(tape.claim(Length::Bytes(0)).unwrap().headers.0.len(), 500);
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), chunked: bool) {
            let mut tape = Tape::new(10, 100);
            tape.feed(b"GET / HTTP/1.1\r\n\r\n");
            tape.claim(if chunked { Length::Chunked } else { Length::Bytes(7) }).unwrap();
            tape.feed(&bytes);
            tape.claim(Length::Bytes(0));
            tape.behind_body();
        }
    }
}
