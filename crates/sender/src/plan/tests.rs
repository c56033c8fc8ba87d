use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;
use ringback_exchange::{Because, Part};

use super::*;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn rated(count: u64, rate: &str) -> Plan {
    Plan::new(count, Pace::Rate(rate.parse().unwrap()))
}

fn times(plan: &Plan) -> Vec<Duration> {
    plan.turns().map(|turn| turn.at.unwrap()).collect()
}

/// What happens, in short: the call, the part, and the copy where it is not the first.
fn story(plan: &Plan) -> String {
    let mut text = String::new();
    for turn in plan.turns() {
        if !text.is_empty() {
            text.push_str(if turn.together == 0 { "+" } else { " " });
        }
        text += &format!("{}{}", turn.event, &turn.part.as_str()[..1]);
        if turn.copy > 1 {
            text += &format!("#{}", turn.copy);
        }
    }
    text
}

#[test]
fn a_rated_plan_has_a_time_for_each_delivery_and_none_beyond() {
    assert_eq!(times(&rated(3, "4/s")), [ms(0), ms(250), ms(500)]);
    assert_eq!(rated(0, "4/s").turns().next(), None);
    assert_eq!(Plan::new(2, Pace::OneByOne).turns().last().unwrap().at, None);
}

#[test]
fn a_duration_ends_a_plan_before_its_count() {
    let timed = |count, duration| Plan { duration: Some(ms(duration)), ..rated(count, "10/s") };
    assert_eq!(times(&timed(UNLIMITED, 300)), [ms(0), ms(100), ms(200)]);
    assert_eq!(times(&timed(2, 300)).len(), 2);
    assert_eq!(timed(UNLIMITED, 30_000).total(), Some(300));
}

#[test]
fn ramps_and_steps_end_by_themselves() {
    let curve = |curve| Plan::new(UNLIMITED, Pace::Curve(curve));
    let ramp = curve(Curve::ramp("10/s..500/s:2m").unwrap());
    assert_eq!(ramp.total(), Some(30_600));
    let steps = curve(Curve::steps("2/s:1s,4/s:500ms").unwrap());
    assert_eq!(times(&steps), [ms(0), ms(500), ms(1000), ms(1250)]);
}

#[test]
fn bursts_come_together_and_traces_at_their_times() {
    let size = NonZeroU32::new(2).unwrap();
    let bursts = Plan::new(5, Pace::Bursts { size, every: ms(100) });
    assert_eq!(times(&bursts), [ms(0), ms(0), ms(100), ms(100), ms(200)]);
    let trace = Trace::new(vec![ms(700), ms(500), ms(1500)], 10.0).unwrap();
    assert_eq!(times(&Plan::new(UNLIMITED, Pace::Trace(trace.clone()))), [ms(0), ms(20), ms(100)]);
    assert_eq!(Plan::new(UNLIMITED, Pace::Trace(trace)).total(), Some(3));
    assert_eq!(Trace::new(Vec::new(), 1.0), Err(PlanError::EmptyTrace));
}

#[test]
fn pairs_come_in_the_order_that_was_asked_for() {
    let pairs = |order, pace| {
        let pairs = Some(Pairs { order, gap: ms(150) });
        story(&Plan { order: Order { pairs, ..Order::default() }, ..Plan::new(3, pace) })
    };
    let rate = || Pace::Rate("10/s".parse().unwrap());
    assert_eq!(pairs(PairOrder::CompletedFirst, rate()), "0c 1c 0a 2c 1a 2a");
    assert_eq!(pairs(PairOrder::AnalysisFirst, rate()), "0a 1a 0c 2a 1c 2c");
    assert_eq!(pairs(PairOrder::Simultaneous, rate()), "0c+0a 1c+1a 2c+2a");
    assert_eq!(pairs(PairOrder::AnalysisOnly, rate()), "0a 1a 2a");
    assert_eq!(pairs(PairOrder::AnalysisFirst, Pace::OneByOne), "0a 0c 1a 1c 2a 2c");
}

#[test]
fn copies_come_at_once_or_later() {
    let plan = |pace, duplicates, simultaneous| {
        let order = Order { duplicates, simultaneous, duplicate_within: ms(1), ..Order::default() };
        Plan { order, ..Plan::new(2, pace) }
    };
    let rate = || Pace::Rate("1/s".parse().unwrap());
    assert_eq!(story(&plan(rate(), Duplicates::None, 3)), "0c+0c#2+0c#3 1c+1c#2+1c#3");
    assert_eq!(story(&plan(Pace::OneByOne, Duplicates::Times(2), 1)), "0c 0c#2 1c 1c#2");
    assert_eq!(
        story(&plan(rate(), Duplicates::Times(2), 2)),
        "0c+0c#2 0c#3+0c#4 1c+1c#2 1c#3+1c#4"
    );
    let causes: Vec<_> =
        plan(rate(), Duplicates::Times(2), 2).turns().map(|turn| turn.because).take(4).collect();
    let [planned, simultaneous, duplicate] =
        [Because::Planned, Because::Simultaneous, Because::Duplicate];
    assert_eq!(causes, [planned, simultaneous, duplicate, duplicate]);
}

#[test]
fn what_needs_times_is_refused_without() {
    let jittered = Plan { jitter: ms(1), ..Plan::new(2, Pace::OneByOne) };
    insta::assert_snapshot!(jittered.check().unwrap_err(), @"jitter needs planned times: give a rate, a ramp, steps, bursts or a trace");
    let order = Order { shuffle_window: ms(3_600_000), ..Order::default() };
    let wide = Plan { order, ..rated(UNLIMITED, "1000/s") };
    insta::assert_snapshot!(wide.check().unwrap_err(), @"about 3600000 deliveries would have to be held back to bring them into their order, and 1000000 can be: make the rate, the jitter, the gap or the window smaller");
    assert_eq!(Plan { count: 1000, ..wide }.check(), Ok(()));
}

#[test]
fn a_plan_is_printed_in_words() {
    insta::assert_snapshot!(rated(1, "1/h"), @"1 delivery");
    insta::assert_snapshot!(rated(0, "1/h"), @"0 deliveries");
    insta::assert_snapshot!(Plan::new(2, Pace::OneByOne), @"2 deliveries, one by one");
    insta::assert_snapshot!(rated(100, "3/s"), @"100 deliveries at 3/s, the last after 33.000s");
    let pairs = Some(Pairs { order: PairOrder::CompletedFirst, gap: ms(1000) });
    let order = Order {
        duplicates: Duplicates::Share(50_000),
        simultaneous: 2,
        shuffle_window: ms(10),
        pairs,
        ..Order::default()
    };
    let all = Plan {
        duration: Some(ms(30_000)),
        spacing: Spacing::Poisson,
        jitter: ms(5),
        order,
        ..rated(UNLIMITED, "3/s")
    };
    insta::assert_snapshot!(all, @"calls at 3/s, spaced by chance, for 30s, each up to 5ms later, completed-first with 1s between, 2 copies at once, 5% twice within 1s, shuffled within 10ms (seed 1)");
}

#[test]
fn arrivals_are_read() {
    assert_eq!("poisson".parse(), Ok(Arrival::Poisson));
    let size = NonZeroU32::new(100).unwrap();
    assert_eq!("burst:100@10s".parse(), Ok(Arrival::Burst { size, every: ms(10_000) }));
    for wrong in ["", "burst", "burst:0@1s", "burst:1@", "burst:x@1s", "linear"] {
        assert!(wrong.parse::<Arrival>().is_err(), "{wrong}");
    }
}

#[test]
fn the_mean_of_a_poisson_plan_is_its_rate_and_its_spread_that_of_chance() {
    let plan = Plan { spacing: Spacing::Poisson, ..rated(100_000, "100/s") };
    let times = times(&plan);
    let last = times.last().unwrap().as_secs_f64();
    assert!((980.0..1020.0).contains(&last), "{last}");
    // The number in each second has a variance as large as its mean; evenly spaced it has none.
    let mut counts = vec![0_f64; 900];
    for time in &times {
        if let Some(count) = counts.get_mut(usize::try_from(time.as_secs()).unwrap()) {
            *count += 1.0;
        }
    }
    let mean = counts.iter().sum::<f64>() / 900.0;
    let variance = counts.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 900.0;
    assert!((0.8..1.2).contains(&(variance / mean)), "{variance} {mean}");
}

#[test]
fn a_plan_of_millions_takes_no_room() {
    let order =
        Order { duplicates: Duplicates::Share(50_000), shuffle_window: ms(10), ..Order::default() };
    let plan = Plan { jitter: ms(20), order, ..rated(200_000, "1000/s") };
    let mut turns = plan.turns();
    let (mut n, mut most) = (0, 0);
    while turns.next().is_some() {
        n += 1;
        most = most.max(turns.n_held());
    }
    assert!((209_000..211_000).contains(&n), "{n}");
    // What lies within a second of the rate, for that is how far a duplicate may be.
    assert!(most < 200, "{most}");
}

fn any_pace() -> impl Strategy<Value = Pace> {
    let rate = |n: u32| format!("{n}/s").parse().unwrap();
    let size = |n| NonZeroU32::new(n).unwrap();
    prop_oneof![
        (1_u32..5000).prop_map(move |n| Pace::Rate(rate(n))),
        (1_u32..500, 1_u32..500, 1_u32..20).prop_map(|(from, to, over)| Pace::Curve(
            Curve::ramp(&format!("{from}/s..{to}/s:{over}s")).unwrap()
        )),
        (1_u32..500, 1_u32..500)
            .prop_map(|(a, b)| Pace::Curve(Curve::steps(&format!("{a}/s:1s,{b}/s:2s")).unwrap())),
        (1_u32..500).prop_map(move |n| Pace::Curve(Curve::Day(rate(n)))),
        (1_u32..50, 1_u64..500)
            .prop_map(move |(n, every)| Pace::Bursts { size: size(n), every: ms(every) }),
        prop::collection::vec(0_u64..10_000, 1..200).prop_map(|times| Pace::Trace(
            Trace::new(times.into_iter().map(ms).collect(), 3.0).unwrap()
        )),
    ]
}

prop_compose! {
    fn any_plan()(
        pace in any_pace(),
        count in 0_u64..300,
        duration in prop::option::of(1_u64..5000),
        poisson: bool,
        jitter in prop_oneof![Just(0), 1_u64..500],
        duplicates in prop_oneof![Just(Duplicates::None), (1_u32..4).prop_map(Duplicates::Times), (0_u32..=1_000_000).prop_map(Duplicates::Share)],
        within in 1_u64..500,
        simultaneous in 1_u32..4,
        window in prop_oneof![Just(0), 1_u64..500],
        pairs in prop::option::of((0_usize..4, 0_u64..500)),
        seed: u64,
    ) -> Plan {
        let order = Order {
            duplicates,
            duplicate_within: ms(within),
            simultaneous,
            shuffle_window: ms(window),
            pairs: pairs.map(|(order, gap)| Pairs { order: PairOrder::ALL[order], gap: ms(gap) }),
        };
        let spacing = if poisson { Spacing::Poisson } else { Spacing::Even };
        Plan { count, duration: duration.map(ms), pace, spacing, jitter: ms(jitter), order, seed }
    }
}

/// The same plan with nothing moved, doubled or turned round: the times at which calls come.
fn bare(plan: &Plan) -> Vec<Duration> {
    times(&Plan { jitter: Duration::ZERO, order: Order::default(), ..plan.clone() })
}

proptest! {
    #[test]
    fn times_never_decrease_and_numbers_are_places(plan in any_plan()) {
        let turns: Vec<Turn> = plan.turns().collect();
        for (n, turn) in turns.iter().enumerate() {
            prop_assert_eq!(turn.delivery, n as u64);
        }
        for pair in turns.windows(2) {
            prop_assert!(pair[0].at <= pair[1].at);
        }
    }

    #[test]
    fn the_same_plan_has_the_same_turns_and_its_total(plan in any_plan()) {
        let turns: Vec<Turn> = plan.turns().collect();
        prop_assert_eq!(&plan.turns().collect::<Vec<_>>(), &turns);
        prop_assert_eq!(plan.total(), Some(turns.len() as u64));
    }

    #[test]
    fn every_call_has_its_copies_and_none_is_lost(plan in any_plan()) {
        let calls = bare(&plan).len() as u64;
        let mut copies = std::collections::BTreeMap::<(u64, bool), Vec<u32>>::new();
        for turn in plan.turns() {
            prop_assert!(turn.event < calls);
            copies.entry((turn.event, turn.part == Part::Analysis)).or_default().push(turn.copy);
        }
        let parts = match plan.order.pairs.map(|pairs| pairs.order) {
            None | Some(PairOrder::AnalysisOnly) => 1,
            Some(_) => 2,
        };
        prop_assert_eq!(copies.len() as u64, calls * parts);
        for numbers in copies.values_mut() {
            numbers.sort_unstable();
            prop_assert_eq!(numbers.clone(), (1..=u32::try_from(numbers.len()).unwrap()).collect::<Vec<_>>());
            let n = u32::try_from(numbers.len()).unwrap() / plan.order.simultaneous;
            match plan.order.duplicates {
                Duplicates::None => prop_assert_eq!(n, 1),
                Duplicates::Times(times) => prop_assert_eq!(n, times),
                Duplicates::Share(_) => prop_assert!((1..=2).contains(&n)),
            }
        }
    }

    #[test]
    fn nothing_is_moved_further_than_it_may_be(plan in any_plan()) {
        let calls = bare(&plan);
        let order = &plan.order;
        let gap = order.pairs.map_or(Duration::ZERO, |pairs| pairs.gap);
        let latest = plan.jitter + order.duplicate_within + gap + order.shuffle_window;
        for turn in plan.turns() {
            let call = calls[usize::try_from(turn.event).unwrap()];
            let at = turn.at.unwrap();
            prop_assert!(at <= call + latest, "{turn:?} {call:?}");
            prop_assert!(at + order.shuffle_window >= call, "{turn:?} {call:?}");
        }
    }

    #[test]
    fn shuffling_deals_the_same_times_out_anew(plan in any_plan()) {
        let order = Order { shuffle_window: Duration::ZERO, ..plan.order.clone() };
        let straight = Plan { order, ..plan.clone() };
        // Groups of different sizes take their times with them, so that only single ones are compared.
        prop_assume!(plan.order.simultaneous == 1);
        prop_assert_eq!(times(&plan), times(&straight));
    }

    #[test]
    fn an_even_rate_keeps_its_count_in_its_time(rate in 1_u32..500, seconds in 1_u64..5) {
        let plan = Plan { duration: Some(Duration::from_secs(seconds)), ..rated(UNLIMITED, &format!("{rate}/s")) };
        prop_assert_eq!(plan.total(), Some(u64::from(rate) * seconds));
    }

    #[test]
    fn no_text_panics(text in ".{0,30}") {
        let _ = (text.parse::<Arrival>(), text.parse::<Duplicates>(), Curve::ramp(&text), Curve::steps(&text));
    }
}
