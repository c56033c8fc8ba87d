//! Copies, pairs and many at a time: what the receiver sees is what the plan says.

use std::num::NonZeroU32;

use ringback_exchange::{Because, Part};
use ringback_sender::{
    Delivery, Duplicates, Engine, Order, Pace, PairOrder, Pairs, Plan, Prepared, Try, UNLIMITED,
    run,
};
use tokio::sync::watch;

use crate::receiver::{OK, Receiver};
use crate::runs::{gated, run_of, whole};

#[tokio::test]
async fn so_many_are_under_way_and_no_more() {
    let (open, gate) = watch::channel(false);
    let receiver = gated(gate).await;
    let target = receiver.target(Engine::Wire).await;
    let plan = Plan::new(40, Pace::Concurrent(NonZeroU32::new(8).unwrap()));
    let run = run_of(&plan);
    let (ended, ()) = tokio::join!(whole(&target, &run), async {
        receiver.has_seen(8).await;
        open.send_replace(true);
    });
    assert_eq!((ended.0.succeeded, ended.0.delayed_by_cap), (40, 0));
    assert_eq!(receiver.n_connections(), 8);
}

/// None is answered before all are there: one after the other would never end.
#[tokio::test]
async fn copies_are_begun_at_once_even_where_one_waits_for_the_other() {
    let (open, gate) = watch::channel(0_usize);
    let receiver = Receiver::start(move |mut connection| {
        let mut gate = gate.clone();
        async move {
            while connection.request().await.is_some() {
                let _ = gate.wait_for(|n| *n >= 3).await;
                connection.write(OK).await;
            }
        }
    })
    .await;
    let target = receiver.target(Engine::Wire).await;
    let order = Order { simultaneous: 3, ..Order::default() };
    let run = run_of(&Plan { order, ..Plan::new(1, Pace::OneByOne) });
    let ((summary, mut attempts), ()) = tokio::join!(whole(&target, &run), async {
        receiver.has_seen(3).await;
        open.send_replace(3);
    });
    assert_eq!((summary.sent, summary.succeeded), (3, 3));
    attempts.sort_by_key(|attempt| attempt.delivery);
    let copies: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt.place.as_ref().map(|place| (place.event, place.copy)).unwrap())
        .collect();
    assert_eq!(copies, [(0, 1), (0, 2), (0, 3)]);
    assert_eq!(summary.because[&Because::Simultaneous], 2);
}

#[tokio::test]
async fn the_receiver_sees_the_plan() {
    let receiver = Receiver::answering(OK).await;
    let target = receiver.target(Engine::Wire).await;
    let order = Order {
        duplicates: Duplicates::Times(2),
        pairs: Some(Pairs { order: PairOrder::AnalysisFirst, gap: std::time::Duration::ZERO }),
        ..Order::default()
    };
    let plan = Plan { order, ..Plan::new(5, Pace::OneByOne) };
    let name = |event: u64, part: Part, copy: u32| format!("{event} {} {copy}", part.as_str());
    // Every second call has no analysis.
    let exists = |event: u64, part: Part| part == Part::Completed || event.is_multiple_of(2);
    let deliveries = |attempt: &Try| {
        let turn = attempt.turn;
        let body = name(turn.event, turn.part, turn.copy);
        exists(turn.event, turn.part).then(|| Prepared {
            delivery: Delivery::new(turn.delivery, body),
            event_id: None,
            target: 0,
        })
    };
    let run_of = run_of(&plan);
    let summary =
        run(std::slice::from_ref(&target), &run_of, deliveries, |_| {}, std::future::pending())
            .await
            .unwrap();
    let planned: Vec<_> = plan
        .turns()
        .filter(|turn| exists(turn.event, turn.part))
        .map(|turn| name(turn.event, turn.part, turn.copy))
        .collect();
    let seen: Vec<_> = receiver
        .requests()
        .iter()
        .map(|request| {
            let text = String::from_utf8_lossy(request).into_owned();
            text.split_once("\r\n\r\n").unwrap().1.to_owned()
        })
        .collect();
    assert_eq!(seen, planned);
    assert_eq!((summary.planned, summary.sent, summary.without_event), (Some(20), 16, 4));
}

#[tokio::test]
async fn where_the_receiver_sets_the_pace_a_duration_ends_the_run() {
    let receiver = Receiver::answering(OK).await;
    let duration = Some(std::time::Duration::from_millis(50));
    let plan = Plan { duration, ..Plan::new(UNLIMITED, Pace::OneByOne) };
    let (summary, _) = whole(&receiver.target(Engine::Wire).await, &run_of(&plan)).await;
    assert!(summary.sent > 0 && summary.elapsed_ms >= 50.0, "{summary:?}");
    assert_eq!((summary.planned, summary.stopped), (Some(summary.sent), false));
}
