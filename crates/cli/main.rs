//! `ringback`: rehearses Oration's webhooks against a receiver.
//!
//! The command line and nothing else: arguments are read here, engines are called, what they say is
//! printed, and the process ends with one of the codes of [`exit::Exit`]. No engine prints or exits.

mod accept;
mod address;
mod check;
mod clock;
mod documents;
mod error;
mod exit;
mod export;
mod generate;
mod listen;
mod output;
mod sample;
mod schema;
mod secret;
mod send;
mod signals;
mod transport;
mod validate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::CliError;
use crate::exit::Exit;

/// Rehearse Oration's conversation.completed webhook against your receiver, before production does.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100, after_help = exit::HELP)]
struct Arguments {
    /// When to colour: `NO_COLOR` and `CLICOLOR` count where this says nothing
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: output::Color,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::CheckArgs),
    Send(Box<send::SendArgs>),
    Listen(listen::ListenArgs),
    Export(export::ExportArgs),
    Generate(generate::GenerateArgs),
    Validate(validate::ValidateArgs),
    Schema(schema::SchemaArgs),
    Accept(accept::AcceptArgs),
    Reject(accept::RejectArgs),
    Pending(accept::PendingArgs),
    Sample(sample::SampleArgs),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.color.apply();
    let ended = match arguments.command {
        Command::Check(args) => check::run(&args),
        Command::Send(args) => send::run(&args),
        Command::Listen(args) => listen::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Accept(args) => accept::accept(&args),
        Command::Reject(args) => accept::reject(&args),
        Command::Pending(args) => accept::pending(&args),
        Command::Sample(args) => sample::run(&args),
    };
    ended.unwrap_or_else(|error| report(&error)).into()
}

fn report(error: &CliError) -> Exit {
    // Whoever reads our output has gone, and knows it.
    if error.is_broken_pipe() {
        return Exit::Held;
    }
    output::talk(&error.to_string());
    error.exit()
}
