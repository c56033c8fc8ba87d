//! What a run came to, in numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use ringback_exchange::{Attempt, Failure, Outcome};
use serde::Serialize;

use crate::histogram::Histogram;

/// What a run came to. Printing it is somebody else's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// How many deliveries the plan had.
    pub planned: u64,
    /// How many of them were attempted; fewer than planned when the run was stopped.
    pub sent: u64,
    /// How many were answered with 200 to 299.
    pub succeeded: u64,
    /// How many whole replies there were of each status, those of success among them.
    pub statuses: BTreeMap<u16, u64>,
    /// How many attempts ended without a whole reply, by kind.
    pub failures: BTreeMap<Failure, u64>,
    /// How many deliveries were due and had to wait because so many others were in flight.
    pub delayed_by_cap: u64,
    /// Whether the run was stopped before its end.
    pub stopped: bool,
    /// How many attempts were given up because the run was stopped; they are among the failures too.
    pub given_up: u64,
    /// Milliseconds from the start of the run to the last outcome.
    pub elapsed_ms: f64,
    /// Attempts per second of that time.
    pub requests_per_second: f64,
    /// Milliseconds from the *planned* time to the outcome, of the attempts whose request was sent;
    /// nothing when there were none. A timeout counts with the time it took.
    pub latency_ms: Option<Percentiles>,
    /// Milliseconds by which the sender itself began after the planned time.
    pub late_ms: Option<Percentiles>,
}

/// Durations in milliseconds, by nearest rank, at most 0.8 % more than the exact ones and never less.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half were not longer.
    pub p50: f64,
    /// Nine of ten were not longer.
    pub p90: f64,
    /// Ninety-nine of a hundred were not longer.
    pub p99: f64,
    /// The longest, exact.
    pub max: f64,
}

/// The counts of a run under way.
#[derive(Debug)]
pub(crate) struct Tally {
    sent: u64,
    succeeded: u64,
    statuses: BTreeMap<u16, u64>,
    failures: BTreeMap<Failure, u64>,
    latency: Histogram,
    late: Histogram,
    pub(crate) delayed_by_cap: u64,
    pub(crate) stopped: bool,
    pub(crate) given_up: u64,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            sent: 0,
            succeeded: 0,
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            latency: Histogram::new(),
            late: Histogram::new(),
            delayed_by_cap: 0,
            stopped: false,
            given_up: 0,
        }
    }

    pub(crate) fn count(&mut self, attempt: &Attempt) {
        self.sent += 1;
        let was_sent = match &attempt.outcome {
            Outcome::Answered(reply) => {
                self.succeeded += u64::from(reply.is_success());
                *self.statuses.entry(reply.status).or_default() += 1;
                true
            }
            Outcome::Failed(failure) => {
                *self.failures.entry(failure.kind).or_default() += 1;
                // A refusal comes back at once, and would make a dead receiver look fast.
                !failure.kind.is_unreachable()
            }
        };
        self.late.record(from_ms(attempt.late_ms));
        if was_sent {
            self.latency.record(from_ms(attempt.late_ms + attempt.duration_ms));
        }
    }

    pub(crate) fn finish(self, planned: u64, elapsed: Duration) -> Summary {
        let seconds = elapsed.as_secs_f64();
        Summary {
            planned,
            sent: self.sent,
            succeeded: self.succeeded,
            statuses: self.statuses,
            failures: self.failures,
            delayed_by_cap: self.delayed_by_cap,
            stopped: self.stopped,
            given_up: self.given_up,
            elapsed_ms: to_ms(elapsed),
            requests_per_second: if seconds > 0.0 { self.sent as f64 / seconds } else { 0.0 },
            latency_ms: percentiles(&self.latency),
            late_ms: percentiles(&self.late),
        }
    }
}

fn percentiles(histogram: &Histogram) -> Option<Percentiles> {
    let at = |thousandths| histogram.percentile(thousandths).map(to_ms);
    Some(Percentiles { p50: at(500)?, p90: at(900)?, p99: at(990)?, max: at(1000)? })
}

/// Milliseconds to the microsecond: what is finer is noise, and makes long numbers.
pub(crate) fn to_ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

fn from_ms(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ringback_exchange::{FailureDetail, Headers, Reply, Request};

    use super::*;

    fn attempt(late_ms: f64, duration_ms: f64, outcome: Result<u16, Failure>) -> Attempt {
        let request = Request {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: Headers::default(),
            body: "".into(),
        };
        let outcome = match outcome {
            Ok(status) => {
                Outcome::Answered(Reply { status, headers: Headers::default(), body: "".into() })
            }
            Err(kind) => {
                Outcome::Failed(FailureDetail { kind, detail: String::new(), status: None })
            }
        };
        Attempt {
            delivery: 0,
            number: 1,
            url: String::new(),
            request,
            planned_ms: 0.0,
            late_ms,
            connect_ms: None,
            first_byte_ms: None,
            duration_ms,
            reply_cut_at_bytes: None,
            fault: None,
            outcome,
        }
    }

    #[test]
    fn latency_counts_from_the_planned_time_and_not_for_what_was_never_sent() {
        let mut tally = Tally::new();
        tally.count(&attempt(0.0, 10.0, Ok(200)));
        tally.count(&attempt(100.0, 20.0, Ok(204)));
        tally.count(&attempt(0.0, 30.0, Ok(302)));
        for _ in 0..2 {
            tally.count(&attempt(0.0, 0.1, Err(Failure::Refused)));
        }
        tally.count(&attempt(0.0, 1000.0, Err(Failure::TimedOut)));
        let summary = tally.finish(7, Duration::from_millis(2500));
        insta::assert_snapshot!(serde_json::to_string_pretty(&summary).unwrap(), @r#"
        {
          "planned": 7,
          "sent": 6,
          "succeeded": 2,
          "statuses": {
            "200": 1,
            "204": 1,
            "302": 1
          },
          "failures": {
            "refused": 2,
            "timed-out": 1
          },
          "delayed_by_cap": 0,
          "stopped": false,
          "given_up": 0,
          "elapsed_ms": 2500.0,
          "requests_per_second": 2.4,
          "latency_ms": {
            "p50": 30.079,
            "p90": 1000.0,
            "p99": 1000.0,
            "max": 1000.0
          },
          "late_ms": {
            "p50": 0.0,
            "p90": 100.0,
            "p99": 100.0,
            "max": 100.0
          }
        }
        "#);
    }

    #[test]
    fn a_run_of_nothing_has_no_percentiles_and_no_rate() {
        let summary = Tally::new().finish(0, Duration::ZERO);
        assert_eq!((summary.sent, summary.latency_ms, summary.late_ms), (0, None, None));
        assert_eq!(summary.requests_per_second, 0.0);
    }
}
