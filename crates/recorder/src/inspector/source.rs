//! Where an inspector finds exchanges: the file of a store, or a recording in memory.

use std::path::PathBuf;

use ringback_exchange::Exchange;

use tokio::sync::Semaphore;

use crate::error::StoreError;
use crate::recording::Recording;
use crate::store::Store;

/// How many read at once.
static READERS: Semaphore = Semaphore::const_new(1);

/// How many exchanges are read at a time at most.
const PAGE: usize = 128;

/// After how many bytes of bodies no more are read at a time.
const PAGE_BYTES: usize = 4 << 20;

/// Returns the bytes of the bodies of an exchange.
pub(super) fn size(exchange: &Exchange) -> usize {
    exchange.request.body.0.len() + exchange.reply.as_ref().map_or(0, |reply| reply.body.0.len())
}

/// Where the exchanges of a listener are kept.
#[derive(Debug, Clone)]
pub enum Source {
    /// In the file of a store, which the listener may be writing to.
    File(PathBuf),
    /// In memory.
    Memory(Recording),
}

impl Source {
    /// Returns some exchanges with numbers above `after`, by number; none when there are no more.
    pub(super) async fn page(&self, after: u64) -> Result<Vec<Exchange>, StoreError> {
        self.read(move |source| match source {
            Self::File(path) => {
                let mut page: Vec<Exchange> = Vec::new();
                let mut bytes = 0;
                for exchange in Store::read(path)?.after(after).take(PAGE) {
                    let exchange = exchange?;
                    bytes += size(&exchange);
                    page.push(exchange);
                    if bytes > PAGE_BYTES {
                        break;
                    }
                }
                Ok(page)
            }
            Self::Memory(recording) => Ok(recording.page_after(after, PAGE)),
        })
        .await
    }

    /// Returns the number of the newest exchange; 0 when there is none.
    pub(super) async fn newest(&self) -> Result<u64, StoreError> {
        self.read(|source| match source {
            Self::File(path) => Ok(Store::read(path)?.newest()),
            Self::Memory(recording) => Ok(recording.newest()),
        })
        .await
    }

    /// Returns the exchange with a number, if it is kept.
    pub(super) async fn get(&self, number: u64) -> Result<Option<Exchange>, StoreError> {
        let Some(before) = number.checked_sub(1) else { return Ok(None) };
        let found = self
            .read(move |source| match source {
                Self::File(path) => Store::read(path)?.after(before).next().transpose(),
                Self::Memory(recording) => Ok(recording.page_after(before, 1).pop()),
            })
            .await?;
        Ok(found.filter(|exchange| exchange.number == number))
    }

    /// Reads on a thread that may wait for a disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let source = self.clone();
        // Many who look on at once wait for each other, and not capture for them.
        let _turn = READERS.acquire().await;
        match tokio::task::spawn_blocking(move || read(&source)).await {
            Ok(read) => read,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Only the end of the runtime cancels it, and then nobody waits for this.
            Err(_) => std::future::pending().await,
        }
    }
}
