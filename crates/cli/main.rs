//! `ringback`: rehearses Oration's webhooks against a receiver.
//!
//! The command line and nothing else: arguments are read here, engines are called, what they say is
//! printed, and the process ends with one of the codes of [`exit::Exit`]. No engine prints or exits.

mod accept;
mod address;
mod answers;
mod check;
mod clock;
mod config;
mod context;
mod documents;
mod error;
mod exit;
mod export;
mod filter;
mod generate;
mod init;
mod inspector;
mod limits;
mod listen;
mod log;
mod output;
mod replay;
mod responses;
mod routes;
mod sample;
mod schema;
mod secret;
mod send;
mod sign;
mod signals;
mod signer;
mod store;
mod tls;
mod transport;
mod validate;
mod verify;
mod view;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::Config;
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
    Replay(Box<replay::ReplayArgs>),
    Listen(Box<listen::ListenArgs>),
    Export(export::ExportArgs),
    Init(init::InitArgs),
    Sign(sign::SignCommand),
    Verify(verify::VerifyArgs),
    Generate(generate::GenerateArgs),
    Validate(validate::ValidateArgs),
    Schema(schema::SchemaArgs),
    Accept(accept::AcceptArgs),
    Reject(accept::RejectArgs),
    Pending(accept::PendingArgs),
    Sample(sample::SampleArgs),
}

fn main() -> ExitCode {
    match arguments() {
        Ok(arguments) => run(arguments),
        Err(error) => report(&error).into(),
    }
}

/// Reads the command line, whose defaults are those of `ringback.toml`.
fn arguments() -> Result<Arguments, CliError> {
    let configured = Config::load().and_then(|config| {
        let command = config.apply(Arguments::command())?;
        Ok((config, command))
    });
    let (config, mut command) = configured.inspect_err(|_| {
        // Whoever asks for help gets it, whatever a file says.
        if let Err(asked) = Arguments::command().try_get_matches()
            && !asked.use_stderr()
        {
            asked.exit();
        }
    })?;
    let matches = command.try_get_matches_from_mut(std::env::args_os());
    let parsed = matches.and_then(|mut matches| Arguments::from_arg_matches_mut(&mut matches));
    parsed.map_err(|error| match config.explain(&error) {
        Some(error) => error,
        None => error.format(&mut command).exit(),
    })
}

fn run(arguments: Arguments) -> ExitCode {
    arguments.color.apply();
    let ended = match arguments.command {
        Command::Check(args) => check::run(&args),
        Command::Send(args) => send::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Listen(args) => listen::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Verify(args) => verify::run(&args),
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
