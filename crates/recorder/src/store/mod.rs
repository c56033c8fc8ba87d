//! Exchanges on disk, in one SQLite file that any tool can read.
//!
//! Requests and replies come in; each call returns when the file system has said that the bytes are on
//! disk. Exchanges go out in the order of their arrival, also while they still come in and after the
//! process was killed. A file that is not ours, or is newer than we are, is refused and not changed.
//!
//! Two tables that are only ever appended to and a view over both; the comments in `schema.sql` are
//! stored with them, so that `sqlite3 FILE .schema` explains the file.

mod file;
mod read;
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
use writer::{Entry, Job, Writer};

pub use read::Exchanges;

/// Entries that wait for the writer. Beyond it their requests wait for a place, each holding its share
/// of the bytes in flight, which is what ends in 503.
const QUEUE: usize = 1024;

/// A store that is open for appending.
///
/// One thread writes. It takes all that waits, up to a limit, into one transaction, and answers all of
/// them when that is on disk: many clients share the cost of one wait for the disk.
#[derive(Debug)]
pub struct Store {
    queue: mpsc::Sender<Job>,
    ended: oneshot::Receiver<()>,
    thread: JoinHandle<()>,
}

impl Store {
    /// Opens a store, and makes one when there is no file or an empty one. A new file can be read and
    /// written by its owner only. Arrival numbers go on from the last one in it.
    ///
    /// # Errors
    ///
    /// When the path is not a file, cannot be written, or holds something else.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let mut writer = Writer::new(file::open_for_writing(path)?, path);
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("ringback-store".to_owned())
            .spawn(move || {
                writer.run(jobs);
                // Closes the file, which folds the log into it.
                drop(writer);
                let _ = end.send(());
            })
            .map_err(|source| StoreError::File {
                path: path.to_owned(),
                doing: "start writing",
                source,
            })?;
        Ok(Self { queue, ended, thread })
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

    /// Appends a request and returns its arrival number once it is on disk; or says why it is not.
    pub(crate) async fn put_request(
        &self,
        arrival: Arc<Arrival>,
        within: Duration,
    ) -> Result<u64, String> {
        self.put(Entry::Request(arrival), within).await
    }

    /// Appends the reply of a request that is on disk, likewise.
    pub(crate) async fn put_reply(
        &self,
        exchange: Arc<Exchange>,
        within: Duration,
    ) -> Result<(), String> {
        self.put(Entry::Reply(exchange), within).await.map(|_| ())
    }

    /// Ends the writer after all that it was given and closes the file. Returns false when that took
    /// longer than `within`, and leaves the thread to a disk that does not answer: it cannot be ended.
    pub(crate) async fn finish(self, within: Duration) -> bool {
        drop(self.queue);
        if timeout(within, self.ended).await.is_err() {
            return false;
        }
        // It has said that it is at its end. Should it have panicked, nobody was acknowledged by it.
        let _ = self.thread.join();
        true
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
