//! What is to be sent, and when: pure, and printable before anything is sent.
//!
//! A [`Plan`] is data. Its [`turns`](Plan::turns) are its deliveries in the order in which they are begun,
//! each with its time; they are made one by one, so that a plan of millions takes no room. The same plan
//! has the same turns on every machine: chance is drawn from its seed.

mod arrival;
mod curve;
mod order;
mod text;
mod trace;
mod turns;

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

pub use curve::Curve;
pub use order::{COPIES_MAX, Duplicates, Order, PairOrder, Pairs};
pub(crate) use text::{parse_share, parse_time};
pub use trace::{TRACE_TIMES_MAX, Trace};
pub use turns::{Turn, Turns};

use crate::rate::{Rate, RateError};

/// How many deliveries a plan may hold back at once to bring them into their order.
pub const HELD_BACK_MAX: u64 = 1_000_000;

/// A count that means: until the time or the trace is over.
pub const UNLIMITED: u64 = u64::MAX;

/// The deliveries of a run and their times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How many calls there are at the most; a call makes one delivery unless [`order`](Self::order) says
    /// otherwise.
    pub count: u64,
    /// When no more calls come.
    pub duration: Option<Duration>,
    /// When each is due.
    pub pace: Pace,
    /// How calls that come at a rate are spaced.
    pub spacing: Spacing,
    /// The longest time by which a delivery is moved back, drawn evenly.
    pub jitter: Duration,
    /// How often, and in which order.
    pub order: Order,
    /// What chance is drawn from.
    pub seed: u64,
}

/// When a delivery is due. For people it is its text: `one by one`, `50/s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pace {
    /// Each when the last was answered: the receiver sets the pace.
    OneByOne,
    /// So many under way at all times: the receiver sets the pace.
    Concurrent(NonZeroU32),
    /// Each at its time, whatever became of those before it.
    Rate(Rate),
    /// As that, at a rate that changes.
    Curve(Curve),
    /// So many at once, every so often, from the start on.
    Bursts {
        /// How many.
        size: NonZeroU32,
        /// From one burst to the next.
        every: Duration,
    },
    /// At the times of a trace.
    Trace(Trace),
}

/// How calls that come at a rate are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// Evenly.
    Even,
    /// As if nobody knew of anybody: a Poisson process, with exponential gaps.
    Poisson,
}

/// What `--arrival` may be: how calls come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Evenly at the rate.
    Constant,
    /// By chance at the rate.
    Poisson,
    /// So many at once, every so often.
    Burst {
        /// How many.
        size: NonZeroU32,
        /// From one burst to the next.
        every: Duration,
    },
    /// Over a day, with the rate as its mean.
    DayCurve,
}

impl FromStr for Arrival {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let form = || PlanError::Form {
            text: text.to_owned(),
            what: "arrival",
            example: "constant`, `poisson`, `burst:100@10s` or `day-curve",
        };
        match text {
            "constant" => Ok(Self::Constant),
            "poisson" => Ok(Self::Poisson),
            "day-curve" => Ok(Self::DayCurve),
            _ => {
                let burst = text.strip_prefix("burst:").ok_or_else(form)?;
                let (size, every) = burst.split_once('@').ok_or_else(form)?;
                let size = size.parse().map_err(|_| form())?;
                Ok(Self::Burst { size, every: parse_time(every)? })
            }
        }
    }
}

/// Why a text is no part of a plan, or a plan cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A text has not the form of what it is to be.
    #[error("`{text}` is no {what}: write it as `{example}`")]
    Form {
        /// What was given.
        text: String,
        /// What it is to be.
        what: &'static str,
        /// How that is written.
        example: &'static str,
    },
    /// A text is no time.
    #[error(
        "`{text}` is no time: write it with its unit and more than nothing, as `500ms`, `10s` or `2m`"
    )]
    Time {
        /// What was given.
        text: String,
    },
    /// A rate in it is none.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// Something is asked for that needs planned times, and the receiver sets the pace.
    #[error("{what} needs planned times: give a rate, a ramp, steps, bursts or a trace")]
    NoTimes {
        /// What needs them.
        what: &'static str,
    },
    /// A trace holds no time.
    #[error("the trace holds no time, so nothing would ever be sent")]
    EmptyTrace,
    /// A trace is too long to be held.
    #[error("the trace holds more than {TRACE_TIMES_MAX} times: split it")]
    LongTrace,
    /// Deliveries would have to be held back in such numbers that they take too much room.
    #[error(
        "about {count} deliveries would have to be held back to bring them into their order, and \
         {HELD_BACK_MAX} can be: make the rate, the jitter, the gap or the window smaller"
    )]
    HeldBack {
        /// About how many.
        count: u64,
    },
}

impl Plan {
    /// Makes a plan of so many deliveries at a pace, and nothing else.
    pub fn new(count: u64, pace: Pace) -> Self {
        Self {
            count,
            duration: None,
            pace,
            spacing: Spacing::Even,
            jitter: Duration::ZERO,
            order: Order::default(),
            seed: 1,
        }
    }

    /// Returns the deliveries in the order in which they are begun.
    pub fn turns(&self) -> Turns {
        Turns::new(self)
    }

    /// Tells whether the times are planned, so that the receiver cannot slow them.
    pub const fn is_open(&self) -> bool {
        !matches!(self.pace, Pace::OneByOne | Pace::Concurrent(_))
    }

    /// Returns how many are in flight at once where the receiver sets the pace; nothing where it does not.
    pub fn concurrency(&self) -> Option<NonZeroU32> {
        match self.pace {
            Pace::OneByOne => Some(NonZeroU32::MIN),
            Pace::Concurrent(n) => Some(n),
            _ => None,
        }
    }

    /// Returns how many deliveries there are, unless that takes long to find out or only the run shows it.
    pub fn total(&self) -> Option<u64> {
        /// How many are counted one by one, which takes a tenth of a second.
        const COUNTED_MAX: u64 = 1_000_000;
        let is_fixed = !matches!(self.order.duplicates, Duplicates::Share(_));
        let is_by_count = self.duration.is_none()
            && self.count != UNLIMITED
            && !matches!(
                self.pace,
                Pace::Curve(Curve::Ramp { .. } | Curve::Steps(_)) | Pace::Trace(_)
            );
        if is_fixed && is_by_count {
            return self.count.checked_mul(self.order.copies_of_a_call());
        }
        if !self.is_open() && (self.duration.is_some() || self.count == UNLIMITED) {
            return None;
        }
        let counted = self.turns().zip(0..=COUNTED_MAX).count() as u64;
        (counted <= COUNTED_MAX).then_some(counted)
    }

    /// Returns the highest number of calls a second, where the plan says it.
    pub(crate) fn peak_per_second(&self) -> Option<f64> {
        match &self.pace {
            Pace::OneByOne | Pace::Concurrent(_) | Pace::Trace(_) => None,
            Pace::Rate(rate) => Some(rate.per_second()),
            Pace::Curve(curve) => Some(curve.peak()),
            Pace::Bursts { size, every } => Some(f64::from(size.get()) / every.as_secs_f64()),
        }
    }

    /// Checks that the parts of the plan go together.
    ///
    /// # Errors
    ///
    /// When something needs planned times that there are none of, or would take too much room.
    pub fn check(&self) -> Result<(), PlanError> {
        if !self.is_open() {
            for (is_asked, what) in [
                (!self.jitter.is_zero(), "jitter"),
                (!self.order.shuffle_window.is_zero(), "a shuffle window"),
            ] {
                if is_asked {
                    return Err(PlanError::NoTimes { what });
                }
            }
            return Ok(());
        }
        let window = self.held_back().as_secs_f64();
        let calls = self.peak_per_second().unwrap_or_default() * window
            + match self.pace {
                Pace::Bursts { size, .. } => f64::from(size.get()),
                _ => 0.0,
            };
        let held = (calls * self.order.copies_of_a_call() as f64).min(self.count as f64);
        if held > HELD_BACK_MAX as f64 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates"
            )]
            return Err(PlanError::HeldBack { count: held as u64 });
        }
        Ok(())
    }

    /// The longest time by which a delivery may come after one that is planned behind it.
    fn held_back(&self) -> Duration {
        let order = &self.order;
        let duplicates = match order.duplicates {
            Duplicates::None | Duplicates::Times(1) => Duration::ZERO,
            _ => order.duplicate_within,
        };
        let gap = order.pairs.map_or(Duration::ZERO, |pairs| pairs.gap);
        [self.jitter, duplicates, gap, order.shuffle_window]
            .into_iter()
            .fold(Duration::ZERO, Duration::saturating_add)
    }

    fn is_by_chance(&self) -> bool {
        self.spacing == Spacing::Poisson
            || !self.jitter.is_zero()
            || !matches!(self.order.duplicates, Duplicates::None)
            || !self.order.shuffle_window.is_zero()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = &self.order;
        let is_plain = *order == Order::default();
        let (one, many) = match order.pairs {
            Some(_) => ("call", "calls"),
            None if is_plain => ("delivery", "deliveries"),
            None => ("event", "events"),
        };
        match self.count {
            UNLIMITED => write!(f, "{many}")?,
            1 => write!(f, "1 {one}")?,
            n => write!(f, "{n} {many}")?,
        }
        if self.count > 1 {
            match &self.pace {
                Pace::OneByOne | Pace::Concurrent(_) | Pace::Bursts { .. } => {
                    write!(f, ", {}", self.pace)?;
                }
                Pace::Rate(_) | Pace::Curve(_) | Pace::Trace(_) => write!(f, " at {}", self.pace)?,
            }
        }
        if self.spacing == Spacing::Poisson {
            f.write_str(", spaced by chance")?;
        }
        if let Some(duration) = self.duration {
            write!(f, ", for {duration:?}")?;
        }
        if !self.jitter.is_zero() {
            write!(f, ", each up to {:?} later", self.jitter)?;
        }
        if let Some(Pairs { order, gap }) = order.pairs {
            write!(f, ", {order}")?;
            if matches!(order, PairOrder::CompletedFirst | PairOrder::AnalysisFirst)
                && self.is_open()
            {
                write!(f, " with {gap:?} between")?;
            }
        }
        if order.simultaneous > 1 {
            write!(f, ", {} copies at once", order.simultaneous)?;
        }
        if order.duplicates != Duplicates::None {
            write!(f, ", {}", order.duplicates)?;
            if self.is_open() {
                write!(f, " within {:?}", order.duplicate_within)?;
            }
        }
        if !order.shuffle_window.is_zero() {
            write!(f, ", shuffled within {:?}", order.shuffle_window)?;
        }
        if self.is_by_chance() {
            write!(f, " (seed {})", self.seed)?;
        }
        if let Pace::Rate(rate) = self.pace
            && is_plain
            && !self.is_by_chance()
            && self.duration.is_none()
            && (2..UNLIMITED).contains(&self.count)
        {
            write!(f, ", the last after {:.3?}", rate.due(self.count - 1))?;
        }
        Ok(())
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneByOne => f.write_str("one by one"),
            Self::Concurrent(n) => write!(f, "{n} at a time"),
            Self::Rate(rate) => rate.fmt(f),
            Self::Curve(curve) => curve.fmt(f),
            Self::Bursts { size, every } => write!(f, "{size} at once every {every:?}"),
            Self::Trace(trace) => trace.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
