//! The accept loop: a [`Config`] comes in, a running [`Listener`] goes out.
//!
//! The socket is bound before anything runs, so that the address can be told and a busy port is an
//! error and not a surprise. All tasks belong to the loop, and the loop belongs to the handle.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ringback_exchange::Exchange;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use crate::answer::{Answer, Responder};
use crate::budget::Budget;
use crate::capture::{Acceptance, Capture};
use crate::clock::Clock;
use crate::connection::{self, Speech};
use crate::error::StartError;
use crate::inspector::Feed;
use crate::keep::{Keep, Keeper};
use crate::limits::Limits;
use crate::receipt::Receipt;
use crate::store::Ended;
use crate::tls::Tls;
use crate::view::View;

/// What a store gets to close its file when draining has taken all the time there was. It has nothing
/// to write then: whoever waited for it has been cut.
const CLOSE_MIN: Duration = Duration::from_secs(1);

/// After an error of `accept` that is not one client's, as too many open files: trying again at once
/// would turn one core into heat and change nothing.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a listener is to do.
#[derive(Debug)]
pub struct Config {
    /// The address to listen on; with port 0 the system chooses one.
    pub addr: SocketAddr,
    /// What it answers.
    pub answer: Answer,
    /// How it judges signatures, if it does.
    pub receipt: Option<Receipt>,
    /// Where it keeps what it has seen.
    pub keep: Keep,
    /// Whether a connection takes a second request. Off for a listener that comes and goes: a client
    /// that pools connections would try its next request on one that is gone.
    pub keep_alive: bool,
    /// Whether a request that two servers may read differently is answered 400: with two lengths, say,
    /// or without a Host. Such requests are marked in any case.
    pub strict: bool,
    /// Whether clients may begin with HTTP/2 without TLS ("prior knowledge"). On the same port, beside
    /// HTTP/1.
    pub h2c: bool,
    /// With what TLS is spoken, when it is; then nothing else is. Clients choose HTTP/1.1 or HTTP/2.
    pub tls: Option<Tls>,
    /// How long, how much, how many.
    pub limits: Limits,
    /// The wall clock.
    pub clock: Clock,
    /// Where each exchange is shown when its reply is on its way. When the channel is full, or 32 MiB of bodies wait in
    /// it, the view misses it, and [`Drained::unseen`] counts it; the exchange is kept all the same.
    pub on_exchange: Option<mpsc::Sender<Exchange>>,
    /// Where it tells what happens, for an [inspector](crate::Inspector).
    pub feed: Option<Feed>,
}

/// A running server. Dropping it cuts every request; [`finish`](Self::finish) lets them end.
#[derive(Debug)]
pub struct Listener {
    addr: SocketAddr,
    scheme: &'static str,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<Drained>,
}

/// What was left when a listener had finished.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "requests may have been cut or refused"]
pub struct Drained {
    /// Connections that were cut because their requests had not ended by the limit.
    pub cut: usize,
    /// Requests that were answered 503 because they, or their replies, could not be kept; and what was no
    /// request and could not be kept either.
    pub refused: u64,
    /// Exchanges that the live view has missed because it was full.
    pub unseen: u64,
    /// Connections that were reset as they were accepted, because the script says so.
    pub reset_on_accept: u64,
    /// Whether the store could not be closed in time: its disk does not answer. What was acknowledged
    /// is on it all the same.
    pub store_stuck: bool,
    /// Exchanges that retention has dropped, the oldest first, since the store was opened.
    pub dropped: u64,
    /// Why the store has kept nothing any more, when its disk has failed.
    pub store_closed: Option<String>,
}

impl Listener {
    /// Binds the address and begins to serve.
    ///
    /// # Errors
    ///
    /// When the address cannot be taken, when a route of the script cannot be played, and when the
    /// target cannot be forwarded to.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let Config {
            addr,
            answer,
            receipt,
            keep,
            keep_alive,
            strict,
            h2c,
            tls,
            limits,
            clock,
            on_exchange,
            feed,
        } = config;
        let limits = limits.here();
        let budget = Budget::new(limits.bytes_in_flight);
        let upstream = match &answer {
            Answer::Forward(upstream) => Some(upstream.clone()),
            Answer::Ok | Answer::Script(_) => None,
        };
        let responder = Responder::new(answer, &limits, &budget)?;
        let socket = TcpListener::bind(addr).await.map_err(|source| refused(addr, source))?;
        let addr = socket.local_addr().map_err(|source| refused(addr, source))?;
        if let Some(upstream) = upstream {
            upstream.is_elsewhere(addr)?;
        }
        let view = View::new(on_exchange, feed);
        let acceptance = Acceptance { receipt, strict };
        let capture = Capture::new(limits, clock, budget, keep.into(), responder, view, acceptance);
        let capture = Arc::new(capture);
        let (stop, stopped) = watch::channel(false);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let speech = Speech { keep_alive, h2c, tls };
        let accepting = tokio::spawn(run(socket, capture, speech, stopped));
        Ok(Self { addr, scheme, stop, accepting })
    }

    /// Returns the address that is listened on, with the port that the system chose.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the URL at which the listener is reached from this machine, without a slash at its end:
    /// `http://127.0.0.1:4000`.
    pub fn url(&self) -> String {
        let mut addr = self.addr;
        if addr.ip().is_unspecified() {
            addr.set_ip(match addr.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("{}://{addr}", self.scheme)
    }

    /// Takes no more connections, lets the requests under way end, cuts what has not ended by
    /// [`Limits::drain`], and closes the store.
    ///
    /// # Cancel safety
    ///
    /// Dropped halfway it cuts at once, as dropping the listener does.
    pub async fn finish(mut self) -> Drained {
        self.stop.send_replace(true);
        match (&mut self.accepting).await {
            Ok(drained) => drained,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only `drop` cancels the task, and that has not happened.
                Err(_) => Drained::default(),
            },
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

pub(crate) fn refused(addr: SocketAddr, source: io::Error) -> StartError {
    match source.kind() {
        io::ErrorKind::AddrInUse => StartError::AddrInUse { addr, source },
        io::ErrorKind::PermissionDenied => StartError::Denied { addr, source },
        _ => StartError::Bind { addr, source },
    }
}

async fn run(
    socket: TcpListener,
    capture: Arc<Capture>,
    speech: Speech,
    mut stop: watch::Receiver<bool>,
) -> Drained {
    let places = Arc::new(Semaphore::new(capture.limits.connections));
    let mut connections = JoinSet::new();
    let stopped = stop.clone();
    let serve = |connections: &mut JoinSet<()>, (stream, peer, place): Accepted| {
        let (capture, speech, stopped) = (Arc::clone(&capture), speech.clone(), stopped.clone());
        connections.spawn(async move {
            connection::serve(stream, peer, capture, speech, stopped).await;
            drop(place);
        });
    };
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            // Ended tasks are collected as they end, or the set would grow for ever.
            Some(_) = connections.join_next() => {}
            accepted = accept(&socket, &places, &capture) => if let Some(accepted) = accepted {
                serve(&mut connections, accepted);
            }
        }
    }
    for accepted in accept_waiting(socket, &places) {
        serve(&mut connections, accepted);
    }
    let end = Instant::now() + capture.limits.drain;
    let _ = timeout_at(end, async { while connections.join_next().await.is_some() {} }).await;
    let cut = connections.len();
    connections.shutdown().await;
    close(capture, cut, end.saturating_duration_since(Instant::now())).await
}

type Accepted = (TcpStream, SocketAddr, OwnedSemaphorePermit);

/// Accepts a connection when there is a place for it, and bytes to be held for it. Both first: above the
/// limits clients wait in the system's queue instead of in our memory.
async fn accept(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
    capture: &Capture,
) -> Option<Accepted> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    capture.budget.has_room().await;
    match socket.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(error) => {
            // A client that has gone again is its own affair; anything else concerns the next one too.
            if error.kind() != io::ErrorKind::ConnectionAborted {
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None
        }
    }
}

/// Closes the socket, after taking from it the connections that the system has already made: closing
/// would reset them, and they may hold requests that were sent before anybody thought of stopping.
fn accept_waiting(socket: TcpListener, places: &Arc<Semaphore>) -> Vec<Accepted> {
    let mut waiting = Vec::new();
    let Ok(socket) = socket.into_std() else { return waiting };
    while let Ok(place) = Arc::clone(places).try_acquire_owned()
        && let Ok((stream, peer)) = socket.accept()
        && let Ok(()) = stream.set_nonblocking(true)
        && let Ok(stream) = TcpStream::from_std(stream)
    {
        waiting.push((stream, peer, place));
    }
    waiting
}

/// Gives up the capture; the store may take what is `left` of the time to end in, and at least a second.
async fn close(capture: Arc<Capture>, cut: usize, left: Duration) -> Drained {
    let (refused, unseen) = (capture.refused(), capture.unseen());
    let reset_on_accept = capture.reset();
    let mut drained = Drained { cut, refused, unseen, reset_on_accept, ..Drained::default() };
    // No connection is left that could hold the other end.
    match Arc::into_inner(capture).map(Capture::into_keeper) {
        Some(Keeper::Store(store)) => match store.finish(left.max(CLOSE_MIN)).await {
            Some(Ended { dropped, closed }) => {
                (drained.dropped, drained.store_closed) = (dropped, closed);
            }
            None => drained.store_stuck = true,
        },
        Some(Keeper::Memory(recording)) => drained.dropped = recording.dropped(),
        Some(Keeper::Nothing(_)) | None => {}
    }
    drained
}
