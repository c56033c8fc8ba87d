//! Signals: the first ends the work in good order, the second at once.

use std::future::pending;
use std::io;

use tokio::sync::oneshot;

use crate::error::CliError;

/// The wish that the process end, by SIGINT or SIGTERM (Ctrl-C elsewhere).
///
/// From its making on, a signal is heard and no longer kills: it is made before anybody is told that the
/// work has begun. A second signal ends the process at once, whatever the work is busy with: whoever asks
/// twice does not want to wait.
pub(crate) struct Signals(oneshot::Receiver<()>);

impl Signals {
    /// Begins to listen for signals, on a thread of its own: whatever else is busy or stuck, a second
    /// signal is heard.
    pub(crate) fn new() -> Result<Self, CliError> {
        let failed = |error| CliError::environment("cannot listen for signals").because(error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.map_err(failed)?;
        let mut source = {
            let _context = runtime.enter();
            Source::new().map_err(failed)?
        };
        let (ask, asked) = oneshot::channel();
        let listen = async move {
            source.next().await;
            let _ = ask.send(());
            source.next().await;
            #[expect(
                clippy::disallowed_methods,
                reason = "the one end that does not wait for main"
            )]
            std::process::exit(130);
        };
        let thread = std::thread::Builder::new().name("signals".to_owned());
        thread.spawn(move || runtime.block_on(listen)).map_err(failed)?;
        Ok(Self(asked))
    }

    /// Resolves when the process is asked to end.
    pub(crate) async fn asked_to_end(self) {
        if self.0.await.is_err() {
            // The runtime is ending, and then nobody is to be stopped.
            pending::<()>().await;
        }
    }
}

/// Where signals come from.
struct Source {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Source {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        let heard = tokio::select! {
            heard = self.interrupt.recv() => heard,
            heard = self.terminate.recv() => heard,
        };
        if heard.is_none() {
            pending::<()>().await;
        }
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            pending::<()>().await;
        }
    }
}

/// Starts the runtime that sockets need, and runs `work` on it to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    on(tokio::runtime::Builder::new_multi_thread(), work)
}

/// As that, with this thread for all of it.
pub(crate) fn block_on_one_thread<T>(
    work: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    on(tokio::runtime::Builder::new_current_thread(), work)
}

fn on<T>(
    mut builder: tokio::runtime::Builder,
    work: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    let runtime = builder.enable_all().build();
    let runtime = runtime
        .map_err(|error| CliError::environment("cannot start the runtime").because(error))?;
    let ended = runtime.block_on(work);
    // A name that the system still looks up would otherwise hold the process.
    runtime.shutdown_background();
    ended
}
