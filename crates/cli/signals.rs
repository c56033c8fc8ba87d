//! Signals: the first ends the work in good order, the second at once.

use std::io;

/// Resolves when the process is asked to end, by SIGINT or SIGTERM.
///
/// From then on a second signal ends the process at once: whoever asks twice does not want to wait.
#[cfg(unix)]
pub(crate) async fn asked_to_end() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        #[expect(clippy::disallowed_methods, reason = "the one end that does not wait for main")]
        std::process::exit(130);
    });
    Ok(())
}

/// Resolves when the process is asked to end, by Ctrl-C.
#[cfg(not(unix))]
pub(crate) async fn asked_to_end() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// Starts the runtime that sockets need, and runs `work` on it to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(work))
}
