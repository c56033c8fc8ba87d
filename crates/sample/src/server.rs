//! The receiver on a socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::receiver::{Config, Receiver, routes};

/// How long requests and notes that are under way may take once the receiver is told to end.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a client may take to send its head.
const HEAD: Duration = Duration::from_secs(10);

/// A receiver that is up. Dropping it ends it at once; [`Sample::finish`] lets it finish its work.
#[derive(Debug)]
pub struct Sample {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

/// Why the receiver could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is not to be had.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The HTTP client for the CRM cannot be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
}

impl Sample {
    /// Starts a receiver; port 0 takes a free one. It accepts connections when this returns.
    ///
    /// # Errors
    ///
    /// When the address is taken or not ours.
    pub async fn start(addr: SocketAddr, config: Config) -> Result<Self, StartError> {
        // reqwest panics without a provider; a second install is refused and does not matter.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build();
        let receiver = Arc::new(Receiver::new(config, client.map_err(StartError::Client)?));

        let refused = |source| StartError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve(listener, receiver, stopped));
        Ok(Self { addr, stop: Some(stop), serving })
    }

    /// Returns the address it listens on.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the address that takes events.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.addr, crate::PATH)
    }

    /// Stops accepting, finishes what is under way, and ends within five seconds.
    pub async fn finish(mut self) {
        drop(self.stop.take());
        // An error here means that serving panicked, and then it has ended too.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, receiver: Arc<Receiver>, mut stopped: oneshot::Receiver<()>) {
    let service = TowerToHyperService::new(warp::service(routes(Arc::clone(&receiver))));
    let graceful = GracefulShutdown::new();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let stream = tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    // Out of descriptors, most likely: without a pause this would spin.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let _ = stream.set_nodelay(true);
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service.clone());
        let watched = graceful.watch(connection);
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            let _ = watched.await; // what broke off is the client's matter
        });
    }
    drop(listener);
    let finish = async {
        graceful.shutdown().await;
        // Only now: a request that ends while draining writes a note too.
        let mut notes = receiver.take_notes();
        while notes.join_next().await.is_some() {}
    };
    // What is not done in time is dropped, and with it aborted.
    let _ = tokio::time::timeout(DRAIN, finish).await;
}
