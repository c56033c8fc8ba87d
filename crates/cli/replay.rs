//! `ringback replay`: sends a recording again.

mod read;
mod ready;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ringback_generator::Recipe;
use ringback_report::terminal::{count, duration};
use ringback_sender::{Pace, Trace};
use url::Url;

use self::ready::Ready;
use crate::address::parse_url;
use crate::error::CliError;
use crate::exit::Exit;
use crate::filter::Filter;
use crate::generate::change::Changes;
use crate::routes::RouteArgs;
use crate::send::HowArgs;
use crate::send::load::{FreshIds, Load, Source};
use crate::send::plan::{Material, parse_factor};
use crate::{clock, output};

/// Send a recording again, edited if wanted, at its own pace or another
///
/// The file is a store of `listen`, what `export`, `listen --json` or `send --json` have printed, an HTTP
/// archive (HAR), or events as JSON. Bodies are sent byte for byte, and header lines as they were
/// recorded, but for those that belong to a connection. Nothing goes to where it was recorded: the target
/// is named here. Ends as `send` does.
#[derive(Debug, Args)]
#[command(visible_alias = "resend")]
pub(crate) struct ReplayArgs {
    /// The recording; `-` reads standard input
    file: PathBuf,
    /// Where to: a URL, or short for one on this machine: `3000`, `:3000/hooks`, `localhost:3000`
    #[arg(value_parser = parse_url)]
    url: Option<Url>,
    #[command(flatten)]
    routes: RouteArgs,
    /// Append the path and query of each request, as they were recorded, to the URL
    #[arg(long)]
    keep_path: bool,
    #[command(flatten, next_help_heading = "Which requests")]
    filter: Filter,
    #[command(flatten, next_help_heading = "Edits")]
    changes: Changes,
    /// Give each event another `eventId` at each delivery, so that a receiver takes it for a new one
    #[arg(long, help_heading = "Edits", conflicts_with = "fresh_id_on_redelivery")]
    fresh_id: bool,
    /// What draws fresh ids, jitter and duplicates; 1 where this says nothing, but for fresh ids another
    /// number each time
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// How much faster than recorded: `10x`
    #[arg(long, value_name = "FACTOR", value_parser = parse_factor, help_heading = "When",
        conflicts_with_all = ["pace", "arrival"])]
    speed: Option<f64>,
    #[command(flatten)]
    how: HowArgs,
}

/// Runs the command.
pub(crate) fn run(args: &ReplayArgs) -> Result<Exit, CliError> {
    let signer = args.how.sign.signer()?;
    let Ready { urls, requests, times, left } = Ready::read(args, signer.as_ref())?;
    let n = requests.len();
    let trace = trace(args, n, times)?;
    let seed = args.seed.unwrap_or_else(|| if args.fresh_id { clock::chance() } else { 1 });
    let plan = args.how.plan.plan(seed, Material { trace, pairs: None, count: Some(n as u64) })?;
    let load = Load {
        source: Source::Recorded(requests),
        recipe: Recipe::new(seed),
        fresh_ids: if args.fresh_id { FreshIds::Always } else { args.how.plan.fresh_ids() },
        signer: signer.as_ref(),
        sign_clock: args.how.sign.clock(),
        context: &args.how.context,
        urls: &urls,
    };
    left.tell();
    if args.fresh_id && args.seed.is_none() {
        output::talk(&format!("`--seed {seed}` draws the same fresh ids again"));
    }
    if let (Pace::Trace(trace), false) = (&plan.pace, args.how.is_dry_run()) {
        let over = duration(trace.span().as_secs_f64() * 1000.0);
        output::talk(&format!(
            "at their own pace: {} over {over}",
            count(trace.count(), "request")
        ));
    }
    args.how.carry_out(plan, &load)
}

/// Returns the times at which requests come again: those at which they came, unless a flag says when.
fn trace(
    args: &ReplayArgs,
    n: usize,
    times: Option<Vec<Duration>>,
) -> Result<Option<Trace>, CliError> {
    if args.how.plan.has_pace() {
        return Ok(None);
    }
    let Some(times) = times else {
        return match args.speed {
            None => Ok(None),
            Some(_) => {
                Err(CliError::usage("`--speed` is about recorded times, and there are none")
                    .hint("bare events are sent one by one, or as `--rate` and the like say"))
            }
        };
    };
    if let Some(wanted) = args.how.plan.count().filter(|wanted| *wanted > n as u64) {
        let what = format!("`--count {wanted}` is more than {}", count(n, "recorded request"));
        return Err(CliError::usage(format!("{what}, and beyond them there are no times"))
            .hint("with `--rate` or `--concurrency` the recording begins again after its end"));
    }
    let trace = Trace::new(times, args.speed.unwrap_or(1.0));
    trace.map(Some).map_err(|error| CliError::usage("the plan cannot be run").because(error))
}
