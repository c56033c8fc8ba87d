//! Responses that pass through `listen`, held to snapshots: the flags, and what is printed.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use ringback_exchange::Exchange;
use ringback_report::{RunEvent, Tally, json_line, terminal};
use ringback_runner::{ResponseCheck, ResponseSettings, SnapshotRules};

use crate::check::{exit, is_ci};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;

/// What responses of the receiver are held to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Snapshots")]
pub(crate) struct ResponseArgs {
    /// Hold the responses of the receiver to the snapshots in this folder, one for each kind of event
    /// (docs/guides/snapshot-a-receiver.md)
    #[arg(long, value_name = "DIR", requires = "forward_to")]
    snapshots: Option<PathBuf>,
    /// What is not compared, and what is kept apart: a TOML file
    #[arg(long, value_name = "FILE", requires = "snapshots")]
    snapshot_rules: Option<PathBuf>,
}

impl ResponseArgs {
    /// Tells whether responses are to be checked.
    pub(crate) const fn is_on(&self) -> bool {
        self.snapshots.is_some()
    }

    /// Begins to check, if responses are to be checked.
    ///
    /// # Errors
    ///
    /// When the file with the rules cannot be read or used.
    pub(crate) fn check(&self) -> Result<Option<ResponseCheck>, CliError> {
        let Some(folder) = &self.snapshots else { return Ok(None) };
        let rules = match &self.snapshot_rules {
            None => SnapshotRules::default(),
            Some(path) => {
                let unread = |error| {
                    CliError::usage(format!("cannot read `{}`", path.display())).because(error)
                };
                let text = std::fs::read_to_string(path).map_err(unread)?;
                toml::from_str(&text).map_err(|error| {
                    CliError::usage(format!("cannot use `{}`", path.display())).because(error)
                })?
            }
        };
        let settings = ResponseSettings { folder: folder.clone(), rules, write_pending: !is_ci() };
        Ok(Some(ResponseCheck::new(settings)))
    }
}

/// Judges an exchange and says what there is to say.
pub(crate) fn judge(
    check: &mut ResponseCheck,
    exchange: &Exchange,
    as_json: bool,
) -> std::io::Result<()> {
    check.judge(exchange).map_or(Ok(()), |event| write(&event, as_json))
}

/// Ends a check: says what it came to, and returns the code to end with. Exchanges that were not handed
/// over count as not carried out.
///
/// # Errors
///
/// When it cannot be written.
pub(crate) fn finish(
    mut check: ResponseCheck,
    missed: u64,
    as_json: bool,
) -> Result<Exit, CliError> {
    check.missed(usize::try_from(missed).unwrap_or(usize::MAX));
    let (tally, events) = check.finish();
    for event in events {
        output::muted(write(&event, as_json))?;
    }
    if tally == Tally::default() {
        return Err(CliError::environment("no response was checked")
            .hint("send events to this listener while it runs; only POST requests are judged"));
    }
    Ok(exit(&tally))
}

fn write(event: &RunEvent, as_json: bool) -> std::io::Result<()> {
    let mut out = output::data().lock();
    if as_json {
        writeln!(out, "{}", json_line(event))
    } else {
        write!(out, "{}", terminal::text(event))
    }
}
