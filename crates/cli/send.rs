//! `ringback send`: delivers events and prints what is answered.

mod dry_run;
mod load;
pub(crate) mod plan;
mod retry;
mod show;
mod state;
mod trace;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use ringback_exchange::{Attempt, Outcome, curl, json_line, printable};
use ringback_sender::{
    AllowHost, CONNECT_TIMEOUT, Clock, Options, Plan, Progress, Run, Settled, Summary, Target,
    run as send,
};
use url::Url;

use self::load::Load;
use self::plan::PlanArgs;
use self::retry::RetryArgs;
use self::show::{Print, Printer};
use self::state::{Header, State};
use crate::address::parse_url;
use crate::error::{CliError, unwritten};
use crate::exit::Exit;
use crate::generate::EventArgs;
use crate::signals::{Signals, block_on_one_thread};
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
    #[command(flatten)]
    events: EventArgs,
    /// Add a header line; may be repeated, and a name may come twice
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(String, String)>,
    /// How long an answer may take, such as `500ms` or `10s`
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    timeout: Duration,
    /// Sign by Standard Webhooks with this secret: its text, `env:NAME` or `file:PATH`
    #[arg(long, value_name = "SECRET", env = "RINGBACK_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// A host beyond this machine that events may be sent to; may be repeated
    #[arg(long = "allow-host", value_name = "HOST[:PORT]")]
    allow_hosts: Vec<AllowHost>,
    /// Print one line of JSON for each attempt
    #[arg(long)]
    json: bool,
    /// Which attempts to print: all of up to 100 deliveries, and of more than that the first 100 failures,
    /// where this says nothing
    #[arg(long, value_enum, value_name = "WHICH")]
    print: Option<Print>,
    /// Print what the run came to as one object at the end, on standard output
    #[arg(long, value_enum, value_name = "FORM")]
    summary: Option<SummaryForm>,
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    retry: RetryArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// Whether it is run, and how it goes on after it was killed.
#[derive(Debug, Args)]
#[command(next_help_heading = "The run")]
struct RunArgs {
    /// Print the plan exactly as it will run, as a table or with `--json` a line each, and send nothing
    #[arg(long, conflicts_with_all = ["run", "resume", "summary", "print"])]
    dry_run: bool,
    /// Keep the state of the run in this file, so that `--resume` can go on with it
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    run: Option<PathBuf>,
    /// Go on with the run in this file: with the same flags, every delivery that was not answered is made
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
}

impl RunArgs {
    /// Returns where the state of the run is kept, when it is.
    fn path(&self) -> Option<&Path> {
        self.run.as_deref().or(self.resume.as_deref())
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SummaryForm {
    /// One line of JSON
    Json,
}

/// Reads `Name: value` as one header line; a comma separates nothing.
fn parse_header(text: &str) -> Result<(String, String), String> {
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
    let secret = args.secret.as_deref().map(secret::read).transpose()?;
    let plan = args.plan.plan(args.events.seed())?;
    let load = Load {
        recipe: args.events.recipe(),
        generation: args.plan.generation(),
        has_fresh_ids: args.plan.has_fresh_ids(),
        secret: secret.as_ref(),
    };
    if args.run.dry_run {
        return dry_run::print(&plan, args.plan.time_scale, &load, args.json);
    }
    // One thread sends and counts, so that nothing is handed over between planning and sending.
    block_on_one_thread(deliver(args, plan, &load))
}

async fn deliver(args: &SendArgs, plan: Plan, load: &Load<'_>) -> Result<Exit, CliError> {
    let signals = Signals::new()?;
    let options = Options {
        timeout: args.timeout,
        connect_timeout: CONNECT_TIMEOUT,
        in_flight_max: args.plan.in_flight_max(&plan),
        headers: args.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        allow_hosts: args.allow_hosts.clone(),
    };
    let target = Target::new(args.url.as_str(), &options).await.map_err(refused)?;
    let mut printer = Printer::new(&plan, args.print, args.json, args.summary.is_some());
    let (how, mut state) = begin(args, plan, load, &target)?;

    // A reader that has gone ends the run: nobody would see what else is answered. So does a state that
    // cannot be written: it would be sent again.
    let (closed, is_closed) = tokio::sync::oneshot::channel();
    let mut closed = Some(closed);
    let mut first_failure = None;
    let mut broken = None;
    let on_settled = |Settled { attempt, entry }: Settled| {
        let is_kept = match (&mut state, &entry) {
            (Some(state), Some(entry)) => state.put(entry),
            _ => true,
        };
        let printed = printer.print(&attempt);
        if (printed.is_err() || !is_kept)
            && let Some(closed) = closed.take()
        {
            broken = printed.err();
            let _ = closed.send(());
        }
        if first_failure.is_none() && !show::is_success(&attempt) {
            first_failure = Some(attempt);
        }
    };
    let stop = async {
        tokio::select! {
            () = signals.asked_to_end() => {}
            Ok(()) = is_closed => {}
        }
    };
    let summary = send(&target, &how, |attempt| load.prepare(attempt), on_settled, stop).await;
    let summary = summary.map_err(|error| refused(error.into()))?;
    if let Some(state) = state {
        state.finish().await?;
    }
    output::muted(broken.map_or(Ok(()), Err))?;
    // Where nobody was reached, sending the same again shows nothing more.
    let was_reached = |attempt: &Attempt| !matches!(&attempt.outcome, Outcome::Failed(it) if it.kind.is_unreachable());
    if let Some(attempt) = first_failure.filter(was_reached) {
        let command = curl(&attempt.url, &attempt.request);
        output::talk(&format!("reproduce the first: {}", printable(&command)));
    }
    if let Some(passed_over) = printer.passed_over() {
        output::talk(&passed_over);
    }
    output::talk(&show::describe(&summary));
    if let (true, Some(path)) = (summary.stopped, args.run.path()) {
        output::talk(&format!("go on with `--resume {}` and the same flags", path.display()));
    }
    if let Some(SummaryForm::Json) = args.summary {
        let line = json_line(&summary).map_err(|error| unwritten(error.into()))?;
        output::muted(std::io::Write::write_fmt(
            &mut output::data().lock(),
            format_args!("{line}\n"),
        ))?;
    }
    Ok(exit(&summary))
}

/// Puts together what the run is told, and begins or goes on with its file.
fn begin(
    args: &SendArgs,
    plan: Plan,
    load: &Load<'_>,
    target: &Target,
) -> Result<(Run, Option<State>), CliError> {
    let now = clock::now();
    let (retry, scale) = (args.retry.retry(), args.plan.time_scale);
    let first = ringback_generator::event(&load.recipe, 0).event_id;
    let header = Header {
        ringback_run: 1,
        url: target.url().to_owned(),
        plan: plan.to_string(),
        retry: retry.to_string(),
        events: format!("{first}, {} bytes", ringback_generator::bytes(&load.recipe, 0).len()),
        time_scale: scale,
        started_at: now.to_string(),
    };
    let (state, progress, origin) = match (&args.run.run, &args.run.resume) {
        (Some(path), _) => (Some(State::begin(path, &header)?), Progress::default(), now),
        (None, Some(path)) => {
            let (state, progress, started_at) = State::resume(path, &header)?;
            output::talk(&format!(
                "{} over before, {} to be tried again; going on at {:?}",
                progress.n_over(),
                progress.n_waiting(),
                progress.at()
            ));
            // In our own time a receiver compares what is signed with its clock: the plan is moved by the
            // time that was lost. A faster clock is nobody's but the plan's, and goes on where it was.
            let is_ours = (scale - 1.0).abs() < f64::EPSILON;
            let lost = jiff::SignedDuration::try_from(progress.at()).unwrap_or_default();
            let moved = now.checked_sub(lost).unwrap_or(now);
            (Some(state), progress, if is_ours { moved } else { started_at })
        }
        (None, None) => (None, Progress::default(), now),
    };
    let clock = Clock { origin, scale };
    let pacing = args.plan.pacing();
    Ok((Run { plan, retry, clock, pacing, progress }, state))
}

fn refused(error: ringback_sender::TargetError) -> CliError {
    use ringback_sender::TargetError::{Client, Guard};
    let is_environment = matches!(error, Guard(_) | Client(_));
    let error: Box<dyn std::error::Error> = Box::new(error);
    let make = if is_environment { CliError::environment } else { CliError::usage };
    make("cannot send").because(error)
}

fn exit(summary: &Summary) -> Exit {
    if summary.unreachable > 0 {
        Exit::Environment
    } else if summary.stopped {
        Exit::Interrupted
    } else if summary.failed + summary.failed_before > 0 {
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
