//! `ringback sign`: prints the header lines that go with a body.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use ringback_exchange::{Headers, Request, curl_exact, printable};
use ringback_signature::{Encoding, Message, PRESETS, Preset};
use serde::Serialize;
use url::Url;

use crate::address::parse_url;
use crate::error::{CliError, unwritten};
use crate::exit::Exit;
use crate::signer::{SignArgs, describe};
use crate::{clock, documents, output};

/// Sign a body: print the header lines that go with it
///
/// The body is signed as it is, byte for byte. A line end that an editor has put after it is signed too.
#[derive(Debug, Args)]
pub(crate) struct SignCommand {
    /// The body; `-`, or nothing at all, reads standard input
    file: Option<PathBuf>,
    #[command(flatten)]
    sign: SignArgs,
    /// The id of the message; without it the body's `eventId`
    #[arg(long)]
    id: Option<String>,
    /// When it is sent: seconds since 1970 or `2026-01-02T03:04:05Z`; without it now
    #[arg(long, value_name = "TIME", value_parser = parse_time, allow_negative_numbers = true)]
    timestamp: Option<i64>,
    /// Where it is sent to, for schemes that sign the URL
    #[arg(long, value_parser = parse_url)]
    url: Option<Url>,
    /// Print one line of JSON
    #[arg(long, conflicts_with = "curl")]
    json: bool,
    /// Print a curl command that sends the body, signed, to this URL
    #[arg(long, value_name = "URL", value_parser = parse_url)]
    curl: Option<Url>,
    /// Print the presets and their templates
    #[arg(long)]
    list: bool,
    /// Print a new secret of Standard Webhooks and nothing else: a shared one, or a pair of keys
    #[arg(long, value_name = "KIND", num_args = 0..=1, default_missing_value = "shared",
        conflicts_with_all = ["file", "list"])]
    print_secret: Option<Kind>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// `whsec_…`, which both sides have
    Shared,
    /// `whsk_…` to sign with, and on the next line `whpk_…` to verify with
    Ed25519,
}

/// Reads a time, in milliseconds since 1970.
pub(crate) fn parse_time(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(seconds.saturating_mul(1000));
    }
    let time = text.parse::<Timestamp>();
    time.map(Timestamp::as_millisecond).map_err(|_| {
        "write seconds since 1970, or a time such as `2026-01-02T03:04:05Z`".to_owned()
    })
}

/// What is printed as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signed<'a> {
    id: &'a str,
    timestamp_ms: i64,
    headers: &'a Headers,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
}

/// Runs the command.
pub(crate) fn run(args: &SignCommand) -> Result<Exit, CliError> {
    if args.list {
        return print(&list());
    }
    if let Some(kind) = args.print_secret {
        return print(&new_secret(kind)?);
    }
    let missing = || {
        CliError::usage("there is no secret to sign with")
            .hint("give one with `--secret env:NAME` or `--secret file:PATH`, or make one with `--print-secret`")
    };
    let signer = args.sign.signer()?.ok_or_else(missing)?;
    let body = body(args.file.as_deref())?;
    let id = id(args.id.clone(), &body);
    let id = match id {
        None if signer.template().needs_id() => {
            return Err(CliError::usage("the scheme signs an id, and the body has no `eventId`")
                .hint("give one with `--id`"));
        }
        id => id.unwrap_or_default(),
    };
    // A line end in it would be a header of its own where the lines are pasted.
    if id.chars().any(char::is_control) {
        return Err(CliError::usage("the id has control characters, which no header may have"));
    }
    let url = args.url.as_ref().or(args.curl.as_ref());
    if url.is_none() && signer.template().needs_url() {
        return Err(CliError::usage("the scheme signs the URL").hint("give it with `--url`"));
    }
    let timestamp_ms = args.timestamp.unwrap_or_else(clock::now_ms);
    let url = url.map(Url::as_str).unwrap_or_default();
    let headers = signer.headers(&Message { id: &id, timestamp_ms, url, body: &body });
    if let Some(fault) = signer.fault() {
        output::talk(&describe(fault));
    }
    let text = if let Some(url) = &args.curl {
        command(url, headers, body)
    } else if args.json {
        let fault = signer.fault().map(ringback_signature::Fault::name);
        let signed = Signed { id: &id, timestamp_ms, headers: &headers, fault };
        ringback_exchange::json_line(&signed).map_err(|error| unwritten(error.into()))?
    } else {
        lines(&headers)
    };
    print(&text)
}

fn print(text: &str) -> Result<Exit, CliError> {
    let mut out = output::bytes();
    let written = if text.is_empty() { Ok(()) } else { writeln!(out, "{text}") };
    written.and_then(|()| out.flush()).map_err(unwritten)?;
    Ok(Exit::Held)
}

/// Reads a body as it is.
pub(crate) fn body(file: Option<&Path>) -> Result<Vec<u8>, CliError> {
    let path = file.unwrap_or_else(|| Path::new("-"));
    let mut bytes = Vec::new();
    let unread =
        |error| CliError::usage(format!("cannot read `{}`", path.display())).because(error);
    documents::open(path)?.read_to_end(&mut bytes).map_err(unread)?;
    Ok(bytes)
}

/// Returns the id that was given, or that of the event.
pub(crate) fn id(given: Option<String>, body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope {
        event_id: String,
    }
    given.or_else(|| serde_json::from_slice::<Envelope>(body).ok().map(|event| event.event_id))
}

fn lines(headers: &Headers) -> String {
    let lines =
        headers.iter().map(|(name, value)| format!("{name}: {}", printable(&value.to_text())));
    lines.collect::<Vec<_>>().join("\n")
}

fn command(url: &Url, mut headers: Headers, body: Vec<u8>) -> String {
    headers.push("content-type", "application/json");
    let method = "POST".to_owned();
    let target = url.path().to_owned();
    curl_exact(url.as_str(), &Request { method, target, headers, body: body.into() })
}

fn list() -> String {
    let width = PRESETS.iter().map(|preset| preset.name.len()).max().unwrap_or_default();
    let line = |Preset { name, template, note }: Preset| {
        format!("{name:<width$}  {note}\n{:width$}  {template}", "")
    };
    PRESETS.map(line).join("\n")
}

/// Makes a secret of 32 random bytes.
fn new_secret(kind: Kind) -> Result<String, CliError> {
    let mut key = [0; 32];
    let none = |error: getrandom::Error| {
        CliError::environment("the system has no randomness to give").because(error.to_string())
    };
    getrandom::fill(&mut key).map_err(none)?;
    let text = Encoding::Base64.encode(&key);
    let prefix = match kind {
        Kind::Shared => "whsec_",
        Kind::Ed25519 => "whsk_",
    };
    let text = format!("{prefix}{text}");
    let wrong = |error| CliError::environment("cannot make a secret").because(error);
    let secret: ringback_signature::Secret = text.parse().map_err(wrong)?;
    Ok(match secret.public() {
        Some(public) => format!("{text}\n{public}"),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_or_a_date() {
        assert_eq!(parse_time("1614265330"), Ok(1_614_265_330_000));
        assert_eq!(parse_time("2021-02-25T15:02:10.5Z"), Ok(1_614_265_330_500));
        assert!(parse_time("yesterday").is_err());
    }

    #[test]
    fn the_id_is_the_events_own_unless_another_is_given() {
        let body = br#"{"eventId":"evt_1","payload":{}}"#;
        assert_eq!(id(None, body).as_deref(), Some("evt_1"));
        assert_eq!(id(Some("a".to_owned()), body).as_deref(), Some("a"));
        assert_eq!(id(None, b"not json"), None);
    }
}
