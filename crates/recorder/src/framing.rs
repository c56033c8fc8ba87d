//! What is odd about how a request says where it ends.
//!
//! The parsed head comes in; notes go out. Servers on one way that read such a request differently are
//! what request smuggling lives on (RFC 9112 section 11.2), and hyper takes some of them: they are
//! taken here too, and marked.

use std::fmt;

use ringback_exchange::{Content, Headers};

/// Something odd about the framing of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    EmptyLinesBefore,
    BareLineFeed,
    LengthAndEncoding,
    LengthTwice,
    EncodingBesideChunked,
    NoHost,
    HostTwice,
    AbsoluteTarget,
    BodyWithGet,
    ChunkExtensions,
    Version10,
}

impl Note {
    /// Tells whether two servers may read the request as two different ones.
    pub(crate) const fn is_ambiguous(self) -> bool {
        match self {
            Self::BareLineFeed
            | Self::LengthAndEncoding
            | Self::LengthTwice
            | Self::EncodingBesideChunked
            | Self::NoHost
            | Self::HostTwice => true,
            Self::EmptyLinesBefore
            | Self::AbsoluteTarget
            | Self::BodyWithGet
            | Self::ChunkExtensions
            | Self::Version10 => false,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyLinesBefore => "empty lines before the request line",
            Self::BareLineFeed => "a line ends in LF without CR",
            Self::LengthAndEncoding => "both Content-Length and Transfer-Encoding",
            Self::LengthTwice => "more than one Content-Length",
            Self::EncodingBesideChunked => "a Transfer-Encoding beside chunked",
            Self::NoHost => "no Host",
            Self::HostTwice => "more than one Host",
            Self::AbsoluteTarget => "the target is a whole address",
            Self::BodyWithGet => "a body with a method that has none",
            Self::ChunkExtensions => "chunk extensions",
            Self::Version10 => "HTTP/1.0",
        })
    }
}

/// A head as it came, split into its parts.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) is_version_1_0: bool,
    pub(crate) headers: &'a Headers,
}

/// Looks at a head.
pub(crate) fn notes(head: &Parts<'_>) -> Vec<Note> {
    let (mut lengths, mut hosts, mut encodings, mut is_chunked_alone) = (0, 0, 0, true);
    for (name, value) in head.headers.iter() {
        if name.eq_ignore_ascii_case("content-length") {
            lengths += 1;
        } else if name.eq_ignore_ascii_case("host") {
            hosts += 1;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            encodings += 1;
            is_chunked_alone &= value.0.eq_ignore_ascii_case(b"chunked");
        }
    }
    let has_length = lengths > 0 && head.headers.get_all("content-length").any(is_not_zero);
    let has_body = has_length || encodings > 0;
    let found = [
        (matches!(head.bytes.first(), Some(b'\r' | b'\n')), Note::EmptyLinesBefore),
        (has_bare_line_feed(head.bytes), Note::BareLineFeed),
        (lengths > 0 && encodings > 0, Note::LengthAndEncoding),
        (lengths > 1, Note::LengthTwice),
        (encodings > 1 || !is_chunked_alone, Note::EncodingBesideChunked),
        (hosts == 0 && !head.is_version_1_0, Note::NoHost),
        (hosts > 1, Note::HostTwice),
        (head.target.contains("://") && !head.target.starts_with('/'), Note::AbsoluteTarget),
        // RFC 9110 sections 9.3.1, 9.3.2 and 9.3.8: what such a body means is not defined.
        (has_body && matches!(head.method, "GET" | "HEAD" | "TRACE"), Note::BodyWithGet),
        (head.is_version_1_0, Note::Version10),
    ];
    found.into_iter().filter_map(|(is_so, note)| is_so.then_some(note)).collect()
}

fn is_not_zero(value: &Content) -> bool {
    value.0.iter().any(|byte| *byte != b'0')
}

fn has_bare_line_feed(bytes: &[u8]) -> bool {
    let mut before = 0;
    bytes.iter().any(|byte| {
        let is_bare = *byte == b'\n' && before != b'\r';
        before = *byte;
        is_bare
    })
}
