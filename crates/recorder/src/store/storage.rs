//! The one trait of the recorder: what a place for exchanges has to do, whichever it is.
//!
//! Entries come in, in batches; a batch is kept as a whole or not at all, and then each entry has its
//! arrival number. Two places do it: a SQLite file, and a recording in memory. A third one implements
//! this and runs through [the suite](super::suite) that both pass.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ringback_exchange::Exchange;

use crate::error::StoreError;
use crate::keep::Arrival;

/// What is to be kept.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A request whose reply is still to come.
    Request(Arc<Arrival>),
    /// The reply to a request that is kept under its number.
    Reply(Arc<Exchange>),
    /// A request and its reply, which are kept together or not at all. Its number is 0 and the next one
    /// is given, or it is the one that it had elsewhere, and what lies between counts as dropped.
    Whole(Arc<Exchange>),
}

impl Entry {
    /// Returns the bytes of its bodies, which are most of it.
    pub(crate) fn bytes(&self) -> usize {
        let reply = |exchange: &Exchange| exchange.reply.as_ref().map_or(0, |it| it.body.0.len());
        match self {
            Self::Request(arrival) => arrival.request.body.0.len(),
            Self::Reply(exchange) => reply(exchange),
            Self::Whole(exchange) => exchange.request.body.0.len() + reply(exchange),
        }
    }
}

/// A place that keeps exchanges.
///
/// Arrival numbers rise by one from entry to entry, also over a restart, and a number is never given
/// twice: not after a refusal, which leaves no gap, and not after everything was dropped.
pub(crate) trait Storage: fmt::Debug + Send {
    /// Keeps entries in their order, all or none, and returns the arrival number of each. When this
    /// returns they are as safe as the place promises. The oldest exchanges that are beyond its
    /// retention go, and never those that have just come.
    fn append(&mut self, entries: &[Entry]) -> Result<Vec<u64>, Refusal>;

    /// Does what keeps the place in order and nobody has to wait for.
    fn tidy(&mut self) -> Result<(), Refusal>;

    /// Returns at most `most` exchanges whose numbers are above `after`, by number.
    fn page(&self, after: u64, most: usize) -> Result<Vec<Exchange>, StoreError>;

    /// Returns how many exchanges retention has dropped since the place was opened.
    fn dropped(&self) -> u64;
}

/// Why entries are not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Refusal {
    pub(crate) why: String,
    /// Whether what was kept before may be lost too, so that nothing more must be acknowledged.
    pub(crate) is_final: bool,
}

impl Refusal {
    pub(crate) fn for_now(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_final: false }
    }
}

/// How much is kept, and how long. The oldest exchanges go first, and they are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Bytes that exchanges may take, with all that belongs to them; none for as much as there is room
    /// for. What has just come is kept even when it is more.
    pub max_bytes: Option<u64>,
    /// The age at which an exchange goes, counted from its arrival to the newest arrival; none for never.
    pub max_age: Option<Duration>,
}
