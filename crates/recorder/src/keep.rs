//! Where exchanges are kept: on disk, in memory or nowhere, with one way to talk to all three.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use ringback_exchange::{Exchange, Request, Wire};

use crate::recording::Recording;
use crate::store::Store;

/// Where a listener keeps its exchanges.
#[derive(Debug)]
pub enum Keep {
    /// Nowhere: requests are only counted, and shown to whoever looks on.
    Nothing,
    /// In memory, where they can be waited for.
    Memory(Recording),
    /// In a file. A reply leaves only when the file system says that the bytes are on disk.
    Store(Store),
}

/// A request that has arrived as a whole, or as far as it ever will, and has no number yet.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) received_at: Timestamp,
    pub(crate) peer: String,
    pub(crate) version: String,
    pub(crate) request: Request,
    /// Why the body is not whole.
    pub(crate) fault: Option<String>,
    pub(crate) wire: Option<Wire>,
    pub(crate) signature: Option<String>,
}

impl Arrival {
    /// The bytes that it brings: of its body, and of its head as it came.
    fn bytes(&self) -> usize {
        let head = self.wire.as_ref().map_or(0, |wire| wire.head.0.len());
        self.request.body.0.len() + head
    }
}

/// A [`Keep`] at work.
///
/// Whoever keeps also gives the numbers, so that a request that could not be kept leaves no gap.
#[derive(Debug)]
pub(crate) enum Keeper {
    Nothing(AtomicU64),
    Memory(Recording),
    Store(Store),
}

impl From<Keep> for Keeper {
    fn from(keep: Keep) -> Self {
        match keep {
            Keep::Nothing => Self::Nothing(AtomicU64::new(0)),
            Keep::Memory(recording) => Self::Memory(recording),
            Keep::Store(store) => Self::Store(store),
        }
    }
}

impl Keeper {
    /// Keeps a request and returns its arrival number; or says why it is not kept.
    pub(crate) async fn arrive(
        &self,
        arrival: &Arc<Arrival>,
        within: Duration,
    ) -> Result<u64, String> {
        match self {
            Self::Nothing(last) => Ok(last.fetch_add(1, Ordering::Relaxed) + 1),
            Self::Memory(recording) => recording.arrive(arrival.bytes()),
            Self::Store(store) => store.put_request(Arc::clone(arrival), within).await,
        }
    }

    /// Keeps the reply of a request that was kept; or says why it is not.
    pub(crate) async fn complete(
        &self,
        exchange: &Arc<Exchange>,
        within: Duration,
    ) -> Result<(), String> {
        match self {
            Self::Nothing(_) => Ok(()),
            Self::Memory(recording) => {
                recording.complete(Arc::clone(exchange));
                Ok(())
            }
            Self::Store(store) => store.put_reply(Arc::clone(exchange), within).await,
        }
    }
}
