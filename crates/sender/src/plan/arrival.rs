//! When calls come, one after the other.

use std::num::NonZeroU32;
use std::time::Duration;

use super::curve::Cursor;
use super::{Pace, Plan, Spacing, Trace, UNLIMITED};
use crate::chance::{Chance, Purpose};
use crate::rate::Rate;

/// The times of calls, in order. `None` inside stands for whenever the receiver is ready.
#[derive(Debug)]
pub(super) struct Arrivals {
    next: u64,
    count: u64,
    duration: Option<Duration>,
    times: Times,
}

#[derive(Debug)]
enum Times {
    Free,
    Even(Rate),
    Curve(Cursor, Gaps),
    /// A rate whose gaps are drawn.
    Drawn(f64, Gaps),
    Bursts(NonZeroU32, Duration),
    Trace(Trace),
}

/// How much must have come for the next call.
#[derive(Debug)]
enum Gaps {
    Even,
    Drawn(Box<Chance>, f64),
}

impl Gaps {
    fn of(plan: &Plan) -> Self {
        match plan.spacing {
            Spacing::Even => Self::Even,
            Spacing::Poisson => {
                Self::Drawn(Box::new(Chance::new(plan.seed, Purpose::Arrival, 0)), 0.0)
            }
        }
    }

    fn amount(&mut self, index: u64) -> f64 {
        match self {
            Self::Even => index as f64,
            Self::Drawn(chance, sum) => {
                *sum += chance.exponential();
                *sum
            }
        }
    }
}

impl Arrivals {
    pub(super) fn new(plan: &Plan) -> Self {
        let times = match &plan.pace {
            Pace::OneByOne | Pace::Concurrent(_) => Times::Free,
            Pace::Rate(rate) => match Gaps::of(plan) {
                Gaps::Even => Times::Even(*rate),
                gaps @ Gaps::Drawn(..) => Times::Drawn(rate.per_second(), gaps),
            },
            Pace::Curve(curve) => Times::Curve(curve.cursor(), Gaps::of(plan)),
            Pace::Bursts { size, every } => Times::Bursts(*size, *every),
            Pace::Trace(trace) => Times::Trace(trace.clone()),
        };
        Self { next: 0, count: plan.count, duration: plan.duration, times }
    }

    /// Returns the next call and its time; nothing after the last.
    pub(super) fn next(&mut self) -> Option<(u64, Option<Duration>)> {
        let index = self.next;
        // A plan without an end has as many calls as there are numbers.
        if index >= self.count || index == UNLIMITED {
            return None;
        }
        let time = match &mut self.times {
            Times::Free => {
                self.next += 1;
                return Some((index, None));
            }
            Times::Even(rate) => Some(rate.due(index)),
            Times::Curve(cursor, gaps) => cursor.when(gaps.amount(index)),
            Times::Drawn(rate, gaps) => {
                Duration::try_from_secs_f64(gaps.amount(index) / *rate).ok()
            }
            Times::Bursts(size, every) => {
                let burst = u128::from(index / u64::from(size.get()));
                u64::try_from(every.as_nanos().saturating_mul(burst)).ok().map(Duration::from_nanos)
            }
            Times::Trace(trace) => trace.due(index),
        };
        match time.filter(|time| self.duration.is_none_or(|duration| *time < duration)) {
            Some(time) => {
                self.next += 1;
                Some((index, Some(time)))
            }
            None => {
                // What follows would come later still.
                self.count = index;
                None
            }
        }
    }
}
