//! Signals: the first ends the work in good order, the second at once.

use std::future::pending;
use std::io;

/// The wish that the process end, by SIGINT or SIGTERM (Ctrl-C elsewhere).
///
/// From its making on, a signal is heard and no longer kills: it is made before anybody is told that the
/// work has begun. Once the wish was heard, a second signal ends the process at once: whoever asks twice
/// does not want to wait.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Begins to listen for signals.
    pub(crate) fn new() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let interrupt = signal(SignalKind::interrupt())?;
            let terminate = signal(SignalKind::terminate())?;
            Ok(Self { interrupt, terminate })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Resolves when the process is asked to end.
    pub(crate) async fn asked_to_end(mut self) {
        self.next().await;
        tokio::spawn(async move {
            self.next().await;
            #[expect(
                clippy::disallowed_methods,
                reason = "the one end that does not wait for main"
            )]
            std::process::exit(130);
        });
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        let heard = tokio::select! {
            heard = self.interrupt.recv() => heard,
            heard = self.terminate.recv() => heard,
        };
        // No more signals can come when the runtime is ending; then nobody is to be stopped either.
        if heard.is_none() {
            pending().await
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            pending().await
        }
    }
}

/// Starts the runtime that sockets need, and runs `work` on it to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(work))
}
