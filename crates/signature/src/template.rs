//! A template: what is signed, and in which header lines the signature goes.
//!
//! As text, parts are separated by a semicolon and a space. `content=…` is what is signed, `key=…` how
//! a secret becomes a key, `tolerance=…` how far from the receiver's clock a timestamp may be; every
//! other part is a header line. What stands in brackets is repeated for each secret, with its first
//! character as the separator:
//!
//! ```text
//! content={timestamp}.{body}; tolerance=300s; stripe-signature: t={timestamp}[,v1={hmac-sha256:hex}]
//! ```

use std::fmt;

use crate::mark::{Algorithm, Encoding, Mark};

/// How far a timestamp may be from the clock, in seconds, where a template says nothing else. It is
/// what Standard Webhooks permits, into the past and into the future alike.
pub const TOLERANCE_S: u64 = 300;

/// What is signed, how a secret becomes a key, and where the signature goes. It can be used: what
/// nobody could verify is refused when it is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub(crate) content: Vec<Piece>,
    pub(crate) key: KeyForm,
    pub(crate) tolerance_s: u64,
    pub(crate) lines: Vec<Line>,
    pub(crate) unit: Option<Unit>,
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text that stands as it is.
    Text(String),
    /// The id of the message.
    Id,
    /// The time of the try.
    Timestamp(Unit),
    /// The body, byte for byte.
    Body,
    /// The address that the message is sent to.
    Url,
    /// A signature; only in header lines.
    Signature(Mark),
}

/// The unit of a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Whole seconds since 1970.
    Seconds,
    /// Whole milliseconds since 1970.
    Milliseconds,
}

/// How the text of a secret becomes the key of an HMAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyForm {
    /// What the text begins with, and what is no part of the key.
    pub(crate) prefix: String,
    /// How the rest is decoded; nothing: its bytes are the key.
    pub(crate) encoding: Option<Encoding>,
}

/// One header line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// What is between entries; nothing: there is one entry.
    pub(crate) separator: Option<char>,
    pub(crate) entries: Vec<Entry>,
}

/// A part of a header's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) pieces: Vec<Piece>,
    /// Whether it is written once for each secret.
    pub(crate) repeats: bool,
}

impl Template {
    /// Tells whether a header carries the time.
    pub const fn has_timestamp(&self) -> bool {
        self.unit.is_some()
    }

    /// Tells whether a header carries the id of the message.
    pub fn has_id_header(&self) -> bool {
        self.pieces_of_lines().any(|piece| *piece == Piece::Id)
    }

    /// Tells whether the id of the message is needed to sign and verify.
    pub fn needs_id(&self) -> bool {
        self.content.contains(&Piece::Id) || self.has_id_header()
    }

    /// Tells whether the signature covers the body. One that does not protects nothing of it.
    pub fn covers_body(&self) -> bool {
        self.content.contains(&Piece::Body)
    }

    /// Tells whether the address is needed to sign and verify.
    pub fn needs_url(&self) -> bool {
        self.content.contains(&Piece::Url)
    }

    /// Returns how far from the clock a timestamp may be, in seconds.
    pub const fn tolerance_s(&self) -> u64 {
        self.tolerance_s
    }

    /// Returns the algorithms of its signatures, each once.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let mut found = Vec::new();
        for piece in self.pieces_of_lines() {
            if let Piece::Signature(mark) = piece
                && !found.contains(&mark.algorithm)
            {
                found.push(mark.algorithm);
            }
        }
        found
    }

    /// Returns the names of its header lines.
    pub fn header_names(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| line.name.as_str())
    }

    /// Tells whether one line can hold the signatures of several secrets.
    pub fn has_list(&self) -> bool {
        self.lines.iter().any(|line| line.separator.is_some())
    }

    pub(crate) fn pieces_of_lines(&self) -> impl Iterator<Item = &Piece> {
        self.lines.iter().flat_map(|line| &line.entries).flat_map(|entry| &entry.pieces)
    }
}

impl Line {
    pub(crate) fn has_signature(&self) -> bool {
        self.entries.iter().any(|entry| entry.mark().is_some())
    }
}

impl Entry {
    pub(crate) fn mark(&self) -> Option<Mark> {
        self.pieces.iter().find_map(|piece| match piece {
            Piece::Signature(mark) => Some(*mark),
            _ => None,
        })
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Self::Id => f.write_str("{id}"),
            Self::Timestamp(Unit::Seconds) => f.write_str("{timestamp}"),
            Self::Timestamp(Unit::Milliseconds) => f.write_str("{timestamp_ms}"),
            Self::Body => f.write_str("{body}"),
            Self::Url => f.write_str("{url}"),
            Self::Signature(mark) => write!(f, "{mark}"),
        }
    }
}

pub(crate) fn print(pieces: &[Piece]) -> String {
    pieces.iter().map(ToString::to_string).collect()
}

impl fmt::Display for KeyForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoding = self.encoding.map_or("text", Encoding::as_str);
        write!(f, "{}{{{encoding}}}", self.prefix)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        for (place, entry) in self.entries.iter().enumerate() {
            let text = print(&entry.pieces);
            match self.separator {
                Some(separator) if entry.repeats => write!(f, "[{separator}{text}]")?,
                Some(separator) if place > 0 => write!(f, "{separator}{text}")?,
                _ => f.write_str(&text)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "content={}; key={}", print(&self.content), self.key)?;
        if self.has_timestamp() {
            write!(f, "; tolerance={}s", self.tolerance_s)?;
        }
        for line in &self.lines {
            write!(f, "; {line}")?;
        }
        Ok(())
    }
}
