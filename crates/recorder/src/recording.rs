//! Exchanges in memory, and waiting for them.
//!
//! Completed exchanges come in from a listener; they go out as a list, or to whoever waits for those
//! that fit. It refuses more than its [`Room`]: the listener then answers 503, as with a full disk.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringback_exchange::Exchange;
use tokio::sync::watch;
use tokio::time::Instant;

/// How much a [`Recording`] takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Requests.
    pub exchanges: usize,
    /// Bytes of all bodies, requests and replies.
    pub bytes: usize,
}

impl Room {
    /// Enough for one scenario, even a wild one.
    pub const STANDARD: Self = Self { exchanges: 10_000, bytes: 256 << 20 };
}

/// A bounded list of exchanges in memory. Its clones are the same list.
#[derive(Debug, Clone)]
pub struct Recording(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    room: Room,
    kept: Mutex<Kept>,
    /// How many exchanges are complete: what a wait wakes up for.
    completed: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Kept {
    arrived: u64,
    bytes: usize,
    /// In the order of their replies.
    complete: Vec<(Instant, Arc<Exchange>)>,
}

/// What a wait has found.
#[derive(Debug, Clone, PartialEq)]
pub struct Waited {
    /// The exchanges that fit, by arrival number.
    pub matched: Vec<Exchange>,
    /// Why the wait is over.
    pub ended: Ended,
}

/// Why a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As many came as were wanted, and then none for the time of quiet.
    Quiet,
    /// One more came than was permitted.
    TooMany,
    /// Fewer came than were wanted, in the time there was.
    TooFew,
}

impl Recording {
    /// Makes an empty recording.
    pub fn new(room: Room) -> Self {
        let (completed, _) = watch::channel(0);
        Self(Arc::new(Shared { room, kept: Mutex::default(), completed }))
    }

    /// Returns the exchanges whose replies have been given, by arrival number.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let complete = &self.kept().complete;
        by_number(complete.iter().map(|(_, exchange)| Exchange::clone(exchange)).collect())
    }

    /// Waits until the number of exchanges that match has come into the range `count` and then none of
    /// them has come for `quiet`; until there are more than `count` permits; or until fewer than it
    /// wants have come `within`.
    ///
    /// What was answered before the call counts too. Quiet is counted from the last match and never
    /// from before the call: what was done just before it must have its time to show. The wait takes at
    /// most `within` and `quiet` together, once the last match has come. `matches` is asked once for
    /// each exchange.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken out of the recording; a wait that is dropped is as if it had never been.
    pub async fn wait(
        &self,
        matches: impl Fn(&Exchange) -> bool,
        count: RangeInclusive<usize>,
        within: Duration,
        quiet: Duration,
    ) -> Waited {
        let begun = Instant::now();
        let mut completed = self.0.completed.subscribe();
        let mut matched = Vec::new();
        let mut last_match = begun;
        let mut seen = 0;
        loop {
            // What completes after this look makes `changed` return, so that nothing is missed between.
            for (at, exchange) in self.after(seen) {
                seen += 1;
                if matches(&exchange) {
                    last_match = at.max(begun);
                    matched.push(Arc::unwrap_or_clone(exchange));
                }
            }
            let (deadline, ended) = if matched.len() < *count.start() {
                (begun.checked_add(within), Ended::TooFew)
            } else if matched.len() <= *count.end() {
                (last_match.checked_add(quiet), Ended::Quiet)
            } else {
                (Some(begun), Ended::TooMany)
            };
            tokio::select! {
                // What has come counts, even when the time ends in the same moment.
                biased;
                Ok(()) = completed.changed(), if ended != Ended::TooMany => continue,
                () = sleep_until(deadline) => {}
            }
            // A request that has arrived and waits for its reply is not quiet: it may be the one too
            // many. It is waited for, but not longer than the whole wait may last.
            let longest = begun.checked_add(within).and_then(|end| end.checked_add(quiet));
            if ended == Ended::Quiet && self.is_replying() {
                tokio::select! {
                    biased;
                    Ok(()) = completed.changed() => continue,
                    () = sleep_until(longest) => {}
                }
            }
            return Waited { matched: by_number(matched), ended };
        }
    }

    /// Takes a request in and returns its arrival number; or says why there is no room for it.
    pub(crate) fn arrive(&self, bytes: usize) -> Result<u64, String> {
        let Room { exchanges: count_max, bytes: bytes_max } = self.0.room;
        let mut kept = self.kept();
        if kept.arrived >= count_max as u64 {
            return Err(format!("the recording is full: it holds {count_max} exchanges"));
        }
        if bytes > bytes_max.saturating_sub(kept.bytes) {
            return Err(format!("the recording is full: it holds {bytes_max} bytes"));
        }
        kept.arrived += 1;
        kept.bytes += bytes;
        Ok(kept.arrived)
    }

    /// Adds an exchange whose reply is on its way, and wakes who waits.
    pub(crate) fn complete(&self, exchange: impl Into<Arc<Exchange>>) {
        let exchange = exchange.into();
        let mut kept = self.kept();
        kept.bytes += exchange.reply.as_ref().map_or(0, |reply| reply.body.0.len());
        kept.complete.push((Instant::now(), exchange));
        let count = kept.complete.len();
        drop(kept);
        self.0.completed.send_replace(count);
    }

    /// Tells whether a request has arrived whose reply has not been given.
    fn is_replying(&self) -> bool {
        let kept = self.kept();
        kept.arrived > kept.complete.len() as u64
    }

    fn after(&self, seen: usize) -> Vec<(Instant, Arc<Exchange>)> {
        self.kept().complete.get(seen..).unwrap_or_default().to_vec()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing between lock and unlock leaves the list in halves, so a panic elsewhere is no reason
        // to lose it.
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        // Further away than the clock can tell.
        None => std::future::pending().await,
    }
}

fn by_number(mut exchanges: Vec<Exchange>) -> Vec<Exchange> {
    exchanges.sort_by_key(|exchange| exchange.number);
    exchanges
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use ringback_exchange::{Headers, Reply, Request};
    use tokio::time::{advance, timeout};

    use super::*;

    const ROOM: Room = Room { exchanges: 4, bytes: 100 };
    const SECOND: Duration = Duration::from_secs(1);

    fn exchange(number: u64, status: u16) -> Exchange {
        Exchange {
            number,
            received_at: Timestamp::UNIX_EPOCH,
            peer: String::new(),
            version: "HTTP/1.1".to_owned(),
            request: Request {
                method: "POST".to_owned(),
                target: "/".to_owned(),
                headers: Headers::default(),
                body: "".into(),
            },
            reply: Some(Reply { status, headers: Headers::default(), body: "".into() }),
            duration_ms: Some(0.0),
            forwarded: None,
            fault: None,
            wire: None,
            signature: None,
        }
    }

    fn is_201(exchange: &Exchange) -> bool {
        exchange.reply.as_ref().is_some_and(|reply| reply.status == 201)
    }

    fn numbers(exchanges: &[Exchange]) -> Vec<u64> {
        exchanges.iter().map(|exchange| exchange.number).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_when_as_many_have_come_and_quiet_is_kept() {
        let recording = Recording::new(ROOM);
        let begun = Instant::now();
        let (waited, ()) =
            tokio::join!(recording.wait(is_201, 2..=2, 10 * SECOND, 3 * SECOND), async {
                advance(SECOND).await;
                recording.complete(exchange(2, 201));
                recording.complete(exchange(3, 503));
                advance(SECOND).await;
                recording.complete(exchange(1, 201));
                advance(SECOND).await;
                recording.complete(exchange(4, 503));
            });
        assert_eq!(waited.ended, Ended::Quiet);
        assert_eq!(numbers(&waited.matched), [1, 2], "by arrival, not by reply");
        assert_eq!(begun.elapsed().as_secs(), 5, "2 s, and 3 s after the last that matched");
        assert_eq!(numbers(&recording.exchanges()), [1, 2, 3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_too_many_ends_a_wait_at_once() {
        let recording = Recording::new(ROOM);
        let begun = Instant::now();
        let (waited, ()) =
            tokio::join!(recording.wait(is_201, 1..=1, 10 * SECOND, 60 * SECOND), async {
                advance(SECOND).await;
                recording.complete(exchange(1, 201));
                advance(SECOND).await;
                recording.complete(exchange(2, 201));
            });
        assert_eq!(waited.ended, Ended::TooMany);
        assert_eq!(numbers(&waited.matched), [1, 2]);
        assert_eq!(begun.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn too_few_end_a_wait_at_its_deadline() {
        let recording = Recording::new(ROOM);
        let begun = Instant::now();
        let (waited, ()) =
            tokio::join!(recording.wait(is_201, 2..=2, 10 * SECOND, 60 * SECOND), async {
                advance(4 * SECOND).await;
                recording.complete(exchange(1, 201));
            });
        assert_eq!(waited.ended, Ended::TooFew);
        assert_eq!(numbers(&waited.matched), [1]);
        assert_eq!(begun.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_before_counts_and_quiet_begins_anew() {
        let recording = Recording::new(ROOM);
        recording.complete(exchange(1, 201));
        advance(3 * SECOND).await;
        // A second one that is only just on its way must not be missed.
        let (waited, ()) =
            tokio::join!(recording.wait(is_201, 1..=1, 10 * SECOND, 2 * SECOND), async {
                advance(SECOND).await;
                recording.complete(exchange(2, 201));
            });
        assert_eq!(waited.ended, Ended::TooMany);
    }

    #[tokio::test(start_paused = true)]
    async fn a_range_is_reached_by_its_least_and_left_by_one_more_than_its_most() {
        let recording = Recording::new(ROOM);
        recording.complete(exchange(1, 201));
        let begun = Instant::now();
        let waited = recording.wait(is_201, 1..=2, 10 * SECOND, 2 * SECOND).await;
        assert_eq!((waited.ended, begun.elapsed().as_secs()), (Ended::Quiet, 2));
        recording.complete(exchange(2, 201));
        recording.complete(exchange(3, 201));
        let waited = recording.wait(is_201, 1..=2, 10 * SECOND, 2 * SECOND).await;
        assert_eq!((waited.ended, waited.matched.len()), (Ended::TooMany, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_waits_for_its_reply_is_not_quiet() {
        let recording = Recording::new(ROOM);
        recording.arrive(0).unwrap();
        recording.complete(exchange(1, 201));
        recording.arrive(0).unwrap();
        let (waited, ()) =
            tokio::join!(recording.wait(is_201, 1..=1, 10 * SECOND, 2 * SECOND), async {
                advance(5 * SECOND).await;
                recording.complete(exchange(2, 201));
            });
        assert_eq!(waited.ended, Ended::TooMany);

        let begun = Instant::now();
        recording.arrive(0).unwrap();
        let waited = recording.wait(is_201, 2..=2, 10 * SECOND, 2 * SECOND).await;
        assert_eq!(
            (waited.ended, begun.elapsed().as_secs()),
            (Ended::Quiet, 12),
            "but not for ever"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn none_is_a_number_too() {
        let recording = Recording::new(ROOM);
        let begun = Instant::now();
        let waited = recording.wait(is_201, 0..=0, 10 * SECOND, 2 * SECOND).await;
        assert_eq!((waited.ended, waited.matched.len()), (Ended::Quiet, 0));
        assert_eq!(begun.elapsed().as_secs(), 2);
        recording.complete(exchange(1, 201));
        let waited = recording.wait(is_201, 0..=0, 10 * SECOND, 2 * SECOND).await;
        assert_eq!(waited.ended, Ended::TooMany);
    }

    #[tokio::test(start_paused = true)]
    async fn times_beyond_the_clock_are_no_panic() {
        let recording = Recording::new(ROOM);
        let wait = recording.wait(is_201, 1..=1, Duration::MAX, Duration::MAX);
        assert!(timeout(SECOND, wait).await.is_err());
    }

    #[test]
    fn a_full_recording_takes_no_more() {
        let recording = Recording::new(ROOM);
        assert_eq!(recording.arrive(60), Ok(1));
        let error = recording.arrive(41).unwrap_err();
        assert_eq!(error, "the recording is full: it holds 100 bytes");
        assert_eq!(recording.arrive(40), Ok(2), "the refused one has left no gap");
        assert_eq!(recording.arrive(0), Ok(3));
        assert_eq!(recording.arrive(0), Ok(4));
        let error = recording.arrive(0).unwrap_err();
        assert_eq!(error, "the recording is full: it holds 4 exchanges");
    }
}
