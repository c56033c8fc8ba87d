//! The bytes of all bodies that are held at a time.
//!
//! Each request holds what it has read so far and gives it back when its reply was written. Asking for
//! more than is left is refused at once: waiting for room while holding some could never end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that all requests of a listener share.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
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

    /// Tells whether so little is left that nothing new should be begun: the rest is for those who hold
    /// some already and need more to come to an end.
    pub(crate) fn is_tight(&self) -> bool {
        self.budget.used.load(Ordering::Relaxed) > self.budget.limit / 20 * 19
    }

    /// Holds `more` bytes that exist already, room or not: the next request then finds less.
    pub(crate) fn add(&mut self, more: usize) {
        self.budget.used.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
