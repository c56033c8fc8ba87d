//! What a load came to: attempts come in one by one; a table, a page, a log of histograms and metrics
//! go out.
//!
//! The memory it takes does not grow with the number of attempts: durations are counted in HDR
//! histograms of microseconds, and time is cut into at most [`SLICES_MAX`] slices, which become twice
//! as long whenever there would be more.

mod chart;
mod hdr;
mod html;
mod prometheus;
mod slices;
mod terminal;

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use jiff::Timestamp;
use ringback_exchange::{Attempt, Failure, Outcome, Verdict};

use slices::Slices;

pub use hdr::log as hdr_log;
pub use html::page as html_page;
pub use prometheus::text as prometheus_text;
pub use slices::SLICES_MAX;
pub use terminal::{progress, table};

/// The longest duration that is told apart from longer ones, in microseconds: a day.
const LONGEST_US: u64 = 24 * 60 * 60 * 1_000_000;

/// How many decimal digits of a duration are kept.
const DIGITS: u8 = 3;

/// What a report says about the run as a whole.
#[derive(Debug, Clone, Default)]
pub struct LoadAbout {
    /// Where the deliveries went, as people may see it.
    pub target: String,
    /// When the run began.
    pub began: Timestamp,
    /// How many deliveries were planned; nothing when there was no such number.
    pub planned: Option<u64>,
    /// How long the run took, in milliseconds.
    pub elapsed_ms: f64,
    /// What else is to be known, a sentence each: that the run was stopped, what a cap delayed.
    pub notes: Vec<String>,
}

/// What came of the attempts of a run so far.
#[derive(Debug, Clone)]
pub struct Load {
    attempts: u64,
    succeeded: u64,
    sent_bytes: u64,
    statuses: BTreeMap<u16, u64>,
    failures: BTreeMap<Failure, u64>,
    /// From the planned time to the outcome, of what was sent.
    latency: Durations,
    /// From the planned time to the begin: the sender's own.
    lateness: Durations,
    connect: Durations,
    first_byte: Durations,
    slices: Slices,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            attempts: 0,
            succeeded: 0,
            sent_bytes: 0,
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            latency: Durations::new(DIGITS),
            lateness: Durations::new(DIGITS),
            connect: Durations::new(DIGITS),
            first_byte: Durations::new(DIGITS),
            slices: Slices::default(),
        }
    }
}

impl Load {
    /// Counts an attempt.
    pub fn add(&mut self, attempt: &Attempt) {
        self.attempts += 1;
        self.sent_bytes += attempt.request.body.0.len() as u64;
        let class = Class::of(&attempt.outcome);
        match &attempt.outcome {
            Outcome::Answered(reply) => {
                self.succeeded += u64::from(reply.is_success());
                *self.statuses.entry(reply.status).or_default() += 1;
            }
            Outcome::Failed(failure) => *self.failures.entry(failure.kind).or_default() += 1,
        }
        // The wait for room is the receiver's doing, and not the sender's own lateness.
        let held_back = attempt.place.as_ref().and_then(|place| place.held_back_ms);
        let late_ms = attempt.late_ms - held_back.unwrap_or_default();
        self.lateness.record(late_ms);
        for (durations, ms) in
            [(&mut self.connect, attempt.connect_ms), (&mut self.first_byte, attempt.first_byte_ms)]
        {
            if let Some(ms) = ms {
                durations.record(ms);
            }
        }
        // A refusal comes back at once, and would make a dead receiver look fast.
        let latency = (class != Class::Unreached).then_some(attempt.late_ms + attempt.duration_ms);
        if let Some(ms) = latency {
            self.latency.record(ms);
        }
        self.slices.add(attempt.planned_ms, class, latency, late_ms);
    }

    /// Returns how many attempts there were.
    pub const fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Returns how many attempts were not answered with 200 to 299.
    pub const fn errors(&self) -> u64 {
        self.attempts - self.succeeded
    }

    /// The series that are shown, with their names for people and for programs.
    fn series(&self) -> [(&'static str, &'static str, &Durations); 4] {
        [
            ("latency", "latency", &self.latency),
            ("first byte", "first_byte", &self.first_byte),
            ("connecting", "connect", &self.connect),
            ("sender's own lateness", "lateness", &self.lateness),
        ]
    }
}

/// What an attempt came to, as coarsely as a picture can show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Success,
    Redirect,
    ClientError,
    ServerError,
    /// No byte of the request can have arrived.
    Unreached,
    /// Bytes left and no answer can be trusted.
    Unknown,
}

impl Class {
    const ALL: [Self; 6] = [
        Self::Success,
        Self::Redirect,
        Self::ClientError,
        Self::ServerError,
        Self::Unreached,
        Self::Unknown,
    ];

    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Answered(reply) => match reply.status {
                200..=299 => Self::Success,
                300..=399 => Self::Redirect,
                400..=499 => Self::ClientError,
                _ => Self::ServerError,
            },
            Outcome::Failed(failure) if failure.kind.verdict() == Verdict::Unknown => Self::Unknown,
            Outcome::Failed(_) => Self::Unreached,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirect => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Unreached => "not reached",
            Self::Unknown => "unknown",
        }
    }
}

/// Durations in microseconds.
#[derive(Debug, Clone)]
struct Durations(Histogram<u64>);

impl Durations {
    fn new(digits: u8) -> Self {
        match Histogram::new_with_bounds(1, LONGEST_US, digits) {
            Ok(histogram) => Self(histogram),
            Err(error) => unreachable!("a day in microseconds has a histogram: {error}"),
        }
    }

    fn record(&mut self, ms: f64) {
        // What is no number, or negative, comes out as 0.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let us = (ms * 1000.0).round() as u64;
        self.0.saturating_record(us.min(LONGEST_US));
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the duration in milliseconds that a share of all, from 0 to 1, are not longer than.
    fn at(&self, share: f64) -> f64 {
        let us = if share >= 1.0 { self.0.max() } else { self.0.value_at_quantile(share) };
        us.min(self.0.max()) as f64 / 1000.0
    }

    /// Returns how many there are in each of the ranges that `edges` (milliseconds, rising) cut.
    fn counts(&self, edges: &[f64]) -> Vec<u64> {
        let mut counts = vec![0; edges.len() + 1];
        for step in self.0.iter_recorded() {
            let ms = step.value_iterated_to() as f64 / 1000.0;
            let place = edges.partition_point(|edge| *edge < ms);
            counts[place] += step.count_since_last_iteration();
        }
        counts
    }
}

#[cfg(test)]
pub(crate) mod tests;
