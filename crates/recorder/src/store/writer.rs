//! The one that writes: takes what waits, commits it as one, answers all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringback_exchange::{Exchange, Headers};
use rusqlite::{Connection, Error, Transaction, TransactionBehavior, ffi, params};
use tokio::sync::{mpsc, oneshot};

use crate::keep::Arrival;

/// One transaction takes at most so many entries, and begins none that would follow so many bytes.
const BATCH_ENTRIES: usize = 512;
const BATCH_BYTES: usize = 4 << 20;

/// What is to be appended.
#[derive(Debug)]
pub(super) enum Entry {
    Request(Arc<Arrival>),
    Reply(Arc<Exchange>),
}

/// An entry, and who waits for its arrival number.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) entry: Entry,
    pub(super) done: oneshot::Sender<Result<u64, String>>,
}

/// Owns the connection that writes.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    path: PathBuf,
    /// Which file it was that was opened.
    opened: Option<FileId>,
    /// Why nothing is acknowledged any more.
    broken: Option<String>,
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

impl Writer {
    pub(super) fn new(connection: Connection, path: &Path) -> Self {
        Self { connection, path: path.to_owned(), opened: file_at(path), broken: None }
    }

    /// Writes until nobody can send any more.
    pub(super) fn run(&mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let (entries, waiting) = batch(first, &mut jobs);
            match self.commit(&entries) {
                Ok(numbers) => {
                    for (done, number) in waiting.into_iter().zip(numbers) {
                        // Who has stopped waiting was told that it is not acknowledged, which is no
                        // lie: they will send it again.
                        let _ = done.send(Ok(number));
                    }
                }
                Err(why) => {
                    for done in waiting {
                        let _ = done.send(Err(why.clone()));
                    }
                }
            }
        }
    }

    /// Commits entries, all or none, and returns their arrival numbers.
    ///
    /// After a failure the next commit is a new try, and its success ends the refusing. After a failed
    /// sync there is no next one: the system may have dropped the bytes and would call a second sync a
    /// success, and then an acknowledgement would be a lie.
    fn commit(&mut self, entries: &[Entry]) -> Result<Vec<u64>, String> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        // What is written into a file that was removed is gone with the process.
        if file_at(&self.path) != self.opened {
            let path = self.path.display();
            return Err(format!("the store cannot be written: `{path}` was removed or replaced"));
        }
        append(&mut self.connection, entries).map_err(|error| {
            if is_final(&error) {
                let why = format!("the store is closed until the recorder starts again: {error}");
                self.broken = Some(why.clone());
                return why;
            }
            format!("the store cannot be written: {error}")
        })
    }
}

/// Adds what else is waiting to the first job.
fn batch(
    first: Job,
    jobs: &mut mpsc::Receiver<Job>,
) -> (Vec<Entry>, Vec<oneshot::Sender<Result<u64, String>>>) {
    let mut bytes = 0;
    let (mut entries, mut waiting) = (Vec::new(), Vec::new());
    let mut next = Some(first);
    while let Some(Job { entry, done }) = next {
        bytes += entry.bytes();
        entries.push(entry);
        waiting.push(done);
        let is_full = entries.len() >= BATCH_ENTRIES || bytes >= BATCH_BYTES;
        next = if is_full { None } else { jobs.try_recv().ok() };
    }
    (entries, waiting)
}

fn append(connection: &mut Connection, entries: &[Entry]) -> Result<Vec<u64>, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let numbers = insert(&transaction, entries)?;
    transaction.commit()?;
    Ok(numbers)
}

fn insert(transaction: &Transaction<'_>, entries: &[Entry]) -> Result<Vec<u64>, Error> {
    const LAST: &str = "SELECT coalesce(max(number), 0) FROM request";
    const REQUEST: &str = "INSERT INTO request (number, received_at, peer, version, method, target, \
                           headers, body, fault) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    const REPLY: &str = "INSERT INTO reply (number, status, headers, body, duration_ms, \
                         forwarded_url, forwarded_ms, forwarded_error, injected) \
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    // Asked anew for each transaction, so that two recorders on one file do not give a number twice.
    let mut last: i64 = transaction.query_row(LAST, (), |row| row.get(0))?;
    let mut insert_request = transaction.prepare(REQUEST)?;
    let mut insert_reply = transaction.prepare(REPLY)?;
    let mut numbers = Vec::with_capacity(entries.len());
    for entry in entries {
        let number = match entry {
            Entry::Request(arrival) => {
                last += 1;
                let Arrival { received_at, peer, version, request, fault, .. } = &**arrival;
                insert_request.execute(params![
                    last,
                    format!("{received_at:.6}"),
                    peer,
                    version,
                    request.method,
                    request.target,
                    json(&request.headers)?,
                    &*request.body.0,
                    fault,
                ])?;
                last
            }
            Entry::Reply(exchange) => {
                let number = i64::try_from(exchange.number).unwrap_or(i64::MAX);
                let Exchange { reply, duration_ms, forwarded, injected, .. } = &**exchange;
                let reply = reply.as_ref();
                let forwarded = forwarded.as_ref();
                insert_reply.execute(params![
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
                number
            }
        };
        numbers.push(u64::try_from(number).unwrap_or_default());
    }
    Ok(numbers)
}

fn json(headers: &Headers) -> Result<String, Error> {
    serde_json::to_string(headers).map_err(|error| Error::ToSqlConversionFailure(error.into()))
}

/// Tells whether an error says that bytes given to the system may be lost, or that the file is no
/// longer what it was.
fn is_final(error: &Error) -> bool {
    let Error::SqliteFailure(failure, _) = error else { return false };
    let is_sync =
        matches!(failure.extended_code, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC);
    is_sync || matches!(failure.extended_code & 0xFF, ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB)
}

impl Entry {
    fn bytes(&self) -> usize {
        match self {
            Self::Request(arrival) => arrival.request.body.0.len(),
            Self::Reply(exchange) => exchange.reply.as_ref().map_or(0, |reply| reply.body.0.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use ringback_exchange::Request;

    use super::*;
    use crate::store::file;

    fn request(bytes: usize) -> Entry {
        Entry::Request(Arc::new(Arrival {
            received_at: Timestamp::UNIX_EPOCH,
            peer: String::new(),
            version: "HTTP/1.1".to_owned(),
            request: Request {
                method: "POST".to_owned(),
                target: "/".to_owned(),
                headers: Headers::default(),
                body: vec![7; bytes].into(),
            },
            fault: None,
            wire: None,
            signature: None,
        }))
    }

    #[test]
    fn a_full_disk_refuses_and_room_is_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let connection = file::open_for_writing(&folder.path().join("s")).unwrap();
        let mut writer = Writer::new(connection, Path::new(""));
        assert_eq!(writer.commit(&[request(1), request(1)]), Ok(vec![1, 2]));

        // The file may not grow, which SQLite treats as it does a full disk.
        let pages: i64 =
            writer.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        writer
            .connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .unwrap();
        let refused = writer.commit(&[request(1), request(1 << 20)]);
        assert_eq!(
            refused,
            Err("the store cannot be written: database or disk is full".to_owned())
        );
        assert!(writer.commit(&[request(1 << 20)]).is_err(), "still full");

        writer
            .connection
            .pragma_update_and_check(None, "max_page_count", 1 << 20, |_| Ok(()))
            .unwrap();
        assert_eq!(
            writer.commit(&[request(1 << 20)]),
            Ok(vec![3]),
            "nothing of the refused is left"
        );
    }

    #[test]
    fn what_a_failed_sync_may_have_lost_is_never_acknowledged() {
        let error = |code| Error::SqliteFailure(ffi::Error::new(code), None);
        for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC, ffi::SQLITE_CORRUPT] {
            assert!(is_final(&error(code)), "{code}");
        }
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY, ffi::SQLITE_IOERR_WRITE] {
            assert!(!is_final(&error(code)), "{code}");
        }
        let folder = tempfile::tempdir().unwrap();
        let connection = file::open_for_writing(&folder.path().join("s")).unwrap();
        let mut writer = Writer::new(connection, Path::new(""));
        writer.broken = Some("the disk has failed".to_owned());
        assert_eq!(writer.commit(&[request(1)]), Err("the disk has failed".to_owned()));
    }

    #[test]
    fn a_batch_ends_at_its_limits() {
        let (sender, mut jobs) = mpsc::channel(BATCH_ENTRIES * 2);
        let mut sizes = |bytes: usize, count: usize| {
            let mut waiting = (0..count).map(|_| {
                let (done, _) = oneshot::channel();
                Job { entry: request(bytes), done }
            });
            let first = waiting.next().unwrap();
            waiting.for_each(|job| sender.try_send(job).unwrap());
            let taken = batch(first, &mut jobs).0.len();
            while jobs.try_recv().is_ok() {}
            taken
        };
        assert_eq!(sizes(0, 3), 3);
        assert_eq!(sizes(0, BATCH_ENTRIES + 1), BATCH_ENTRIES);
        assert_eq!(sizes(3 << 20, 3), 2);
    }

    #[test]
    fn sqlite_is_new_enough_to_be_safe_with_a_log_and_several_connections() {
        assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    }
}
