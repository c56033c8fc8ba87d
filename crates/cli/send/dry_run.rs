//! A plan as it will run, printed instead of run.

use std::io::Write as _;
use std::time::Duration;

use ringback_exchange::{Part, printable};
use ringback_report::terminal::duration;
use ringback_sender::{Method, Plan, Turn};
use serde::Serialize;

use super::load::Load;
use crate::error::{CliError, unwritten};
use crate::exit::Exit;
use crate::output;

/// One delivery, under the names that its attempt has in `--json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    delivery: u64,
    /// From our start, in milliseconds; nothing where the receiver sets the pace.
    planned_ms: Option<f64>,
    event: u64,
    part: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a str>,
    copy: u32,
    because: &'a str,
    /// How many are begun at once from here on; 0 for one that is begun with those before it.
    together: u32,
    /// Of the first try.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(flatten)]
    recorded: Option<RecordedRow<'a>>,
}

/// What is known of a delivery that was recorded.
#[derive(Debug, Serialize)]
struct RecordedRow<'a> {
    /// Its number in the recording.
    number: u64,
    method: &'a str,
    /// Where it goes.
    url: &'a str,
    /// How many bytes its body has.
    bytes: usize,
}

/// Prints the deliveries of a plan, one a line.
pub(crate) fn print(
    plan: &Plan,
    time_scale: f64,
    load: &Load<'_>,
    method: &str,
    as_json: bool,
) -> Result<Exit, CliError> {
    if !plan.is_open() && plan.total().is_none() {
        return Err(CliError::usage("the plan has no end that could be printed")
            .hint("where the receiver sets the pace, only the run shows what fits into a time: add `--count`"));
    }
    let mut out = output::bytes();
    if !as_json {
        writeln!(out, "delivery      due  event  part       copy  because       event id")
            .map_err(unwritten)?;
    }
    let (mut n, mut n_missing, mut last) = (0_u64, 0_u64, Duration::ZERO);
    for turn in plan.turns() {
        let Some((body, event_id)) = load.event(&turn, 1) else {
            n_missing += 1;
            continue;
        };
        n += 1;
        last = turn.at.unwrap_or_default().div_f64(time_scale);
        let recorded = load.recorded(turn.event);
        let part = recorded.map_or(turn.part, |it| it.part);
        let recorded = recorded.map(|it| RecordedRow {
            number: it.number,
            method: it.method.as_ref().map_or(method, Method::as_str),
            url: it.url.as_ref().unwrap_or(&load.urls[it.target]).as_str(),
            bytes: body.len(),
        });
        let mut row = row(&turn, part, time_scale, event_id.as_deref(), recorded);
        row.traceparent = load.context.traceparent(load.recipe.seed, turn.delivery, 1);
        let written = if as_json { write_json(&mut out, &row) } else { write_text(&mut out, &row) };
        written.map_err(unwritten)?;
    }
    out.flush().map_err(unwritten)?;
    let missing = match n_missing {
        0 => String::new(),
        n => format!("; {n} without an event: nobody spoke, so there is no analysis"),
    };
    let over = if plan.is_open() { format!(" within {last:.3?}") } else { String::new() };
    output::talk(&format!("{plan}: {n} to be sent{over}{missing}; nothing was sent"));
    Ok(Exit::Held)
}

fn row<'a>(
    turn: &Turn,
    part: Part,
    time_scale: f64,
    event_id: Option<&'a str>,
    recorded: Option<RecordedRow<'a>>,
) -> Row<'a> {
    // In whole microseconds, as in the records of attempts.
    let ms = |at: Duration| at.div_f64(time_scale).as_micros() as f64 / 1000.0;
    Row {
        delivery: turn.delivery,
        planned_ms: turn.at.map(ms),
        event: turn.event,
        part: part.as_str(),
        event_id,
        copy: turn.copy,
        because: turn.because.as_str(),
        together: turn.together,
        traceparent: None,
        recorded,
    }
}

fn write_json(out: &mut impl std::io::Write, row: &Row<'_>) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, row)?;
    out.write_all(b"\n")
}

fn write_text(out: &mut impl std::io::Write, row: &Row<'_>) -> std::io::Result<()> {
    let delivery = format!("#{}", row.delivery);
    let due = match (row.planned_ms, row.together) {
        (_, 0) => "with it".to_owned(),
        (Some(ms), _) => duration(ms),
        (None, _) => "when free".to_owned(),
    };
    let Row { event, part, event_id, copy, because, traceparent, .. } = row;
    let event_id = printable(event_id.unwrap_or("-"));
    write!(
        out,
        "{delivery:<8} {due:>9} {event:>5}  {part:<9} {copy:>5}  {because:<12}  {event_id}"
    )?;
    if let Some(traceparent) = traceparent {
        write!(out, "  {traceparent}")?;
    }
    if let Some(RecordedRow { number, method, url, bytes }) = &row.recorded {
        write!(out, "  recorded as {number}: {method} {url}, {bytes} bytes")?;
    }
    writeln!(out)
}
