//! What is sent, and when: flags in, a plan out.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use ringback_generator::Generation;
use ringback_sender::{
    Arrival, Curve, Duplicates, IN_FLIGHT_MAX, Order, Pace, Pacing, PairOrder, Pairs, Plan, Rate,
    Spacing, Trace, UNLIMITED,
};

use super::load::FreshIds;
use super::{parse_duration, trace};
use crate::error::CliError;

/// How many may be in flight where nobody says how many.
const IN_FLIGHT: NonZeroUsize = match NonZeroUsize::new(IN_FLIGHT_MAX) {
    Some(n) => n,
    None => NonZeroUsize::MIN,
};

/// What is sent, and when.
#[derive(Debug, Args)]
#[command(next_help_heading = "When")]
#[command(group = ArgGroup::new("pace").args(["rate", "ramp", "steps", "concurrency"]))]
pub(crate) struct PlanArgs {
    /// How many events (calls, with `--pair-order`); 1 or all that were recorded, or as many as come until
    /// the plan's time is over
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,
    /// At a rate, whatever is answered: `50/s`, `600/m`, `0.5/h`
    ///
    /// Without any of these each event is sent when the last was answered.
    #[arg(long)]
    rate: Option<Rate>,
    /// From one rate evenly to another, and then the end: `10/s..500/s:2m`
    #[arg(long, value_name = "RATE..RATE:TIME", value_parser = Curve::ramp)]
    ramp: Option<Curve>,
    /// One rate after the other, and then the end: `10/s:30s,50/s:1m`
    #[arg(long, value_name = "RATE:TIME,…", value_parser = Curve::steps)]
    steps: Option<Curve>,
    /// So many under way at all times, as fast as they are answered
    #[arg(long, value_name = "N")]
    concurrency: Option<NonZeroU32>,
    /// How events come at their rate: `constant`, `poisson` (by chance), `burst:N@TIME` (so many at once,
    /// every so often; in place of a rate) or `day-curve` (24 hours from midnight, with the rate as mean)
    #[arg(long, value_name = "KIND")]
    arrival: Option<Arrival>,
    /// How long events come
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Move each delivery back by up to so much, drawn by the seed
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    jitter: Option<Duration>,
    /// How many seconds of the plan pass in one of ours, retries and signed times with them: 3600 runs a
    /// day in 24 s
    #[arg(long, value_name = "FACTOR", value_parser = parse_factor, default_value = "1")]
    pub(crate) time_scale: f64,
    /// How many may be in flight at once; what is due beyond that waits, and is counted
    #[arg(long, value_name = "N", default_value_t = IN_FLIGHT, conflicts_with = "concurrency")]
    in_flight_max: NonZeroUsize,
    /// Keep planned times to some microseconds, for a core of its own
    ///
    /// Without it they are kept to about a tenth of a millisecond, and the sender sleeps in between.
    #[arg(long)]
    precise: bool,
    #[command(flatten)]
    order: OrderArgs,
}

/// How often, and in which order.
#[derive(Debug, Args)]
#[command(next_help_heading = "Order and duplicates")]
struct OrderArgs {
    /// Deliver events again: `5%` of them twice, drawn by the seed, or each so often: `3x`
    #[arg(long, value_name = "SHARE|Nx")]
    duplicate: Option<Duplicates>,
    /// Within which time after the first a duplicate comes
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1s", requires = "duplicate")]
    duplicate_within: Duration,
    /// Deliver each event so many times at once
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=i64::from(ringback_sender::COPIES_MAX)))]
    simultaneous: u32,
    /// Deal events that are due within so much of each other out anew among their times
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    shuffle_window: Option<Duration>,
    /// Give an event that is delivered again, as a copy or a retry, another `eventId`
    #[arg(long)]
    fresh_id_on_redelivery: bool,
}

/// Times of a file.
#[derive(Debug, Args)]
#[command(next_help_heading = "When")]
pub(crate) struct TraceArgs {
    /// At the times of a file: a store, recorded exchanges (`receivedAt`), attempts, or a time a line
    ///
    /// A line may be JSON or not: seconds from any begin (`1.5`), a time (`1m 30s`) or a date
    /// (`2026-01-01T00:00:00Z`).
    #[arg(long, value_name = "FILE", group = "pace")]
    trace: Option<PathBuf>,
    /// How much faster than the trace: `10x`
    #[arg(long, value_name = "FACTOR", value_parser = parse_factor, requires = "trace")]
    speed: Option<f64>,
}

/// The second event of a call.
#[derive(Debug, Args)]
#[command(next_help_heading = "Order and duplicates")]
pub(crate) struct PairArgs {
    /// Send conversation.analysisCompleted too: `completed-first`, `analysis-first`, `simultaneous`, or
    /// `analysis-only`
    ///
    /// A call in which nobody spoke has no analysis, and its completed event comes alone.
    #[arg(long, value_name = "ORDER")]
    pair_order: Option<PairOrder>,
    /// From the first event of a call to its second
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1s", requires = "pair_order")]
    pair_gap: Duration,
    /// The documented form of conversation.analysisCompleted, `old` or `new`
    #[arg(long, value_name = "FORM", default_value = "new", requires = "pair_order")]
    pub(crate) generation: Generation,
}

impl TraceArgs {
    /// Reads the times, where there is a file.
    pub(crate) fn trace(&self) -> Result<Option<Trace>, CliError> {
        let Some(file) = &self.trace else { return Ok(None) };
        let trace =
            trace::read(file).and_then(|times| Ok(Trace::new(times, self.speed.unwrap_or(1.0))?));
        let unusable = || format!("the trace `{}` cannot be used", file.display());
        trace.map(Some).map_err(|error| CliError::usage(unusable()).because(error))
    }
}

impl PairArgs {
    /// Returns how the events of a call follow each other, where there are two.
    pub(crate) fn pairs(&self) -> Option<Pairs> {
        self.pair_order.map(|order| Pairs { order, gap: self.pair_gap })
    }
}

/// What a plan is of.
#[derive(Debug, Default)]
pub(crate) struct Material {
    /// The times of the events, where they have any and no other flag says when they come.
    pub(crate) trace: Option<Trace>,
    /// How the events of a call follow each other, where there are two.
    pub(crate) pairs: Option<Pairs>,
    /// How many there are, where they are not made up.
    pub(crate) count: Option<u64>,
}

/// Reads `10x` or `10`.
pub(crate) fn parse_factor(text: &str) -> Result<f64, String> {
    let factor: Option<f64> = text.strip_suffix('x').unwrap_or(text).parse().ok();
    factor
        .filter(|factor| (0.001..=1_000_000.0).contains(factor))
        .ok_or_else(|| "write a number from 0.001 to 1000000, such as `10x`".to_owned())
}

impl PlanArgs {
    /// Returns the plan that the flags ask for; `seed` draws its chance.
    pub(crate) fn plan(&self, seed: u64, material: Material) -> Result<Plan, CliError> {
        let Material { trace, pairs, count } = material;
        let (pace, spacing) = self.pace(trace)?;
        let ends = self.duration.is_some()
            || matches!(pace, Pace::Curve(Curve::Ramp { .. } | Curve::Steps(_)) | Pace::Trace(_));
        let plan = Plan {
            duration: self.duration,
            spacing,
            jitter: self.jitter.unwrap_or_default(),
            order: Order {
                duplicates: self.order.duplicate.unwrap_or(Duplicates::None),
                duplicate_within: self.order.duplicate_within,
                simultaneous: self.order.simultaneous,
                shuffle_window: self.order.shuffle_window.unwrap_or_default(),
                pairs,
            },
            seed,
            ..Plan::new(self.count.or(count).unwrap_or(if ends { UNLIMITED } else { 1 }), pace)
        };
        plan.check().map_err(|error| CliError::usage("the plan cannot be run").because(error))?;
        if self.precise && !plan.is_open() {
            return Err(contradiction(
                "`--precise` keeps planned times, and here the receiver sets the pace",
            ));
        }
        let at_once = plan.turns().next().map_or(0, |turn| turn.together as usize);
        if plan.is_open() && at_once > self.in_flight_max.get() {
            return Err(contradiction(&format!(
                "{at_once} deliveries are to begin at once, and `--in-flight-max {}` permits fewer",
                self.in_flight_max
            )));
        }
        Ok(plan)
    }

    fn pace(&self, trace: Option<Trace>) -> Result<(Pace, Spacing), CliError> {
        let pace = if let Some(rate) = self.rate {
            Pace::Rate(rate)
        } else if let Some(curve) = self.ramp.as_ref().or(self.steps.as_ref()) {
            Pace::Curve(curve.clone())
        } else if let Some(trace) = trace {
            Pace::Trace(trace)
        } else if let Some(n) = self.concurrency {
            Pace::Concurrent(n)
        } else {
            Pace::OneByOne
        };
        let has_rate = matches!(pace, Pace::Rate(_) | Pace::Curve(_));
        match self.arrival {
            None => Ok((pace, Spacing::Even)),
            Some(Arrival::Burst { size, every }) if pace == Pace::OneByOne => {
                Ok((Pace::Bursts { size, every }, Spacing::Even))
            }
            Some(Arrival::Burst { .. }) => Err(contradiction(
                "`--arrival burst:N@TIME` says itself when events come: leave `--rate` and the like out",
            )),
            Some(Arrival::Constant) if has_rate => Ok((pace, Spacing::Even)),
            Some(Arrival::Poisson) if has_rate => Ok((pace, Spacing::Poisson)),
            Some(Arrival::DayCurve) => match pace {
                Pace::Rate(mean) => Ok((Pace::Curve(Curve::Day(mean)), Spacing::Even)),
                _ => {
                    Err(contradiction("`--arrival day-curve` needs `--rate`, the mean of the day"))
                }
            },
            Some(Arrival::Constant | Arrival::Poisson) => Err(contradiction(
                "`--arrival` says how events come at a rate: give `--rate`, `--ramp` or `--steps`",
            )),
        }
    }

    /// Returns how exactly times are kept.
    pub(crate) fn pacing(&self) -> Pacing {
        if self.precise { Pacing::Precise } else { Pacing::Fine }
    }

    /// Returns how many connections the target may be given at once.
    pub(crate) fn in_flight_max(&self, plan: &Plan) -> usize {
        plan.concurrency().map_or(self.in_flight_max.get(), |n| n.get() as usize)
    }

    /// Returns how many there are to be, where somebody has said so.
    pub(crate) const fn count(&self) -> Option<u64> {
        self.count
    }

    /// Tells whether somebody has said when events come.
    pub(crate) const fn has_pace(&self) -> bool {
        let Self { rate, ramp, steps, concurrency, arrival, .. } = self;
        let has_curve = ramp.is_some() || steps.is_some();
        rate.is_some() || has_curve || concurrency.is_some() || arrival.is_some()
    }

    /// Returns which events get another id.
    pub(crate) const fn fresh_ids(&self) -> FreshIds {
        if self.order.fresh_id_on_redelivery { FreshIds::OnRedelivery } else { FreshIds::Never }
    }
}

fn contradiction(what: &str) -> CliError {
    CliError::usage(what)
}
