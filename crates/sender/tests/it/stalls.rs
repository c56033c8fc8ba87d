//! Whether the numbers can be believed when the receiver stalls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringback_sender::{Engine, Options, Pace, Plan, Target};
use tokio::sync::watch;

use crate::receiver::{OK, Receiver, options};
use crate::runs::{run_of, whole};

/// A receiver that answers at once, but for a stall of a whole second after its first requests: whatever
/// comes meanwhile is answered when the stall is over.
async fn stalling(after: usize) -> Receiver {
    let (stall, is_stalled) = watch::channel(false);
    let stall = Arc::new(stall);
    let n = Arc::new(Mutex::new(0));
    Receiver::start(move |mut connection| {
        let (stall, mut is_stalled, n) = (stall.clone(), is_stalled.clone(), n.clone());
        async move {
            while connection.request().await.is_some() {
                let is_the_one = {
                    let mut n = n.lock().unwrap();
                    *n += 1;
                    *n == after
                };
                if is_the_one {
                    stall.send_replace(true);
                    // Nothing waits for this to be over: the stall itself is what is tested.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    stall.send_replace(false);
                }
                let _ = is_stalled.wait_for(|is_stalled| !is_stalled).await;
                connection.write(OK).await;
            }
        }
    })
    .await
}

/// One in flight at a time: only one request meets the stall, and all that were due meanwhile wait for it.
/// Counted from their begin, ninety-nine of a hundred would look quick.
#[tokio::test]
async fn a_stall_shows_in_the_latency_of_all_that_were_due_meanwhile() {
    let receiver = stalling(20).await;
    let target =
        Target::new(&receiver.url(), &Options { in_flight_max: 1, ..options(Engine::Wire) })
            .await
            .unwrap();
    let plan = Plan::new(200, Pace::Rate("100/s".parse().unwrap()));
    let (summary, attempts) = whole(&target, &run_of(&plan)).await;
    assert_eq!(summary.succeeded, 200);
    let slow = |ms: &dyn Fn(usize) -> f64| (0..200).filter(|n| ms(*n) >= 400.0).count();
    let from_plan = slow(&|n| attempts[n].late_ms + attempts[n].duration_ms);
    let from_begin = slow(&|n| attempts[n].duration_ms);
    // About 60 were due in the first 600 ms of the stall.
    assert!(from_plan >= 50, "{from_plan}");
    assert!(from_begin < from_plan / 2, "{from_begin} of {from_plan}");
    let (latency, response) = (summary.latency_ms.unwrap(), summary.response_ms.unwrap());
    assert!(latency.p90 >= 400.0 && latency.p90 > response.p90, "{latency:?} {response:?}");
    assert!(latency.max >= 1000.0);
    // The wait for room was the receiver's doing, and is told apart from the sender's own lateness.
    assert!(summary.delayed_by_cap >= 90, "{}", summary.delayed_by_cap);
    assert!(summary.cap_wait_ms.unwrap().max >= 900.0);
    assert!(summary.late_ms.unwrap().p90 < latency.p90);
}

/// With room for all, none waits: each meets the stall itself, and the plan is kept.
#[tokio::test]
async fn with_room_a_stall_does_not_slow_the_plan() {
    let receiver = stalling(20).await;
    let plan = Plan::new(150, Pace::Rate("100/s".parse().unwrap()));
    let target =
        Target::new(&receiver.url(), &Options { in_flight_max: 150, ..options(Engine::Wire) })
            .await
            .unwrap();
    let (summary, _) = whole(&target, &run_of(&plan)).await;
    assert_eq!((summary.succeeded, summary.delayed_by_cap), (150, 0));
    assert!(summary.latency_ms.unwrap().p90 >= 400.0);
}
