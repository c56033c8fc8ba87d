//! A whole run: deliveries are begun at their times, what failed is tried again, and what comes of them
//! is counted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::iter::Peekable;
use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;
use ringback_exchange::{Attempt, Because, Outcome, Place};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::attempt::{Planned, attempt};
use crate::clock::{Clock, Running};
use crate::delivery::Delivery;
use crate::guard::GuardError;
use crate::pace::{Pacer, Pacing};
use crate::plan::{Plan, Turn, Turns};
use crate::progress::{Entry, Progress};
use crate::retry::{Next, Retry, SignedAt};
use crate::summary::{Fate, Summary, Tally, to_ms};
use crate::target::Target;

/// How many attempts may be in flight at once, unless something else is wanted. Each has a connection
/// of its own, and a process often has 1,024 files.
pub const IN_FLIGHT_MAX: usize = 1_000;

/// How many deliveries may wait to be tried again. One more is given up, and the summary says so.
pub const WAITING_MAX: usize = 1_000_000;

/// How long before its time a delivery is made ready, so that at its time it only has to leave.
const LEAD: Duration = Duration::from_millis(2);

/// How long what is in flight may go on after the run was stopped.
pub const STOP_GRACE: Duration = Duration::from_millis(700);

/// All that a run is told.
#[derive(Debug, Clone)]
pub struct Run {
    /// What is sent, and when.
    pub plan: Plan,
    /// When what failed is sent again.
    pub retry: Retry,
    /// What the time is, and how fast it passes.
    pub clock: Clock,
    /// How exactly planned times are kept.
    pub pacing: Pacing,
    /// What an earlier run of the same plan has done, which this one goes on with.
    pub progress: Progress,
}

impl Run {
    /// Makes a run of a plan in our own time, from its start, with nothing tried again.
    pub fn new(plan: Plan, origin: Timestamp) -> Self {
        Self {
            plan,
            retry: Retry::none(),
            clock: Clock { origin, scale: 1.0 },
            pacing: Pacing::Fine,
            progress: Progress::default(),
        }
    }
}

/// One try of one delivery, for which a request is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    /// The delivery's place in the plan.
    pub turn: Turn,
    /// The try, from 1.
    pub number: u32,
    /// The time to sign with: that of this try, or of the first where that is frozen.
    pub signed_at: Timestamp,
}

/// What is sent with one try.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Body and header lines.
    pub delivery: Delivery,
    /// The id in the event, when it has one.
    pub event_id: Option<String>,
    /// Where it goes: which of the targets of the run, from 0.
    pub target: usize,
}

/// An attempt whose outcome is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The attempt.
    pub attempt: Attempt,
    /// What is to be written down before anybody hears of it, where a run is to be resumed; nothing for
    /// one that was given up, which a resumed run makes again.
    pub entry: Option<Entry>,
}

/// Makes the deliveries of a plan.
///
/// Each goes to the one of `targets` that it names; where there is no such target it goes to the last.
/// A plan with times has no more in flight than the [`Options`](crate::Options) of the first target
/// permit; what is due beyond that waits, and the summary says how many had to, and how long. Where the receiver sets the
/// pace, the plan says how many are in flight.
///
/// `deliveries` is asked for each try shortly before it is due, so that they need no room before; where it
/// has nothing, there is no such event, and that is counted. `on_settled` gets every attempt in the order of
/// their outcomes; both are called between two deliveries, so that time spent in them shows as the
/// sender's lateness. When `stop` comes, nothing new is begun, what is in flight is given up after
/// [`STOP_GRACE`], and the summary still comes.
///
/// # Errors
///
/// When a target does not permit the plan; nothing was sent then.
///
/// # Panics
///
/// When there is no target.
///
/// # Cancel safety
///
/// Dropping the future closes every connection in flight, and there is no summary. Use `stop`.
pub async fn run(
    targets: &[Target],
    run: &Run,
    mut deliveries: impl FnMut(&Try) -> Option<Prepared>,
    on_settled: impl FnMut(Settled),
    stop: impl Future<Output = ()>,
) -> Result<Summary, GuardError> {
    assert!(!targets.is_empty(), "a run has a target");
    for target in targets {
        target.permit(&run.plan)?;
    }
    let mut stop = pin!(stop);
    let mut pacer = Pacer::new(run.pacing);
    let mut queue = Queue::new(run);
    let mut flight = Flight::new(run, on_settled);
    let clock = flight.clock;
    let most = run.plan.concurrency().map_or(targets[0].in_flight_max(), |n| n.get() as usize);
    // Until when something that was due had to wait for room.
    let mut full_until = Duration::ZERO;
    loop {
        let next = queue.next(clock.now());
        if next.is_none() && flight.attempts.is_empty() {
            break;
        }
        let due = next.as_ref().map_or(Duration::MAX, |next| clock.real(next.due));
        let has_room = next.as_ref().is_some_and(|next| flight.has_room(next.together, most));
        tokio::select! {
            biased;
            () = &mut stop => {
                flight.tally.summary().stopped = true;
                break;
            }
            () = pacer.wait_until(clock.start, due.saturating_sub(LEAD)), if has_room => {
                let group = queue.take_group(clock.now());
                let due = group.first().map_or(due, |first| clock.real(first.due));
                let ready: Vec<_> = group
                    .into_iter()
                    .filter_map(|upcoming| flight.prepare(upcoming, &mut deliveries))
                    .collect();
                pacer.wait_until(clock.start, due).await;
                let held_back = full_until.checked_sub(due).filter(|it| !it.is_zero());
                for ready in ready {
                    flight.begin(targets, ready, due, held_back);
                }
                // The requests leave before what comes next is thought of.
                tokio::task::yield_now().await;
            }
            () = flight.settle_one(&mut queue), if !flight.attempts.is_empty() => {
                if run.plan.is_open() && !has_room {
                    full_until = clock.start.elapsed();
                }
            }
        }
        flight.settle_all_ended(&mut queue);
    }
    flight.wind_up(&mut queue).await;
    let elapsed = clock.start.elapsed();
    let summary = flight.tally.summary();
    summary.over_before = run.progress.n_over();
    summary.failed_before = run.progress.n_failed();
    summary.waiting = queue.retries.len() as u64;
    let is_whole = !summary.stopped;
    summary.planned = if is_whole { Some(queue.n_passed) } else { run.plan.total() };
    Ok(flight.tally.finish(elapsed))
}

/// What comes next: the plan's own deliveries, and those that are tried again.
struct Queue {
    turns: Peekable<Turns>,
    /// How many turns of the plan have been passed, sent or not.
    n_passed: u64,
    is_open: bool,
    duration: Option<Duration>,
    retries: BinaryHeap<Reverse<Again>>,
    progress: Progress,
}

/// A try that is to be made.
#[derive(Debug, Clone, Copy)]
struct Upcoming {
    turn: Turn,
    number: u32,
    /// In the time of the plan.
    due: Duration,
    together: u32,
    first_signed: Option<Timestamp>,
    is_retry: bool,
}

/// A delivery that is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Again {
    due: Duration,
    number: u32,
    first_signed: Timestamp,
    turn: Turn,
}

impl Ord for Again {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.turn.delivery).cmp(&(other.due, other.turn.delivery))
    }
}

impl PartialOrd for Again {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Queue {
    fn new(run: &Run) -> Self {
        Self {
            turns: run.plan.turns().peekable(),
            n_passed: 0,
            is_open: run.plan.is_open(),
            duration: run.plan.duration,
            retries: BinaryHeap::new(),
            progress: run.progress.clone(),
        }
    }

    /// Returns the plan's next delivery that an earlier run has not begun.
    fn next_turn(&mut self) -> Option<Turn> {
        loop {
            let turn = *self.turns.peek()?;
            if !self.progress.has(turn.delivery) {
                return Some(turn);
            }
            // What was begun before has its next try, or is over.
            if let Some(waiting) = self.progress.waiting.remove(&turn.delivery) {
                let (due, number) = (waiting.due, waiting.number);
                let first_signed = waiting.first_signed;
                self.retries.push(Reverse(Again { due, number, first_signed, turn }));
            }
            self.turns.next();
            self.n_passed += 1;
        }
    }

    /// Returns what is to be begun next, and when. Where the receiver sets the pace, a delivery is due as
    /// soon as there is room, and what is tried again goes before it once its time has come.
    fn next(&mut self, now: Duration) -> Option<Upcoming> {
        let is_over = !self.is_open && self.duration.is_some_and(|duration| now >= duration);
        let turn = if is_over { None } else { self.next_turn() };
        let turn = turn.map(|turn| Upcoming {
            turn,
            number: 1,
            due: turn.at.unwrap_or(now),
            // Of those that are begun together the first may have been begun before.
            together: turn.together.max(1),
            first_signed: None,
            is_retry: false,
        });
        let retry = self.retries.peek().map(|Reverse(again)| Upcoming {
            turn: again.turn,
            number: again.number,
            due: again.due,
            together: 1,
            first_signed: Some(again.first_signed),
            is_retry: true,
        });
        match (turn, retry) {
            (Some(turn), Some(retry)) if retry.due < turn.due => Some(retry),
            (Some(turn), _) => Some(turn),
            (None, retry) => retry,
        }
    }

    /// Takes what `next` returns, and all that is begun together with it.
    fn take_group(&mut self, now: Duration) -> Vec<Upcoming> {
        let mut group = Vec::with_capacity(1);
        let Some(first) = self.next(now) else { return group };
        group.push(first);
        if first.is_retry {
            self.retries.pop();
            return group;
        }
        self.turns.next();
        self.n_passed += 1;
        while let Some(turn) = self.next_turn().filter(|turn| turn.together == 0) {
            group.push(Upcoming { turn, ..first });
            self.turns.next();
            self.n_passed += 1;
        }
        group
    }

    /// Has a delivery tried again, if there is room for it.
    fn again(&mut self, again: Again) -> bool {
        let has_room = self.retries.len() < WAITING_MAX;
        if has_room {
            self.retries.push(Reverse(again));
        }
        has_room
    }
}

/// What is in flight, and what came of the rest.
struct Flight<'a, F> {
    run: &'a Run,
    clock: Running,
    attempts: JoinSet<Landed>,
    give_up: watch::Sender<bool>,
    on_settled: F,
    tally: Tally,
}

/// A try whose time is all that it waits for.
struct Ready {
    upcoming: Upcoming,
    /// The time that it is signed with.
    signed: Timestamp,
    prepared: Prepared,
}

/// An attempt that has ended, and what was known of it when it began.
struct Landed {
    attempt: Attempt,
    was_given_up: bool,
    upcoming: Upcoming,
    signed: Timestamp,
    held_back: Option<Duration>,
    event_id: Option<String>,
}

impl<'a, F: FnMut(Settled)> Flight<'a, F> {
    fn new(run: &'a Run, on_settled: F) -> Self {
        Self {
            run,
            clock: run.clock.start(run.progress.at()),
            attempts: JoinSet::new(),
            give_up: watch::Sender::new(false),
            on_settled,
            tally: Tally::new(),
        }
    }

    /// Tells whether so many may be begun at once. A group that is larger than the limit has the whole
    /// room for itself.
    fn has_room(&self, together: u32, most: usize) -> bool {
        let n = self.attempts.len();
        n == 0 || n + together as usize <= most
    }

    /// Makes the request of a try, shortly before its time.
    fn prepare(
        &mut self,
        upcoming: Upcoming,
        deliveries: &mut impl FnMut(&Try) -> Option<Prepared>,
    ) -> Option<Ready> {
        let signed = match (self.run.retry.timestamp, upcoming.first_signed) {
            (SignedAt::Frozen, Some(first)) => first,
            _ => self.clock.wall(self.clock.now().max(upcoming.due)),
        };
        let attempted = Try { turn: upcoming.turn, number: upcoming.number, signed_at: signed };
        let prepared = deliveries(&attempted);
        self.tally.summary().without_event += u64::from(prepared.is_none());
        Some(Ready { upcoming, signed, prepared: prepared? })
    }

    fn begin(
        &mut self,
        targets: &[Target],
        ready: Ready,
        due: Duration,
        held_back: Option<Duration>,
    ) {
        let Ready { upcoming, signed, prepared: Prepared { delivery, event_id, target } } = ready;
        let target = targets[target.min(targets.len() - 1)].clone();
        let planned = Planned { start: self.clock.start, due };
        let mut given_up = self.give_up.subscribe();
        self.attempts.spawn(async move {
            let given_up = async {
                // The sender outlives every task, so that it cannot be gone.
                let _ = given_up.wait_for(|given_up| *given_up).await;
            };
            let (attempt, was_given_up) = attempt(&target, delivery, planned, given_up).await;
            Landed { attempt, was_given_up, upcoming, signed, held_back, event_id }
        });
    }

    fn settle_all_ended(&mut self, queue: &mut Queue) {
        while let Some(ended) = self.attempts.try_join_next() {
            self.settle(ended, queue);
        }
    }

    async fn settle_one(&mut self, queue: &mut Queue) {
        if let Some(ended) = self.attempts.join_next().await {
            self.settle(ended, queue);
        }
    }

    fn settle(&mut self, ended: Result<Landed, JoinError>, queue: &mut Queue) {
        match ended {
            Ok(landed) => self.count(landed, queue),
            // A defect of this crate; an attempt that vanished must not pass for one that was made.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Tasks are only cancelled when the runtime ends, and this one with them.
            Err(_) => {}
        }
    }

    fn count(&mut self, landed: Landed, queue: &mut Queue) {
        let Landed { mut attempt, was_given_up, upcoming, signed, held_back, event_id } = landed;
        let Upcoming { turn, number, due, .. } = upcoming;
        let now = self.clock.now();
        let first_signed = upcoming.first_signed.unwrap_or(signed);
        let (fate, wait) = if was_given_up {
            (Fate::GivenUp, None)
        } else {
            let drawn_by = (self.run.plan.seed, turn.delivery);
            // What was done to a request on purpose decides what is right about its answer.
            let is_right = !attempt.is_against_receiver();
            let now_there = self.clock.wall(now);
            let next = match &attempt.fault {
                Some(_) if is_right => Next::Nothing,
                _ => self.run.retry.next(&attempt.outcome, number, drawn_by, now_there),
            };
            match next {
                Next::Again(wait) => {
                    let again = Again {
                        due: now.saturating_add(wait),
                        number: number.saturating_add(1),
                        first_signed,
                        turn,
                    };
                    if queue.again(again) {
                        (Fate::Again, Some(wait))
                    } else {
                        (Fate::Dropped, None)
                    }
                }
                Next::Exhausted => (Fate::Exhausted, None),
                Next::Gone => (Fate::Gone, None),
                Next::Nothing => (if is_right { Fate::Succeeded } else { Fate::Failed }, None),
            }
        };
        attempt.number = number;
        attempt.place = Some(Place {
            event: turn.event,
            part: turn.part,
            event_id,
            copy: turn.copy,
            because: if number > 1 { Because::Retry } else { turn.because },
            scheduled_at: self.clock.wall(due),
            retry_in_ms: wait.map(to_ms),
            held_back_ms: held_back.map(to_ms),
        });
        let status = match &attempt.outcome {
            Outcome::Answered(reply) => Some(reply.status),
            Outcome::Failed(_) => None,
        };
        let next = wait.map(|wait| now.saturating_add(wait));
        let entry = (!was_given_up)
            .then(|| Entry::new((turn.delivery, number), now, first_signed, status, next));
        self.tally.count(&attempt, fate);
        (self.on_settled)(Settled { attempt, entry });
    }

    /// Waits for what is in flight, first for its answers and then for nothing.
    async fn wind_up(&mut self, queue: &mut Queue) {
        let deadline = tokio::time::Instant::now() + STOP_GRACE;
        while !self.attempts.is_empty() {
            if tokio::time::timeout_at(deadline, self.settle_one(queue)).await.is_err() {
                break;
            }
        }
        self.give_up.send_replace(true);
        while !self.attempts.is_empty() {
            self.settle_one(queue).await;
        }
    }
}
