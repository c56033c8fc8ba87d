//! Corpora as files: whole under their name, or not there.
//!
//! A corpus comes in, files and a manifest go out. Every file is written under another name beside its
//! own and renamed when it is whole, so that a kill, a full disk or a signal never leaves half a file
//! where a whole one is looked for. A folder's files are finished one by one: those that are whole stay,
//! and the same command goes on where it was stopped. A device or a pipe is written to as it is.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use ringback_generator::Coverage;
use ringback_report::terminal::count;
use sha2::{Digest as _, Sha256};
use tempfile::{Builder, NamedTempFile};
use url::Url;

use super::corpus::{Corpus, Made};
use super::layout::{Format, Layout, Stop};
use super::manifest::{FileRecord, Manifest};
use super::progress::Progress;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;

/// A corpus and how it is written.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) corpus: &'a Corpus,
    pub(super) format: Format,
    pub(super) is_zstd: bool,
    pub(super) url: &'a Url,
    pub(super) is_quiet: bool,
}

/// What has been made.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) events: u64,
    /// Of the events, each with a line feed behind it.
    pub(super) bytes: u64,
    pub(super) sha: Sha256,
    pub(super) coverage: Coverage,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { events: 0, bytes: 0, sha: Sha256::new(), coverage: Coverage::default() }
    }

    pub(super) fn add(&mut self, made: &Made<'_>, corpus: &Corpus) {
        self.events += 1;
        self.bytes += made.bytes.len() as u64 + 1;
        self.sha.update(made.bytes);
        self.sha.update(b"\n");
        corpus.count_coverage(made, &mut self.coverage);
    }
}

/// Writes a digest as people compare it.
pub(super) fn hex(sha: Sha256) -> String {
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A writer that counts and digests what goes through it.
struct Digested<W> {
    inner: W,
    sha: Sha256,
    bytes: u64,
}

impl<W: Write> Digested<W> {
    fn new(inner: W) -> Self {
        Self { inner, sha: Sha256::new(), bytes: 0 }
    }
}

impl<W: Write> Write for Digested<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.sha.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A stream as it is, or packed.
enum Packed<W: Write> {
    Plain(W),
    Zstd(Box<zstd::Encoder<'static, W>>),
}

impl<W: Write> Packed<W> {
    fn new(out: W, is_zstd: bool) -> io::Result<Self> {
        if is_zstd {
            let level = zstd::DEFAULT_COMPRESSION_LEVEL;
            return Ok(Self::Zstd(Box::new(zstd::Encoder::new(out, level)?)));
        }
        Ok(Self::Plain(out))
    }

    fn finish(self) -> io::Result<W> {
        let mut out = match self {
            Self::Plain(out) => out,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        out.flush()?;
        Ok(out)
    }
}

impl<W: Write> Write for Packed<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(buffer),
            Self::Zstd(encoder) => encoder.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

impl Job<'_> {
    /// Makes the events, with a look at whether somebody has asked to stop before each. Where nobody is
    /// asked, standard output is written to, and a signal ends the process.
    fn each(
        &self,
        asked: Option<&AtomicBool>,
        mut take: impl FnMut(&Made<'_>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let calls = self.corpus.calls();
        let mut progress = Progress::begin(calls.end - calls.start, self.is_quiet, asked.is_none());
        self.corpus.each(|made| {
            if asked.is_some_and(|asked| asked.load(Ordering::Relaxed)) {
                return Err(Stop::Interrupted);
            }
            take(made)?;
            progress.step(made.index - calls.start + 1);
            Ok(())
        })
    }

    /// Frames the events into one stream and returns it, finished.
    fn stream<W: Write>(
        &self,
        out: W,
        asked: Option<&AtomicBool>,
        mut made: impl FnMut(&Made<'_>),
    ) -> Result<W, Stop> {
        let mut out = Packed::new(out, self.is_zstd)?;
        let mut layout = Layout {
            format: self.format,
            url: self.url,
            is_one: self.corpus.is_one(),
            is_untouched: self.corpus.is_untouched(),
            is_first: true,
        };
        layout.begin(&mut out)?;
        self.each(asked, |event| {
            layout.event(event, &mut out)?;
            made(event);
            Ok(())
        })?;
        layout.end(&mut out)?;
        Ok(out.finish()?)
    }

    /// Writes to standard output.
    pub(super) fn to_stdout(&self) -> Result<Exit, CliError> {
        match self.stream(output::bytes(), None, |_| {}) {
            Ok(_) => Ok(Exit::Held),
            Err(Stop::Unwritten(error)) => Err(crate::error::unwritten(error)),
            Err(Stop::Refused(error)) => Err(error),
            Err(Stop::Interrupted) => Ok(Exit::Interrupted),
        }
    }

    /// Writes to a file or a folder, and the manifest beside or into it.
    pub(super) fn to_path(&self, path: &Path, asked: &AtomicBool) -> Result<Exit, CliError> {
        match self.format {
            Format::Folder => self.to_folder(path, asked),
            _ if is_special(path) => self.to_special(path, asked),
            _ => self.to_file(path, asked),
        }
    }

    /// Writes to a device or a pipe, which cannot be replaced by a file.
    fn to_special(&self, path: &Path, asked: &AtomicBool) -> Result<Exit, CliError> {
        let file =
            File::options().write(true).open(path).map_err(|error| unwritten(path, error))?;
        match self.stream(BufWriter::with_capacity(BUFFER_BYTES, file), Some(asked), |_| {}) {
            Ok(_) => Ok(Exit::Held),
            Err(Stop::Unwritten(error)) => Err(unwritten(path, error)),
            Err(Stop::Refused(error)) => Err(error),
            Err(Stop::Interrupted) => Ok(Exit::Interrupted),
        }
    }

    fn to_file(&self, path: &Path, asked: &AtomicBool) -> Result<Exit, CliError> {
        // Through a link to what it points at, which would otherwise be replaced.
        let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut tally = Tally::new();
        let stopped = |stop| {
            match stop {
            Stop::Unwritten(error) => unwritten(path, error).hint(
                "nothing half-written is left, and a file of that name is as it was; make room, add \
                 --zstd, or make the corpus in parts with --shard I/N: parts that are whole stay",
            ),
            Stop::Refused(error) => error,
            Stop::Interrupted => CliError::interrupted(format!(
                "interrupted: `{}` is not written, and a file of that name is as it was",
                path.display()
            )),
        }
        };
        let mut part = Part::beside(path).map_err(|error| unwritten(path, error))?;
        let out = Digested::new(BufWriter::with_capacity(BUFFER_BYTES, part.file.as_file_mut()));
        let written = self.stream(out, Some(asked), |made| tally.add(made, self.corpus));
        let Digested { sha, bytes, .. } = written.map_err(stopped)?;
        part.finish(path, true).map_err(|error| stopped(error.into()))?;
        let record = FileRecord { name: name_of(path), bytes, sha256: hex(sha) };
        let mut beside = path.as_os_str().to_owned();
        beside.push(".manifest.json");
        let events = events(&tally);
        self.write_manifest(Path::new(&beside), tally, Some(record))?;
        self.talk(&format!("{events} in {}", path.display()));
        Ok(Exit::Held)
    }

    fn to_folder(&self, folder: &Path, asked: &AtomicBool) -> Result<Exit, CliError> {
        fs::create_dir_all(folder).map_err(|error| unwritten(folder, error))?;
        self.refuse_strangers(folder)?;
        let mut tally = Tally::new();
        let mut there = 0;
        let mut current = folder.to_owned();
        let outcome = self.each(Some(asked), |made| {
            current = folder.join(self.corpus.file_name(made));
            match fs::read(&current) {
                Ok(bytes) if bytes == made.bytes => there += 1,
                Ok(_) => {
                    let at = current.display();
                    let what = format!("`{at}` is there and holds something else");
                    let hint = "name a folder that is empty, or that the same command has begun";
                    return Err(CliError::usage(what).hint(hint).into());
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let mut part = Part::beside(&current)?;
                    part.file.write_all(made.bytes)?;
                    part.finish(&current, false)?;
                }
                Err(error) => return Err(error.into()),
            }
            tally.add(made, self.corpus);
            Ok(())
        });
        let stays = format!(
            "{} in `{}` whole and none half; the same command goes on from there",
            events(&tally),
            folder.display()
        );
        match outcome {
            Ok(()) => {}
            Err(Stop::Refused(error)) => return Err(error),
            Err(Stop::Unwritten(error)) => {
                return Err(unwritten(&current, error).hint(format!("{stays}, once there is room")));
            }
            Err(Stop::Interrupted) => {
                return Err(CliError::interrupted(format!("interrupted: {stays}")));
            }
        }
        let events = events(&tally);
        self.write_manifest(&folder.join(self.manifest_name()), tally, None)?;
        let old = if there > 0 { format!(", {there} of them there before") } else { String::new() };
        self.talk(&format!("{events} in {}{old}", folder.display()));
        Ok(Exit::Held)
    }

    fn write_manifest(
        &self,
        path: &Path,
        tally: Tally,
        record: Option<FileRecord>,
    ) -> Result<(), CliError> {
        let refused = |error| {
            unwritten(path, error).hint("the corpus itself is whole; only its manifest is missing")
        };
        let manifest = Manifest::of(self, tally, record);
        let mut part = Part::beside(path).map_err(refused)?;
        part.file.write_all(manifest.text().as_bytes()).map_err(refused)?;
        part.finish(path, true).map_err(refused)
    }

    fn talk(&self, line: &str) {
        if !self.is_quiet {
            output::talk(line);
        }
    }

    /// Names the manifest in a folder, where each part has its own.
    fn manifest_name(&self) -> String {
        match self.corpus.shard {
            None => "manifest.json".to_owned(),
            Some(shard) => format!("manifest-{}-of-{}.json", shard.number, shard.of),
        }
    }

    /// Refuses a folder with files that no part of this corpus would have: what is in a corpus's folder
    /// is the corpus.
    fn refuse_strangers(&self, folder: &Path) -> Result<(), CliError> {
        let unread =
            |error| CliError::usage(format!("cannot read `{}`", folder.display())).because(error);
        for entry in fs::read_dir(folder).map_err(unread)? {
            let name = entry.map_err(unread)?.file_name();
            if !self.could_have(&name.to_string_lossy()) {
                let (name, folder) = (name.to_string_lossy(), folder.display());
                return Err(CliError::usage(format!(
                    "`{folder}` holds `{name}`, which is not of this corpus"
                ))
                .hint("name a folder that is empty, or that the same command has begun"));
            }
        }
        Ok(())
    }

    fn could_have(&self, name: &str) -> bool {
        let is_manifest = name.starts_with("manifest") && name.ends_with(".json");
        // Left by a run that was killed.
        let is_part = name.starts_with('.') && name.ends_with(PART);
        let index = name.split(['-', '.']).next().unwrap_or_default();
        let is_event = index.parse().is_ok_and(|index| {
            [false, true].iter().any(|is_analysis| {
                let made = Made { index, is_analysis: *is_analysis, bytes: b"", is_mutated: false };
                index < self.corpus.count && self.corpus.file_name(&made) == name
            })
        });
        is_manifest || is_part || is_event
    }
}

fn events(tally: &Tally) -> String {
    count(usize::try_from(tally.events).unwrap_or(usize::MAX), "event")
}

const BUFFER_BYTES: usize = 256 * 1024;

/// What the names of unfinished files end with.
const PART: &str = ".part";

/// A file that is being written, under a name of its own in the folder of the name it will have. Dropped
/// unfinished, it is removed.
struct Part {
    file: NamedTempFile,
}

impl Part {
    fn beside(path: &Path) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(PART);
        // As any file that is made here; a temporary one is its owner's alone otherwise.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        Ok(Self { file: builder.tempfile_in(folder.unwrap_or(Path::new(".")))? })
    }

    /// Gives the file its name; `is_synced` waits until it would survive a power cut.
    fn finish(self, path: &Path, is_synced: bool) -> io::Result<()> {
        if is_synced {
            self.file.as_file().sync_all()?;
        }
        self.file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Tells whether a path is there and neither file nor folder: a device, a pipe.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Says that a file cannot be written: a wrong name is a mistake in the command, a full disk is not.
fn unwritten(path: &Path, error: io::Error) -> CliError {
    let message = format!("cannot write `{}`", path.display());
    let is_wrong_name = matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidFilename
    );
    match is_wrong_name {
        true => CliError::usage(message),
        false => CliError::environment(message),
    }
    .because(error)
}

/// Returns where the files of a manifest are.
pub(super) fn beside(manifest: &Path, name: &str) -> PathBuf {
    manifest.parent().unwrap_or(Path::new("")).join(name)
}
