//! `ringback send`: delivers events and prints what is answered.

mod dry_run;
pub(crate) mod load;
pub(crate) mod plan;
pub(crate) mod recorded;
mod report;
mod retry;
mod show;
mod state;
mod trace;

use std::cell::RefCell;
use std::future::Future as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::task::Poll;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ringback_event::EventType;
use ringback_exchange::{Attempt, Outcome, curl, json_line, printable};
use ringback_generator::Generator;
use ringback_report::load::table;
use ringback_sender::{
    Clock, Engine, Options, PairOrder, Plan, Progress, Run, Settled, Summary, Target, TargetError,
    TlsError, run as send,
};
use ringback_signature::{Expected, Fault, Signer};
use url::Url;

use self::load::{Load, Source};
use self::plan::{Material, PairArgs, PlanArgs, TraceArgs};
use self::report::{ReportArgs, Told};
use self::retry::RetryArgs;
use self::show::{PRINTED_MAX, Print, Printer};
use self::state::{Header, State};
use crate::address::parse_url;
use crate::context::ContextArgs;
use crate::error::{CliError, unwritten};
use crate::exit::Exit;
use crate::generate::EventArgs;
use crate::routes::RouteArgs;
use crate::signals::{Signals, block_on_one_thread};
use crate::signer::{SignArgs, SignClock, describe as describe_fault};
use crate::transport::{self, TransportArgs};
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
    #[command(flatten)]
    events: EventArgs,
    #[command(flatten)]
    trace: TraceArgs,
    #[command(flatten)]
    pairs: PairArgs,
    #[command(flatten)]
    how: HowArgs,
}

/// How requests are sent, and what is printed of it: the flags that `send` and `replay` share.
#[derive(Debug, Args)]
pub(crate) struct HowArgs {
    #[command(flatten)]
    pub(crate) transport: TransportArgs,
    #[command(flatten)]
    pub(crate) sign: SignArgs,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
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
    pub(crate) plan: PlanArgs,
    #[command(flatten)]
    retry: RetryArgs,
    #[command(flatten)]
    reports: ReportArgs,
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

/// Reads a duration with its unit.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write it with its unit, such as `500ms`, `10s` or `1m`".to_owned();
    let duration: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from(duration).map_err(|_| wrong())?;
    if duration.is_zero() { Err("it must be more than nothing".to_owned()) } else { Ok(duration) }
}

/// Runs the command.
pub(crate) fn run(args: &SendArgs) -> Result<Exit, CliError> {
    let SendArgs { url: _, routes: _, events, trace, pairs, how } = args;
    let signer = how.sign.signer()?;
    let (trace, pairs) = (trace.trace()?, pairs.pairs());
    let plan = how.plan.plan(events.seed(), Material { trace, pairs, count: None })?;
    let urls = urls(args, &plan)?;
    let recipe = events.recipe();
    let load = Load {
        source: Source::Made(
            args.pairs.generation,
            Box::new(RefCell::new(Generator::new(&recipe))),
        ),
        recipe,
        fresh_ids: how.plan.fresh_ids(),
        signer: signer.as_ref(),
        sign_clock: how.sign.clock(),
        context: &how.context,
        urls: &urls,
    };
    how.carry_out(plan, &load)
}

impl HowArgs {
    /// Sends what there is, or prints what would be sent.
    pub(crate) fn carry_out(&self, plan: Plan, load: &Load<'_>) -> Result<Exit, CliError> {
        if self.run.dry_run {
            let method = self.transport.method();
            return dry_run::print(&plan, self.plan.time_scale, load, method.as_str(), self.json);
        }
        // One thread sends and counts, so that nothing is handed over between planning and sending.
        block_on_one_thread(deliver(self, plan, load))
    }

    /// Tells whether nothing is to be sent.
    pub(crate) const fn is_dry_run(&self) -> bool {
        self.run.dry_run
    }
}

/// Chooses where the events of a plan go: first those of `conversation.completed`, and then, where the
/// plan has any, those of the analysis.
fn urls(args: &SendArgs, plan: &Plan) -> Result<Vec<Url>, CliError> {
    let choose = |event_type| args.routes.choose(event_type, args.url.as_ref()).cloned();
    let [completed, analysis] = EventType::KNOWN;
    match plan.order.pairs.map(|pairs| pairs.order) {
        None => Ok(vec![choose(completed)?]),
        Some(PairOrder::AnalysisOnly) => Ok(vec![choose(analysis)?]),
        Some(_) => Ok(vec![choose(completed)?, choose(analysis)?]),
    }
}

async fn deliver(args: &HowArgs, plan: Plan, load: &Load<'_>) -> Result<Exit, CliError> {
    let signals = Signals::new()?;
    let mut options = args.transport.options(load.recipe.seed)?;
    if matches!(load.source, Source::Recorded(_)) && !options.http2 {
        // Names, case and order of header lines are sent as they were recorded by this engine alone.
        options.engine.get_or_insert(Engine::Wire);
    }
    options.in_flight_max = args.plan.in_flight_max(&plan);
    let targets = targets(load.urls, &options).await?;
    let is_scaled = args.plan.time_scale > 1.0 && load.sign_clock == SignClock::Plan;
    if load.signer.is_some() && is_scaled {
        output::talk(
            "signatures carry the time of the plan, which runs ahead of ours: a receiver that compares it with its \
             clock refuses them; `--sign-clock real` signs by ours",
        );
    }
    let mut printer = Printer::new(&plan, args.print, args.json, args.summary.is_some());
    let total = plan.total();
    let prints_to_terminal = printer.prints() && std::io::stdout().is_terminal();
    let told = Told::begin(&args.reports, prints_to_terminal)?;
    let (how, mut state) = begin(args, plan, load)?;
    // What was sent wrong on purpose has to be noticed.
    let fault = load.signer.and_then(Signer::fault);
    let expected = fault.map_or(Expected::Accepted, Fault::expected);
    let is_against = |attempt: &Attempt| match (&attempt.outcome, fault) {
        (Outcome::Answered(reply), Some(_)) => !expected.is_met_by(reply.status),
        _ => attempt.is_against_receiver(),
    };
    let mut n_against = 0_u64;

    // A reader that has gone ends the run: nobody would see what else is answered. So does a state that
    // cannot be written: it would be sent again.
    let (closed, is_closed) = tokio::sync::oneshot::channel();
    let mut closed = Some(closed);
    let mut first_failure = None;
    let mut broken = None;
    let on_settled = |Settled { mut attempt, entry }: Settled| {
        // What was recorded says itself which event of its call it is.
        if let Some(place) = &mut attempt.place
            && let Some(recorded) = load.recorded(place.event)
        {
            place.part = recorded.part;
        }
        let is_kept = match (&mut state, &entry) {
            (Some(state), Some(entry)) => state.put(entry),
            _ => true,
        };
        let printed = told.ended(&attempt).and_then(|()| printer.print(&attempt));
        if (printed.is_err() || !is_kept)
            && let Some(closed) = closed.take()
        {
            broken = printed.err();
            let _ = closed.send(());
        }
        if is_against(&attempt) {
            n_against += 1;
            first_failure.get_or_insert(attempt);
        }
    };
    let stop = async {
        tokio::select! {
            () = signals.asked_to_end() => {}
            Ok(()) = is_closed => {}
            () = left_alone(&targets) => {}
            () = told.watch(total) => {}
        }
    };
    let deliveries = |attempt: &_| load.prepare(attempt).inspect(|_| told.begun());
    let summary = send(&targets, &how, deliveries, on_settled, stop).await;
    told.end_watch();
    let summary = summary.map_err(|error| refused(error.into()))?;
    if let Some(state) = state {
        state.finish().await?;
    }
    output::muted(broken.map_or(Ok(()), Err))?;
    if let Some(fault) = fault {
        output::talk(&describe_fault(fault));
    }
    // What was signed wrong on purpose counts by whether that was noticed, attempt by attempt.
    let has_failed = match fault {
        Some(_) => n_against > 0,
        None => summary.failed + summary.failed_before > 0,
    };
    // Where nobody was reached, sending the same again shows nothing more; and what was sent broken on purpose
    // has no command.
    let is_told = has_failed && args.summary.is_none() && args.print != Some(Print::None);
    let shows = |attempt: &Attempt| {
        let was_reached =
            !matches!(&attempt.outcome, Outcome::Failed(it) if it.kind.is_unreachable());
        is_told && was_reached && attempt.fault.is_none()
    };
    if let Some(attempt) = first_failure.filter(shows) {
        let command = curl(&attempt.url, &attempt.request);
        output::talk(&format!("reproduce the first: {}", printable(&command)));
        if load.signer.is_some() {
            output::talk("its signature is left out: `ringback sign --curl URL` makes a new one");
        }
    }
    if n_against > 0 && (fault.is_some() || args.transport.has_faults()) {
        output::talk(&format!("{n_against} answered otherwise than a right receiver does"));
    }
    if let Some(passed_over) = printer.passed_over() {
        output::talk(&passed_over);
    }
    let place = load.urls.iter().map(Url::as_str).collect::<Vec<_>>().join(", ");
    let (origin, elapsed_ms) = (how.clock.origin, summary.elapsed_ms);
    let notes = show::notes(&summary).join("\n");
    let about = report::about(&place, origin, total, elapsed_ms, &notes);
    // A few are told in a few words, many by a table.
    if summary.attempts > PRINTED_MAX {
        output::talk(table(&told.load(), &about).trim_end());
    } else {
        output::talk(&show::describe(&summary));
    }
    for path in told.finish(&about)? {
        output::talk(&format!("report: {}", path.display()));
    }
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
    if targets.iter().any(Target::is_left_alone) {
        output::talk(
            "stopped: for ten seconds more than half of the attempts failed, and the target is not on this machine",
        );
        return Ok(Exit::Environment);
    }
    Ok(exit(&summary, has_failed))
}

/// Makes the targets of a run; one where all events go to the same place.
async fn targets(urls: &[Url], options: &Options) -> Result<Vec<Target>, CliError> {
    let mut targets: Vec<Target> = Vec::new();
    for url in urls {
        let same = targets.iter().find(|target| target.url() == url.as_str()).cloned();
        targets.push(match same {
            Some(target) => target,
            None => transport::target(url, options.clone()).await.map_err(refused)?,
        });
    }
    Ok(targets)
}

/// Waits until one of the targets is to be left alone.
async fn left_alone(targets: &[Target]) {
    let mut waits: Vec<_> = targets.iter().map(|target| Box::pin(target.left_alone())).collect();
    std::future::poll_fn(|context| {
        let is_over = waits.iter_mut().any(|wait| wait.as_mut().poll(context).is_ready());
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Puts together what the run is told, and begins or goes on with its file.
fn begin(args: &HowArgs, plan: Plan, load: &Load<'_>) -> Result<(Run, Option<State>), CliError> {
    let now = clock::now();
    let (retry, scale) = (args.retry.retry(), args.plan.time_scale);
    let header = Header {
        ringback_run: 1,
        url: load.urls.iter().map(Url::as_str).collect::<Vec<_>>().join(" "),
        plan: plan.to_string(),
        retry: retry.to_string(),
        events: load.fingerprint(),
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

fn refused(error: TargetError) -> CliError {
    use TargetError::{Client, Guard, Tls};
    let is_environment = matches!(error, Guard(_) | Client(_) | Tls(TlsError::System(_)));
    let error: Box<dyn std::error::Error> = Box::new(error);
    let make = if is_environment { CliError::environment } else { CliError::usage };
    make("cannot send").because(error)
}

fn exit(summary: &Summary, has_failed: bool) -> Exit {
    if summary.unreachable > 0 {
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
    fn a_duration_has_a_unit_and_is_more_than_nothing() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1m"), Ok(Duration::from_secs(60)));
        for wrong in ["5", "-1s", "0s", "x"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
