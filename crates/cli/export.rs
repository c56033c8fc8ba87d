//! `ringback export`: what a store holds, for other programs and other people.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ringback_exchange::{Exchange, curl_script, har, json_line};
use ringback_recorder::{Exchanges, PathPattern, Store};
use ringback_report::terminal::count;
use serde::Deserialize;

use crate::error::{CliError, unwritten};
use crate::exit::Exit;
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

/// Which exchanges are meant.
#[derive(Debug, Args)]
struct Filter {
    /// Only those that arrived after this number
    #[arg(long, value_name = "NUMBER", default_value = "0", hide_default_value = true)]
    since: u64,
    /// Only requests to this path: `/hooks`, `/calls/{id}`
    #[arg(long, value_name = "PATTERN")]
    path: Option<PathPattern>,
    /// Only those answered so: `503`, `5xx`, `none` for those without a reply
    #[arg(long, value_name = "STATUS", value_parser = parse_status)]
    status: Option<Status>,
    /// Only events of this type, such as `conversation.completed`
    #[arg(long, value_name = "TYPE")]
    event_type: Option<String>,
}

/// Statuses that are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Is(u16),
    /// The first digit is this.
    Class(u16),
    None,
}

fn parse_status(text: &str) -> Result<Status, String> {
    let digit = |text: &str| text.parse().ok().filter(|digit| (1..=5).contains(digit));
    if text == "none" {
        return Ok(Status::None);
    }
    if let Some(class) = text.strip_suffix("xx") {
        return digit(class).map(Status::Class).ok_or_else(|| "write it as `5xx`".to_owned());
    }
    let status = text.parse().ok().filter(|status| (100..=599).contains(status));
    status.map(Status::Is).ok_or_else(|| "write it as `503`, `5xx` or `none`".to_owned())
}

impl Filter {
    fn takes(&self, exchange: &Exchange) -> bool {
        let Self { since, path, status, event_type } = self;
        let reply = exchange.reply.as_ref().map(|reply| reply.status);
        let is_status = |status: Status| match (status, reply) {
            (Status::Is(wanted), Some(status)) => wanted == status,
            (Status::Class(class), Some(status)) => class == status / 100,
            (Status::None, reply) => reply.is_none(),
            (_, None) => false,
        };
        exchange.number > *since
            && path.as_ref().is_none_or(|path| path.matches(exchange.request.path()))
            && status.is_none_or(is_status)
            && event_type.as_ref().is_none_or(|wanted| is_event(&exchange.request.body.0, wanted))
    }
}

/// Tells whether a body is an event of a type.
fn is_event(body: &[u8], wanted: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope {
        event_type: String,
    }
    serde_json::from_slice::<Envelope>(body).is_ok_and(|event| event.event_type == wanted)
}

/// Runs the command.
pub(crate) fn run(args: &ExportArgs) -> Result<Exit, CliError> {
    // clap has seen to it that one of them is there.
    let path = args.file.as_ref().or(args.store.as_ref()).cloned().unwrap_or_default();
    let exchanges = Store::read(path).map_err(unusable)?.after(args.filter.since);
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
        exchanges.filter(|exchange| exchange.as_ref().map_or(true, |it| args.filter.takes(it)));
    taken.map(|exchange| exchange.map(|it| if args.exact { it } else { it.anonymous() }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_number_a_class_or_none() {
        assert_eq!(parse_status("503"), Ok(Status::Is(503)));
        assert_eq!(parse_status("5xx"), Ok(Status::Class(5)));
        assert_eq!(parse_status("none"), Ok(Status::None));
        for text in ["", "xx", "6xx", "55xx", "99", "600", "-1", "ok"] {
            assert!(parse_status(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_event_is_known_by_its_type() {
        assert!(is_event(br#"{"a":[],"eventType":"x.y"}"#, "x.y"));
        assert!(!is_event(br#"{"eventType":"x.y"}"#, "x"));
        assert!(!is_event(b"x.y", "x.y"));
    }
}
