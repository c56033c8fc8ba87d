//! How much a target on the public internet still gets.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::guard::{PUBLIC_DELIVERIES_MAX, PUBLIC_PER_SECOND_MAX};

/// Deliveries that are left, and when the next may begin. It holds for everything that is sent through
/// one target, in runs and one at a time.
#[derive(Debug)]
pub(crate) struct Allowance(Mutex<State>);

#[derive(Debug)]
struct State {
    left: u64,
    next: Option<Instant>,
}

impl Allowance {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State { left: PUBLIC_DELIVERIES_MAX, next: None }))
    }

    /// Takes one delivery, and returns when it may begin; nothing when none is left.
    pub(crate) fn take(&self, now: Instant) -> Option<Instant> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.left = state.left.checked_sub(1)?;
        let begin = state.next.map_or(now, |next| next.max(now));
        state.next = Some(begin + Duration::from_secs(1) / PUBLIC_PER_SECOND_MAX);
        Some(begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_a_tenth_of_a_second_apart_and_come_to_an_end() {
        let allowance = Allowance::new();
        let start = Instant::now();
        let after = |ms| Some(start + Duration::from_millis(ms));
        assert_eq!(allowance.take(start), after(0));
        assert_eq!(allowance.take(start), after(100));
        assert_eq!(allowance.take(start + Duration::from_millis(150)), after(200));
        let idle = start + Duration::from_secs(60);
        assert_eq!(allowance.take(idle), Some(idle), "time that passed idle is not made up for");
        for n in 1..=PUBLIC_DELIVERIES_MAX - 4 {
            assert!(allowance.take(idle).is_some(), "{n}");
        }
        assert_eq!(allowance.take(idle), None);
    }
}
