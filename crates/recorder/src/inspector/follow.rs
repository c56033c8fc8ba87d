//! Follows what happens from an arrival number on, without missing anything.
//!
//! First comes what is kept, then what is told. Who falls behind catches up from what is kept; so each
//! exchange comes at least once, and one that was not over when it came, comes again when it is.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ringback_exchange::Exchange;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::feed::Feed;
use super::source::Source;
use super::summary::Summary;
use crate::error::StoreError;

/// How many exchanges may have come ahead of one that has not. Beyond it that one is given up: its
/// connection was cut before it was over.
const AHEAD_MAX: usize = 20_000;

/// How many of the last ones are remembered, so that what was read is not told again: more than can
/// wait to be told.
const OVER_MAX: usize = 4096;

/// How long a looker-on that has heard all there was is left alone. To wake each of a hundred for every
/// exchange would cost more than the exchanges.
const BREATH: Duration = Duration::from_millis(25);

/// What a looker-on comes by.
#[derive(Debug)]
pub(super) enum Seen {
    /// It was read.
    Read(Box<Exchange>),
    /// It was told.
    Told(Arc<Summary>),
}

impl Seen {
    /// Returns it in a few words.
    pub(super) fn summary(self) -> Arc<Summary> {
        match self {
            Self::Read(exchange) => Arc::new(Summary::of(&exchange)),
            Self::Told(summary) => summary,
        }
    }
}

/// A looker-on.
pub(super) struct Follower {
    source: Source,
    live: broadcast::Receiver<Arc<Summary>>,
    /// Exchanges that were read and not handed out yet.
    read: VecDeque<Seen>,
    /// Whether what is read is wanted as a whole.
    wants_whole: bool,
    /// The last number that was read; all that are kept up to it have been read.
    read_to: u64,
    /// Whether there may be more to read.
    is_behind: bool,
    /// Up to this number all have been handed out.
    mark: u64,
    /// Those above the mark that have been handed out.
    ahead: BTreeSet<u64>,
    /// Those of the highest numbers that were over when they were handed out.
    over: BTreeSet<u64>,
}

impl Follower {
    /// Follows from behind the number `after`.
    pub(super) fn new(source: Source, feed: &Feed, after: u64, wants_whole: bool) -> Self {
        Self {
            source,
            wants_whole,
            // Before the first page is read, so that nothing falls between the two.
            live: feed.subscribe(),
            read: VecDeque::new(),
            read_to: after,
            is_behind: true,
            mark: after,
            ahead: BTreeSet::new(),
            over: BTreeSet::new(),
        }
    }

    /// Returns the number behind which another follower would miss nothing.
    pub(super) const fn mark(&self) -> u64 {
        self.mark
    }

    /// Tells whether there is, or may be, something that is kept and was not handed out yet.
    pub(super) fn is_reading(&self) -> bool {
        self.is_behind || !self.read.is_empty()
    }

    /// Returns the next exchange; none when the listener is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Seen>, StoreError> {
        loop {
            if let Some(seen) = self.read.pop_front() {
                let (number, is_over) = match &seen {
                    Seen::Read(exchange) => (exchange.number, exchange.reply.is_some()),
                    Seen::Told(summary) => (summary.number, summary.is_over),
                };
                self.hand_out(number, is_over);
                if self.read.is_empty() {
                    // What is missing below is not kept any more, or will be told when it is over.
                    self.move_mark(self.read_to);
                }
                return Ok(Some(seen));
            }
            if self.is_behind {
                self.read_page().await?;
                continue;
            }
            let told = match self.live.try_recv() {
                Err(TryRecvError::Empty) => {
                    tokio::time::sleep(BREATH).await;
                    self.live.recv().await
                }
                Ok(summary) => Ok(summary),
                Err(TryRecvError::Lagged(n)) => Err(RecvError::Lagged(n)),
                Err(TryRecvError::Closed) => Err(RecvError::Closed),
            };
            match told {
                Ok(summary) if self.over.contains(&summary.number) => {}
                Ok(summary) => {
                    self.hand_out(summary.number, summary.is_over);
                    return Ok(Some(Seen::Told(summary)));
                }
                Err(RecvError::Lagged(_)) => {
                    self.is_behind = true;
                    self.read_to = self.mark;
                }
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }

    /// Reads until there is something to hand out, or nothing more.
    pub(super) async fn catch_up(&mut self) -> Result<(), StoreError> {
        while self.is_behind && self.read.is_empty() {
            self.read_page().await?;
        }
        Ok(())
    }

    async fn read_page(&mut self) -> Result<(), StoreError> {
        let mut page = self.source.page(self.read_to).await?;
        self.is_behind = !page.is_empty();
        self.read_to = page.last().map_or(self.read_to, |last| last.number);
        page.retain(|exchange| !self.over.contains(&exchange.number));
        // A client that does not read must not hold bodies.
        let wants_whole = self.wants_whole;
        let seen = move |exchange: Exchange| match wants_whole {
            true => Seen::Read(Box::new(exchange)),
            false => Seen::Told(Arc::new(Summary::of(&exchange))),
        };
        self.read = page.into_iter().map(seen).collect();
        Ok(())
    }

    fn hand_out(&mut self, number: u64, is_over: bool) {
        if is_over {
            self.over.insert(number);
            if self.over.len() > OVER_MAX {
                self.over.pop_first();
            }
        }
        if number > self.mark {
            self.ahead.insert(number);
        }
        if self.ahead.len() > AHEAD_MAX
            && let Some(first) = self.ahead.first().copied()
        {
            self.move_mark(first);
        }
        self.move_mark(self.mark);
    }

    /// Moves the mark to a number, and on over those that have been handed out.
    fn move_mark(&mut self, number: u64) {
        if number > self.mark {
            self.mark = number;
            self.ahead = self.ahead.split_off(&(number + 1));
        }
        while self.ahead.remove(&(self.mark + 1)) {
            self.mark += 1;
        }
    }
}
