//! The one place where the real clock is read and real chance is drawn.

use std::hash::{BuildHasher as _, RandomState};

use ringback_recorder::Clock;

/// Returns the wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line reads the clock for everybody else"
)]
pub(crate) fn wall() -> Clock {
    Clock::new(jiff::Timestamp::now)
}

/// Returns the time.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line reads the clock for everybody else"
)]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Returns the seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line reads the clock for everybody else"
)]
pub(crate) fn now_s() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Draws a number that is another one in every run.
pub(crate) fn chance() -> u64 {
    RandomState::new().hash_one("ringback")
}
