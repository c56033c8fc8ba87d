//! What failed and is tried again, in the time of the plan and in a faster one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use ringback_exchange::{Because, Failure};
use ringback_sender::{
    Clock, Delivery, Engine, Entry, Pace, Plan, Prepared, Progress, Retry, Run, Settled, SignedAt,
    Try, run,
};

use crate::receiver::{OK, Receiver};
use crate::runs::whole;

const DOWN: &[u8] = b"HTTP/1.1 503 Down\r\ncontent-length: 0\r\n\r\n";
const GONE: &[u8] = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n";

/// A run in which ten hours pass in a second.
fn retrying(count: u64, retry: &str) -> Run {
    let plan = Plan::new(count, Pace::OneByOne);
    let origin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    Run {
        retry: retry.parse().unwrap(),
        clock: Clock { origin, scale: 36_000.0 },
        ..Run::new(plan, origin)
    }
}

/// Answers with each of these in turn, and with the last from then on.
async fn answering(answers: &'static [&'static [u8]]) -> Receiver {
    let n = Arc::new(Mutex::new(0_usize));
    Receiver::start(move |mut connection| {
        let n = n.clone();
        async move {
            while connection.request().await.is_some() {
                let answer = {
                    let mut n = n.lock().unwrap();
                    *n += 1;
                    answers[(*n - 1).min(answers.len() - 1)]
                };
                connection.write(answer).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_day_of_retries_passes_in_seconds_with_the_times_of_the_day() {
    let receiver = answering(&[DOWN, DOWN, DOWN, OK]).await;
    let run = retrying(1, "5s,5m,30m,2h");
    let (summary, attempts) = whole(&receiver.target(Engine::Wire).await, &run).await;
    assert_eq!((summary.sent, summary.attempts, summary.succeeded), (1, 4, 1));
    assert_eq!((summary.failed, summary.statuses[&503]), (0, 3));
    assert_eq!(summary.because[&Because::Retry], 3);
    assert!(summary.elapsed_ms < 30_000.0, "{}", summary.elapsed_ms);
    let places: Vec<_> = attempts.iter().map(|it| it.place.clone().unwrap()).collect();
    let numbers: Vec<_> = attempts.iter().map(|it| it.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    for (pair, wait) in places.windows(2).zip([5, 300, 1800]) {
        let waited = pair[1].scheduled_at.duration_since(pair[0].scheduled_at).as_secs();
        assert!(waited >= wait, "{places:?}");
        assert_eq!(pair[0].retry_in_ms, Some(f64::from(u32::try_from(wait).unwrap()) * 1000.0));
    }
    assert_eq!(places[3].retry_in_ms, None);
}

#[tokio::test]
async fn when_all_were_made_it_has_failed() {
    let receiver = answering(&[DOWN]).await;
    let (summary, _) = whole(&receiver.target(Engine::Wire).await, &retrying(2, "5s,5s")).await;
    assert_eq!((summary.sent, summary.attempts), (2, 6));
    assert_eq!((summary.succeeded, summary.failed, summary.exhausted), (0, 2, 2));
}

#[tokio::test]
async fn a_receiver_that_says_410_is_not_asked_again() {
    let receiver = answering(&[DOWN, GONE]).await;
    let (summary, _) = whole(&receiver.target(Engine::Wire).await, &retrying(1, "5s,5s,5s")).await;
    assert_eq!((summary.attempts, summary.gone, summary.failed), (2, 1, 1));
}

#[tokio::test]
async fn a_target_that_comes_back_was_reached() {
    let receiver = Receiver::start(|mut connection| async move {
        match connection.request().await {
            Some(request) if request.ends_with(b"1}") => connection.write(OK).await,
            _ => connection.reset(),
        }
    })
    .await;
    let run = retrying(2, "5s");
    let (summary, _) = whole(&receiver.target(Engine::Wire).await, &run).await;
    assert_eq!((summary.attempts, summary.failures[&Failure::Reset]), (3, 2));
    assert_eq!((summary.succeeded, summary.failed, summary.unreachable), (1, 1, 0));
}

/// Runs, and returns the time that each try was to be signed with.
async fn signed(retry: Retry) -> Vec<i64> {
    let receiver = answering(&[DOWN, DOWN, OK]).await;
    let how = Run { retry, ..retrying(1, "none") };
    let mut times = Vec::new();
    let deliveries = |attempt: &Try| {
        times.push(attempt.signed_at.as_second() - how.clock.origin.as_second());
        let delivery = Delivery::new(attempt.turn.delivery, "{}");
        Some(Prepared { delivery, event_id: Some("evt_1".to_owned()), target: 0 })
    };
    let target = receiver.target(Engine::Wire).await;
    run(std::slice::from_ref(&target), &how, deliveries, |_| {}, std::future::pending())
        .await
        .unwrap();
    times
}

#[tokio::test]
async fn a_retry_is_signed_with_its_own_time_or_with_the_first() {
    let retry: Retry = "5m,30m".parse().unwrap();
    let fresh = signed(retry.clone()).await;
    assert!(fresh[1] >= fresh[0] + 300 && fresh[2] >= fresh[1] + 1800, "{fresh:?}");
    let frozen = signed(Retry { timestamp: SignedAt::Frozen, ..retry }).await;
    assert!(frozen[1] == frozen[0] && frozen[2] == frozen[0], "{frozen:?}");
}

#[tokio::test]
async fn what_is_over_is_not_sent_again_and_what_waits_goes_on() {
    let receiver = answering(&[OK, DOWN, DOWN, OK]).await;
    let target = receiver.target(Engine::Wire).await;
    let how = Run { clock: retrying(1, "none").clock, ..retrying(4, "1h,1h") };
    let mut progress = Progress::default();
    let deliveries = |attempt: &Try| {
        let body = format!("{}", attempt.turn.delivery);
        Some(Prepared {
            delivery: Delivery::new(attempt.turn.delivery, body),
            event_id: None,
            target: 0,
        })
    };
    // Stopped after three outcomes: the first is over, two wait.
    let (three, is_three) = tokio::sync::oneshot::channel();
    let mut three = Some(three);
    let mut n = 0;
    let on_settled = |settled: Settled| {
        assert!(progress.take(&settled.entry.unwrap()));
        n += 1;
        if n == 3
            && let Some(three) = three.take()
        {
            let _ = three.send(());
        }
    };
    let stop = async {
        let _ = is_three.await;
    };
    let first =
        run(std::slice::from_ref(&target), &how, deliveries, on_settled, stop).await.unwrap();
    assert!(first.stopped && first.waiting >= 2, "{first:?}");
    assert_eq!(first.planned, Some(4));
    let before = receiver.requests().len();

    let n_over = progress.n_over();
    let how = Run { progress, ..how };
    let second =
        run(std::slice::from_ref(&target), &how, deliveries, |_| {}, std::future::pending())
            .await
            .unwrap();
    assert_eq!(second.over_before, n_over);
    assert_eq!((second.failed, second.succeeded), (0, 4 - n_over));
    let bodies: Vec<u8> =
        receiver.requests().iter().map(|request| request[request.len() - 1]).collect();
    assert!(!bodies[before..].contains(&b'0'), "{bodies:?}");
    for delivery in b"123" {
        assert!(bodies[before..].contains(delivery), "{bodies:?}");
    }
}

#[tokio::test]
async fn what_waits_does_not_keep_the_plan_from_going_on() {
    let receiver = answering(&[DOWN, OK]).await;
    let (summary, attempts) = whole(&receiver.target(Engine::Wire).await, &retrying(3, "2m")).await;
    assert_eq!((summary.attempts, summary.succeeded), (4, 3));
    assert_eq!(attempts.last().unwrap().delivery, 0);
    assert!(Duration::from_secs_f64(summary.elapsed_ms / 1000.0) >= Duration::from_millis(3));
}

/// A receiver that guards against replays must see the same signature whether or not the run was killed
/// between two tries.
#[tokio::test]
async fn a_frozen_time_outlives_the_run() {
    let receiver = answering(&[OK]).await;
    let first: Timestamp = "2025-12-31T23:00:00Z".parse().unwrap();
    let mut progress = Progress::default();
    assert!(progress.take(&Entry {
        delivery: 0,
        number: 1,
        at_ms: 1000.0,
        first_signed_ms: first.as_millisecond(),
        status: Some(503),
        next_ms: Some(1500.0),
    }));
    let retry = Retry { timestamp: SignedAt::Frozen, ..retrying(1, "5s").retry };
    let how = Run { retry, progress, ..retrying(1, "none") };
    let mut signed = Vec::new();
    let deliveries = |attempt: &Try| {
        signed.push((attempt.number, attempt.signed_at));
        Some(Prepared { delivery: Delivery::new(0, "{}"), event_id: None, target: 0 })
    };
    let target = receiver.target(Engine::Wire).await;
    run(std::slice::from_ref(&target), &how, deliveries, |_| {}, std::future::pending())
        .await
        .unwrap();
    assert_eq!(signed, [(2, first)]);
}
