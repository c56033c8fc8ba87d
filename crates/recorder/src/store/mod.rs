//! Exchanges on disk, in one SQLite file that any tool can read.
//!
//! Requests and replies come in; each call returns when the file system has said that the bytes are on
//! disk. Exchanges go out in the order of their arrival, also while they still come in and after the
//! process was killed. A file that is not ours, or is newer than we are, is refused and not changed.
//!
//! Tables that are only ever appended to, but for what retention drops, and a view over them; the
//! comments in `schema.sql` are stored with them, so that `sqlite3 FILE .schema` explains the file.

mod file;
mod opened;
mod read;
mod sqlite;
mod storage;
#[cfg(test)]
mod suite;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ringback_exchange::Exchange;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::error::StoreError;
use crate::keep::Arrival;
use crate::recording::Recording;
use sqlite::Sqlite;
use writer::{Job, Writer};

pub use file::Durability;
pub use opened::{Opened, Repaired, Searched};
pub use read::Exchanges;
pub use storage::Retention;
pub(crate) use storage::{Entry, Refusal, Storage};
pub(crate) use writer::Ended;
pub use writer::Notice;

/// Entries that wait for the writer. Beyond it their requests wait for a place, each holding its share
/// of the bytes in flight, which is what ends in 503.
const QUEUE: usize = 1024;

/// How many exchanges [`Store::save`] appends at a time.
const SAVED_AT_ONCE: usize = 256;

/// How a store keeps what it is given.
#[derive(Debug, Clone, Copy)]
pub struct Keeping {
    /// What is on disk when an exchange is acknowledged.
    pub durability: Durability,
    /// How much is kept, and how long.
    pub retention: Retention,
    /// Is called from the thread that writes when it begins to refuse, and when it ends to.
    pub notify: fn(&Notice),
}

impl Keeping {
    /// Everything, for ever, on disk.
    pub const STANDARD: Self = Self {
        durability: Durability::Disk,
        retention: Retention { max_bytes: None, max_age: None },
        notify: |_| {},
    };
}

/// A store that is open for appending.
///
/// One thread writes. It takes all that waits, up to a limit, into one transaction, and answers all of
/// them when that is on disk: many clients share the cost of one wait for the disk.
#[derive(Debug)]
pub struct Store {
    queue: mpsc::Sender<Job>,
    ended: oneshot::Receiver<Ended>,
    thread: JoinHandle<()>,
    opened: Opened,
}

impl Store {
    /// Opens a store that keeps everything, for ever, on disk. As [`open_with`](Self::open_with).
    ///
    /// # Errors
    ///
    /// When the path is not a file, cannot be written, or holds something else.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, Keeping::STANDARD)
    }

    /// Opens a store, and makes one when there is no file or an empty one. A new file can be read and
    /// written by its owner only. Arrival numbers go on from the last one in it. A file of an older form
    /// is brought to the newest one, and what a crash has left in its log is folded in.
    ///
    /// # Errors
    ///
    /// When the path is not a file, cannot be written, holds something else, or is damaged.
    pub fn open_with(path: impl AsRef<Path>, keeping: Keeping) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let Keeping { durability, retention, notify } = keeping;
        let (storage, opened) = Sqlite::open(path, durability, retention)?;
        let writer = Writer::new(Box::new(storage), notify);
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("ringback-store".to_owned())
            // The writer ends with `run`, which closes the file and folds the log into it.
            .spawn(move || drop(end.send(writer.run(jobs))))
            .map_err(|source| StoreError::File {
                path: path.to_owned(),
                doing: "start writing",
                source,
            })?;
        Ok(Self { queue, ended, thread, opened })
    }

    /// Returns what was found when the store was opened.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Reads a store from its first exchange to the one that is the last at the time of the call. The
    /// file is not changed, and a listener may be writing to it.
    ///
    /// # Errors
    ///
    /// When there is no such file, or it holds something else.
    pub fn read(path: impl AsRef<Path>) -> Result<Exchanges, StoreError> {
        Exchanges::new(path.as_ref())
    }

    /// Returns what is found in a file when it is opened for writing, and makes it when there is none.
    ///
    /// # Errors
    ///
    /// As [`open_with`](Self::open_with).
    pub fn look(path: impl AsRef<Path>) -> Result<Opened, StoreError> {
        file::open_for_writing(path.as_ref(), Durability::Disk).map(|(_, opened)| opened)
    }

    /// Appends what a recording holds, in the order of the numbers, and returns how much that is. The
    /// numbers stay as long as they rise from the last one in the file, as they do in a
    /// [ring](Recording::ring) that was begun after it; what is missing between them counts as dropped.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, and when it cannot take all; it then has those before.
    pub fn save(path: impl AsRef<Path>, recording: &Recording) -> Result<u64, StoreError> {
        let path = path.as_ref();
        let (mut file, _) = Sqlite::open(path, Durability::Disk, Retention::default())?;
        let (mut saved, mut after) = (0, 0);
        loop {
            let page = recording.page(after, SAVED_AT_ONCE)?;
            let Some(last) = page.last() else { return Ok(saved) };
            after = last.number;
            saved += page.len() as u64;
            let whole = page.into_iter().map(|exchange| Entry::Whole(Arc::new(exchange)));
            let entries: Vec<Entry> = whole.collect();
            let appended = file.append(&entries).and_then(|_| file.tidy());
            appended.map_err(|refusal| StoreError::Database {
                path: path.to_owned(),
                doing: "write to",
                source: Box::new(refusal),
            })?;
        }
    }

    /// Appends a request and returns its arrival number once it is kept; or says why it is not.
    pub(crate) async fn put_request(
        &self,
        arrival: Arc<Arrival>,
        within: Duration,
    ) -> Result<u64, String> {
        self.put(Entry::Request(arrival), within).await
    }

    /// Appends the reply of a request that is kept, likewise.
    pub(crate) async fn put_reply(
        &self,
        exchange: Arc<Exchange>,
        within: Duration,
    ) -> Result<(), String> {
        self.put(Entry::Reply(exchange), within).await.map(|_| ())
    }

    /// Appends a request together with its reply and returns them with their arrival number.
    pub(crate) async fn put_whole(
        &self,
        exchange: Exchange,
        within: Duration,
    ) -> Result<Arc<Exchange>, String> {
        let exchange = Arc::new(exchange);
        let number = self.put(Entry::Whole(Arc::clone(&exchange)), within).await?;
        // The writer has let go of it by now, so nothing is copied.
        let mut exchange = Arc::unwrap_or_clone(exchange);
        exchange.number = number;
        Ok(Arc::new(exchange))
    }

    /// Ends the writer after all that it was given and closes the file. Returns none when that took
    /// longer than `within`, and leaves the thread to a disk that does not answer: it cannot be ended.
    pub(crate) async fn finish(self, within: Duration) -> Option<Ended> {
        drop(self.queue);
        let Ok(ended) = timeout(within, self.ended).await else { return None };
        // It has said that it is at its end. Should it have panicked, nobody was acknowledged by it.
        let _ = self.thread.join();
        Some(ended.unwrap_or_default())
    }

    async fn put(&self, entry: Entry, within: Duration) -> Result<u64, String> {
        let (done, stored) = oneshot::channel();
        let put = async {
            let queued = self.queue.send(Job { entry, done }).await;
            match (queued, stored.await) {
                (Ok(()), Ok(result)) => result,
                _ => Err("the store's writer has ended".to_owned()),
            }
        };
        timeout(within, put)
            .await
            .unwrap_or_else(|_| Err(format!("the store did not answer within {within:?}")))
    }
}
