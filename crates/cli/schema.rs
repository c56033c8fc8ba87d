//! `ringback schema`: the contract for other programs.

use std::io::Write as _;

use clap::{Args, ValueEnum};

use crate::error::{CliError, unwritten};
use crate::exit::Exit;
use crate::output;

/// Print the contract as JSON Schema or OpenAPI
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Which form
    #[arg(value_enum)]
    form: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// JSON Schema 2020-12 of an event
    Event,
    /// OpenAPI 3.1 with a webhook for each event
    Openapi,
}

/// Runs the command.
pub(crate) fn run(args: &SchemaArgs) -> Result<Exit, CliError> {
    let mut out = output::bytes();
    match args.form {
        Form::Event => serde_json::to_writer_pretty(&mut out, ringback_event::schema::event()),
        Form::Openapi => {
            serde_json::to_writer_pretty(&mut out, &ringback_event::openapi::document())
        }
    }
    .map_err(|error| unwritten(error.into()))?;
    writeln!(out).map_err(unwritten)?;
    out.flush().map_err(unwritten)?;
    Ok(Exit::Held)
}
