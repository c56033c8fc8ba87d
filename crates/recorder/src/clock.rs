//! The wall clock, passed in: a function comes in, times come out.
//!
//! Only the command line reads the real clock, so that everything else gives the same result twice.
//! Durations and deadlines are not its business: those are taken from the runtime's own clock, which
//! never runs backwards.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// Tells what time it is.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// Makes a clock of a function. It is called once for each request, from any thread.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the time, cut to whole microseconds: the store keeps no more, and an exchange must be
    /// equal to itself after it was stored and read.
    pub(crate) fn now(&self) -> Timestamp {
        let now = (self.0)();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
