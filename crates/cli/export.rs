//! `ringback export`: prints what a store holds.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ringback_exchange::json_line;
use ringback_recorder::Store;

use crate::error::{CliError, unwritten};
use crate::exit::Exit;
use crate::output;
use crate::store::unusable;

/// Print the exchanges of a store, in the order in which they arrived
///
/// A listener may go on writing to the store; what it holds at the begin is printed.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The store that `listen --store` wrote
    #[arg(long, value_name = "FILE")]
    store: PathBuf,
    /// How to write them
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    /// Print the values of secret headers too
    #[arg(long)]
    exact: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One exchange a line, as JSON
    Jsonl,
}

/// Runs the command.
pub(crate) fn run(args: &ExportArgs) -> Result<Exit, CliError> {
    let Format::Jsonl = args.format;
    let mut out = output::bytes();
    for exchange in Store::read(&args.store).map_err(unusable)? {
        let exchange = exchange.map_err(unusable)?;
        let exchange = if args.exact { exchange } else { exchange.redacted() };
        let line = json_line(&exchange).map_err(|error| unwritten(error.into()))?;
        writeln!(out, "{line}").map_err(unwritten)?;
    }
    out.flush().map_err(unwritten)?;
    Ok(Exit::Held)
}
