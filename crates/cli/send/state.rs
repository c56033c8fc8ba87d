//! The file of a run: what it is, and then a line an outcome, so that it can go on after it was killed.
//!
//! Lines are written whole and at once, before anybody hears of what they say: what was printed is in the
//! file, whatever becomes of this process. The disk is waited for once a second, beside the run, and at
//! the end; a machine that loses its power loses what came since, and that is sent again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ringback_sender::{Entry, Progress};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::error::CliError;

/// How long what was written may wait for the disk.
const SYNC_AFTER: Duration = Duration::from_secs(1);

/// The longest line that is read, in bytes; ours are far shorter.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// The first line: what the run is. A run goes on only as what it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Header {
    /// The version of the file's form.
    pub(crate) ringback_run: u32,
    /// Where to.
    pub(crate) url: String,
    /// What is sent, and when.
    pub(crate) plan: String,
    /// When what failed is sent again.
    pub(crate) retry: String,
    /// What the events are: the first of them, by its id and its length.
    pub(crate) events: String,
    /// How fast the time of the plan passes.
    pub(crate) time_scale: f64,
    /// The time of day at which it began.
    pub(crate) started_at: String,
}

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct State {
    path: PathBuf,
    file: File,
    synced_at: Instant,
    syncing: Option<JoinHandle<std::io::Result<()>>>,
    broken: Option<std::io::Error>,
}

impl State {
    /// Begins a file. One that is there is not written over.
    pub(crate) fn begin(path: &Path, header: &Header) -> Result<Self, CliError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // It names the target, whose query may hold a secret.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| {
            let refused = unusable(path);
            match error.kind() {
                std::io::ErrorKind::AlreadyExists => refused
                    .because("it is there already")
                    .hint("`--resume` goes on with the run in it; another name begins another"),
                _ => refused.because(error),
            }
        })?;
        lock(&file, path)?;
        let mut state = Self::of(path, file);
        let line = serde_json::to_string(header).map_err(|error| unusable(path).because(error))?;
        let written = writeln!(state.file, "{line}").and_then(|()| state.file.sync_all());
        written.map_err(|error| unusable(path).because(error))?;
        Ok(state)
    }

    /// Goes on with a file, and returns what was done. A line that was cut off is taken away.
    pub(crate) fn resume(
        path: &Path,
        header: &Header,
    ) -> Result<(Self, Progress, Timestamp), CliError> {
        let refused = |why: String| unusable(path).because(why);
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(|error| unusable(path).because(error))?;
        lock(&file, path)?;
        let mut reader = BufReader::new(&file);
        let (mut line, mut n, mut end) = (Vec::new(), 0, 0_u64);
        let mut before: Option<Header> = None;
        let mut progress = Progress::default();
        loop {
            line.clear();
            let mut limited = std::io::Read::take(&mut reader, LINE_BYTES_MAX as u64);
            let length = limited
                .read_until(b'\n', &mut line)
                .map_err(|error| unusable(path).because(error))?;
            n += 1;
            if length == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
                return Err(refused(format!("line {n} is longer than {LINE_BYTES_MAX} bytes")));
            }
            if line.last() != Some(&b'\n') {
                break;
            }
            end += length as u64;
            if before.is_none() {
                let read = serde_json::from_slice(&line);
                before = Some(read.map_err(|error| {
                    refused(format!("its first line does not say what it is: {error}"))
                        .hint("it is no file that `send --run` has written")
                })?);
                continue;
            }
            let entry: Entry = serde_json::from_slice(&line)
                .map_err(|error| refused(format!("line {n} is no outcome: {error}")))?;
            if !progress.take(&entry) {
                return Err(refused(format!("line {n} is of a delivery beyond all that are kept")));
            }
        }
        let before = before.ok_or_else(|| refused("it has no whole line".to_owned()))?;
        header.is_continued_by(&before).map_err(|what| {
            refused(what).hint("a run goes on with the flags that it was begun with")
        })?;
        let started_at = before.started_at.parse();
        let started_at = started_at
            .map_err(|error| refused(format!("its first line holds no date: {error}")))?;
        drop(reader);
        let mut state = Self::of(path, file);
        let cut = state.file.set_len(end).and_then(|()| state.file.seek(SeekFrom::End(0)));
        cut.map_err(|error| unusable(path).because(error))?;
        Ok((state, progress, started_at))
    }

    fn of(path: &Path, file: File) -> Self {
        let synced_at = Instant::now();
        Self { path: path.to_owned(), file, synced_at, syncing: None, broken: None }
    }

    /// Writes an outcome down. After it has failed once nothing more is written, and the run is to end.
    pub(crate) fn put(&mut self, entry: &Entry) -> bool {
        if self.broken.is_none()
            && let Err(error) = self.write(entry)
        {
            self.broken = Some(error);
        }
        self.broken.is_none()
    }

    fn write(&mut self, entry: &Entry) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        let is_idle = self.syncing.as_ref().is_none_or(JoinHandle::is_finished);
        if is_idle && self.synced_at.elapsed() >= SYNC_AFTER {
            let file = self.file.try_clone()?;
            self.synced_at = Instant::now();
            self.syncing = Some(tokio::task::spawn_blocking(move || file.sync_data()));
        }
        Ok(())
    }

    /// Waits for the disk, and tells what went wrong, now or before.
    pub(crate) async fn finish(mut self) -> Result<(), CliError> {
        if let Some(syncing) = self.syncing.take()
            && let Ok(Err(error)) = syncing.await
        {
            self.broken.get_or_insert(error);
        }
        let ended = match self.broken {
            Some(error) => Err(error),
            None => self.file.sync_all(),
        };
        ended.map_err(|error| {
            CliError::environment(format!("`{}` cannot be written", self.path.display()))
                .because(error)
                .hint("the run was ended there; what is in the file can be resumed")
        })
    }
}

impl Header {
    /// Says what differs.
    fn is_continued_by(&self, before: &Self) -> Result<(), String> {
        let differs = |what: &str, before: &str, now: &str| {
            Err(format!("its {what} is another: `{before}` there, `{now}` now"))
        };
        if before.ringback_run != self.ringback_run {
            return Err(format!("its form is that of version {}", before.ringback_run));
        }
        for (what, before, now) in [
            ("target", &before.url, &self.url),
            ("plan", &before.plan, &self.plan),
            ("retry schedule", &before.retry, &self.retry),
            ("first event", &before.events, &self.events),
        ] {
            if before != now {
                return differs(what, before, now);
            }
        }
        if before.time_scale.to_bits() != self.time_scale.to_bits() {
            let [before, now] = [before, self].map(|header| header.time_scale.to_string());
            return differs("time scale", &before, &now);
        }
        Ok(())
    }
}

/// One run at a time writes to a file.
fn lock(file: &File, path: &Path) -> Result<(), CliError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            Err(unusable(path).because("another run is writing to it"))
        }
        // Some file systems have no locks; that is no reason to keep no state.
        Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn unusable(path: &Path) -> CliError {
    CliError::usage(format!("the run `{}` cannot be used", path.display()))
}
