//! Whoever looks on: shown each exchange, and never waited for.
//!
//! Completed exchanges come in and go out through the caller's channel. What a slow reader has not yet
//! taken is bounded in bytes as well as in number: a thousand large bodies would be all the memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use ringback_exchange::Exchange;
use tokio::sync::mpsc;

use crate::budget::{Budget, Held};
use crate::inspector::Feed;

/// Bytes of bodies that wait to be looked at.
const WAITING_BYTES: usize = 32 << 20;

/// A channel to somebody who looks on, if anybody does.
#[derive(Debug)]
pub(crate) struct View {
    sender: Option<mpsc::Sender<Exchange>>,
    /// Where inspectors hear of it.
    feed: Option<Feed>,
    budget: Arc<Budget>,
    missed: AtomicU64,
}

impl View {
    pub(crate) fn new(sender: Option<mpsc::Sender<Exchange>>, feed: Option<Feed>) -> Self {
        Self { sender, feed, budget: Budget::new(WAITING_BYTES), missed: AtomicU64::new(0) }
    }

    /// Shows an exchange. Someone who looks too slowly misses it and is told how many, because waiting
    /// for them would make capture as slow as they are.
    pub(crate) fn show(&self, exchange: Arc<Exchange>) {
        if let Some(feed) = &self.feed {
            feed.tell(&exchange);
        }
        let Some(sender) = &self.sender else { return };
        let reply = exchange.reply.as_ref().map_or(0, |reply| reply.body.0.len());
        let mut held = self.budget.hold();
        // One that is larger than all of it is shown when it is alone.
        let bytes = (exchange.request.body.0.len() + reply).min(WAITING_BYTES);
        let Ok(place) = sender.try_reserve() else { return self.miss() };
        if !held.grow(bytes) {
            return self.miss();
        }
        let mut exchange = Arc::unwrap_or_clone(exchange);
        let body = std::mem::take(&mut exchange.request.body.0);
        exchange.request.body = Bytes::from_owner(Waiting { body, _held: held }).into();
        place.send(exchange);
    }

    /// Tells that a request was refused because it could not be kept.
    pub(crate) fn refuse(&self) {
        if let Some(feed) = &self.feed {
            feed.tell_refused();
        }
    }

    /// Returns how many exchanges were missed.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn miss(&self) {
        self.missed.fetch_add(1, Ordering::Relaxed);
    }
}

/// A body that waits to be looked at, and its place in the budget.
struct Waiting {
    body: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Waiting {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}
