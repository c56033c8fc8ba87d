//! `ringback validate`: judges events, captured or made, against the contract.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ringback_event::{Finding, Level, Place, judge};
use ringback_exchange::{Exchange, printable};
use ringback_report::terminal::count;
use serde::Serialize;

use crate::documents::{self, Document};
use crate::error::{CliError, unwritten};
use crate::exit::Exit;
use crate::output;

/// Judge events against the contract: JSON, an array of events, JSON Lines, or an export
///
/// Of exchanges, as `export --exact` prints them, the requests' bodies are judged; without `--exact` personal
/// data is replaced, and what replaces it is found.
/// Ends with 0 when every event holds and with 1 when one does not.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Files to judge; `-`, or none at all, reads standard input
    files: Vec<PathBuf>,
    /// How much of the contract to hold events to
    #[arg(long, value_enum, default_value = "semantic")]
    level: LevelArg,
    /// Print one line of JSON for each finding
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LevelArg {
    /// Types, required keys, forms of values
    Shape,
    /// The shape, and that the values agree with each other
    Semantic,
}

/// A finding and the event it is about.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    event: u64,
    line: usize,
    #[serde(flatten)]
    finding: &'a Finding,
}

/// Runs the command.
pub(crate) fn run(args: &ValidateArgs) -> Result<Exit, CliError> {
    let level = match args.level {
        LevelArg::Shape => Level::Shape,
        LevelArg::Semantic => Level::Semantic,
    };
    let stdin = [PathBuf::from("-")];
    let files = if args.files.is_empty() { &stdin[..] } else { &args.files };
    let (mut events, mut wrong, mut findings, mut half_judged) = (0, 0, 0, 0);
    let mut out = output::data().lock();
    for file in files {
        let name = name_of(file);
        let is_lines = file.extension().is_some_and(|kind| kind == "jsonl" || kind == "ndjson");
        let judge = |document: &Document<'_>| {
            let body = recorded(document.bytes);
            let mut found = judge(body.as_deref().unwrap_or(document.bytes), level);
            if body.is_some() {
                // A place in a body has none in the line that records it.
                found.iter_mut().for_each(|finding| finding.place = None);
            }
            let is_shape = |finding: &Finding| finding.rule.id().starts_with("shape.");
            half_judged += usize::from(level == Level::Semantic && found.iter().any(is_shape));
            wrong += usize::from(!found.is_empty());
            findings += found.len();
            for mut finding in found {
                finding.place = finding.place.map(|place| document.in_input(place));
                let text = if args.json {
                    json_line(&name, document, &finding)?
                } else {
                    text(&name, document, &finding)
                };
                output::muted(writeln!(out, "{text}"))?;
            }
            Ok::<(), CliError>(())
        };
        let unread = |error| CliError::usage(format!("cannot read `{name}`")).because(error);
        let count = documents::each(documents::open(file)?, is_lines, judge, unread)?;
        if count == 0 {
            return Err(CliError::usage(format!("`{name}` holds no event")));
        }
        events += count;
    }
    output::muted(out.flush())?;
    let events = usize::try_from(events).unwrap_or(usize::MAX);
    output::talk(&match wrong {
        0 => format!("{}: no findings", count(events, "event")),
        _ => format!("{}: {wrong} with {}", count(events, "event"), count(findings, "finding")),
    });
    if half_judged > 0 {
        let n = count(half_judged, "event");
        output::talk(&format!("{n} without the shape: whether the values agree was not judged"));
    }
    Ok(if wrong == 0 { Exit::Held } else { Exit::Failed })
}

/// Returns the body of the request when a document is not an event but an exchange that records one,
/// as `export` prints.
pub(crate) fn recorded(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(b"{\"number\":") {
        return None;
    }
    let exchange: Exchange = serde_json::from_slice(bytes).ok()?;
    Some(exchange.request.body.0.to_vec())
}

fn name_of(file: &Path) -> String {
    if file.as_os_str() == "-" { "stdin".to_owned() } else { file.display().to_string() }
}

fn json_line(name: &str, document: &Document<'_>, finding: &Finding) -> Result<String, CliError> {
    let line = Line { file: name, event: document.number, line: document.start.line, finding };
    serde_json::to_string(&line).map_err(|error| unwritten(error.into()))
}

fn text(name: &str, document: &Document<'_>, finding: &Finding) -> String {
    let place = finding.place.unwrap_or(document.start);
    let Place { line, column, .. } = place;
    let text = format!("{name}:{line}:{column}: event {}: {finding}", document.number);
    printable(&text).into_owned()
}
