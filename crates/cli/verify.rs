//! `ringback verify`: judges the signature of a body, or of each recorded exchange.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ringback_exchange::{Exchange, Headers, json_line, printable};
use ringback_signature::{Age, Diagnosis, Received, Secret, Template, Verified};
use serde::Serialize;
use url::Url;

use crate::address::parse_url;
use crate::error::{CliError, unwritten};
use crate::exit::Exit;
use crate::send::parse_duration;
use crate::sign::{body, id, parse_time};
use crate::signer::SchemeArgs;
use crate::transport::parse_header;
use crate::{clock, output};

/// Verify the signature of a body, and say what is wrong with it
///
/// The header lines come by -H or --headers. Without any, the input is taken as exchanges, as
/// `export --exact` prints them; each is judged by the time at which it arrived. Ends with 0 when every
/// signature is right and with 1 when one is not.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The body, or exchanges; `-`, or nothing at all, reads standard input
    file: Option<PathBuf>,
    #[command(flatten)]
    scheme: SchemeArgs,
    /// A header line that came with the body; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(String, String)>,
    /// A file with the header lines that came, one a line
    #[arg(long = "headers", value_name = "FILE")]
    header_file: Option<PathBuf>,
    /// The id, for schemes that sign it and have it in no header; without it the body's `eventId`
    #[arg(long)]
    id: Option<String>,
    /// Where it was sent to, for schemes that sign the URL
    #[arg(long, value_parser = parse_url)]
    url: Option<Url>,
    /// How far a timestamp may be from the clock, such as `5m`; without it what the scheme permits
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    tolerance: Option<Duration>,
    /// The time to judge by: seconds since 1970 or `2026-01-02T03:04:05Z`; without it now
    #[arg(long, value_name = "TIME", value_parser = parse_time, allow_negative_numbers = true)]
    now: Option<i64>,
    /// Take a timestamp of any age
    #[arg(long, conflicts_with_all = ["tolerance", "now"])]
    allow_stale: bool,
    /// Print one line of JSON for each signature
    #[arg(long)]
    json: bool,
}

/// A verdict as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<u64>,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_ms: Option<i64>,
    /// Which of the secrets, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnosis: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What verifies.
struct Verifier<'a> {
    args: &'a VerifyArgs,
    template: Template,
    secrets: Vec<Secret>,
}

/// Runs the command.
pub(crate) fn run(args: &VerifyArgs) -> Result<Exit, CliError> {
    let verifier =
        Verifier { args, template: args.scheme.template(), secrets: args.scheme.secrets()? };
    if verifier.secrets.is_empty() {
        return Err(CliError::usage("there is no secret to verify with")
            .hint("give one with `--secret env:NAME` or `--secret file:PATH`"));
    }
    let mut headers: Headers =
        args.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if let Some(path) = &args.header_file {
        headers.0.extend(header_lines(path)?.0);
    }
    let input = body(args.file.as_deref())?;
    let has_headers = !args.headers.is_empty() || args.header_file.is_some();
    let exchanges = if has_headers { None } else { Some(exchanges(&input)?) };
    let mut out = output::data().lock();
    let mut say = |number, verdict: &Result<Verified, Diagnosis>| {
        let text = if args.json { json(number, verdict)? } else { verifier.text(number, verdict) };
        output::muted(writeln!(out, "{text}"))
    };
    let Some(exchanges) = exchanges else {
        let verdict = verifier.verify(&headers, &input, None)?;
        say(None, &verdict)?;
        return Ok(if verdict.is_ok() { Exit::Held } else { Exit::Failed });
    };
    let mut all_valid = true;
    for exchange in exchanges {
        let request = &exchange.request;
        refuse_redacted(&exchange, &verifier.template)?;
        let at_ms = exchange.received_at.as_millisecond();
        let verdict = verifier.verify(&request.headers, &request.body.0, Some(at_ms))?;
        say(Some(exchange.number), &verdict)?;
        all_valid &= verdict.is_ok();
    }
    Ok(if all_valid { Exit::Held } else { Exit::Failed })
}

impl Verifier<'_> {
    fn verify(
        &self,
        headers: &Headers,
        body: &[u8],
        received_ms: Option<i64>,
    ) -> Result<Result<Verified, Diagnosis>, CliError> {
        if self.template.needs_url() && self.args.url.is_none() {
            return Err(CliError::usage("the scheme signs the URL").hint("give it with `--url`"));
        }
        let id = id(self.args.id.clone(), body);
        let url = self.args.url.as_ref().map(Url::as_str).unwrap_or_default();
        let received = Received { headers, body, id: id.as_deref(), url };
        let age = if self.args.allow_stale {
            Age::Any
        } else {
            let now_ms = self.args.now.or(received_ms).unwrap_or_else(clock::now_ms);
            let tolerance_s = self.args.tolerance.map(|it| it.as_secs());
            Age::Within { now_ms, tolerance_s: tolerance_s.unwrap_or(self.template.tolerance_s()) }
        };
        Ok(self.template.verify(&self.secrets, &received, age))
    }

    fn text(&self, number: Option<u64>, verdict: &Result<Verified, Diagnosis>) -> String {
        let mut text = number.map(|number| format!("#{number} ")).unwrap_or_default();
        match verdict {
            Err(diagnosis) => text.push_str(&format!("invalid: {diagnosis}")),
            Ok(verified) => {
                text.push_str("valid");
                if self.secrets.len() > 1 {
                    let of = self.secrets.len();
                    text.push_str(&format!(", by secret {} of {of}", verified.secret + 1));
                }
                if let Some(id) = &verified.id {
                    text.push_str(&format!(", id {id}"));
                }
                let time = verified.timestamp_ms.map(jiff::Timestamp::from_millisecond);
                if let Some(Ok(time)) = time {
                    text.push_str(&format!(", signed at {time}"));
                }
                if !self.template.covers_body() {
                    text.push_str("; this scheme does not cover the body");
                }
            }
        }
        printable(&text).into_owned()
    }
}

fn json(number: Option<u64>, verdict: &Result<Verified, Diagnosis>) -> Result<String, CliError> {
    let verified = verdict.as_ref().ok();
    let diagnosis = verdict.as_ref().err();
    let line = Line {
        exchange: number,
        valid: verdict.is_ok(),
        id: verified.and_then(|it| it.id.as_deref()),
        timestamp_ms: verified.and_then(|it| it.timestamp_ms),
        secret: verified.map(|it| it.secret + 1),
        diagnosis: diagnosis.map(Diagnosis::name),
        detail: diagnosis.map(ToString::to_string),
    };
    json_line(&line).map_err(|error| unwritten(error.into()))
}

fn header_lines(path: &std::path::Path) -> Result<Headers, CliError> {
    let bytes = body(Some(path))?;
    let mut headers = Headers::default();
    for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        // What curl and a recorded head print before the lines.
        if line.is_empty() || line.starts_with(b"HTTP/") || line.ends_with(b" HTTP/1.1") {
            continue;
        }
        let colon = line.iter().position(|&byte| byte == b':').ok_or_else(|| {
            CliError::usage(format!(
                "line {} of `{}` is no header line",
                number + 1,
                path.display()
            ))
            .hint("write each as `Name: value`")
        })?;
        let name = String::from_utf8_lossy(line[..colon].trim_ascii()).into_owned();
        headers.push(name, line[colon + 1..].trim_ascii().to_vec());
    }
    Ok(headers)
}

/// Reads exchanges, one a line.
fn exchanges(input: &[u8]) -> Result<Vec<Exchange>, CliError> {
    let lines = input.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let parsed: Result<Vec<Exchange>, _> = lines.map(serde_json::from_slice).collect();
    match parsed {
        Ok(exchanges) if !exchanges.is_empty() => Ok(exchanges),
        _ => Err(CliError::usage("there are no header lines to verify, and the input holds no exchanges")
            .hint("give the lines that came with the body by `-H 'Name: value'` or `--headers FILE`, or exchanges as `ringback export --exact` prints them")),
    }
}

/// Refuses an exchange whose signature was replaced for people's eyes.
fn refuse_redacted(exchange: &Exchange, template: &Template) -> Result<(), CliError> {
    let mut names = template.header_names();
    let is_redacted =
        |name: &&str| exchange.request.headers.get_all(name).any(|it| &*it.0 == b"[redacted]");
    match names.find(is_redacted) {
        None => Ok(()),
        Some(name) => Err(CliError::usage(format!(
            "`{name}` of exchange {} was redacted, so there is nothing to verify",
            exchange.number
        ))
        .hint("export it with `ringback export --exact`")),
    }
}
