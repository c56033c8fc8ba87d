//! When a target beyond this machine is better left alone: it fails more often than not, for a while.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// The time over which errors are counted, and that has to be full before they count.
pub const BREAKER_WINDOW: Duration = Duration::from_secs(10);

/// How many attempts there must be in that time.
pub const BREAKER_ATTEMPTS_MIN: u64 = 10;

/// The span whose attempts are counted together.
const SPAN: Duration = Duration::from_secs(1);

/// Counts attempts and errors of the last [`BREAKER_WINDOW`], and opens for good when more than half are
/// errors.
#[derive(Debug)]
pub(crate) struct Breaker {
    spans: Mutex<Spans>,
    is_open: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Spans {
    /// When the first attempt of all ended.
    first: Option<Instant>,
    /// From the oldest to the newest.
    spans: VecDeque<Span>,
}

#[derive(Debug)]
struct Span {
    begin: Instant,
    attempts: u64,
    errors: u64,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self { spans: Mutex::default(), is_open: watch::Sender::new(false) }
    }

    /// Counts an attempt that has ended.
    pub(crate) fn count(&self, now: Instant, is_error: bool) {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *spans.first.get_or_insert(now);
        let spans = &mut spans.spans;
        if spans.back().is_none_or(|span| now.duration_since(span.begin) >= SPAN) {
            // The last span is whole now: judged before, a few errors at its begin would weigh too much.
            while spans.front().is_some_and(|it| now.duration_since(it.begin) > BREAKER_WINDOW) {
                spans.pop_front();
            }
            let attempts: u64 = spans.iter().map(|span| span.attempts).sum();
            let errors: u64 = spans.iter().map(|span| span.errors).sum();
            let is_full = now.duration_since(first) >= BREAKER_WINDOW;
            if is_full && attempts >= BREAKER_ATTEMPTS_MIN && errors * 2 > attempts {
                self.is_open.send_replace(true);
            }
            spans.push_back(Span { begin: now, attempts: 0, errors: 0 });
        }
        if let Some(span) = spans.back_mut() {
            span.attempts += 1;
            span.errors += u64::from(is_error);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.is_open.borrow()
    }

    /// Comes when it opens.
    pub(crate) async fn opened(&self) {
        let mut is_open = self.is_open.subscribe();
        // The other end is in this very value.
        let _ = is_open.wait_for(|is_open| *is_open).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts `errors` of 10 attempts in each second.
    fn after(errors: impl Fn(u64) -> u64, seconds: u64) -> bool {
        let breaker = Breaker::new();
        let start = Instant::now();
        for second in 0..=seconds {
            for n in 0..10 {
                let now = start + Duration::from_millis(second * 1000 + n * 50);
                breaker.count(now, n < errors(second));
            }
        }
        breaker.is_open()
    }

    #[test]
    fn more_than_half_in_ten_seconds_is_too_much() {
        assert!(after(|_| 6, 10));
        assert!(!after(|_| 6, 9), "ten seconds have not passed");
        assert!(!after(|_| 5, 60), "half is not more than half");
        assert!(!after(|second| if second < 4 { 10 } else { 0 }, 60), "it got better");
        assert!(after(|second| if second < 50 { 0 } else { 10 }, 60), "it got worse");
    }

    #[test]
    fn a_few_attempts_say_nothing() {
        let breaker = Breaker::new();
        let start = Instant::now();
        for n in 0..9 {
            breaker.count(start + Duration::from_secs(n * 2), true);
        }
        assert!(!breaker.is_open());
    }
}
