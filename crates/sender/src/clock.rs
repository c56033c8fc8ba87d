//! The clock of a run: ours, or a faster one.
//!
//! A plan is made in its own time. With a time scale, so many of its seconds pass in one of ours: a day in
//! 24 s. Its wall clock goes along, so that what is signed by it carries the times of the plan.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// When a run begins, and how fast its time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    /// The time of day at the start of the plan, read by whoever may.
    pub origin: Timestamp,
    /// How many seconds of the plan pass in one of ours, more than 0.
    pub scale: f64,
}

/// A clock that runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    clock: Clock,
    pub(crate) start: Instant,
    /// The time of the plan at the start; more than nothing in a run that is resumed.
    begun_at: Duration,
}

impl Clock {
    /// Returns the time of day so long after the start of the plan.
    pub fn wall(&self, time: Duration) -> Timestamp {
        let offset = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        self.origin.saturating_add(offset).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn start(self, begun_at: Duration) -> Running {
        Running { clock: self, start: Instant::now(), begun_at }
    }
}

impl Running {
    /// Returns the time of the plan.
    pub(crate) fn now(&self) -> Duration {
        let passed = self.start.elapsed();
        self.begun_at.saturating_add(scaled(passed, self.clock.scale))
    }

    /// Returns how long after our start a time of the plan comes; nothing for one that was before.
    pub(crate) fn real(&self, time: Duration) -> Duration {
        scaled(time.saturating_sub(self.begun_at), self.clock.scale.recip())
    }

    pub(crate) fn wall(&self, time: Duration) -> Timestamp {
        self.clock.wall(time)
    }
}

fn scaled(time: Duration, by: f64) -> Duration {
    // Without a scale every nanosecond is kept.
    if (by - 1.0).abs() < f64::EPSILON {
        return time;
    }
    Duration::try_from_secs_f64(time.as_secs_f64() * by).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_day_passes_in_24_seconds_and_its_wall_clock_with_it() {
        let clock = Clock { origin: "2026-01-01T00:00:00Z".parse().unwrap(), scale: 3600.0 };
        let running = clock.start(Duration::ZERO);
        assert_eq!(running.real(Duration::from_secs(86_400)), Duration::from_secs(24));
        tokio::time::advance(Duration::from_secs(12)).await;
        assert_eq!(running.now(), Duration::from_secs(43_200));
        assert_eq!(running.wall(running.now()).to_string(), "2026-01-01T12:00:00Z");
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_goes_on_where_it_was() {
        let clock = Clock { origin: Timestamp::UNIX_EPOCH, scale: 1.0 };
        let running = clock.start(Duration::from_secs(100));
        assert_eq!(running.real(Duration::from_secs(90)), Duration::ZERO);
        assert_eq!(running.real(Duration::from_secs(105)), Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(running.now(), Duration::from_secs(105));
    }

    #[test]
    fn a_time_beyond_the_calendar_is_its_last() {
        let clock = Clock { origin: Timestamp::UNIX_EPOCH, scale: 1.0 };
        assert_eq!(clock.wall(Duration::MAX), Timestamp::MAX);
    }
}
