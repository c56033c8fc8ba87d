//! A whole plan: deliveries are begun at their times, and what comes of them is counted.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use ringback_exchange::Attempt;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::attempt::{Planned, attempt};
use crate::delivery::Delivery;
use crate::guard::GuardError;
use crate::plan::{Pace, Plan};
use crate::summary::{Summary, Tally};
use crate::target::Target;

/// How many attempts may be in flight at once, unless something else is wanted. Each has a connection
/// of its own, and a process often has 1,024 files.
pub const IN_FLIGHT_MAX: usize = 1_000;

/// How long what is in flight may go on after the run was stopped.
pub const STOP_GRACE: Duration = Duration::from_secs(1);

/// Sends the deliveries of a plan.
///
/// A rated plan has no more in flight than the target's [`Options`](crate::Options) permit; what is due
/// beyond that waits, and the summary says how many had to.
///
/// `deliveries` is asked for each when it is due, so that they need no room before. `on_attempt` gets
/// every attempt in the order of their outcomes; both are called between two deliveries, so that time
/// spent in them shows as the sender's lateness. When `stop` comes, nothing new is begun, what is in
/// flight is given up after [`STOP_GRACE`], and the summary still comes.
///
/// # Errors
///
/// When the target does not permit the plan; nothing was sent then.
///
/// # Cancel safety
///
/// Dropping the future closes every connection in flight, and there is no summary. Use `stop`.
pub async fn run(
    target: &Target,
    plan: &Plan,
    mut deliveries: impl FnMut(u64) -> Delivery,
    on_attempt: impl FnMut(Attempt),
    stop: impl Future<Output = ()>,
) -> Result<Summary, GuardError> {
    target.permit(plan)?;
    let mut stop = pin!(stop);
    let mut flight = Flight::new(on_attempt);
    let is_rated = plan.pace != Pace::OneByOne;
    let in_flight_max = if is_rated { target.in_flight_max() } else { 1 };
    let mut index = 0;
    // Until when a delivery that was due had to wait for room.
    let mut full_until = Duration::ZERO;
    while index < plan.count || !flight.is_empty() {
        let has_room = flight.attempts.len() < in_flight_max;
        let start = flight.start;
        let due = plan.due(index).unwrap_or_else(|| start.elapsed());
        tokio::select! {
            biased;
            () = &mut stop => {
                flight.tally.stopped = true;
                break;
            }
            () = wait_until(start, due), if index < plan.count && has_room => {
                flight.tally.delayed_by_cap += u64::from(due < full_until);
                flight.begin(target, deliveries(index), due);
                index += 1;
            }
            () = flight.settle_one(), if !flight.is_empty() => {
                if is_rated && !has_room {
                    full_until = start.elapsed();
                }
            }
        }
        flight.settle_all_ended();
    }
    flight.wind_up().await;
    let elapsed = flight.start.elapsed();
    Ok(flight.tally.finish(plan.count, elapsed))
}

/// Sleeps until a time after the start. A time that no clock reaches does not come.
async fn wait_until(start: Instant, due: Duration) {
    match start.checked_add(due) {
        // The runtime's clock ticks by whole milliseconds: a time that has come would cost one.
        Some(time) if time <= Instant::now() => {}
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// What is in flight, and what came of the rest.
struct Flight<F> {
    start: Instant,
    attempts: JoinSet<(Attempt, bool)>,
    give_up: watch::Sender<bool>,
    on_attempt: F,
    tally: Tally,
}

impl<F: FnMut(Attempt)> Flight<F> {
    fn new(on_attempt: F) -> Self {
        Self {
            start: Instant::now(),
            attempts: JoinSet::new(),
            give_up: watch::Sender::new(false),
            on_attempt,
            tally: Tally::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.attempts.is_empty()
    }

    fn begin(&mut self, target: &Target, delivery: Delivery, due: Duration) {
        let target = target.clone();
        let planned = Planned { start: self.start, due };
        let mut given_up = self.give_up.subscribe();
        self.attempts.spawn(async move {
            let given_up = async {
                // The sender outlives every task, so that it cannot be gone.
                let _ = given_up.wait_for(|given_up| *given_up).await;
            };
            attempt(&target, delivery, planned, given_up).await
        });
    }

    fn settle_all_ended(&mut self) {
        while let Some(ended) = self.attempts.try_join_next() {
            self.settle(ended);
        }
    }

    async fn settle_one(&mut self) {
        if let Some(ended) = self.attempts.join_next().await {
            self.settle(ended);
        }
    }

    fn settle(&mut self, ended: Result<(Attempt, bool), JoinError>) {
        match ended {
            Ok((attempt, was_given_up)) => {
                self.tally.count(&attempt);
                self.tally.given_up += u64::from(was_given_up);
                (self.on_attempt)(attempt);
            }
            // A defect of this crate; an attempt that vanished must not pass for one that was made.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Tasks are only cancelled when the runtime ends, and this one with them.
            Err(_) => {}
        }
    }

    /// Waits for what is in flight, first for its answers and then for nothing.
    async fn wind_up(&mut self) {
        let deadline = Instant::now() + STOP_GRACE;
        while !self.is_empty() {
            if tokio::time::timeout_at(deadline, self.settle_one()).await.is_err() {
                break;
            }
        }
        self.give_up.send_replace(true);
        while !self.is_empty() {
            self.settle_one().await;
        }
    }
}
