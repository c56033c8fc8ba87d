//! The one that writes: takes what waits, keeps it as one, answers all.

use std::mem;

use tokio::sync::{mpsc, oneshot};

use super::storage::{Entry, Refusal, Storage};

/// One batch takes at most so many entries, and begins none that would follow so many bytes.
const BATCH_ENTRIES: usize = 512;
const BATCH_BYTES: usize = 4 << 20;

/// An entry, and who waits for its arrival number.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) entry: Entry,
    pub(super) done: oneshot::Sender<Result<u64, String>>,
}

/// What a store has to say while it runs, for whoever minds it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Notice {
    /// It keeps nothing for now: requests are answered 503.
    #[error("requests are answered 503: {0}")]
    Refuses(String),
    /// It keeps again.
    #[error("requests are taken again; {0} were answered 503")]
    Keeps(u64),
    /// It keeps nothing until the recorder starts again: what the disk has failed to take may be lost.
    #[error("every request is answered 503: {0}")]
    Closed(String),
}

/// What is left when a writer has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Exchanges that retention has dropped since the store was opened.
    pub(crate) dropped: u64,
    /// Why nothing was kept any more.
    pub(crate) closed: Option<String>,
}

/// Owns the storage.
#[derive(Debug)]
pub(super) struct Writer {
    storage: Box<dyn Storage>,
    notify: fn(&Notice),
    state: State,
}

#[derive(Debug)]
enum State {
    Keeps,
    /// Entries that were refused since it last kept one.
    Refuses(u64),
    Closed(String),
}

impl Writer {
    pub(super) fn new(storage: Box<dyn Storage>, notify: fn(&Notice)) -> Self {
        Self { storage, notify, state: State::Keeps }
    }

    /// Writes until nobody can send any more.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) -> Ended {
        while let Some(first) = jobs.blocking_recv() {
            let (entries, waiting) = batch(first, &mut jobs);
            let kept = self.keep(&entries);
            // Before the answers: whoever gets one is then the only owner of what it has sent.
            drop(entries);
            // Who has stopped waiting was told that it is not acknowledged, which is no lie: they will
            // send it again.
            match kept {
                Ok(numbers) => {
                    for (done, number) in waiting.into_iter().zip(numbers) {
                        let _ = done.send(Ok(number));
                    }
                }
                Err(why) => {
                    for done in waiting {
                        let _ = done.send(Err(why.clone()));
                    }
                }
            }
            if let Err(refusal) = self.storage.tidy() {
                self.refuse(refusal, 0);
            }
        }
        let closed = if let State::Closed(why) = self.state { Some(why) } else { None };
        Ended { dropped: self.storage.dropped(), closed }
    }

    /// Keeps entries, all or none, and returns their arrival numbers. Once the storage has failed for
    /// good it is not asked again.
    pub(super) fn keep(&mut self, entries: &[Entry]) -> Result<Vec<u64>, String> {
        if let State::Closed(why) = &self.state {
            return Err(why.clone());
        }
        match self.storage.append(entries) {
            Ok(numbers) => {
                if let State::Refuses(count) = mem::replace(&mut self.state, State::Keeps) {
                    (self.notify)(&Notice::Keeps(count));
                }
                Ok(numbers)
            }
            Err(refusal) => {
                let why = refusal.why.clone();
                self.refuse(refusal, entries.len() as u64);
                Err(why)
            }
        }
    }

    /// Remembers a refusal, and tells it when it is news.
    fn refuse(&mut self, Refusal { why, is_final }: Refusal, count: u64) {
        match &mut self.state {
            State::Closed(_) => {}
            _ if is_final => {
                (self.notify)(&Notice::Closed(why.clone()));
                self.state = State::Closed(why);
            }
            State::Refuses(before) => *before += count,
            State::Keeps => {
                (self.notify)(&Notice::Refuses(why));
                self.state = State::Refuses(count);
            }
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use ringback_exchange::{Headers, Request};

    use super::*;
    use crate::keep::Arrival;

    #[test]
    fn a_batch_ends_at_its_limits() {
        let request = |bytes: usize| {
            Entry::Request(Arc::new(Arrival {
                received_at: Timestamp::UNIX_EPOCH,
                peer: String::new(),
                version: String::new(),
                request: Request {
                    method: String::new(),
                    target: String::new(),
                    headers: Headers::default(),
                    body: vec![7; bytes].into(),
                },
                fault: None,
                wire: None,
                signature: None,
            }))
        };
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
}
