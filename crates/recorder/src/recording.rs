//! Exchanges in memory, and waiting for them.
//!
//! Completed exchanges come in from a listener; they go out as a list, or to whoever waits for those
//! that fit. It holds no more than its [`Room`]: what does not fit is refused, and the listener answers
//! 503 as with a full disk; or, in a [ring](Recording::ring), the oldest make room for it.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringback_exchange::{Exchange, Headers};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::StoreError;
use crate::store::{Entry, Refusal, Storage};

/// How much a [`Recording`] takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Requests.
    pub exchanges: usize,
    /// Bytes of all bodies, requests and replies; in a ring those of heads too.
    pub bytes: usize,
}

impl Room {
    /// Enough for one scenario, even a wild one.
    pub const STANDARD: Self = Self { exchanges: 10_000, bytes: 256 << 20 };

    /// For a ring: what somebody is likely to look at again, in little memory.
    pub const RING: Self = Self { exchanges: 10_000, bytes: 64 << 20 };
}

/// A bounded list of exchanges in memory. Its clones are the same list.
#[derive(Debug, Clone)]
pub struct Recording(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    room: Room,
    full: Full,
    kept: Mutex<Kept>,
    /// How many exchanges have completed: what a wait wakes up for.
    completed: watch::Sender<usize>,
}

/// What happens to an exchange for which there is no room.
#[derive(Debug, Clone, Copy)]
enum Full {
    /// It is refused.
    Refuse,
    /// It is taken, and the oldest go, also those of this age.
    DropOldest(Option<Duration>),
}

#[derive(Debug, Default)]
struct Kept {
    /// The arrival number that was given last.
    last: u64,
    /// Requests without their replies.
    under_way: usize,
    bytes: usize,
    /// In the order of their replies.
    complete: VecDeque<(Instant, Arc<Exchange>)>,
    /// How many have gone from the front of that.
    dropped: usize,
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
    /// Makes an empty recording that refuses what does not fit.
    pub fn new(room: Room) -> Self {
        Self::with(room, Full::Refuse, 0)
    }

    /// Makes an empty recording whose oldest exchanges go when there is no room for a new one, or when
    /// they are `max_age` older than it. Arrival numbers begin after `last`.
    pub fn ring(room: Room, max_age: Option<Duration>, last: u64) -> Self {
        Self::with(room, Full::DropOldest(max_age), last)
    }

    fn with(room: Room, full: Full, last: u64) -> Self {
        let (completed, _) = watch::channel(0);
        let kept = Mutex::new(Kept { last, ..Kept::default() });
        Self(Arc::new(Shared { room, full, kept, completed }))
    }

    /// Returns the exchanges whose replies have been given, by arrival number.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let complete = &self.kept().complete;
        by_number(complete.iter().map(|(_, exchange)| Exchange::clone(exchange)).collect())
    }

    /// Returns how many exchanges have gone to make room for newer ones.
    pub fn dropped(&self) -> u64 {
        self.kept().dropped as u64
    }

    /// Returns at most `most` of the exchanges with numbers above `after`, by arrival number.
    pub(crate) fn page_after(&self, after: u64, most: usize) -> Vec<Exchange> {
        // Whoever captures waits for as long as this holds on to the list.
        let mut found: Vec<Arc<Exchange>> = {
            let kept = self.kept();
            let complete = kept.complete.iter().map(|(_, exchange)| exchange);
            complete.filter(|exchange| exchange.number > after).cloned().collect()
        };
        found.sort_unstable_by_key(|exchange| exchange.number);
        found.truncate(most);
        found.iter().map(|exchange| Exchange::clone(exchange)).collect()
    }

    /// Returns the number of the newest exchange whose reply has been given; 0 when there is none.
    pub(crate) fn newest(&self) -> u64 {
        self.kept().complete.iter().map(|(_, exchange)| exchange.number).max().unwrap_or(0)
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
            let (new, count_now) = self.after(seen);
            seen = count_now;
            for (at, exchange) in new {
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
        let mut kept = self.kept();
        self.admit(&kept, 1, bytes)?;
        kept.last += 1;
        kept.under_way += 1;
        kept.bytes += self.booked(bytes);
        Ok(kept.last)
    }

    /// Adds an exchange whose request was taken in and whose reply is on its way, and wakes who waits.
    pub(crate) fn complete(&self, exchange: Arc<Exchange>) {
        let mut kept = self.kept();
        kept.under_way = kept.under_way.saturating_sub(1);
        let count = self.add(&mut kept, exchange);
        drop(kept);
        self.0.completed.send_replace(count);
    }

    /// Takes in an exchange whose reply is known already, gives it its number and wakes who waits; or
    /// says why there is no room for it.
    pub(crate) fn keep(&self, mut exchange: Exchange) -> Result<Arc<Exchange>, String> {
        let mut kept = self.kept();
        let bytes = exchange.request.body.0.len();
        self.admit(&kept, 1, bytes)?;
        kept.last += 1;
        kept.bytes += self.booked(bytes);
        exchange.number = kept.last;
        let exchange = Arc::new(exchange);
        let count = self.add(&mut kept, Arc::clone(&exchange));
        drop(kept);
        self.0.completed.send_replace(count);
        Ok(exchange)
    }

    /// Says why there is no room for so many requests more.
    fn admit(&self, kept: &Kept, count: usize, bytes: usize) -> Result<(), String> {
        let Room { exchanges: count_max, bytes: bytes_max } = self.0.room;
        if matches!(self.0.full, Full::DropOldest(_)) {
            return Ok(());
        }
        if count > count_max.saturating_sub(kept.complete.len() + kept.under_way) {
            return Err(format!("the recording is full: it holds {count_max} exchanges"));
        }
        if bytes > bytes_max.saturating_sub(kept.bytes) {
            return Err(format!("the recording is full: it holds {bytes_max} bytes"));
        }
        Ok(())
    }

    /// Returns what a request takes before its reply. A ring counts an exchange when it is complete: a
    /// request may be cut and never be, and its bytes would be missing for ever.
    fn booked(&self, bytes: usize) -> usize {
        if matches!(self.0.full, Full::Refuse) { bytes } else { 0 }
    }

    /// Adds an exchange, and returns how many have ever been added.
    fn add(&self, kept: &mut Kept, exchange: Arc<Exchange>) -> usize {
        let newest = exchange.received_at;
        kept.bytes += match self.0.full {
            Full::Refuse => exchange.reply.as_ref().map_or(0, |reply| reply.body.0.len()),
            Full::DropOldest(_) => size(&exchange),
        };
        kept.complete.push_back((Instant::now(), exchange));
        if let Full::DropOldest(max_age) = self.0.full {
            let Room { exchanges: count_max, bytes: bytes_max } = self.0.room;
            let oldest = max_age.and_then(|age| newest.checked_sub(age).ok());
            // What has just come stays, even when it is more than there is room for.
            while kept.complete.len() > 1
                && let Some((_, first)) = kept.complete.front()
                && (kept.complete.len() > count_max
                    || kept.bytes > bytes_max
                    || oldest.is_some_and(|oldest| first.received_at < oldest))
            {
                kept.bytes -= size(first);
                kept.complete.pop_front();
                kept.dropped += 1;
            }
        }
        kept.dropped + kept.complete.len()
    }

    /// Tells whether a request has arrived whose reply has not been given.
    fn is_replying(&self) -> bool {
        self.kept().under_way > 0
    }

    /// Returns what has completed after the first `seen`, and how many have by now.
    fn after(&self, seen: usize) -> (Vec<(Instant, Arc<Exchange>)>, usize) {
        let kept = self.kept();
        let new = kept.complete.iter().skip(seen.saturating_sub(kept.dropped));
        (new.cloned().collect(), kept.dropped + kept.complete.len())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing between lock and unlock leaves the list in halves, so a panic elsewhere is no reason
        // to lose it.
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for Recording {
    fn append(&mut self, entries: &[Entry]) -> Result<Vec<u64>, Refusal> {
        let requests = entries.iter().filter_map(|entry| match entry {
            Entry::Request(arrival) => Some(arrival.request.body.0.len()),
            Entry::Whole(exchange) => Some(exchange.request.body.0.len()),
            Entry::Reply(_) => None,
        });
        let (count, bytes) = requests.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
        self.admit(&self.kept(), count, bytes).map_err(Refusal::for_now)?;
        let numbers = entries.iter().map(|entry| match entry {
            Entry::Request(arrival) => self.arrive(arrival.request.body.0.len()),
            Entry::Whole(exchange) => self.keep(Exchange::clone(exchange)).map(|kept| kept.number),
            Entry::Reply(exchange) => {
                self.complete(Arc::clone(exchange));
                Ok(exchange.number)
            }
        });
        numbers.collect::<Result<_, _>>().map_err(Refusal::for_now)
    }

    fn tidy(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn page(&self, after: u64, most: usize) -> Result<Vec<Exchange>, StoreError> {
        let mut page: Vec<_> = {
            let kept = self.kept();
            let all = kept.complete.iter().map(|(_, exchange)| exchange);
            all.filter(|exchange| exchange.number > after).cloned().collect()
        };
        page.sort_unstable_by_key(|exchange| exchange.number);
        page.truncate(most);
        Ok(page.into_iter().map(Arc::unwrap_or_clone).collect())
    }

    fn dropped(&self) -> u64 {
        Self::dropped(self)
    }
}

/// Returns about how many bytes an exchange takes in memory.
fn size(exchange: &Exchange) -> usize {
    const LINE: usize = size_of::<ringback_exchange::Header>();
    let lines = |headers: &Headers| {
        headers.iter().map(|(name, value)| LINE + name.len() + value.0.len()).sum::<usize>()
    };
    let Exchange { request, reply, wire, .. } = exchange;
    let wire = wire.as_ref().map_or(0, |wire| wire.head.0.len() + lines(&wire.trailers));
    let reply = reply.as_ref().map_or(0, |reply| reply.body.0.len() + lines(&reply.headers));
    let request = request.body.0.len() + lines(&request.headers) + request.target.len();
    size_of::<Exchange>() + request + reply + wire
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

    fn exchange(number: u64, status: u16) -> Arc<Exchange> {
        Arc::new(Exchange {
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
            injected: None,
        })
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

    #[tokio::test(start_paused = true)]
    async fn a_ring_lets_the_oldest_go_and_goes_on_counting() {
        let recording = Recording::ring(Room { exchanges: 2, bytes: 1 << 20 }, None, 40);
        let wait = recording.clone();
        let waiting = wait.wait(is_201, 4..=4, SECOND, Duration::ZERO);
        let (waited, ()) = tokio::join!(waiting, async {
            for n in 1..=4 {
                let kept = recording.keep(Exchange::clone(&exchange(0, 201))).unwrap();
                assert_eq!(kept.number, 40 + n);
                // Whoever waits looks before the next one comes.
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(waited.ended, Ended::Quiet, "a wait has seen what has gone since");
        assert_eq!(numbers(&recording.exchanges()), [43, 44]);
        assert_eq!(recording.dropped(), 2);
    }

    #[test]
    fn what_is_more_than_a_ring_holds_is_kept_until_the_next() {
        let recording = Recording::ring(Room { exchanges: 9, bytes: 1000 }, None, 0);
        let big = Exchange { fault: None, ..Exchange::clone(&exchange(0, 200)) };
        for length in [10_000, 1] {
            let mut big = big.clone();
            big.request.body = vec![0; length].into();
            recording.keep(big).unwrap();
        }
        assert_eq!(numbers(&recording.exchanges()), [2]);
    }
}
