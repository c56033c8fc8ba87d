//! The bytes of all bodies that are held at a time.
//!
//! Each request holds what it has read so far and gives it back when its reply was written. Asking for
//! more than is left is refused at once: waiting for room while holding some could never end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// A number of bytes that all requests of a listener share.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
    /// Wakes who waits for room, of whom there is one at the most: the accept loop.
    freed: Notify,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0), freed: Notify::new() })
    }

    /// Waits until so much is left that another connection can be of use.
    pub(crate) async fn has_room(&self) {
        while self.used.load(Ordering::Relaxed) > self.full() {
            self.freed.notified().await;
        }
    }

    /// Above this, nothing new is begun: the rest is for those who hold some and need more to end.
    const fn tight(&self) -> usize {
        self.limit - self.limit / 20
    }

    /// Above this, not even a connection is accepted.
    const fn full(&self) -> usize {
        self.limit - self.limit / 50
    }

    /// Begins to hold, with nothing.
    pub(crate) fn hold(self: &Arc<Self>) -> Held {
        Held { budget: Arc::clone(self), bytes: 0 }
    }
}

/// What one request holds of a [`Budget`]; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Held {
    /// Holds `more` bytes, and tells whether there was room for them.
    pub(crate) fn grow(&mut self, more: usize) -> bool {
        let taken = self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(more).filter(|sum| *sum <= self.budget.limit)
        });
        if taken.is_ok() {
            self.bytes += more;
        }
        taken.is_ok()
    }

    /// Tells whether so little is left that nothing new should be begun.
    pub(crate) fn is_tight(&self) -> bool {
        self.budget.used.load(Ordering::Relaxed) > self.budget.tight()
    }

    /// Holds `more` bytes that exist already, room or not: the next request then finds less.
    pub(crate) fn add(&mut self, more: usize) {
        self.budget.used.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let used = self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
        let full = self.budget.full();
        if used > full && used - self.bytes <= full {
            self.budget.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn when_it_is_full_somebody_waits_until_it_is_not() {
        let budget = Budget::new(100);
        let (mut one, mut other) = (budget.hold(), budget.hold());
        assert!(one.grow(95) && !one.is_tight());
        assert!(other.grow(1) && one.is_tight());
        budget.has_room().await;
        assert!(other.grow(3));
        let waits = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.has_room().await }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        drop(other);
        waits.await.unwrap();
    }

    #[test]
    fn what_is_held_is_missing_until_it_is_given_back() {
        let budget = Budget::new(10);
        let mut one = budget.hold();
        let mut other = budget.hold();
        assert!(one.grow(6));
        assert!(!other.grow(5), "6 of 10 are taken");
        assert!(other.grow(4));
        drop(one);
        assert!(other.grow(6));
        assert!(!other.grow(1));
        other.add(1);
        assert!(!other.grow(usize::MAX), "no overflow");
        drop(other);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
