//! How far an attempt has come: written down by an engine, read by whoever ends the attempt.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How far an attempt has come.
#[derive(Debug)]
pub(crate) struct Phases {
    created: Instant,
    /// Nanoseconds from there to the begin of the attempt, when it had to wait for its turn.
    begin: AtomicU64,
    /// Nanoseconds that a new connection took, and 1 more; 0 when there was none.
    connect: AtomicU64,
    /// Nanoseconds from the begin to the first byte of the reply, and 1 more; 0 when none has come.
    first_byte: AtomicU64,
    /// The status of the reply; 0 when it has not come.
    status: AtomicU16,
    written: AtomicU8,
}

/// How much of the request a connection has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Written {
    Nothing = 0,
    Something = 1,
    All = 2,
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Reads a time that is 0 for none.
fn known(time: &AtomicU64) -> Option<Duration> {
    time.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_nanos)
}

impl Phases {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            created: now,
            begin: AtomicU64::new(0),
            connect: AtomicU64::new(0),
            first_byte: AtomicU64::new(0),
            status: AtomicU16::new(0),
            written: AtomicU8::new(Written::Nothing as u8),
        }
    }

    /// The attempt begins now, and not when it was made.
    pub(crate) fn begin_now(&self) {
        self.begin.store(nanos(self.created.elapsed()), Ordering::Relaxed);
    }

    pub(crate) fn begin(&self) -> Instant {
        self.created + Duration::from_nanos(self.begin.load(Ordering::Relaxed))
    }

    /// A new connection is there, and took so long.
    pub(crate) fn connected(&self, took: Duration) {
        self.connect.store(nanos(took).saturating_add(1), Ordering::Relaxed);
    }

    /// A byte of the reply is there. Only the first counts.
    pub(crate) fn came(&self) {
        if self.first_byte.load(Ordering::Relaxed) == 0 {
            let time = nanos(self.begin().elapsed()).saturating_add(1);
            self.first_byte.store(time, Ordering::Relaxed);
        }
    }

    pub(crate) fn wrote(&self, written: Written) {
        self.written.fetch_max(written as u8, Ordering::Relaxed);
    }

    pub(crate) fn answers_with(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    pub(crate) fn connect(&self) -> Option<Duration> {
        known(&self.connect)
    }

    pub(crate) fn first_byte(&self) -> Option<Duration> {
        known(&self.first_byte)
    }

    pub(crate) fn status(&self) -> Option<u16> {
        Some(self.status.load(Ordering::Relaxed)).filter(|status| *status != 0)
    }

    pub(crate) fn has_written(&self, written: Written) -> bool {
        self.written.load(Ordering::Relaxed) >= written as u8
    }
}
