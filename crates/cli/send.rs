//! `ringback send`: delivers events and prints what is answered.

use std::io::Write as _;
use std::time::Duration;

use clap::Args;
use ringback_exchange::{Attempt, Failure, Outcome, curl, json_line, printable};
use ringback_generator::bytes;
use ringback_report::terminal::{count, duration};
use ringback_sender::{Delivery, Pace, Plan, Rate, Summary, TargetError, TlsError, run as send};
use ringback_signature::Secret;
use url::Url;

use crate::address::parse_url;
use crate::error::CliError;
use crate::exit::Exit;
use crate::generate::EventArgs;
use crate::signals::{Signals, block_on};
use crate::transport::{self, TransportArgs};
use crate::{clock, output, secret};

/// Send events to a receiver and print what it answers
///
/// The bytes are those that `generate` prints for the same seed. Redirects are answers and not
/// followed. Ends with 0 when every answer is 2xx, with 1 when one is not, and with 3 when the
/// receiver cannot be reached.
#[derive(Debug, Args)]
#[command(visible_alias = "trigger")]
pub(crate) struct SendArgs {
    /// Where to: a URL, or short for one on this machine: `3000`, `:3000/hooks`, `localhost:3000`
    #[arg(value_parser = parse_url)]
    url: Url,
    /// How many
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    count: u64,
    /// When: `50/s`, `600/m`, `0.5/h`, whatever is answered; without it each when the last was answered
    #[arg(long)]
    rate: Option<Rate>,
    #[command(flatten)]
    events: EventArgs,
    #[command(flatten)]
    transport: TransportArgs,
    /// Sign by Standard Webhooks with this secret: its text, `env:NAME` or `file:PATH`
    #[arg(long, value_name = "SECRET", env = "RINGBACK_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Print one line of JSON for each attempt
    #[arg(long)]
    json: bool,
}

/// Reads a duration with its unit.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write it with its unit, such as `500ms`, `10s` or `1m`".to_owned();
    let duration: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from(duration).map_err(|_| wrong())?;
    if duration.is_zero() { Err("it must be more than nothing".to_owned()) } else { Ok(duration) }
}

/// Runs the command.
pub(crate) fn run(args: &SendArgs) -> Result<Exit, CliError> {
    let secret = args.secret.as_deref().map(secret::read).transpose()?;
    block_on(deliver(args, secret.as_ref()))
}

async fn deliver(args: &SendArgs, secret: Option<&Secret>) -> Result<Exit, CliError> {
    let signals = Signals::new()?;
    let options = args.transport.options(args.events.recipe().seed)?;
    let target = transport::target(&args.url, options).await.map_err(refused)?;
    let pace = args.rate.map_or(Pace::OneByOne, Pace::Rate);
    let plan = Plan { count: args.count, pace };
    let recipe = args.events.recipe();
    let deliveries = |index| {
        let body = bytes(&recipe, index);
        let signature = secret.map(|secret| {
            let id = ringback_generator::event(&recipe, index).event_id;
            ringback_signature::sign(secret, &id, clock::now_s(), &body)
        });
        let delivery = Delivery::new(index, body);
        delivery.with_headers(&signature.unwrap_or_default()).unwrap_or_else(|error| {
            unreachable!("a signature is made of what header lines may hold: {error}")
        })
    };

    // A reader that has gone ends the run: nobody would see what else is answered.
    let (closed, is_closed) = tokio::sync::oneshot::channel();
    let mut closed = Some(closed);
    let mut first_failure = None;
    let mut n_against = 0_u64;
    let mut broken = None;
    let on_attempt = |attempt: Attempt| {
        if let Err(error) = print(&attempt, args.json)
            && let Some(closed) = closed.take()
        {
            broken = Some(error);
            let _ = closed.send(());
        }
        if attempt.is_against_receiver() {
            n_against += 1;
            first_failure.get_or_insert(attempt);
        }
    };
    let stop = async {
        tokio::select! {
            () = signals.asked_to_end() => {}
            Ok(()) = is_closed => {}
            () = target.left_alone() => {}
        }
    };
    let summary = send(&target, &plan, deliveries, on_attempt, stop).await;
    let summary = summary.map_err(|error| refused(error.into()))?;
    output::muted(broken.map_or(Ok(()), Err))?;
    // Where nobody was reached, sending the same again shows nothing more.
    let was_reached = |attempt: &Attempt| !matches!(&attempt.outcome, Outcome::Failed(it) if it.kind.is_unreachable());
    if let Some(attempt) = first_failure.filter(was_reached) {
        let command = curl(&attempt.url, &attempt.request);
        output::talk(&format!("reproduce the first: {}", printable(&command)));
    }
    output::talk(&describe(&summary));
    if target.is_left_alone() {
        output::talk(
            "stopped: for ten seconds more than half of the attempts failed, and the target is not on this machine",
        );
        return Ok(Exit::Environment);
    }
    Ok(exit(&summary, n_against))
}

fn refused(error: TargetError) -> CliError {
    use TargetError::{Client, Guard, Tls};
    let is_environment = matches!(error, Guard(_) | Client(_) | Tls(TlsError::System(_)));
    let error: Box<dyn std::error::Error> = Box::new(error);
    let make = if is_environment { CliError::environment } else { CliError::usage };
    make("cannot send").because(error)
}

fn print(attempt: &Attempt, as_json: bool) -> std::io::Result<()> {
    let mut out = output::data().lock();
    if as_json {
        let mut shown = attempt.clone();
        shown.request.headers = shown.request.headers.redacted();
        if let Outcome::Answered(reply) = &mut shown.outcome {
            reply.headers = reply.headers.redacted();
        }
        return writeln!(out, "{}", json_line(&shown)?);
    }
    let took = duration(attempt.duration_ms);
    match &attempt.outcome {
        Outcome::Answered(reply) => {
            let to = reply.headers.get("location").filter(|_| reply.is_redirect());
            let to = to.map(|to| format!(" to {to} (not followed)")).unwrap_or_default();
            let line = format!("#{} HTTP {}{to} in {took}", attempt.delivery, reply.status);
            writeln!(out, "{}", printable(&line))?;
            let body = reply.body.to_text();
            if !body.is_empty() {
                writeln!(out, "{}", printable(body.trim_end()))?;
            }
            if let Some(bytes) = attempt.reply_cut_at_bytes {
                writeln!(out, "(the answer is longer and was cut at {bytes} bytes)")?;
            }
        }
        Outcome::Failed(failure) => {
            let status = failure.status.map(|status| format!(" of HTTP {status}"));
            let line = format!(
                "#{} {}{} after {took}: {}",
                attempt.delivery,
                failure.kind,
                status.unwrap_or_default(),
                failure.detail
            );
            writeln!(out, "{}", printable(&line))?;
        }
    }
    Ok(())
}

fn describe(summary: &Summary) -> String {
    let mut parts = Vec::new();
    for (status, n) in &summary.statuses {
        parts.push(format!("{n} HTTP {status}"));
    }
    for (failure, n) in &summary.failures {
        parts.push(format!("{n} {failure}"));
    }
    let sent = usize::try_from(summary.sent).unwrap_or(usize::MAX);
    let mut text = format!(
        "{} in {} ({:.1}/s): {}",
        count(sent, "delivery"),
        duration(summary.elapsed_ms),
        summary.requests_per_second,
        if parts.is_empty() { "nothing was sent".to_owned() } else { parts.join(", ") },
    );
    for (what, percentiles) in
        [("latency", &summary.latency_ms), ("sender's own lateness", &summary.late_ms)]
    {
        if let Some(p) = percentiles
            && summary.sent > 1
        {
            text.push_str(&format!(
                "\n{what}: p50 {}, p90 {}, p99 {}, max {}",
                duration(p.p50),
                duration(p.p90),
                duration(p.p99),
                duration(p.max)
            ));
        }
    }
    if summary.delayed_by_cap > 0 {
        let delayed = summary.delayed_by_cap;
        text.push_str(&format!("\n{delayed} delayed: too many were in flight"));
    }
    if summary.stopped {
        let left = summary.planned.saturating_sub(summary.sent);
        text.push_str(&format!("\nstopped: {left} not sent, {} given up", summary.given_up));
    }
    text
}

fn exit(summary: &Summary, n_against: u64) -> Exit {
    if summary.failures.keys().copied().any(Failure::is_unreachable) {
        Exit::Environment
    } else if summary.stopped {
        Exit::Interrupted
    } else if n_against > 0 {
        Exit::Failed
    } else {
        Exit::Held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_and_is_more_than_nothing() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1m"), Ok(Duration::from_secs(60)));
        for wrong in ["5", "-1s", "0s", "x"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
