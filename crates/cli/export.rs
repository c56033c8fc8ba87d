//! `ringback export`: what a store holds, for other programs and other people.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ringback_exchange::{Exchange, curl_script, har, json_line};
use ringback_recorder::{Exchanges, Store};
use ringback_report::terminal::count;

use crate::error::{CliError, unwritten};
use crate::exit::Exit;
use crate::filter::Filter;
use crate::output;
use crate::store::unusable;

/// Write the exchanges of a store, in the order in which they arrived
///
/// A listener may go on writing to the store; what it holds at the begin is written. Secrets and personal
/// data are replaced by marks such as `[redacted sha256:ab12…]`, the same for the same value, unless
/// --exact asks for every byte: names, numbers, addresses, transcripts, recordings, and what secret header
/// lines and queries hold. docs/guides/store.md lists them.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The store that `listen --store` wrote
    #[arg(required_unless_present = "store", conflicts_with = "store")]
    file: Option<PathBuf>,
    /// The same, as `listen` has it
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// How to write them
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    /// Write into this file, or for `files` into this folder, which must not exist yet; only its owner
    /// may read it [default: standard output]
    #[arg(short, long, value_name = "PATH", required_if_eq("format", "files"))]
    output: Option<PathBuf>,
    /// Keep secrets and personal data, byte for byte: what is written can be sent again as it came
    #[arg(long)]
    exact: bool,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One exchange a line, as JSON
    Jsonl,
    /// An HTTP archive (HAR 1.2), as browsers and proxies read it
    Har,
    /// A shell script that sends the requests again with curl, to the address that it is given
    Curl,
    /// A folder with the body of each request in a file, named by its arrival number
    Files,
}

/// Runs the command.
pub(crate) fn run(args: &ExportArgs) -> Result<Exit, CliError> {
    // clap has seen to it that one of them is there.
    let path = args.file.as_ref().or(args.store.as_ref()).cloned().unwrap_or_default();
    let exchanges = Store::read(path).map_err(unusable)?.after(args.filter.since());
    let mut written = 0;
    let chosen = chosen(exchanges, args).inspect(|_| written += 1);
    match (&args.output, args.format) {
        (Some(folder), Format::Files) => write_files(folder, chosen)?,
        (Some(path), _) => {
            let mut file = io::BufWriter::new(make_file(path)?);
            write(&mut file, args, chosen)?;
            file.into_inner().map_err(|error| unwritten(error.into_error()))?;
        }
        (None, _) => write(&mut output::bytes(), args, chosen)?,
    }
    if let Some(path) = &args.output {
        output::talk(&format!("{} written to {}", count(written, "exchange"), path.display()));
    }
    Ok(Exit::Held)
}

/// Returns the exchanges that are meant, fit to be handed on unless every byte is wanted.
fn chosen(
    exchanges: Exchanges,
    args: &ExportArgs,
) -> impl Iterator<Item = Result<Exchange, CliError>> {
    let exchanges = exchanges.map(|exchange| exchange.map_err(unusable));
    let taken =
        exchanges.filter(|exchange| exchange.as_ref().map_or(true, |it| is_meant(it, args)));
    taken.map(|exchange| exchange.map(|it| if args.exact { it } else { it.anonymous() }))
}

fn is_meant(exchange: &Exchange, args: &ExportArgs) -> bool {
    let status = exchange.reply.as_ref().map(|reply| reply.status);
    args.filter.takes(exchange.number, &exchange.request, status)
}

/// Writes exchanges as one stream.
fn write(
    out: &mut impl Write,
    args: &ExportArgs,
    exchanges: impl Iterator<Item = Result<Exchange, CliError>>,
) -> Result<(), CliError> {
    let mut put = |text: &str| out.write_all(text.as_bytes()).map_err(unwritten);
    match args.format {
        Format::Har => {
            for piece in har::write(env!("CARGO_PKG_VERSION"), exchanges) {
                put(&piece?)?;
            }
        }
        Format::Curl => {
            put(curl_script::BEGIN)?;
            for exchange in exchanges {
                put(&curl_script::step(&exchange?))?;
            }
        }
        Format::Jsonl | Format::Files => {
            for exchange in exchanges {
                let line = json_line(&exchange?).map_err(|error| unwritten(error.into()))?;
                put(&line)?;
                put("\n")?;
            }
        }
    }
    out.flush().map_err(unwritten)
}

/// Writes the body of each request into a file of its own. Nothing that was captured is in a name.
fn write_files(
    folder: &Path,
    exchanges: impl Iterator<Item = Result<Exchange, CliError>>,
) -> Result<(), CliError> {
    let mut made = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut made, 0o700);
    made.create(folder).map_err(|error| not_made(folder, error))?;
    for exchange in exchanges {
        let Exchange { number, request, .. } = exchange?;
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&request.body.0).is_ok();
        let kind = if is_json { "json" } else { "bin" };
        let path = folder.join(format!("{number:08}.{kind}"));
        make_file(&path)?.write_all(&request.body.0).map_err(unwritten)?;
    }
    Ok(())
}

/// Makes a file that only its owner may read. One that is there is somebody's, and stays.
fn make_file(path: &Path) -> Result<File, CliError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| not_made(path, error))
}

fn not_made(path: &Path, error: io::Error) -> CliError {
    CliError::usage(format!("cannot make `{}`", path.display()))
        .because(error)
        .hint("name one that does not exist yet, in a folder that does")
}
