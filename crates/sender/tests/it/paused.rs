//! The arithmetic of runs, on a clock that is paused and jumps from one deadline to the next: days pass in
//! no time, and every time is exact to the millisecond by which that clock ticks. The target has no
//! address, so that each attempt fails at once and no socket is opened.

use std::cell::Cell;
use std::future::Future;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use ringback_exchange::{Attempt, Because};
use ringback_sender::{
    Clock, Delivery, Duplicates, Engine, Order, Pace, Pacing, Plan, Prepared, Run, Settled,
    Spacing, Summary, Target, Try, UNLIMITED, run,
};

use crate::receiver::options;

/// How much the runtime's clock rounds up, in milliseconds.
const TICK_MS: f64 = 1.0;

fn paused<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(work)
}

fn how(plan: Plan) -> Run {
    Run { pacing: Pacing::Coarse, ..Run::new(plan, Timestamp::UNIX_EPOCH) }
}

/// Runs to the end, and returns the summary and all attempts by their delivery and try.
fn whole(how: &Run) -> (Summary, Vec<Attempt>) {
    paused(async {
        let lookup = |_, _| async { Err(std::io::Error::other("nobody knows it")) };
        let target = Target::with_lookup("http://nowhere.test/", &options(Engine::Reqwest), lookup)
            .await
            .unwrap();
        let mut attempts = Vec::new();
        let deliveries = |attempt: &Try| {
            let delivery = Delivery::new(attempt.turn.delivery, "{}");
            Some(Prepared { delivery, event_id: None, target: 0 })
        };
        let on_settled = |settled: Settled| attempts.push(settled.attempt);
        let ended =
            run(std::slice::from_ref(&target), how, deliveries, on_settled, std::future::pending())
                .await;
        attempts.sort_by_key(|attempt| (attempt.delivery, attempt.number));
        (ended.unwrap(), attempts)
    })
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

prop_compose! {
    fn open_plan()(
        rate in 1_u32..500,
        count in 1_u64..60,
        poisson: bool,
        jitter in 0_u64..300,
        times in 1_u32..3,
        simultaneous in 1_u32..3,
        window in 0_u64..300,
        seed: u64,
    ) -> Plan {
        let order = Order {
            duplicates: Duplicates::Times(times),
            simultaneous,
            shuffle_window: Duration::from_millis(window),
            ..Order::default()
        };
        let spacing = if poisson { Spacing::Poisson } else { Spacing::Even };
        let jitter = Duration::from_millis(jitter);
        let pace = Pace::Rate(format!("{rate}/s").parse().unwrap());
        Plan { spacing, jitter, order, seed, ..Plan::new(count, pace) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_open_run_keeps_every_planned_time(plan in open_plan(), scale in prop_oneof![Just(1.0), 0.5_f64..5000.0]) {
        let clock = Clock { origin: Timestamp::UNIX_EPOCH, scale };
        let (summary, attempts) = whole(&Run { clock, ..how(plan.clone()) });
        let turns: Vec<_> = plan.turns().collect();
        prop_assert_eq!(attempts.len(), turns.len());
        for (attempt, turn) in attempts.iter().zip(&turns) {
            prop_assert_eq!(attempt.delivery, turn.delivery);
            let due = turn.at.unwrap();
            prop_assert!((attempt.planned_ms - ms(due) / scale).abs() <= 0.002, "{attempt:?} {due:?}");
            prop_assert!((0.0..=TICK_MS).contains(&attempt.late_ms), "{attempt:?}");
            let place = attempt.place.clone().unwrap();
            prop_assert_eq!((place.event, place.copy), (turn.event, turn.copy));
        }
        let last = ms(turns.last().unwrap().at.unwrap()) / scale;
        prop_assert!((last - 0.002..=last + TICK_MS).contains(&summary.elapsed_ms), "{summary:?} {last}");
        prop_assert_eq!(summary.planned, Some(turns.len() as u64));
        prop_assert_eq!((summary.attempts, summary.delayed_by_cap), (turns.len() as u64, 0));
    }

    #[test]
    fn a_closed_run_makes_each_delivery_once_and_takes_no_time(count in 0_u64..200, at_once in 1_u32..20, simultaneous in 1_u32..4) {
        let order = Order { simultaneous, ..Order::default() };
        let pace = Pace::Concurrent(NonZeroU32::new(at_once).unwrap());
        let (summary, attempts) = whole(&how(Plan { order, ..Plan::new(count, pace) }));
        let numbers: Vec<_> = attempts.iter().map(|attempt| attempt.delivery).collect();
        prop_assert_eq!(numbers, (0..count * u64::from(simultaneous)).collect::<Vec<_>>());
        prop_assert!(summary.elapsed_ms <= TICK_MS, "{summary:?}");
        prop_assert!(attempts.iter().all(|attempt| attempt.late_ms == 0.0));
    }

    /// Each try comes its wait after the one before, whatever else is going on, on a clock of any speed.
    #[test]
    fn retries_come_at_their_times(
        plan in open_plan(),
        waits in prop::collection::vec(1_u64..100_000, 0..5),
        scale in prop_oneof![Just(1.0), 1.0_f64..5000.0],
    ) {
        let texts: Vec<_> = waits.iter().map(|wait| format!("{wait}s")).collect();
        let retry = if waits.is_empty() { "none".to_owned() } else { texts.join(",") };
        let clock = Clock { origin: Timestamp::UNIX_EPOCH, scale };
        let (summary, attempts) = whole(&Run { retry: retry.parse().unwrap(), clock, ..how(plan.clone()) });
        let tries = waits.len() + 1;
        let n = plan.turns().count();
        prop_assert_eq!(attempts.len(), n * tries);
        prop_assert_eq!(summary.failed, n as u64);
        prop_assert_eq!(summary.unreachable, n as u64);
        for tries in attempts.chunks(tries) {
            for (pair, wait) in tries.windows(2).zip(&waits) {
                prop_assert_eq!(pair[1].number, pair[0].number + 1);
                prop_assert_eq!(pair[1].place.as_ref().unwrap().because, Because::Retry);
                let ended = pair[0].planned_ms + pair[0].late_ms + pair[0].duration_ms;
                let waited = (pair[1].planned_ms - ended) * scale;
                let expected = *wait as f64 * 1000.0;
                // Records are cut to the microsecond, which the scale makes larger.
                prop_assert!((waited - expected).abs() <= 0.01 * scale, "{waited} {expected}");
                prop_assert!(pair[1].late_ms <= TICK_MS, "{:?}", pair[1]);
            }
        }
    }

    /// A run that is stopped after any of its outcomes, and gone on with, makes each delivery to its end.
    #[test]
    fn a_run_that_is_stopped_anywhere_and_gone_on_with_leaves_nothing_out(plan in open_plan(), stop_after in 1_usize..100) {
        let whole_run = Run { retry: "2s,3s".parse().unwrap(), ..how(plan.clone()) };
        let (mut over, mut progress) = (Vec::new(), ringback_sender::Progress::default());
        for n_part in 0..2 {
            let how = Run { progress: progress.clone(), ..whole_run.clone() };
            paused(async {
                let lookup = |_, _| async { Err(std::io::Error::other("nobody knows it")) };
                let target = Target::with_lookup("http://nowhere.test/", &options(Engine::Reqwest), lookup).await.unwrap();
                let (stop, stopped) = tokio::sync::oneshot::channel();
                let (mut stop, mut n) = (Some(stop), 0);
                let deliveries = |attempt: &Try| {
                    let delivery = Delivery::new(attempt.turn.delivery, "{}");
                    Some(Prepared { delivery, event_id: None, target: 0 })
                };
                let on_settled = |settled: Settled| {
                    let entry = settled.entry.unwrap();
                    assert!(progress.take(&entry));
                    if entry.next_ms.is_none() {
                        over.push(entry.delivery);
                    }
                    n += 1;
                    if n_part == 0 && n == stop_after && let Some(stop) = stop.take() {
                        let _ = stop.send(());
                    }
                };
                let stopped = async { if stopped.await.is_err() { std::future::pending().await } };
                run(std::slice::from_ref(&target), &how, deliveries, on_settled, stopped).await.unwrap();
            });
        }
        over.sort_unstable();
        prop_assert_eq!(over, plan.turns().map(|turn| turn.delivery).collect::<Vec<_>>());
    }
}

#[test]
fn a_day_at_a_rate_that_changes_is_a_day_and_in_a_faster_clock_a_minute() {
    let curve = ringback_sender::Curve::Day("30/h".parse().unwrap());
    let day = Duration::from_secs(86_400);
    let plan = Plan { duration: Some(day), ..Plan::new(UNLIMITED, Pace::Curve(curve)) };
    let (slow, attempts) = whole(&how(plan.clone()));
    assert_eq!((slow.attempts, slow.planned), (720, Some(720)));
    assert!((85_799_999.0..85_800_002.0).contains(&slow.elapsed_ms), "{}", slow.elapsed_ms);
    let in_hour = |hour: i64| {
        let hour_of = |it: &&Attempt| it.place.as_ref().unwrap().scheduled_at.as_second() / 3600;
        attempts.iter().filter(|it| hour_of(it) == hour).count()
    };
    assert!(in_hour(10) > 10 * in_hour(2), "{} {}", in_hour(10), in_hour(2));
    let clock = Clock { origin: Timestamp::UNIX_EPOCH, scale: 1440.0 };
    let (fast, _) = whole(&Run { clock, ..how(plan) });
    assert!((59_583.0..59_585.0).contains(&fast.elapsed_ms), "{}", fast.elapsed_ms);
}

/// Memory is flat because nothing is made before there is room for it: of a burst of thousands no more
/// exist at any time than may be in flight.
#[test]
fn no_more_exist_at_a_time_than_may_be_in_flight() {
    let (size, every) = (NonZeroU32::new(5_000).unwrap(), Duration::from_secs(1));
    let how = how(Plan::new(20_000, Pace::Bursts { size, every }));
    let (alive, most) = (Cell::new(0_u64), Cell::new(0_u64));
    let summary = paused(async {
        let lookup = |_, _| async { Err(std::io::Error::other("nobody knows it")) };
        let target = Target::with_lookup("http://nowhere.test/", &options(Engine::Reqwest), lookup)
            .await
            .unwrap();
        let deliveries = |attempt: &Try| {
            alive.set(alive.get() + 1);
            most.set(most.get().max(alive.get()));
            let delivery = Delivery::new(attempt.turn.delivery, "{}");
            Some(Prepared { delivery, event_id: None, target: 0 })
        };
        let on_settled = |_| alive.set(alive.get() - 1);
        run(std::slice::from_ref(&target), &how, deliveries, on_settled, std::future::pending())
            .await
            .unwrap()
    });
    assert_eq!((summary.attempts, alive.get()), (20_000, 0));
    assert!(most.get() <= options(Engine::Reqwest).in_flight_max as u64, "{}", most.get());
}
