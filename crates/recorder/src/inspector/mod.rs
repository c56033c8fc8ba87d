//! The second listener: shows what the first has captured, to whoever may see it.
//!
//! Requests to read come in: lists, one exchange, waits, a live stream, metrics. What goes out never
//! changes anything, and capture never waits for it: it reads what is kept, and hears what the
//! [feed](Feed) tells. It refuses requests that do not name it, that were made for a page of another
//! site, or that show no token where one is needed; there is no other way in than through that check.

mod feed;
mod follow;
mod form;
mod guard;
mod query;
mod routes;
mod source;
mod summary;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

pub use feed::Feed;
pub use source::Source;
pub(crate) use summary::EventIds;
pub use summary::Summary;

use crate::error::StartError;
use crate::listener::refused;
use guard::Guard;
use routes::{Api, Asked};

/// How many connections there may be at a time; a browser has six to a host.
const CONNECTIONS_MAX: usize = 512;

/// How long the head of a request may take, and a connection may wait for its next one.
const HEAD: Duration = Duration::from_secs(10);

/// How many bytes a head has at most.
const HEAD_BYTES: usize = 16 << 10;

/// How many bytes the system keeps for a client that does not read.
const SEND_BYTES: u32 = 64 << 10;

/// How many connections wait in the system's queue.
const BACKLOG: u32 = 128;

/// How long requests under way may take to end when the inspector ends.
const DRAIN: Duration = Duration::from_secs(2);

/// What an inspector is to show, and to whom.
#[derive(Debug)]
pub struct InspectorConfig {
    /// The address to listen on; with port 0 the system chooses one.
    pub addr: SocketAddr,
    /// What every request has to show. Without one the address must be of this machine only.
    pub token: Option<String>,
    /// Names besides those of this machine under which it is asked for, without port.
    pub hosts: Vec<String>,
    /// Where the exchanges are kept.
    pub source: Source,
    /// Where the listener tells what happens.
    pub feed: Feed,
    /// Where the listener that captures is reached, for commands that send a request again.
    pub capture_url: String,
}

/// A running inspector. Dropping it cuts every request.
#[derive(Debug)]
pub struct Inspector {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Inspector {
    /// Binds the address and begins to answer.
    ///
    /// # Errors
    ///
    /// When the address cannot be taken, and when other machines could reach it and no token is asked
    /// for.
    pub async fn start(config: InspectorConfig) -> Result<Self, StartError> {
        let InspectorConfig { addr, token, hosts, source, feed, capture_url } = config;
        if token.as_ref().is_none_or(String::is_empty) && !addr.ip().is_loopback() {
            return Err(StartError::Open { addr });
        }
        let socket = bind(addr).map_err(|source| refused(addr, source))?;
        let addr = socket.local_addr().map_err(|source| refused(addr, source))?;
        let (stop, stopped) = watch::channel(false);
        let api = Arc::new(Api {
            guard: Guard::new(addr, &hosts, token),
            source,
            feed,
            capture_url,
            lookers: Api::places(),
            stop: stopped.clone(),
        });
        let accepting = tokio::spawn(run(socket, api, stopped));
        Ok(Self { addr, stop, accepting })
    }

    /// Returns the address that is listened on, with the port that the system chose.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends live streams and waits, lets the other requests end for two seconds, and cuts what is left.
    pub async fn finish(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.accepting).await
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Binds an address. What a client does not read waits in the system, which would take megabytes for each.
fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As the system's own way to bind has it: a port is free again when its listener is gone.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BYTES)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

async fn run(socket: TcpListener, api: Arc<Api>, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let stopped = stop.clone();
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            // Ended tasks are collected as they end, or the set would grow for ever.
            Some(_) = connections.join_next() => {}
            Some((stream, place)) = accept(&socket, &places) => {
                connections.spawn(serve(stream, Arc::clone(&api), stopped.clone(), place));
            }
        }
    }
    let _ = timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
    connections.shutdown().await;
}

/// Accepts a connection when there is a place for it.
async fn accept(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match socket.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(_) => {
            // As too many open files: trying again at once would change nothing.
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn serve(
    stream: TcpStream,
    api: Arc<Api>,
    mut stop: watch::Receiver<bool>,
    place: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    let routing = TowerToHyperService::new(warp::service(routes::filter(api)));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let asked = Asked(request.uri().clone());
        request.extensions_mut().insert(asked);
        let routed = routing.call(request);
        async move {
            let response: Response<_> = routed.await?;
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            // Whatever ended it, there is nobody to tell.
            _ = connection.as_mut() => break,
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
    drop(place);
}
