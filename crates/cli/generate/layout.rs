//! How events stand in a stream: one a line, in an array, as HTTP requests, as a script.
//!
//! Events come in, framed bytes go out. An event that a frame would tear apart, such as one with a line
//! feed among JSON Lines, is refused with a layout that holds it.

use std::io::{self, Write};
use std::path::Path;

use clap::ValueEnum;
use ringback_exchange::{Request, curl};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use url::{Position, Url};

use super::corpus::Made;
use crate::error::CliError;

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Format {
    /// One event a line
    Jsonl,
    /// An array of events, or the event where there is but one
    #[value(alias = "array")]
    Json,
    /// The same over many lines, for people
    Pretty,
    /// One file for each event, in a folder
    Folder,
    /// HTTP/1.1 requests, one behind the other, as they go over the wire
    Http,
    /// A shell script that sends each event with curl
    Curl,
}

impl Format {
    /// Reads the format off a file's name: `corpus.json`, `corpus.http`, `corpus.sh`, `corpus/`; JSON
    /// Lines for any other. An ending `.zst` is not looked at.
    pub(super) fn of(path: &Path) -> Self {
        if path.is_dir() || path.as_os_str().to_string_lossy().ends_with(['/', '\\']) {
            return Self::Folder;
        }
        let path = if is_zstd(path) { path.with_extension("") } else { path.to_owned() };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Self::Json,
            Some("http") => Self::Http,
            Some("sh") => Self::Curl,
            _ => Self::Jsonl,
        }
    }
}

/// Tells whether a file's name promises zstd.
pub(super) fn is_zstd(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "zst")
}

/// Why no more is written.
#[derive(Debug)]
pub(super) enum Stop {
    /// Writing failed.
    Unwritten(io::Error),
    /// What was asked for cannot be made or written so.
    Refused(CliError),
    /// Somebody asked to stop.
    Interrupted,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Unwritten(error)
    }
}

impl From<CliError> for Stop {
    fn from(error: CliError) -> Self {
        Self::Refused(error)
    }
}

/// Frames events for one stream.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub(super) format: Format,
    /// Where requests go to.
    pub(super) url: &'a Url,
    /// Whether there is one event in all.
    pub(super) is_one: bool,
    /// Whether events are known to be JSON on one line.
    pub(super) is_untouched: bool,
    pub(super) is_first: bool,
}

impl Layout<'_> {
    const fn is_list(&self) -> bool {
        matches!(self.format, Format::Json | Format::Pretty) && !self.is_one
    }

    /// Writes what stands before the first event.
    pub(super) fn begin(&self, out: &mut impl Write) -> io::Result<()> {
        if self.is_list() {
            out.write_all(b"[")?;
        }
        if self.format == Format::Curl {
            out.write_all(b"#!/bin/sh\n")?;
        }
        Ok(())
    }

    /// Writes one event.
    pub(super) fn event(&mut self, made: &Made<'_>, out: &mut impl Write) -> Result<(), Stop> {
        if !self.is_untouched {
            self.check(made)?;
        }
        if self.is_list() && !self.is_first {
            out.write_all(b",\n")?;
        }
        self.is_first = false;
        match self.format {
            Format::Json | Format::Folder => out.write_all(made.bytes)?,
            Format::Pretty => pretty(made.bytes, out)?,
            Format::Jsonl => {
                out.write_all(made.bytes)?;
                // The documented example ends its own line.
                if !(self.is_one && made.bytes.ends_with(b"\n")) {
                    out.write_all(b"\n")?;
                }
            }
            Format::Http => {
                let authority = &self.url[Position::BeforeHost..Position::AfterPort];
                let target = &self.url[Position::BeforePath..Position::AfterQuery];
                let length = made.bytes.len();
                write!(
                    out,
                    "POST {target} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: \
                     application/json\r\ncontent-length: {length}\r\n\r\n"
                )?;
                out.write_all(made.bytes)?;
            }
            Format::Curl => {
                let request = Request {
                    method: "POST".to_owned(),
                    target: String::new(),
                    headers: [("content-type", "application/json")].into_iter().collect(),
                    body: made.bytes.to_vec().into(),
                };
                writeln!(out, "{}", curl(self.url.as_str(), &request))?;
            }
        }
        Ok(())
    }

    /// Writes what stands behind the last event.
    pub(super) fn end(&self, out: &mut impl Write) -> io::Result<()> {
        match self.format {
            Format::Json | Format::Pretty if self.is_list() => out.write_all(b"]\n"),
            Format::Json | Format::Pretty if !self.is_first => out.write_all(b"\n"),
            _ => Ok(()),
        }
    }

    /// Refuses an event that its frame would tear apart.
    fn check(&self, made: &Made<'_>) -> Result<(), CliError> {
        let why = match self.format {
            _ if self.is_one => return Ok(()),
            Format::Jsonl if made.bytes.contains(&b'\n') => {
                "holds a line feed, which would end its line"
            }
            Format::Jsonl if made.bytes.is_empty() => {
                "is empty, which an empty line would not show"
            }
            Format::Json | Format::Pretty if !is_json(made.bytes) => {
                "is not JSON, and neither would the array be"
            }
            _ => return Ok(()),
        };
        Err(CliError::usage(format!("event {} {why}", made.index))
            .hint("--format folder, http and curl hold any bytes"))
    }
}

/// Tells whether bytes are one JSON text; of strings that are passed over the parser does not look at the
/// encoding.
fn is_json(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// Lays an event out for people; what cannot be laid out is shown as it is.
fn pretty(event: &[u8], out: &mut impl Write) -> io::Result<()> {
    match serde_json::from_slice::<serde_json::Value>(event) {
        Ok(value) => Ok(serde_json::to_writer_pretty(out, &value)?),
        Err(_) => out.write_all(event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_the_format() {
        let of = |name: &str| Format::of(Path::new(name));
        assert_eq!(of("a.jsonl"), Format::Jsonl);
        assert_eq!(of("a.json.zst"), Format::Json);
        assert_eq!(of("b/a.http"), Format::Http);
        assert_eq!(of("a.sh"), Format::Curl);
        assert_eq!(of("not-there/"), Format::Folder);
        assert_eq!(of("/"), Format::Folder);
        assert_eq!(of("a"), Format::Jsonl);
        assert!(is_zstd(Path::new("a.http.zst")) && !is_zstd(Path::new("zst")));
    }
}
