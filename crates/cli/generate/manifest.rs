//! What a corpus is, written beside it: how many events, their digest, what they exercise, and all that it
//! takes to make them again.
//!
//! `generate --verify FILE` reads a manifest, looks at the files it speaks of, makes the events again and
//! compares both with what the manifest says.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use ringback_generator::VERSION;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::corpus::{Named, Order};
use super::file::{Job, Tally, beside, hex};
use super::layout::Format;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;

/// What a manifest says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Manifest {
    /// The version of this form.
    manifest: u32,
    /// The program that made the corpus.
    made_by: String,
    /// The version of the generator: another one makes other events of the same seed.
    generator_version: u32,
    format: Format,
    is_zstd: bool,
    /// Where the requests go to, where there are requests.
    url: Option<String>,
    /// The file, unless each event has its own.
    file: Option<FileRecord>,
    /// The calls in it, of those of the order: from, and up to but without.
    calls: (u64, u64),
    events: u64,
    /// Of the events, each with a line feed behind it; so is the digest.
    bytes: u64,
    sha256: String,
    /// Whether somebody has edited the events, so that they cannot be made again.
    is_edited: bool,
    order: Order,
    coverage: Value,
}

/// A file and how to know it again.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileRecord {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl Manifest {
    /// Writes down what was made.
    pub(super) fn of(job: &Job<'_>, tally: Tally, file: Option<FileRecord>) -> Self {
        let calls = job.corpus.calls();
        Self {
            manifest: 1,
            made_by: format!("ringback {}", env!("CARGO_PKG_VERSION")),
            generator_version: VERSION,
            format: job.format,
            is_zstd: job.is_zstd,
            url: matches!(job.format, Format::Http | Format::Curl).then(|| job.url.to_string()),
            file,
            calls: (calls.start, calls.end),
            events: tally.events,
            bytes: tally.bytes,
            sha256: hex(tally.sha),
            is_edited: job.corpus.edited.is_some(),
            order: Order::of(job.corpus),
            coverage: tally.coverage.to_json(),
        }
    }

    /// Returns the text of the file.
    pub(super) fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.unwrap_or_else(|error| unreachable!("a manifest is plain data: {error}")) + "\n"
    }

    fn read(path: &Path) -> Result<Self, CliError> {
        let refused = |error: Box<dyn std::error::Error>| {
            CliError::usage(format!("cannot read `{}`", path.display())).because(error)
        };
        let text = fs::read_to_string(path).map_err(|error| refused(error.into()))?;
        serde_json::from_str(&text).map_err(|error| {
            refused(error.into()).hint("name the manifest that `generate --output` wrote")
        })
    }
}

/// Compares a corpus with its manifest, and with the events made again.
pub(super) fn verify(path: &Path, population: Option<&Named>) -> Result<Exit, CliError> {
    let manifest = Manifest::read(path)?;
    let mut out = output::data().lock();
    let mut say = |line: String| output::muted(writeln!(out, "{line}"));
    let mut is_same = true;
    if let Some(expected) = &manifest.file {
        let found = digest(&beside(path, &expected.name))?;
        is_same = found == (expected.bytes, expected.sha256.clone());
        let name = &expected.name;
        say(match is_same {
            true => format!("{name}: as it was written"),
            false => format!(
                "{name}: not as it was written: {} bytes, sha256 {}; the manifest says {} bytes, \
                 sha256 {}",
                found.0, found.1, expected.bytes, expected.sha256
            ),
        })?;
    }
    if manifest.is_edited {
        say("events: edited by hand, so that they cannot be made again".to_owned())?;
        return Ok(if is_same { Exit::Held } else { Exit::Failed });
    }
    if manifest.generator_version != VERSION {
        let made = manifest.generator_version;
        return Err(CliError::usage(format!(
            "the events are of generator version {made} and cannot be made again by this one, which is \
             {VERSION}"
        ))
        .hint(format!("use {}", manifest.made_by)));
    }
    let corpus = manifest.order.corpus(population).map_err(|error| {
        CliError::usage(format!("the corpus of `{}` cannot be made again: {error}", path.display()))
    })?;
    let mut tally = Tally::new();
    let (mut different, mut first) = (0, None);
    corpus.each(|made| {
        tally.add(made, &corpus);
        if manifest.format == Format::Folder {
            let name = corpus.file_name(made);
            if !fs::read(beside(path, &name)).is_ok_and(|bytes| bytes == made.bytes) {
                different += 1;
                first.get_or_insert(name);
            }
        }
        Ok::<(), CliError>(())
    })?;
    if let Some(first) = first {
        let events = tally.events;
        say(format!(
            "{different} of {events} files: missing or not as they were, first `{first}`"
        ))?;
        is_same = false;
    } else if manifest.format == Format::Folder {
        say(format!("{} files: as they were written", tally.events))?;
    }
    let (events, bytes) = (tally.events, tally.bytes);
    let is_made_again = (events, bytes, hex(tally.sha).as_str())
        == (manifest.events, manifest.bytes, manifest.sha256.as_str());
    say(match is_made_again {
        true => format!("{events} events: made again, the same"),
        false => format!(
            "{events} events: made again, not the same: {bytes} bytes; the manifest says {} events, {} \
             bytes",
            manifest.events, manifest.bytes
        ),
    })?;
    output::muted(out.flush())?;
    Ok(if is_same && is_made_again { Exit::Held } else { Exit::Failed })
}

/// Returns the length and the digest of a file.
fn digest(path: &Path) -> Result<(u64, String), CliError> {
    let unread =
        |error| CliError::usage(format!("cannot read `{}`", path.display())).because(error);
    let mut file = File::open(path).map_err(unread)?;
    let mut sha = Digest(Sha256::new());
    let bytes = io::copy(&mut file, &mut sha).map_err(unread)?;
    Ok((bytes, hex(sha.0)))
}

struct Digest(Sha256);

impl io::Write for Digest {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.update(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
