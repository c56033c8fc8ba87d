//! What is printed of a run: attempts as they end, and what it came to.

use std::io::{self, Write};

use clap::ValueEnum;
use ringback_exchange::{
    Attempt, Because, Expects, Outcome, Part, Place, Verdict, json_line, printable,
};
use ringback_report::terminal::{count, duration};
use ringback_sender::{Percentiles, Plan, Summary};
use serde::Serialize;

use crate::output;

/// How many attempts are printed where nobody has said how many.
pub(crate) const PRINTED_MAX: u64 = 100;

/// Which attempts are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Print {
    /// Each of them
    All,
    /// Those that were not answered with 2xx
    Failures,
    /// None
    None,
}

/// Prints attempts as they end.
#[derive(Debug)]
pub(crate) struct Printer {
    as_json: bool,
    print: Print,
    /// How many may still be printed, where there is a limit.
    left: Option<u64>,
    n_passed_over: u64,
}

impl Printer {
    /// Makes one. Where nobody has said what is to be printed, a plan of up to [`PRINTED_MAX`] deliveries
    /// is printed whole, and of a larger one as many failures.
    pub(crate) fn new(
        plan: &Plan,
        print: Option<Print>,
        as_json: bool,
        is_summary_json: bool,
    ) -> Self {
        let (print, left) = match print {
            Some(print) => (print, None),
            None if as_json => (Print::All, None),
            // Standard output is for the summary then.
            None if is_summary_json => (Print::None, None),
            None if plan.turns().zip(0..=PRINTED_MAX).count() as u64 <= PRINTED_MAX => {
                (Print::All, None)
            }
            None => (Print::Failures, Some(PRINTED_MAX)),
        };
        Self { as_json, print, left, n_passed_over: 0 }
    }

    /// Tells whether anything is printed as it comes.
    pub(crate) const fn prints(&self) -> bool {
        matches!(self.print, Print::All)
    }

    pub(crate) fn print(&mut self, attempt: &Attempt) -> io::Result<()> {
        let is_wanted = match self.print {
            Print::All => true,
            Print::Failures => attempt.is_against_receiver(),
            Print::None => false,
        };
        if !is_wanted {
            return Ok(());
        }
        if let Some(left) = &mut self.left {
            if *left == 0 {
                self.n_passed_over += 1;
                return Ok(());
            }
            *left -= 1;
        }
        let mut out = output::data().lock();
        if self.as_json { print_json(&mut out, attempt) } else { print_text(&mut out, attempt) }
    }

    /// Says what was not printed, when something was not.
    pub(crate) fn passed_over(&self) -> Option<String> {
        let n = self.n_passed_over;
        (n > 0).then(|| format!("{n} more failures are not shown: `--print failures` shows all"))
    }
}

/// An attempt, and what is to be thought of it.
#[derive(Serialize)]
struct Judged<'a> {
    #[serde(flatten)]
    attempt: &'a Attempt,
    verdict: Verdict,
}

pub(crate) fn print_json(out: &mut impl Write, attempt: &Attempt) -> io::Result<()> {
    let mut shown = attempt.clone();
    shown.request.headers = shown.request.headers.redacted();
    if let Outcome::Answered(reply) = &mut shown.outcome {
        reply.headers = reply.headers.redacted();
    }
    writeln!(out, "{}", json_line(&Judged { verdict: attempt.verdict(), attempt: &shown })?)
}

fn print_text(out: &mut impl Write, attempt: &Attempt) -> io::Result<()> {
    let took = duration(attempt.duration_ms);
    let which = which(attempt);
    let again = attempt.place.as_ref().and_then(|place| place.retry_in_ms);
    let again = again.map(|ms| format!("; again in {}", duration(ms))).unwrap_or_default();
    let again = format!("{again}{}", wanted(attempt));
    match &attempt.outcome {
        Outcome::Answered(reply) => {
            let to = reply.headers.get("location").filter(|_| reply.is_redirect());
            let to = to.map(|to| format!(" to {to} (not followed)")).unwrap_or_default();
            let line = format!("{which} HTTP {}{to} in {took}{again}", reply.status);
            writeln!(out, "{}", printable(&line))?;
            let body = reply.body.to_text();
            if !body.is_empty() {
                writeln!(out, "{}", printable(body.trim_end()))?;
            }
            if let Some(bytes) = attempt.reply_cut_at_bytes {
                writeln!(out, "(the answer is longer and was cut at {bytes} bytes)")?;
            }
        }
        Outcome::Failed(failure) => {
            let status = failure.status.map(|status| format!(" of HTTP {status}"));
            let line = format!(
                "{which} {}{} after {took}: {}{again}",
                failure.kind,
                status.unwrap_or_default(),
                failure.detail
            );
            writeln!(out, "{}", printable(&line))?;
        }
    }
    Ok(())
}

/// Says what a request was sent with on purpose, and whether what came of it is right.
fn wanted(attempt: &Attempt) -> String {
    let Some(fault) = &attempt.fault else { return String::new() };
    let wanted = match fault.expects {
        Expects::Answer => "a right receiver accepts it",
        Expects::Refusal => "a right receiver refuses it",
        Expects::Either => "a right receiver accepts or refuses it",
        Expects::Nothing => "no answer is waited for",
    };
    let verdict =
        if attempt.is_against_receiver() { "NOT as it should be" } else { "as it should be" };
    format!("; sent with `{}`: {wanted}; {verdict}", fault.name)
}

/// Names an attempt: its delivery, and what is special about it.
fn which(attempt: &Attempt) -> String {
    let mut special = Vec::new();
    if attempt.number > 1 {
        special.push(format!("try {}", attempt.number));
    }
    if let Some(Place { event, part, copy, .. }) = attempt.place {
        if part == Part::Analysis {
            special.push(format!("analysis of event {event}"));
        }
        if copy > 1 {
            special.push(format!("copy {copy} of event {event}"));
        }
    }
    match special.is_empty() {
        true => format!("#{}", attempt.delivery),
        false => format!("#{} ({})", attempt.delivery, special.join(", ")),
    }
}

/// Says what a run came to.
pub(crate) fn describe(summary: &Summary) -> String {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    for (status, n) in &summary.statuses {
        parts.push(format!("{n} HTTP {status}"));
    }
    for (failure, n) in &summary.failures {
        parts.push(format!("{n} {failure}"));
    }
    let mut text = count(number(summary.sent), "delivery");
    if summary.attempts != summary.sent {
        text += &format!(" with {}", count(number(summary.attempts), "attempt"));
    }
    text += &format!(
        " in {} ({:.1}/s): {}",
        duration(summary.elapsed_ms),
        summary.requests_per_second,
        if parts.is_empty() { "nothing was sent".to_owned() } else { parts.join(", ") },
    );
    if summary.attempts > 1 {
        // What was delayed by others in flight shows in the latency alone.
        let response = summary.response_ms.filter(|_| summary.delayed_by_cap > 0);
        for (what, percentiles) in [
            ("latency", summary.latency_ms),
            ("of that from the begin of the request", response),
            ("sender's own lateness", summary.late_ms),
        ] {
            if let Some(percentiles) = percentiles {
                text += &format!("\n{what}: {}", describe_percentiles(percentiles));
            }
        }
    }
    for note in notes(summary) {
        text.push('\n');
        text.push_str(&note);
    }
    text
}

/// Says what a run came to beside counts and times, a sentence each.
pub(crate) fn notes(summary: &Summary) -> Vec<String> {
    let mut notes = Vec::new();
    let again: Vec<_> = summary
        .because
        .iter()
        .filter(|(because, _)| **because != Because::Planned)
        .map(|(because, n)| match because {
            Because::Simultaneous => format!("{n} as copies at once"),
            Because::Duplicate => format!("{n} as duplicates"),
            Because::Retry | Because::Planned => format!("{n} as retries"),
        })
        .collect();
    if !again.is_empty() {
        notes.push(format!("sent again: {}", again.join(", ")));
    }
    for (n, what) in [
        (summary.unknown, "unknown: bytes left, and no answer says what became of them"),
        (summary.exhausted, "failed after all retries"),
        (summary.gone, "not tried again: the receiver said 410"),
        (summary.retries_dropped, "not tried again: too many others were waiting"),
        (summary.without_event, "without an event: nobody spoke, so there is no analysis"),
        (summary.over_before, "over before this run"),
        (summary.failed_before, "of those had failed"),
    ] {
        if n > 0 {
            notes.push(format!("{n} {what}"));
        }
    }
    if summary.delayed_by_cap > 0 {
        let waited = summary.cap_wait_ms.map(|it| format!(" (up to {})", duration(it.max)));
        let waited = waited.unwrap_or_default();
        let n = summary.delayed_by_cap;
        notes.push(format!("{n} delayed: too many were in flight{waited}"));
    }
    if summary.stopped {
        let begun = summary.sent + summary.over_before + summary.without_event;
        let left = summary.planned.map(|planned| planned.saturating_sub(begun).to_string());
        let left = left.unwrap_or_else(|| "the rest".to_owned());
        let mut note = format!("stopped: {left} not sent, {} given up", summary.given_up);
        if summary.waiting > 0 {
            note += &format!(", {} still to be tried again", summary.waiting);
        }
        notes.push(note);
    }
    notes
}

fn describe_percentiles(it: Percentiles) -> String {
    let [p50, p90, p99, p999, max] = [it.p50, it.p90, it.p99, it.p999, it.max].map(duration);
    format!("p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}, max {max}")
}
