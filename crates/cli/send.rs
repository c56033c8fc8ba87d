//! `ringback send`: delivers events and prints what is answered.

use std::io::Write as _;
use std::time::Duration;

use clap::Args;
use ringback_exchange::{Attempt, Failure, Outcome, curl, json_line, printable};
use ringback_generator::bytes;
use ringback_report::terminal::{count, duration};
use ringback_sender::{
    AllowHost, CONNECT_TIMEOUT, Delivery, IN_FLIGHT_MAX, Options, Pace, Plan, Rate, Summary,
    Target, run as send,
};
use ringback_signature::{Expected, Fault, Message, Signer};
use url::Url;

use crate::address::parse_url;
use crate::context::ContextArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::generate::EventArgs;
use crate::routes::RouteArgs;
use crate::signals::{Signals, block_on};
use crate::signer::{SignArgs, describe as describe_fault};
use crate::{clock, output};

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
    url: Option<Url>,
    #[command(flatten)]
    routes: RouteArgs,
    /// How many
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    count: u64,
    /// When: `50/s`, `600/m`, `0.5/h`, whatever is answered; without it each when the last was answered
    #[arg(long)]
    rate: Option<Rate>,
    #[command(flatten)]
    events: EventArgs,
    /// Add a header line; may be repeated, and a name may come twice
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(String, String)>,
    /// How long an answer may take, such as `500ms` or `10s`
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    timeout: Duration,
    #[command(flatten)]
    sign: SignArgs,
    #[command(flatten)]
    context: ContextArgs,
    /// A host beyond this machine that events may be sent to; may be repeated
    #[arg(long = "allow-host", value_name = "HOST[:PORT]")]
    allow_hosts: Vec<AllowHost>,
    /// Print one line of JSON for each attempt
    #[arg(long)]
    json: bool,
}

/// Reads `Name: value` as one header line; a comma separates nothing.
pub(crate) fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as `Name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
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
    let signer = args.sign.signer()?;
    block_on(deliver(args, signer.as_ref()))
}

async fn deliver(args: &SendArgs, signer: Option<&Signer>) -> Result<Exit, CliError> {
    let signals = Signals::new()?;
    let options = Options {
        timeout: args.timeout,
        connect_timeout: CONNECT_TIMEOUT,
        in_flight_max: IN_FLIGHT_MAX,
        headers: args.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        allow_hosts: args.allow_hosts.clone(),
    };
    let url = args.routes.choose("conversation.completed", args.url.as_ref())?.as_str();
    let target = Target::new(url, &options).await.map_err(refused)?;
    let pace = args.rate.map_or(Pace::OneByOne, Pace::Rate);
    let plan = Plan { count: args.count, pace };
    let recipe = args.events.recipe();
    let deliveries = |index| {
        let body = bytes(&recipe, index);
        let signature = signer.map(|signer| {
            let id = ringback_generator::event(&recipe, index).event_id;
            signer.headers(&Message { id: &id, timestamp_ms: clock::now_ms(), url, body: &body })
        });
        let delivery = Delivery::new(index, body);
        let mut headers = args.context.headers(recipe.seed, index, 1);
        headers.0.extend(signature.unwrap_or_default().0);
        delivery.with_headers(&headers).unwrap_or_else(|error| {
            unreachable!("a signature is made of what header lines may hold: {error}")
        })
    };

    // A reader that has gone ends the run: nobody would see what else is answered.
    let (closed, is_closed) = tokio::sync::oneshot::channel();
    let mut closed = Some(closed);
    let mut first_failure = None;
    let mut broken = None;
    let fault = signer.and_then(Signer::fault);
    let expected = fault.map_or(Expected::Accepted, Fault::expected);
    let on_attempt = |attempt: Attempt| {
        if let Err(error) = print(&attempt, args.json)
            && let Some(closed) = closed.take()
        {
            broken = Some(error);
            let _ = closed.send(());
        }
        let failed = !matches!(&attempt.outcome, Outcome::Answered(reply) if expected.is_met_by(reply.status));
        if failed && first_failure.is_none() {
            first_failure = Some(attempt);
        }
    };
    let stop = async {
        tokio::select! {
            () = signals.asked_to_end() => {}
            Ok(()) = is_closed => {}
        }
    };
    let summary = send(&target, &plan, deliveries, on_attempt, stop).await;
    let summary = summary.map_err(|error| refused(error.into()))?;
    output::muted(broken.map_or(Ok(()), Err))?;
    if let Some(fault) = fault {
        output::talk(&describe_fault(fault));
    }
    let has_failed = first_failure.is_some();
    // Where nobody was reached, sending the same again shows nothing more.
    let was_reached = |attempt: &Attempt| !matches!(&attempt.outcome, Outcome::Failed(it) if it.kind.is_unreachable());
    if let Some(attempt) = first_failure.filter(was_reached) {
        let command = curl(&attempt.url, &attempt.request);
        output::talk(&format!("reproduce the first: {}", printable(&command)));
    }
    output::talk(&describe(&summary));
    Ok(exit(&summary, has_failed))
}

fn refused(error: ringback_sender::TargetError) -> CliError {
    use ringback_sender::TargetError::{Client, Guard};
    let is_environment = matches!(error, Guard(_) | Client(_));
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

fn exit(summary: &Summary, has_failed: bool) -> Exit {
    if summary.failures.keys().copied().any(Failure::is_unreachable) {
        Exit::Environment
    } else if summary.stopped {
        Exit::Interrupted
    } else if has_failed {
        Exit::Failed
    } else {
        Exit::Held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_line_is_split_at_its_first_colon_only() {
        let parsed = parse_header("X-Url: http://a,b").unwrap();
        assert_eq!(parsed, ("X-Url".to_owned(), "http://a,b".to_owned()));
        assert!(parse_header("nothing").is_err());
    }

    #[test]
    fn a_duration_has_a_unit_and_is_more_than_nothing() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1m"), Ok(Duration::from_secs(60)));
        for wrong in ["5", "-1s", "0s", "x"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
