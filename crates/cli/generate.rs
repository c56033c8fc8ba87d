//! `ringback generate`: makes events up.

use std::io::Write as _;

use clap::{Args, ValueEnum};
use ringback_generator::{Archetype, Recipe, bytes};

use crate::error::CliError;
use crate::exit::Exit;
use crate::output;

/// Make events up, on standard output
///
/// The same seed gives the same bytes, on any machine; `send` with that seed sends them.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// How many
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    count: u64,
    #[command(flatten)]
    events: EventArgs,
    /// How to write them
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    /// Print what there is to choose from instead, one a line
    #[arg(long, value_enum, value_name = "WHAT")]
    list: Option<List>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum List {
    /// The kinds of call
    Archetypes,
}

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct EventArgs {
    /// Draws people, times, words and money
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The kind of call, one of `generate --list archetypes`; a realistic mix where this says nothing
    #[arg(long, value_name = "NAME")]
    archetype: Option<Archetype>,
}

impl EventArgs {
    /// Returns what the events are made from.
    pub(crate) fn recipe(&self) -> Recipe {
        Recipe { archetype: self.archetype, ..Recipe::new(self.seed) }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One event a line
    Jsonl,
    /// One event, or an array of them
    Json,
    /// The same over many lines, for people
    Pretty,
}

/// Runs the command.
pub(crate) fn run(args: &GenerateArgs) -> Result<Exit, CliError> {
    let mut out = output::bytes();
    if let Some(List::Archetypes) = args.list {
        for archetype in Archetype::ALL {
            writeln!(out, "{archetype:24} {}", archetype.statement())?;
        }
        out.flush()?;
        return Ok(Exit::Held);
    }
    let recipe = args.events.recipe();
    let (open, between, close) = match args.format {
        Format::Jsonl => ("", "\n", "\n"),
        _ if args.count == 1 => ("", "", "\n"),
        Format::Json | Format::Pretty => ("[", ",\n", "]\n"),
    };
    out.write_all(open.as_bytes())?;
    for index in 0..args.count {
        if index > 0 {
            out.write_all(between.as_bytes())?;
        }
        let event = bytes(&recipe, index);
        match args.format {
            Format::Jsonl | Format::Json => out.write_all(&event)?,
            Format::Pretty => write_pretty(&event, &mut out)?,
        }
    }
    if args.count > 0 || !open.is_empty() {
        out.write_all(close.as_bytes())?;
    }
    out.flush()?;
    Ok(Exit::Held)
}

fn write_pretty(event: &[u8], out: &mut impl std::io::Write) -> Result<(), CliError> {
    let value: serde_json::Value = serde_json::from_slice(event).map_err(std::io::Error::from)?;
    serde_json::to_writer_pretty(out, &value).map_err(std::io::Error::from)?;
    Ok(())
}
