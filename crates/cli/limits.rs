//! `--limit` and `--show-limits`: how long, how much and how many a listener takes.

use std::io::Write as _;

use clap::Args;
use ringback_recorder::Limits;

use crate::error::{CliError, unwritten};
use crate::output;

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Change a limit, such as `body-bytes=25MiB` or `head=5s`; may be given more than once
    #[arg(long = "limit", value_name = "NAME=VALUE", value_parser = parse_limit)]
    changes: Vec<(String, String)>,
    /// Print every limit with its value and what happens when it is reached, and end
    #[arg(long)]
    pub(crate) show_limits: bool,
    /// Answer 400 to requests that two servers may read differently; they are marked in any case
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Reads `name=value` and tries it.
fn parse_limit(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as `NAME=VALUE`")?;
    Limits::STANDARD.clone().set(name, value).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), value.to_owned()))
}

impl LimitArgs {
    /// Returns the limits with their changes.
    pub(crate) fn limits(&self) -> Result<Limits, CliError> {
        let mut limits = Limits::STANDARD;
        for (name, value) in &self.changes {
            let refused = |error| CliError::usage("cannot change a limit").because(error);
            limits.set(name, value).map_err(refused)?;
        }
        Ok(limits)
    }

    /// Prints the limits as they would be here.
    pub(crate) fn show(&self) -> Result<(), CliError> {
        let table = self.limits()?.here().table();
        let widths = table.iter().map(|limit| (limit.name.len(), limit.value.len()));
        let (name, value) = widths.fold((0, 0), |a, b| (a.0.max(b.0), a.1.max(b.1)));
        let mut out = output::data().lock();
        for limit in &table {
            writeln!(out, "{:name$}  {:>value$}  {}", limit.name, limit.value, limit.what)
                .map_err(unwritten)?;
        }
        Ok(())
    }
}
