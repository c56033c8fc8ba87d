//! The flags of a store, and what is said about it: when it is opened, while it runs, at the end.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ringback_recorder::{
    Drained, Durability, Keep, Keeping, Opened, Recording, Retention, Room, Source, Store,
    StoreError,
};
use ringback_report::terminal::count;

use crate::error::CliError;
use crate::output;
use crate::send::parse_duration;

/// Below this a store could not hold one large body.
const BYTES_MIN: u64 = 1 << 20;

/// Where exchanges are kept, how safely, how many and how long.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Store exchanges in this SQLite file, which is made when there is none; only its owner may read it
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// What is safe when a request is answered [default: disk with --store, memory without]
    #[arg(long, value_enum, value_name = "LEVEL")]
    durability: Option<Level>,
    /// Keep at most so much, such as `500MB`: the oldest exchanges go first, and are counted. The log
    /// beside the file takes up to 32 MB more [default: no limit with --store, 64MiB in memory]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_bytes: Option<u64>,
    /// Keep exchanges for so long, such as `24h`, counted back from the newest; older ones go when the
    /// next one comes, and when the store is opened
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    max_age: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    /// A crash loses everything: exchanges are in memory, and go into the file when the listener ends
    Memory,
    /// A crash of the process loses nothing that was answered; one of the machine loses the last of it
    Process,
    /// A crash of the machine loses nothing that was answered either, if its disk tells the truth
    Disk,
}

/// A place for exchanges: what the listener takes is apart.
#[derive(Debug)]
pub(crate) struct Place {
    /// Where it is, for the line that says that the listener is up.
    pub(crate) name: String,
    /// What is to be said about it once that line is out.
    pub(crate) news: Vec<String>,
    /// Where an inspector finds them.
    pub(crate) source: Source,
    /// What is in memory, and the file that it goes into at the end.
    saving: Option<(Recording, PathBuf)>,
}

impl StoreArgs {
    /// Opens the place.
    pub(crate) fn open(&self) -> Result<(Keep, Place), CliError> {
        let Self { store, durability, max_bytes, max_age } = self;
        let level = durability.unwrap_or(if store.is_some() { Level::Disk } else { Level::Memory });
        let durability = match level {
            Level::Memory => return self.open_memory(),
            Level::Process => Durability::Process,
            Level::Disk => Durability::Disk,
        };
        let Some(path) = store else {
            return Err(CliError::usage("`--durability` asks for a file, and there is none")
                .hint("name one with `--store FILE`"));
        };
        let retention = Retention { max_bytes: *max_bytes, max_age: *max_age };
        let notify = |notice: &_| output::talk(&format!("store: {notice}"));
        let store =
            Store::open_with(path, Keeping { durability, retention, notify }).map_err(unusable)?;
        let news = news(store.opened());
        let name = format!("storing in {}", path.display());
        let source = Source::File(path.clone());
        Ok((Keep::Store(store), Place { name, news, source, saving: None }))
    }

    fn open_memory(&self) -> Result<(Keep, Place), CliError> {
        let bytes = self
            .max_bytes
            .map_or(Room::RING.bytes, |max| usize::try_from(max).unwrap_or(usize::MAX));
        let room = Room { bytes, ..Room::RING };
        let held =
            format!("the last {} exchanges or {} MiB in memory", room.exchanges, room.bytes >> 20);
        let (last, name, news) = match &self.store {
            // Opened now: whether it can be used is to be known before anything has come.
            Some(path) => {
                let opened = Store::look(path).map_err(unusable)?;
                let name = format!("storing {held}, in {} at the end", path.display());
                (opened.last_number, name, news(&opened))
            }
            None => {
                let name = format!("storing {held}: name a file with --store to keep them");
                (0, name, Vec::new())
            }
        };
        let recording = Recording::ring(room, self.max_age, last);
        let saving = self.store.clone().map(|path| (recording.clone(), path));
        let source = Source::Memory(recording.clone());
        Ok((Keep::Memory(recording), Place { name, news, source, saving }))
    }
}

impl Place {
    /// Saves what is in memory, and says what has become of the exchanges.
    pub(crate) fn close(self, drained: &Drained) -> Result<(), CliError> {
        if drained.dropped > 0 {
            let dropped = usize::try_from(drained.dropped).unwrap_or(usize::MAX);
            output::talk(&format!("{} dropped, the oldest first", count(dropped, "exchange")));
        }
        if let Some((recording, path)) = self.saving {
            let saved = Store::save(&path, &recording).map_err(|error| {
                CliError::environment("cannot save what was captured").because(error)
            })?;
            let saved = count(usize::try_from(saved).unwrap_or(usize::MAX), "exchange");
            output::talk(&format!("{saved} stored in {}", path.display()));
        }
        if drained.store_stuck {
            return Err(CliError::environment("the disk of the store does not answer")
                .hint("what was acknowledged is stored; the rest may not be"));
        }
        match &drained.store_closed {
            Some(why) => {
                Err(CliError::environment(why).hint("look at the disk before anything else"))
            }
            None => Ok(()),
        }
    }
}

/// What there is to say about a store that was opened.
fn news(opened: &Opened) -> Vec<String> {
    let Opened { last_number, dropped, older_form, repaired } = opened;
    let mut news = Vec::new();
    if let Some(form) = older_form {
        news.push(format!("store: its form was {form}, and is the newest now"));
    }
    if let Some(repaired) = repaired {
        news.push(format!("store: {repaired}"));
    }
    if *dropped > 0 {
        news.push(format!("store: {dropped} of {last_number} exchanges have been dropped"));
    }
    news
}

/// Says why a file cannot be a store.
pub(crate) fn unusable(error: StoreError) -> CliError {
    let hint = error.hint();
    let failed = CliError::usage("cannot use the store").because(error);
    match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}

/// Reads a number of bytes, with its unit when it has one.
fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || "write it as bytes or with a unit, such as `500MB` or `2GiB`".to_owned();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit: u64 = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    match bytes.ok_or_else(wrong)? {
        bytes if bytes < BYTES_MIN => Err("it must be at least `1MiB`".to_owned()),
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_bytes_or_has_a_unit() {
        assert_eq!(parse_size("1048576"), Ok(1 << 20));
        assert_eq!(parse_size("500MB"), Ok(500_000_000));
        assert_eq!(parse_size("2GiB"), Ok(2 << 30));
        for text in
            ["", "MB", "1.5GB", "-1", "5 MB", "5mb", "99999999999999999999", "18446744073GiB"]
        {
            assert!(parse_size(text).unwrap_err().starts_with("write it"), "{text}");
        }
        assert_eq!(parse_size("1MB"), Err("it must be at least `1MiB`".to_owned()));
    }
}
