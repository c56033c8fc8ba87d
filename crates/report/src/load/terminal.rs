//! A load for a terminal: one line while it runs, a table and a histogram at its end.

use std::fmt::Write as _;

use super::chart::edges;
use super::{Durations, Load, LoadAbout};
use crate::terminal::duration;

/// How many characters the longest bar has.
const BAR: usize = 40;

/// How many rows a histogram has at most.
const ROWS: usize = 18;

/// The percentiles that are shown, with their shares.
pub(super) const PERCENTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// Returns one line about a run under way, without its end.
pub fn progress(load: &Load, planned: Option<u64>, elapsed_ms: f64, in_flight: u64) -> String {
    let rate = if elapsed_ms > 0.0 { load.attempts as f64 / elapsed_ms * 1000.0 } else { 0.0 };
    let of = planned.map(|planned| format!(" of {planned}")).unwrap_or_default();
    let p99 = if load.latency.is_empty() {
        String::new()
    } else {
        format!(", p99 {}", duration(load.latency.at(0.99)))
    };
    format!(
        "{}: {}{of} attempts, {rate:.1}/s, {in_flight} in flight, {} failed{p99}",
        duration(elapsed_ms),
        load.attempts,
        load.errors(),
    )
}

/// Returns a table of what came back and how long it took, and a histogram of the latency.
pub fn table(load: &Load, about: &LoadAbout) -> String {
    let mut out = String::new();
    let rate =
        if about.elapsed_ms > 0.0 { load.attempts as f64 / about.elapsed_ms * 1000.0 } else { 0.0 };
    let _ = writeln!(
        out,
        "{} attempts in {} ({rate:.1}/s), {:.1}% answered 2xx",
        load.attempts,
        duration(about.elapsed_ms),
        share(load.succeeded, load.attempts),
    );
    let statuses = load.statuses.iter().map(|(status, count)| (format!("HTTP {status}"), count));
    let failures = load.failures.iter().map(|(failure, count)| (failure.to_string(), count));
    for (what, count) in statuses.chain(failures) {
        let _ = writeln!(out, "  {what:<20} {count:>10}  {:>5.1}%", share(*count, load.attempts));
    }
    let shown: Vec<_> = load.series().into_iter().filter(|series| !series.2.is_empty()).collect();
    if !shown.is_empty() {
        let _ = write!(out, "\n{:22}", "");
        for (name, _) in PERCENTILES {
            let _ = write!(out, " {name:>9}");
        }
        out.push('\n');
        for (name, _, durations) in shown {
            let _ = write!(out, "{name:22}");
            for (_, share) in PERCENTILES {
                let _ = write!(out, " {:>9}", duration(durations.at(share)));
            }
            out.push('\n');
        }
    }
    if load.latency.0.len() > 1 {
        out.push_str("\nlatency, from the planned time\n");
        histogram(&load.latency, &mut out);
    }
    for note in &about.notes {
        let _ = writeln!(out, "{note}");
    }
    out
}

fn histogram(durations: &Durations, out: &mut String) {
    let edges = edges(durations, ROWS);
    let counts = durations.counts(&edges);
    let most = counts.iter().max().copied().unwrap_or(1).max(1);
    for (edge, count) in edges.iter().zip(&counts) {
        let width = bar(*count, most);
        let _ = writeln!(out, "  {:>9} {:<BAR$} {count}", duration(*edge), "█".repeat(width));
    }
}

/// Returns the length of a bar: at least one for anything at all.
fn bar(count: u64, most: u64) -> usize {
    let length = usize::try_from(u128::from(count) * BAR as u128 / u128::from(most));
    length.unwrap_or(BAR).max(usize::from(count > 0))
}

fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 * 100.0 }
}
