//! What a run came to, in numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use ringback_exchange::{Attempt, Because, Failure, Outcome, Verdict};
use serde::Serialize;

use crate::histogram::Histogram;

/// What a run came to. Printing it is somebody else's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// How many deliveries the plan had; nothing where only the run to its end would have shown it.
    pub planned: Option<u64>,
    /// How many of them were over before this run, which went on with an earlier one.
    pub over_before: u64,
    /// How many of those had failed.
    pub failed_before: u64,
    /// How many of them there was no event for, such as the analysis of a call in which nobody spoke.
    pub without_event: u64,
    /// How many of them were begun; fewer than planned when the run was stopped.
    pub sent: u64,
    /// How many attempts were made, retries among them.
    pub attempts: u64,
    /// How many deliveries were answered with 200 to 299 in the end.
    pub succeeded: u64,
    /// How many deliveries came to their end without that.
    pub failed: u64,
    /// How many of those did not reach the target with their last try.
    pub unreachable: u64,
    /// How many deliveries were still to be tried again when the run was stopped.
    pub waiting: u64,
    /// How many attempts were made for which reason: retries, duplicates …
    pub because: BTreeMap<Because, u64>,
    /// How many deliveries ended because all retries were made.
    pub exhausted: u64,
    /// How many deliveries ended because the receiver said 410 and was not asked again.
    pub gone: u64,
    /// How many deliveries ended because too many others were waiting to be tried again.
    pub retries_dropped: u64,
    /// How many whole replies there were of each status, those of success among them.
    pub statuses: BTreeMap<u16, u64>,
    /// How many attempts ended without a whole reply, by kind.
    pub failures: BTreeMap<Failure, u64>,
    /// How many attempts are unknown: bytes left and no trustworthy answer came, so that nobody can say what
    /// the receiver made of them. They are among the failures.
    pub unknown: u64,
    /// How many attempts were due and had to wait because so many others were in flight.
    pub delayed_by_cap: u64,
    /// Milliseconds that those waited; nothing when there were none.
    pub cap_wait_ms: Option<Percentiles>,
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
    /// Milliseconds from the begin of the request to the outcome, of the same attempts. Where this is much
    /// shorter than the latency, deliveries waited for their turn; by this alone nobody would see it.
    pub response_ms: Option<Percentiles>,
    /// Milliseconds by which the sender itself began after the planned time, without the wait for room.
    pub late_ms: Option<Percentiles>,
}

/// Durations in milliseconds, by nearest rank, at most 0.1 % more than the exact ones and never less.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half were not longer.
    pub p50: f64,
    /// Nine of ten were not longer.
    pub p90: f64,
    /// Ninety-nine of a hundred were not longer.
    pub p99: f64,
    /// All but one of a thousand were not longer.
    pub p999: f64,
    /// The longest, exact.
    pub max: f64,
}

/// The counts of a run under way.
#[derive(Debug)]
pub(crate) struct Tally {
    summary: Summary,
    latency: Histogram,
    response: Histogram,
    late: Histogram,
    cap_wait: Histogram,
}

/// What an attempt means for its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was answered with 2xx, or that is what it wanted.
    Succeeded,
    /// It is over, and was no success.
    Failed,
    /// As that, because all retries were made.
    Exhausted,
    /// As that, because the receiver said 410.
    Gone,
    /// As that, because there was no room to wait.
    Dropped,
    /// It is tried again.
    Again,
    /// The run was stopped before an answer came.
    GivenUp,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let summary = Summary {
            planned: None,
            over_before: 0,
            failed_before: 0,
            without_event: 0,
            sent: 0,
            attempts: 0,
            succeeded: 0,
            failed: 0,
            unreachable: 0,
            waiting: 0,
            because: BTreeMap::new(),
            exhausted: 0,
            gone: 0,
            retries_dropped: 0,
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            unknown: 0,
            delayed_by_cap: 0,
            cap_wait_ms: None,
            stopped: false,
            given_up: 0,
            elapsed_ms: 0.0,
            requests_per_second: 0.0,
            latency_ms: None,
            response_ms: None,
            late_ms: None,
        };
        Self {
            summary,
            latency: Histogram::new(),
            response: Histogram::new(),
            late: Histogram::new(),
            cap_wait: Histogram::new(),
        }
    }

    /// Counts what is not an attempt.
    pub(crate) fn summary(&mut self) -> &mut Summary {
        &mut self.summary
    }

    pub(crate) fn count(&mut self, attempt: &Attempt, fate: Fate) {
        let summary = &mut self.summary;
        summary.attempts += 1;
        summary.sent += u64::from(attempt.number == 1);
        let (mut was_sent, mut is_unreachable) = (true, false);
        match &attempt.outcome {
            Outcome::Answered(reply) => *summary.statuses.entry(reply.status).or_default() += 1,
            Outcome::Failed(failure) => {
                *summary.failures.entry(failure.kind).or_default() += 1;
                summary.unknown += u64::from(failure.kind.verdict() == Verdict::Unknown);
                // A refusal comes back at once, and would make a dead receiver look fast.
                is_unreachable = failure.kind.is_unreachable();
                was_sent = !is_unreachable;
            }
        }
        match fate {
            Fate::Succeeded => summary.succeeded += 1,
            Fate::Again => {}
            Fate::GivenUp => summary.given_up += 1,
            Fate::Failed | Fate::Exhausted | Fate::Gone | Fate::Dropped => {
                summary.failed += 1;
                summary.unreachable += u64::from(is_unreachable);
                summary.exhausted += u64::from(fate == Fate::Exhausted);
                summary.gone += u64::from(fate == Fate::Gone);
                summary.retries_dropped += u64::from(fate == Fate::Dropped);
            }
        }
        let mut waited = 0.0;
        if let Some(place) = &attempt.place {
            *summary.because.entry(place.because).or_default() += 1;
            if let Some(held_back) = place.held_back_ms {
                waited = held_back;
                summary.delayed_by_cap += 1;
                self.cap_wait.record(from_ms(held_back));
            }
        }
        self.late.record(from_ms(attempt.late_ms - waited));
        if was_sent {
            self.latency.record(from_ms(attempt.late_ms + attempt.duration_ms));
            self.response.record(from_ms(attempt.duration_ms));
        }
    }

    pub(crate) fn finish(self, elapsed: Duration) -> Summary {
        let seconds = elapsed.as_secs_f64();
        let attempts = self.summary.attempts as f64;
        Summary {
            elapsed_ms: to_ms(elapsed),
            requests_per_second: if seconds > 0.0 { attempts / seconds } else { 0.0 },
            latency_ms: percentiles(&self.latency),
            response_ms: percentiles(&self.response),
            late_ms: percentiles(&self.late),
            cap_wait_ms: percentiles(&self.cap_wait),
            ..self.summary
        }
    }
}

fn percentiles(histogram: &Histogram) -> Option<Percentiles> {
    let at = |thousandths| histogram.percentile(thousandths).map(to_ms);
    Some(Percentiles {
        p50: at(500)?,
        p90: at(900)?,
        p99: at(990)?,
        p999: at(999)?,
        max: at(1000)?,
    })
}

/// Milliseconds to the microsecond: what is finer is noise, and makes long numbers.
pub(crate) fn to_ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// A time of so many milliseconds; what is none is nothing.
pub(crate) fn from_ms(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ringback_exchange::{FailureDetail, Headers, Part, Place, Reply, Request};

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
            place: None,
            fault: None,
            outcome,
        }
    }

    #[test]
    fn latency_counts_from_the_planned_time_and_not_for_what_was_never_sent() {
        let mut tally = Tally::new();
        tally.count(&attempt(0.0, 10.0, Ok(200)), Fate::Succeeded);
        let place = Place {
            event: 0,
            part: Part::Completed,
            event_id: None,
            copy: 1,
            because: Because::Retry,
            scheduled_at: jiff::Timestamp::UNIX_EPOCH,
            retry_in_ms: None,
            held_back_ms: Some(90.0),
        };
        let held = attempt(100.0, 20.0, Ok(204));
        tally.count(&Attempt { number: 2, place: Some(place), ..held }, Fate::Succeeded);
        tally.count(&attempt(0.0, 30.0, Ok(302)), Fate::Failed);
        tally.count(&attempt(0.0, 30.0, Ok(410)), Fate::Gone);
        tally.count(&attempt(0.0, 0.1, Err(Failure::Refused)), Fate::Again);
        tally.count(&attempt(0.0, 0.1, Err(Failure::Refused)), Fate::Exhausted);
        tally.count(&attempt(0.0, 1000.0, Err(Failure::TimedOut)), Fate::GivenUp);
        let summary = tally.finish(Duration::from_millis(2500));
        insta::assert_snapshot!(serde_json::to_string_pretty(&summary).unwrap(), @r#"
        {
          "planned": null,
          "over_before": 0,
          "failed_before": 0,
          "without_event": 0,
          "sent": 6,
          "attempts": 7,
          "succeeded": 2,
          "failed": 3,
          "unreachable": 1,
          "waiting": 0,
          "because": {
            "retry": 1
          },
          "exhausted": 1,
          "gone": 1,
          "retries_dropped": 0,
          "statuses": {
            "200": 1,
            "204": 1,
            "302": 1,
            "410": 1
          },
          "failures": {
            "refused": 2,
            "timed-out": 1
          },
          "unknown": 1,
          "delayed_by_cap": 1,
          "cap_wait_ms": {
            "p50": 90.0,
            "p90": 90.0,
            "p99": 90.0,
            "p999": 90.0,
            "max": 90.0
          },
          "stopped": false,
          "given_up": 1,
          "elapsed_ms": 2500.0,
          "requests_per_second": 2.8,
          "latency_ms": {
            "p50": 30.015,
            "p90": 1000.0,
            "p99": 1000.0,
            "p999": 1000.0,
            "max": 1000.0
          },
          "response_ms": {
            "p50": 30.015,
            "p90": 1000.0,
            "p99": 1000.0,
            "p999": 1000.0,
            "max": 1000.0
          },
          "late_ms": {
            "p50": 0.0,
            "p90": 10.0,
            "p99": 10.0,
            "p999": 10.0,
            "max": 10.0
          }
        }
        "#);
    }

    #[test]
    fn a_run_of_nothing_has_no_percentiles_and_no_rate() {
        let summary = Tally::new().finish(Duration::ZERO);
        assert_eq!((summary.sent, summary.latency_ms, summary.late_ms), (0, None, None));
        assert_eq!(summary.requests_per_second, 0.0);
    }
}
