//! Whole plans.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ringback_exchange::{Attempt, Failure};
use ringback_sender::{
    Delivery, Engine, Options, Pace, Plan, Prepared, Run, Settled, Summary, Target, Try, run,
};
use tokio::sync::{oneshot, watch};

use crate::receiver::{OK, Receiver, failure, options, reply};

fn rated(count: u64, rate: &str) -> Plan {
    Plan::new(count, Pace::Rate(rate.parse().unwrap()))
}

fn numbered(attempt: &Try) -> Option<Prepared> {
    let index = attempt.turn.delivery;
    let delivery = Delivery::new(index, format!("{{\"n\":{index}}}"));
    Some(Prepared { delivery, event_id: None, target: 0 })
}

pub(crate) fn run_of(plan: &Plan) -> Run {
    Run::new(plan.clone(), Timestamp::UNIX_EPOCH)
}

async fn run_to_its_end(target: &Target, plan: &Plan) -> (Summary, Vec<Attempt>) {
    whole(target, &run_of(plan)).await
}

/// Runs to the end, and returns the summary and all attempts.
pub(crate) async fn whole(target: &Target, how: &Run) -> (Summary, Vec<Attempt>) {
    let mut attempts = Vec::new();
    let on_settled = |settled: Settled| attempts.push(settled.attempt);
    let summary =
        run(std::slice::from_ref(target), how, numbered, on_settled, std::future::pending())
            .await
            .unwrap();
    (summary, attempts)
}

async fn one_by_one_each_follows_the_last_answer(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let plan = Plan::new(5, Pace::OneByOne);
    let (summary, attempts) = run_to_its_end(&receiver.target(engine).await, &plan).await;
    assert_eq!((summary.planned, summary.sent, summary.succeeded), (Some(5), 5, 5));
    assert_eq!(summary.statuses, BTreeMap::from([(200, 5)]));
    assert!(summary.failures.is_empty() && !summary.stopped && summary.delayed_by_cap == 0);
    assert_eq!(receiver.n_connections(), 1);
    let order: Vec<_> = attempts.iter().map(|attempt| attempt.delivery).collect();
    assert_eq!(order, [0, 1, 2, 3, 4]);
    for pair in attempts.windows(2) {
        assert!(pair[1].planned_ms >= pair[0].planned_ms + pair[0].duration_ms, "{pair:?}");
    }
    let bodies: Vec<_> =
        receiver.requests().iter().map(|request| request[request.len() - 2]).collect();
    assert_eq!(bodies, b"01234");
}

async fn a_rated_plan_keeps_its_own_times(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let plan = rated(5, "500/s");
    let (summary, mut attempts) = run_to_its_end(&receiver.target(engine).await, &plan).await;
    attempts.sort_by_key(|attempt| attempt.delivery);
    let planned: Vec<_> = attempts.iter().map(|attempt| attempt.planned_ms).collect();
    assert_eq!(planned, [0.0, 2.0, 4.0, 6.0, 8.0]);
    assert_eq!((summary.sent, summary.succeeded), (5, 5));
    let latency_ms = summary.latency_ms.unwrap();
    assert!(latency_ms.p50 <= latency_ms.max && latency_ms.max <= summary.elapsed_ms);
}

/// The answer to each waits for the last request: a sender that waited for answers would wait for ever.
async fn a_slow_receiver_does_not_slow_a_rated_plan(engine: Engine) {
    let (open, gate) = watch::channel(false);
    let receiver = gated(gate).await;
    let target = receiver.target(engine).await;
    let plan = rated(20, "10000/s");
    let (ended, ()) = tokio::join!(run_to_its_end(&target, &plan), async {
        receiver.has_seen(20).await;
        open.send_replace(true);
    });
    assert_eq!((ended.0.succeeded, ended.0.delayed_by_cap), (20, 0));
    assert_eq!(receiver.n_connections(), 20);
}

async fn what_the_cap_delays_is_counted_and_its_latency_counts_from_the_plan(engine: Engine) {
    let (open, gate) = watch::channel(false);
    let receiver = gated(gate).await;
    let capped = Options { in_flight_max: 2, ..options(engine) };
    let target = Target::new(&receiver.url(), &capped).await.unwrap();
    let plan = rated(5, "100000/s");
    let (ended, n_seen) = tokio::join!(run_to_its_end(&target, &plan), async {
        receiver.has_seen(2).await;
        let n_seen = receiver.requests().len();
        open.send_replace(true);
        n_seen
    });
    let (summary, attempts) = ended;
    assert_eq!((summary.sent, summary.delayed_by_cap, n_seen), (5, 3, 2));
    assert!(receiver.n_connections() <= 2);
    for attempt in attempts.iter().filter(|attempt| attempt.delivery >= 2) {
        assert!(attempt.late_ms > 0.0, "{attempt:?}");
    }
}

async fn a_cap_of_nothing_is_a_cap_of_one(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let capped = Options { in_flight_max: 0, ..options(engine) };
    let target = Target::new(&receiver.url(), &capped).await.unwrap();
    assert_eq!(run_to_its_end(&target, &rated(2, "1000/s")).await.0.succeeded, 2);
}

/// A receiver that answers when it is let.
pub(crate) async fn gated(gate: watch::Receiver<bool>) -> Receiver {
    Receiver::start(move |mut connection| {
        let mut gate = gate.clone();
        async move {
            while connection.request().await.is_some() {
                let _ = gate.wait_for(|is_open| *is_open).await;
                connection.write(OK).await;
            }
        }
    })
    .await
}

async fn every_outcome_is_counted_by_its_kind(engine: Engine) {
    let receiver = Receiver::start(|mut connection| async move {
        while let Some(request) = connection.request().await {
            match request[request.len() - 2] {
                b'0' | b'1' => connection.write(OK).await,
                b'2' => connection.write(b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n").await,
                b'3' => return connection.write(b"garbage\r\n\r\n").await,
                _ => return connection.close().await,
            }
        }
    })
    .await;
    let plan = Plan::new(6, Pace::OneByOne);
    let (summary, attempts) = run_to_its_end(&receiver.target(engine).await, &plan).await;
    assert_eq!((summary.sent, summary.succeeded), (6, 2));
    assert_eq!(summary.statuses, BTreeMap::from([(200, 2), (404, 1)]));
    assert_eq!(summary.failures, BTreeMap::from([(Failure::Reset, 2), (Failure::BadHttp, 1)]));
    assert_eq!(attempts.len(), 6);
}

async fn stop_gives_up_what_is_never_answered_and_still_sums_up(engine: Engine) {
    let receiver = Receiver::start(|mut connection| async move {
        connection.request().await;
        connection.write(OK).await;
        connection.hold().await;
    })
    .await;
    let target = receiver.target(engine).await;
    let plan = Plan::new(9, Pace::OneByOne);
    let mut attempts = Vec::new();
    let on_settled = |settled: Settled| attempts.push(settled.attempt);
    let summary = run(
        std::slice::from_ref(&target),
        &run_of(&plan),
        numbered,
        on_settled,
        receiver.has_seen(2),
    )
    .await
    .unwrap();
    assert_eq!((summary.planned, summary.sent, summary.succeeded), (Some(9), 2, 1));
    assert_eq!((summary.stopped, summary.given_up), (true, 1));
    assert_eq!(summary.failures, BTreeMap::from([(Failure::Other, 1)]));
    assert!((700.0..5000.0).contains(&summary.elapsed_ms), "{}", summary.elapsed_ms);
    assert_eq!(failure(&attempts[1]).detail, "the run was stopped before an answer came");
    assert_eq!(receiver.requests().len(), 2);
}

async fn stop_lets_an_answer_come_and_begins_nothing_new(engine: Engine) {
    let (stop, stopped) = oneshot::channel();
    let stop = std::sync::Mutex::new(Some(stop));
    let stop = std::sync::Arc::new(stop);
    let receiver = Receiver::start(move |mut connection| {
        let stop = stop.clone();
        async move {
            while connection.request().await.is_some() {
                // Before the answer, so that the sender knows of it when the answer comes.
                let stop = stop.lock().unwrap().take();
                stop.map(|stop| stop.send(()));
                connection.write(OK).await;
            }
        }
    })
    .await;
    let target = receiver.target(engine).await;
    let plan = Plan::new(9, Pace::OneByOne);
    let mut attempts = Vec::new();
    let stopped = async {
        let _ = stopped.await;
    };
    let how = run_of(&plan);
    let summary = run(
        std::slice::from_ref(&target),
        &how,
        numbered,
        |it: Settled| attempts.push(it.attempt),
        stopped,
    );
    let summary = summary.await.unwrap();
    assert_eq!((summary.sent, summary.succeeded, summary.given_up), (1, 1, 0));
    assert!(summary.stopped && summary.elapsed_ms < 1000.0);
    assert_eq!(reply(&attempts[0]).status, 200);
}

async fn a_plan_of_nothing_ends_at_once(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let (summary, attempts) =
        run_to_its_end(&receiver.target(engine).await, &rated(0, "1/h")).await;
    assert_eq!((summary.sent, summary.latency_ms, attempts.len()), (0, None, 0));
    assert_eq!(receiver.n_connections(), 0);
}

by_each_engine! {
    one_by_one_each_follows_the_last_answer,
    a_rated_plan_keeps_its_own_times,
    a_slow_receiver_does_not_slow_a_rated_plan,
    what_the_cap_delays_is_counted_and_its_latency_counts_from_the_plan,
    a_cap_of_nothing_is_a_cap_of_one,
    every_outcome_is_counted_by_its_kind,
    stop_gives_up_what_is_never_answered_and_still_sums_up,
    stop_lets_an_answer_come_and_begins_nothing_new,
    a_plan_of_nothing_ends_at_once,
}
