//! Run events for a terminal.
//!
//! Colour only repeats what the words say. Captured text is escaped, so that nothing a receiver
//! answers can move the cursor.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use ringback_exchange::{Verdict, printable};

use crate::event::{Breach, ResponseTally, RunEvent, SnapshotOutcome, Tally};

const PASS: Style = AnsiColor::Green.on_default().bold();
const FAIL: Style = AnsiColor::Red.on_default().bold();
const PENDING: Style = AnsiColor::Yellow.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Returns the lines of an event, each with its line feed; none for an event that needs no words.
///
/// The text has ANSI colours; a stream that does not want them has them stripped by the printer.
pub fn text(event: &RunEvent) -> String {
    let mut out = String::new();
    // Names of files and of scenarios are somebody else's text too.
    let shown = |text: &str| printable(text).replace('\n', "\\n");
    match event {
        RunEvent::RunStarted { target, scenarios, .. } => {
            let target = target.as_deref().unwrap_or("the sample receiver");
            let scenarios = count(*scenarios, "scenario");
            let _ = writeln!(out, "checking {scenarios} against {}", shown(target));
        }
        RunEvent::ScenarioInvalid { file, problems } => {
            let _ = writeln!(out, "{FAIL}invalid{FAIL:#} {}", shown(file));
            indent(&mut out, &printable(problems));
        }
        RunEvent::StepFinished { verdict: Verdict::Pass, .. } => {}
        RunEvent::StepFinished { file, line, step, summary, verdict, breaches, reproduce } => {
            let _ = writeln!(
                out,
                "{}:{line}: step `{step}` {}: {summary}",
                shown(file),
                past(*verdict)
            );
            for breach in breaches {
                let _ = writeln!(out, "  {}", describe(breach));
            }
            if let Some(command) = reproduce {
                let _ = writeln!(out, "  {DIM}reproduce:{DIM:#} {}", printable(command));
            }
        }
        RunEvent::ScenarioFinished { file, name, verdict, duration_ms, snapshot, error } => {
            let (style, word) = (style(*verdict), word(*verdict));
            let _ = writeln!(
                out,
                "{style}{word:7}{style:#} {} {DIM}({}, {}){DIM:#}",
                shown(file),
                shown(name),
                duration(*duration_ms),
            );
            if let Some(error) = error {
                indent(&mut out, &printable(error));
            }
            describe_snapshot(snapshot, &mut out);
        }
        RunEvent::ResponseChecked { number, key, verdict, snapshot, error } => {
            let (style, word) = (style(*verdict), word(*verdict));
            let _ = writeln!(out, "{style}{word:7}{style:#} #{number} {}", shown(key));
            if let Some(error) = error {
                indent(&mut out, &printable(error));
            }
            describe_snapshot(snapshot, &mut out);
        }
        RunEvent::ResponsesFinished { snapshots, unmet } => {
            for tally in snapshots {
                let _ = writeln!(out, "{}: {}", shown(&tally.key), describe_responses(tally));
            }
            for name in unmet {
                let _ = writeln!(out, "{DIM}{}: no response belonged to it{DIM:#}", shown(name));
            }
        }
        RunEvent::RunFinished(tally) => {
            let _ = writeln!(out, "\n{}", describe_tally(tally));
        }
    }
    out
}

const fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => PASS,
        Verdict::Pending => PENDING,
        _ => FAIL,
    }
}

fn describe_responses(tally: &ResponseTally) -> String {
    let parts = [
        (tally.same, "as accepted", PASS),
        (tally.pending, "new or changed", PENDING),
        (tally.varying, "in yet another way", PENDING),
    ];
    listed(&parts)
}

fn describe(breach: &Breach) -> String {
    let text = format!("{}: expected {}, found {}", breach.what, breach.expected, breach.found);
    printable(&text).replace('\n', "\n    ")
}

/// What to do about a response that is another one each time.
const VARIES: &str =
    "name what changes from run to run under `redact`, or tell the requests apart by a rule";

fn describe_snapshot(snapshot: &SnapshotOutcome, out: &mut String) {
    let (what, path, pending, lines) = match snapshot {
        SnapshotOutcome::Skipped | SnapshotOutcome::Empty | SnapshotOutcome::Same => return,
        SnapshotOutcome::Again { path } => {
            let _ = writeln!(out, "  snapshot {}: as before in this run", printable(path));
            return;
        }
        SnapshotOutcome::Varies { path, diff } => {
            let _ = writeln!(out, "  snapshot {}: not as before in this run", printable(path));
            indent(out, &coloured(&printable(diff)));
            let _ = writeln!(out, "  {VARIES}");
            return;
        }
        SnapshotOutcome::Unusable { error } => return indent(out, &printable(error)),
        SnapshotOutcome::New { path, pending, text } => ("is new", path, pending, text.clone()),
        SnapshotOutcome::Changed { path, pending, diff } => {
            // The accepted text is a file that anybody may have written.
            ("has changed", path, pending, coloured(&printable(diff)))
        }
    };
    let _ = writeln!(out, "  snapshot {} {what}", printable(path));
    indent(out, &lines);
    let advice = match pending.as_deref().map(printable) {
        Some(pending) => {
            format!("read it, then `ringback accept {pending}` or `ringback reject {pending}`")
        }
        None => "not written: this is CI. Run the same check outside of it and accept".to_owned(),
    };
    let _ = writeln!(out, "  {advice}");
}

fn coloured(diff: &str) -> String {
    let line = |line: &str| match line.as_bytes().first() {
        Some(b'+') => format!("{PASS}{line}{PASS:#}"),
        Some(b'-') => format!("{FAIL}{line}{FAIL:#}"),
        _ => line.to_owned(),
    };
    diff.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn describe_tally(tally: &Tally) -> String {
    let parts = [
        (tally.passed, "passed", PASS),
        (tally.failed, "failed", FAIL),
        (tally.pending, "with a new or changed snapshot", PENDING),
        (tally.environment, "not carried out", FAIL),
        (tally.invalid, "invalid", FAIL),
    ];
    let text = listed(&parts);
    if text.is_empty() { "nothing was checked".to_owned() } else { text }
}

/// Lists what there is any of.
fn listed(parts: &[(usize, &str, Style)]) -> String {
    let parts = parts.iter().filter(|part| part.0 > 0);
    let parts: Vec<String> =
        parts.map(|(n, what, style)| format!("{style}{n} {what}{style:#}")).collect();
    parts.join(", ")
}

fn indent(out: &mut String, text: &str) {
    for line in text.lines() {
        let space = if line.is_empty() { "" } else { "  " };
        let _ = writeln!(out, "{space}{line}");
    }
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Flaky => "flaky",
        Verdict::Pending => "pending",
        Verdict::Unknown => "unknown",
    }
}

/// The word for something that is over.
const fn past(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "passed",
        Verdict::Fail => "failed",
        Verdict::Flaky => "is flaky",
        Verdict::Pending => "is pending",
        Verdict::Unknown => "got no trustworthy answer",
    }
}

/// Writes a duration with three significant digits and its unit.
pub fn duration(ms: f64) -> String {
    match ms {
        ms if ms >= 100_000.0 => format!("{:.0} s", ms / 1000.0),
        ms if ms >= 10_000.0 => format!("{:.1} s", ms / 1000.0),
        ms if ms >= 1000.0 => format!("{:.2} s", ms / 1000.0),
        ms if ms >= 100.0 => format!("{ms:.0} ms"),
        ms if ms >= 10.0 => format!("{ms:.1} ms"),
        ms if ms >= 0.1 || ms <= 0.0 => format!("{ms:.2} ms"),
        ms => format!("{:.0} µs", ms * 1000.0),
    }
}

/// Writes a number with its noun: `1 delivery`, `2 deliveries`.
pub fn count(n: usize, noun: &str) -> String {
    match (n, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (n, Some(stem)) => format!("{n} {stem}ies"),
        (n, None) => format!("{n} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &RunEvent) -> String {
        // Colours are for terminals; the words must say it all.
        let mut plain = String::new();
        let coloured = text(event);
        let mut rest = coloured.as_str();
        while let Some(at) = rest.find('\x1b') {
            plain.push_str(&rest[..at]);
            rest = rest[at..].split_once('m').map_or("", |(_, after)| after);
        }
        plain.push_str(rest);
        plain
    }

    #[test]
    fn a_step_that_failed_says_where_what_and_how_to_see_it_again() {
        let event = RunEvent::StepFinished {
            file: "scenarios/a.yaml".to_owned(),
            line: 12,
            step: "first".to_owned(),
            summary: "HTTP 500 in 3.10 ms".to_owned(),
            verdict: Verdict::Fail,
            breaches: vec![Breach {
                what: "status".to_owned(),
                expected: "2xx".to_owned(),
                found: "500: \x1b[2J".to_owned(),
            }],
            reproduce: Some("curl -sS http://127.0.0.1:1/".to_owned()),
        };
        insta::assert_snapshot!(check(&event), @r"
        scenarios/a.yaml:12: step `first` failed: HTTP 500 in 3.10 ms
          status: expected 2xx, found 500: \u{1b}[2J
          reproduce: curl -sS http://127.0.0.1:1/
        ");
    }

    #[test]
    fn a_changed_snapshot_shows_what_changed_and_what_to_do() {
        let event = RunEvent::ScenarioFinished {
            file: "scenarios/a.yaml".to_owned(),
            name: "accepted".to_owned(),
            verdict: Verdict::Pending,
            duration_ms: 12.345,
            snapshot: SnapshotOutcome::Changed {
                path: "snapshots/a.snap".to_owned(),
                pending: Some("snapshots/a.snap.new".to_owned()),
                diff: "-HTTP 200\n+HTTP 202".to_owned(),
            },
            error: None,
        };
        insta::assert_snapshot!(check(&event), @"
        pending scenarios/a.yaml (accepted, 12.3 ms)
          snapshot snapshots/a.snap has changed
          -HTTP 200
          +HTTP 202
          read it, then `ringback accept snapshots/a.snap.new` or `ringback reject snapshots/a.snap.new`
        ");
    }

    #[test]
    fn the_end_counts_what_there_is() {
        let tally = Tally { passed: 5, failed: 1, pending: 2, ..Tally::default() };
        assert_eq!(
            check(&RunEvent::RunFinished(tally)),
            "\n5 passed, 1 failed, 2 with a new or changed snapshot\n"
        );
        assert_eq!(check(&RunEvent::RunFinished(Tally::default())), "\nnothing was checked\n");
    }

    #[test]
    fn numbers_have_their_units_and_nouns() {
        assert_eq!(
            [0.123_4, 12.34, 123.4, 1234.0, 123_456.0].map(duration),
            ["0.12 ms", "12.3 ms", "123 ms", "1.23 s", "123 s"]
        );
        assert_eq!(
            [count(1, "delivery"), count(2, "delivery"), count(0, "call")],
            ["1 delivery", "2 deliveries", "0 calls"]
        );
    }
}
