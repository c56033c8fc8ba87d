//! The replies of one connection of HTTP/2 that are not yet taken by the client.
//!
//! There the client says for each reply how much of it may be sent, and a socket that takes bytes proves
//! nothing: a reply that nobody lets through would be held for as long as the connection is.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The replies that are on their way. Its clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replies(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    since: BTreeSet<(Instant, u64)>,
}

/// A reply on its way; dropped when the last of its bytes is out.
#[derive(Debug)]
pub(crate) struct OnItsWay {
    replies: Replies,
    key: (Instant, u64),
}

impl Replies {
    /// Notes that a reply sets out.
    pub(crate) fn set_out(&self) -> OnItsWay {
        let mut waiting = self.lock();
        waiting.last += 1;
        let key = (Instant::now(), waiting.last);
        waiting.since.insert(key);
        OnItsWay { replies: self.clone(), key }
    }

    /// Resolves when a reply has been on its way for longer than `patience`.
    pub(crate) async fn overdue(&self, patience: Duration) {
        loop {
            let now = Instant::now();
            let oldest = self.lock().since.first().map(|(since, _)| *since);
            // One that has not yet set out is not overdue any earlier than that.
            let Some(due) = oldest.unwrap_or(now).checked_add(patience) else {
                return std::future::pending().await;
            };
            if due <= now {
                return;
            }
            tokio::time::sleep_until(due).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.replies.lock().since.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_oldest_reply_is_the_one_that_is_overdue() {
        let replies = Replies::default();
        let first = replies.set_out();
        advance(SECOND).await;
        let _second = replies.set_out();
        drop(first);
        let begun = Instant::now();
        replies.overdue(3 * SECOND).await;
        assert_eq!(begun.elapsed().as_secs(), 3);
        let none = Replies::default();
        assert!(
            timeout(100 * SECOND, none.overdue(3 * SECOND)).await.is_err(),
            "none, none overdue"
        );
    }
}
