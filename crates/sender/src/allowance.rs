//! How much a target still gets, and when.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::guard::Caps;

/// Attempts that are left, and when the next may begin. It holds for everything that is sent through one
/// target, in runs and one at a time.
#[derive(Debug)]
pub(crate) struct Allowance {
    caps: Caps,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    left: u64,
    next: Option<Instant>,
}

impl Allowance {
    pub(crate) fn new(caps: Caps) -> Self {
        let left = caps.attempts.unwrap_or(u64::MAX);
        Self { caps, state: Mutex::new(State { left, next: None }) }
    }

    pub(crate) fn caps(&self) -> &Caps {
        &self.caps
    }

    /// Takes one attempt, and returns when it may begin, or nothing when that is at once.
    ///
    /// # Errors
    ///
    /// When none is left, with how many there were.
    pub(crate) fn take(&self) -> Result<Option<Instant>, u64> {
        if self.caps == Caps::default() {
            return Ok(None);
        }
        self.take_at(Instant::now()).map(Some).ok_or_else(|| self.caps.attempts.unwrap_or_default())
    }

    fn take_at(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.left = state.left.checked_sub(1)?;
        let Some(per_second) = self.caps.per_second else { return Some(now) };
        let begin = state.next.map_or(now, |next| next.max(now));
        state.next = Some(begin + Duration::from_secs(1) / per_second.get());
        Some(begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{PUBLIC_DELIVERIES_MAX, PUBLIC_PER_SECOND_MAX};

    #[test]
    fn turns_are_a_tenth_of_a_second_apart_and_come_to_an_end() {
        let caps =
            Caps { per_second: Some(PUBLIC_PER_SECOND_MAX), attempts: Some(PUBLIC_DELIVERIES_MAX) };
        let allowance = Allowance::new(caps);
        let start = Instant::now();
        let after = |ms| Some(start + Duration::from_millis(ms));
        assert_eq!(allowance.take_at(start), after(0));
        assert_eq!(allowance.take_at(start), after(100));
        assert_eq!(allowance.take_at(start + Duration::from_millis(150)), after(200));
        let idle = start + Duration::from_secs(60);
        assert_eq!(allowance.take_at(idle), Some(idle), "time that passed idle is not made up for");
        for n in 1..=PUBLIC_DELIVERIES_MAX - 4 {
            assert!(allowance.take_at(idle).is_some(), "{n}");
        }
        assert_eq!(allowance.take_at(idle), None);
        assert_eq!(allowance.take(), Err(PUBLIC_DELIVERIES_MAX));
    }

    #[test]
    fn this_machine_never_waits() {
        let allowance = Allowance::new(Caps::default());
        for _ in 0..10_000 {
            assert_eq!(allowance.take(), Ok(None));
        }
    }
}
