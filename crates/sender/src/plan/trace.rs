//! Times that were recorded, to be kept again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::PlanError;

/// How many times a trace may hold; they take 8 bytes each.
pub const TRACE_TIMES_MAX: usize = 5_000_000;

/// Recorded times, from the first of them, in order. Clones share them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace(Arc<[u64]>);

impl Trace {
    /// Makes a trace of times from any common begin, in any order; `speed` times as fast as they were.
    /// The first is the start.
    ///
    /// # Errors
    ///
    /// When there are none, or more than [`TRACE_TIMES_MAX`].
    pub fn new(mut times: Vec<Duration>, speed: f64) -> Result<Self, PlanError> {
        if times.len() > TRACE_TIMES_MAX {
            return Err(PlanError::LongTrace);
        }
        times.sort_unstable();
        let first = *times.first().ok_or(PlanError::EmptyTrace)?;
        let offset = |time: &Duration| {
            let real = (*time - first).as_nanos() as f64;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates"
            )]
            let scaled = (real / speed).round() as u64;
            scaled
        };
        Ok(Self(times.iter().map(offset).collect()))
    }

    /// Returns how many times there are; at least one.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the time from the first to the last.
    pub fn span(&self) -> Duration {
        self.0.last().copied().map(Duration::from_nanos).unwrap_or_default()
    }

    pub(crate) fn due(&self, index: u64) -> Option<Duration> {
        let index = usize::try_from(index).ok()?;
        self.0.get(index).copied().map(Duration::from_nanos)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.span();
        // A sum tells two traces of the same length apart.
        let sum = self.0.iter().fold(0_u64, |sum, time| sum.rotate_left(1) ^ time);
        write!(f, "the {} times of a trace over {last:.3?} ({sum:016x})", self.0.len())
    }
}
