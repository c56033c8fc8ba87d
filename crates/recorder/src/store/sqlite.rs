//! A SQLite file as a place for exchanges.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ringback_exchange::{Exchange, Headers, Request, Wire};
use rusqlite::{
    Connection, Error, OptionalExtension as _, Transaction, TransactionBehavior, ffi, params,
};

use super::file::{self, Durability};
use super::opened::Opened;
use super::read;
use super::storage::{Entry, Refusal, Retention, Storage};
use crate::error::StoreError;
use crate::keep::Arrival;

/// The log is folded into the file when it has grown by so much: often enough to keep it small, and not
/// so often that waiting for the disk twice becomes the rule.
const LOG_BYTES: usize = 16 << 20;

/// One transaction drops at most so many exchanges, and twice as many as it appends, so that a cap that
/// was lowered is reached without anybody waiting long.
const DROP_AT_ONCE: u64 = 64;

/// A SQLite file that is open for appending.
#[derive(Debug)]
pub(crate) struct Sqlite {
    connection: Connection,
    path: PathBuf,
    /// Which file it was that was opened.
    opened: Option<FileId>,
    retention: Retention,
    /// Exchanges that went since the file was opened.
    dropped: u64,
    /// What was appended since the log was folded in.
    unfolded: usize,
}

/// Device and number of a file, which stay when it is renamed.
type FileId = (u64, u64);

/// Returns which file is at a path; none where the system does not tell.
fn file_at(path: &Path) -> Option<FileId> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

impl Sqlite {
    /// Opens a file, and drops what is beyond the retention by its newest exchange.
    pub(crate) fn open(
        path: &Path,
        durability: Durability,
        retention: Retention,
    ) -> Result<(Self, Opened), StoreError> {
        let (connection, found) = file::open_for_writing(path, durability)?;
        let opened = file_at(path);
        let mut sqlite =
            Self { connection, path: path.to_owned(), opened, retention, dropped: 0, unfolded: 0 };
        sqlite.drop_all_beyond().map_err(file::database(path, "drop the oldest of"))?;
        Ok((sqlite, found))
    }

    fn drop_all_beyond(&mut self) -> Result<(), Error> {
        const NEWEST: &str = "SELECT number, received_at FROM request ORDER BY number DESC LIMIT 1";
        loop {
            let transaction = begin(&mut self.connection)?;
            let newest = transaction
                .query_row(NEWEST, (), |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
                .optional()?;
            let Some((number, received_at)) = newest else { return Ok(()) };
            let newest = received_at.parse().ok();
            let most = DROP_AT_ONCE * 16;
            let dropped = drop_oldest(&transaction, self.retention, number, newest, most)?;
            transaction.commit()?;
            self.dropped += dropped;
            if dropped == 0 {
                return Ok(());
            }
            // Or the log would grow with all that goes.
            file::fold(&self.connection)?;
        }
    }
}

impl Storage for Sqlite {
    fn append(&mut self, entries: &[Entry]) -> Result<Vec<u64>, Refusal> {
        // What is written into a file that was removed is gone with the process.
        if file_at(&self.path) != self.opened {
            let path = self.path.display();
            let why = format!("the store cannot be written: `{path}` was removed or replaced");
            return Err(Refusal::for_now(why));
        }
        let (numbers, dropped) = append(&mut self.connection, entries, self.retention)
            .map_err(|error| refusal(&error))?;
        self.dropped += dropped;
        self.unfolded += entries.iter().map(Entry::bytes).sum::<usize>() + entries.len() * 1024;
        Ok(numbers)
    }

    /// Folds the log into the file when it is long. SQLite would do so by itself, inside of a commit
    /// that somebody waits for, and would keep to itself when the disk fails at it.
    fn tidy(&mut self) -> Result<(), Refusal> {
        if self.unfolded < LOG_BYTES {
            return Ok(());
        }
        self.unfolded = 0;
        match file::fold(&self.connection) {
            Ok(_) => Ok(()),
            Err(error) if is_final(&error) => Err(refusal(&error)),
            // As with a full disk: the log stays and is folded in another time.
            Err(_) => Ok(()),
        }
    }

    fn page(&self, after: u64, most: usize) -> Result<Vec<Exchange>, StoreError> {
        read::page(&self.connection, &self.path, file::FORM, after..u64::MAX, most)
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn begin(connection: &mut Connection) -> Result<Transaction<'_>, Error> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Returns the numbers, and how many old exchanges went.
fn append(
    connection: &mut Connection,
    entries: &[Entry],
    retention: Retention,
) -> Result<(Vec<u64>, u64), Error> {
    let transaction = begin(connection)?;
    let (numbers, first, newest) = insert(&transaction, entries)?;
    let most = DROP_AT_ONCE + 2 * entries.len() as u64;
    let dropped = drop_oldest(&transaction, retention, first, newest, most)?;
    transaction.commit()?;
    Ok((numbers, dropped))
}

/// Inserts entries, and returns their numbers, the first new one, and the time of the newest arrival.
fn insert(
    transaction: &Transaction<'_>,
    entries: &[Entry],
) -> Result<(Vec<u64>, u64, Option<Timestamp>), Error> {
    // Asked anew for each transaction, so that two recorders on one file do not give a number twice.
    const LAST: &str = "SELECT max(coalesce((SELECT max(number) FROM request), 0), \
                        (SELECT last_number FROM dropped))";
    let mut last: u64 = transaction.prepare_cached(LAST)?.query_row((), |row| row.get(0))?;
    let first = last + 1;
    let mut newest = None;
    let mut numbers = Vec::with_capacity(entries.len());
    for entry in entries {
        let number = match entry {
            Entry::Request(arrival) => {
                last += 1;
                newest = Some(arrival.received_at);
                let Arrival { received_at, peer, version, request, fault, wire, signature } =
                    &**arrival;
                let wire = wire.as_ref();
                insert_request(
                    transaction,
                    last,
                    &Arrived { received_at, peer, version, request, fault, wire, signature },
                )?;
                last
            }
            Entry::Reply(exchange) => {
                insert_reply(transaction, exchange.number, exchange)?;
                exchange.number
            }
            Entry::Whole(exchange) => {
                let asked = exchange.number;
                if asked > last + 1 {
                    note_dropped(transaction, asked - last - 1, asked - 1)?;
                    last = asked;
                } else {
                    last += 1;
                }
                let Exchange {
                    received_at, peer, version, request, fault, wire, signature, ..
                } = &**exchange;
                newest = Some(*received_at);
                let wire = wire.as_ref();
                insert_request(
                    transaction,
                    last,
                    &Arrived { received_at, peer, version, request, fault, wire, signature },
                )?;
                insert_reply(transaction, last, exchange)?;
                last
            }
        };
        numbers.push(number);
    }
    Ok((numbers, first, newest))
}

/// What an arrival and an exchange have in common.
struct Arrived<'a> {
    received_at: &'a Timestamp,
    peer: &'a str,
    version: &'a str,
    request: &'a Request,
    fault: &'a Option<String>,
    wire: Option<&'a Wire>,
    signature: &'a Option<String>,
}

fn insert_request(
    transaction: &Transaction<'_>,
    number: u64,
    arrived: &Arrived<'_>,
) -> Result<(), Error> {
    const REQUEST: &str = "INSERT INTO request (number, received_at, peer, version, method, target, \
                           headers, body, fault, connection, head, trailers, notes, signature) \
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    let Arrived { received_at, peer, version, request, fault, wire, signature } = arrived;
    let trailers = wire.map(|wire| &wire.trailers).filter(|trailers| !trailers.is_empty());
    let notes = wire.map(|wire| &wire.notes).filter(|notes| !notes.is_empty());
    transaction.prepare_cached(REQUEST)?.execute(params![
        number,
        format!("{received_at:.6}"),
        peer,
        version,
        request.method,
        request.target,
        json(&request.headers)?,
        &*request.body.0,
        fault,
        wire.map(|wire| wire.connection),
        wire.map(|wire| &*wire.head.0),
        trailers.map(json).transpose()?,
        notes.map(json).transpose()?,
        signature,
    ])?;
    Ok(())
}

/// Inserts the reply of a request, unless that has been dropped in the meantime.
fn insert_reply(
    transaction: &Transaction<'_>,
    number: u64,
    exchange: &Exchange,
) -> Result<(), Error> {
    const REPLY: &str = "INSERT INTO reply (number, status, headers, body, duration_ms, \
                         forwarded_url, forwarded_ms, forwarded_error, injected) \
                         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 \
                         WHERE EXISTS (SELECT 1 FROM request WHERE number = ?1)";
    let Exchange { reply, duration_ms, forwarded, injected, .. } = exchange;
    // Without either, nothing was answered: it may never be.
    if reply.is_none() && injected.is_none() {
        return Ok(());
    }
    let (reply, forwarded) = (reply.as_ref(), forwarded.as_ref());
    transaction.prepare_cached(REPLY)?.execute(params![
        number,
        reply.map_or(0, |reply| reply.status),
        json(reply.map_or(&Headers::default(), |reply| &reply.headers))?,
        reply.map_or(&[][..], |reply| &reply.body.0),
        duration_ms.unwrap_or_default(),
        forwarded.map(|far| &far.url),
        forwarded.map(|far| far.duration_ms),
        forwarded.and_then(|far| far.error.as_ref()),
        injected,
    ])?;
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::ToSqlConversionFailure(error.into()))
}

/// Drops the oldest exchanges that are beyond the retention, at most `most` of them and none from
/// `first_kept` on, and returns how many went. The pages they were on are used again.
fn drop_oldest(
    transaction: &Transaction<'_>,
    retention: Retention,
    first_kept: u64,
    newest: Option<Timestamp>,
    most: u64,
) -> Result<u64, Error> {
    if retention == Retention::default() {
        return Ok(0);
    }
    const OLDEST: &str = "SELECT coalesce(min(number), 0) FROM request";
    const TOO_OLD: &str = "SELECT coalesce(max(number), 0) FROM \
                           (SELECT number, received_at FROM request WHERE number < ?1 \
                           ORDER BY number LIMIT ?2) WHERE received_at < ?3";
    let oldest: u64 = transaction.prepare_cached(OLDEST)?.query_row((), |row| row.get(0))?;
    let end = first_kept.min(oldest.saturating_add(most));
    let mut dropped = 0;
    if let Some(age) = retention.max_age
        && let Some(limit) = newest.and_then(|newest| newest.checked_sub(age).ok())
    {
        let last: u64 = transaction
            .prepare_cached(TOO_OLD)?
            .query_row((end, most, format!("{limit:.6}")), |row| row.get(0))?;
        dropped += drop_until(transaction, last)?;
    }
    if let Some(max_bytes) = retention.max_bytes {
        let mut next = oldest;
        while next < end && used_bytes(transaction)? > max_bytes {
            // In steps: what a row takes is known when it has gone.
            next = end.min(next + 8);
            dropped += drop_until(transaction, next - 1)?;
        }
    }
    Ok(dropped)
}

/// Drops all up to a number.
fn drop_until(transaction: &Transaction<'_>, last: u64) -> Result<u64, Error> {
    transaction.prepare_cached("DELETE FROM reply WHERE number <= ?1")?.execute([last])?;
    let rows =
        transaction.prepare_cached("DELETE FROM request WHERE number <= ?1")?.execute([last])?;
    if rows > 0 {
        note_dropped(transaction, rows as u64, last)?;
    }
    Ok(rows as u64)
}

fn note_dropped(transaction: &Transaction<'_>, count: u64, last: u64) -> Result<(), Error> {
    const NOTE: &str = "UPDATE dropped SET exchanges = exchanges + ?1, \
                        last_number = max(last_number, ?2)";
    transaction.prepare_cached(NOTE)?.execute((count, last)).map(|_| ())
}

/// Returns the bytes of all pages that hold something.
fn used_bytes(transaction: &Transaction<'_>) -> Result<u64, Error> {
    const USED: &str = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, \
                        pragma_freelist_count, pragma_page_size";
    transaction.prepare_cached(USED)?.query_row((), |row| row.get(0))
}

/// Says why SQLite has not done it.
///
/// After most failures the next commit is a new try, and its success ends the refusing. After a failed
/// sync there is no next one: the system may have dropped the bytes and would call a second sync a
/// success, and then an acknowledgement would be a lie.
fn refusal(error: &Error) -> Refusal {
    if is_final(error) {
        let why = format!("the store is closed until the recorder starts again: {error}");
        return Refusal { why, is_final: true };
    }
    Refusal::for_now(format!("the store cannot be written: {error}"))
}

/// Tells whether an error says that bytes given to the system may be lost, or that the file is no
/// longer what it was.
pub(super) fn is_final(error: &Error) -> bool {
    let Error::SqliteFailure(failure, _) = error else { return false };
    let is_sync =
        matches!(failure.extended_code, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC);
    is_sync || matches!(failure.extended_code & 0xFF, ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB)
}

#[cfg(test)]
impl Sqlite {
    pub(super) fn page_count(&self) -> u64 {
        self.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap()
    }

    pub(super) fn let_grow_to(&self, pages: u64) {
        let set =
            self.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
        set.unwrap();
    }
}
