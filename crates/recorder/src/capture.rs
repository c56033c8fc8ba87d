//! One exchange, from the head of a request to its reply, below the routing.
//!
//! A request of hyper comes in. Its body is collected, it is kept, it is answered by the filter, the
//! reply is kept, the reply goes out. A request that cannot be kept is refused, and so is a reply.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper::{Method, Request, Response};
use hyper_util::service::TowerToHyperService;
use ringback_exchange::{Exchange, Forwarded, Reply};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::answer::{self, Captured, Responder};
use crate::body::{self, Fault};
use crate::budget::{Budget, Held};
use crate::clock::Clock;
use crate::fault::{self, Injected};
use crate::keep::{Arrival, Keeper};
use crate::limits::Limits;
use crate::message;
use crate::receipt::Receipt;

/// The routing as a function, because the service that warp makes of a filter has no public name.
type Routing = Box<dyn Fn(Request<Full<Bytes>>) -> Routed + Send + Sync>;
type Routed = Pin<Box<dyn Future<Output = Result<warp::reply::Response, Infallible>> + Send>>;

/// What all connections of a listener share.
pub(crate) struct Capture {
    pub(crate) limits: Limits,
    clock: Clock,
    budget: Arc<Budget>,
    keeper: Keeper,
    responder: Arc<Responder>,
    receipt: Option<Receipt>,
    routing: Routing,
    view: Option<mpsc::Sender<Exchange>>,
    unseen: AtomicU64,
    refused: AtomicU64,
    reset: AtomicU64,
}

impl Capture {
    pub(crate) fn new(
        limits: Limits,
        clock: Clock,
        budget: Arc<Budget>,
        keeper: Keeper,
        responder: Responder,
        receipt: Option<Receipt>,
        view: Option<mpsc::Sender<Exchange>>,
    ) -> Self {
        let responder = Arc::new(responder);
        let filter = answer::filter(Arc::clone(&responder));
        let routing = TowerToHyperService::new(warp::service(filter));
        let routing: Routing = Box::new(move |request| Box::pin(routing.call(request)));
        let (unseen, refused, reset) = Default::default();
        Self {
            limits,
            clock,
            budget,
            keeper,
            responder,
            receipt,
            routing,
            view,
            unseen,
            refused,
            reset,
        }
    }

    /// Tells whether a connection that has come now is to be reset.
    pub(crate) fn resets_on_accept(&self) -> bool {
        let resets = self.responder.resets_on_accept();
        if resets {
            self.reset.fetch_add(1, Ordering::Relaxed);
        }
        resets
    }

    /// Answers a request, or fails with the fault that is to be played in place of a reply. Sets `unread` when bytes of it may still be on their way.
    pub(crate) async fn exchange(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        unread: Arc<AtomicBool>,
    ) -> Result<Response<Full<Bytes>>, Injected> {
        let (head, incoming) = request.into_parts();
        let to_head = head.method == Method::HEAD;
        let mut held = self.budget.hold();
        let Limits { body_bytes, body, .. } = self.limits;
        let (bytes, fault) = body::collect(incoming, body_bytes, body, &mut held).await;
        let begun = Instant::now();
        if fault.as_ref().is_some_and(Fault::leaves_bytes) {
            unread.store(true, Ordering::Relaxed);
        }
        let length = bytes.len();
        let received_at = self.clock.now();
        let request = message::request(&head, bytes);
        // Half a body can have no valid signature, which says nothing about who sent it.
        let receipt = self.receipt.as_ref().filter(|_| fault.is_none());
        let arrival = Arc::new(Arrival {
            received_at,
            peer: peer.to_string(),
            version: format!("{:?}", head.version),
            fault: fault.as_ref().map(|fault| fault.to_sentence(length)),
            wire: None,
            signature: receipt.map(|receipt| receipt.judge(&request, received_at)),
            request,
        });
        let number = match self.keeper.arrive(&arrival, self.limits.store).await {
            Ok(number) => number,
            Err(why) => return Ok(self.refuse(&why, held)),
        };
        let rejection = receipt.zip(arrival.signature.as_deref());
        let rejection = rejection.and_then(|(receipt, verdict)| receipt.rejection(verdict));
        let (reply, forwarded, to_play) = match (fault, rejection) {
            (Some(fault), _) => (fault.reply(length), None, None),
            (None, Some(reply)) => (reply, None, None),
            (None, None) => self.route(Arc::clone(&arrival), &head.method).await,
        };
        let injected = to_play.map(|fault| fault::note(fault, &reply));
        let reply = match to_play {
            Some(fault) => fault::spoil(fault, reply, to_head),
            None if to_head => Some(only_length(reply)),
            None => Some(reply),
        };
        let Arrival { received_at, peer, version, request, fault, wire, signature } =
            Arc::unwrap_or_clone(arrival);
        let exchange = Arc::new(Exchange {
            number,
            received_at,
            peer,
            version,
            request,
            reply: reply.clone(),
            duration_ms: Some(begun.elapsed().as_secs_f64() * 1e3),
            forwarded,
            fault,
            wire,
            signature,
            injected,
        });
        if let Err(why) = self.keeper.complete(&exchange, self.limits.store).await {
            return Ok(self.refuse(&why, held));
        }
        self.show(exchange);
        match (to_play, reply) {
            (Some(fault), reply) => {
                let body = reply.as_ref().map(|reply| reply.body.0.clone()).unwrap_or_default();
                Err(Injected::new(fault, reply.as_ref(), hold(body, held)))
            }
            (None, Some(reply)) => Ok(give(&reply, held, to_head)),
            (None, None) => Ok(self.refuse("there is no reply", held)),
        }
    }

    /// Sends a request that is kept through the routing.
    async fn route(
        &self,
        arrival: Arc<Arrival>,
        method: &Method,
    ) -> (Reply, Option<Forwarded>, Option<fault::Fault>) {
        let mut request = Request::new(Full::<Bytes>::default());
        *request.method_mut() = method.clone();
        if let Ok(uri) = arrival.request.target.parse() {
            *request.uri_mut() = uri;
        }
        request.extensions_mut().insert(Captured(arrival));
        let Ok(response) = (self.routing)(request).await;
        let (mut head, body) = response.into_parts();
        let forwarded = head.extensions.remove::<Forwarded>();
        let fault = head.extensions.remove();
        match body.collect().await {
            Ok(body) => (message::reply(&head, body.to_bytes()), forwarded, fault),
            // Replies are made in memory, so this is a fault of ours: said, and not answered as if
            // all were well.
            Err(error) => {
                let error = format!("the reply could not be made: {error}");
                let reply = message::problem(hyper::StatusCode::INTERNAL_SERVER_ERROR, &error);
                (reply, forwarded, None)
            }
        }
    }

    fn refuse(&self, why: &str, held: Held) -> Response<Full<Bytes>> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        give(&message::try_again(&format!("not acknowledged: {why}")), held, false)
    }

    /// Shows an exchange to whoever looks on. Someone who looks too slowly misses it and is told how
    /// many, because waiting for them would make capture as slow as they are.
    fn show(&self, exchange: Arc<Exchange>) {
        let Some(view) = &self.view else { return };
        if view.try_send(Arc::unwrap_or_clone(exchange)).is_err() {
            self.unseen.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns how many exchanges the live view has missed.
    pub(crate) fn unseen(&self) -> u64 {
        self.unseen.load(Ordering::Relaxed)
    }

    /// Returns how many requests were answered 503 because they, or their replies, were not kept.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Returns how many connections were reset as they were accepted.
    pub(crate) fn reset(&self) -> u64 {
        self.reset.load(Ordering::Relaxed)
    }

    /// Gives up what keeps, when all connections are gone.
    pub(crate) fn into_keeper(self) -> Keeper {
        self.keeper
    }
}

/// Takes away the body that HEAD does not get, and leaves its length.
fn only_length(mut reply: Reply) -> Reply {
    if !reply.body.0.is_empty() {
        reply.headers.push("content-length", reply.body.0.len().to_string());
        reply.body = "".into();
    }
    reply
}

/// Hands a reply to the connection. Its bytes stay counted until the last of them is written.
fn give(reply: &Reply, held: Held, to_head: bool) -> Response<Full<Bytes>> {
    message::response(reply, Full::new(hold(reply.body.0.clone(), held)), to_head)
}

/// Counts bytes until the last of them is written.
fn hold(body: Bytes, mut held: Held) -> Bytes {
    held.add(body.len());
    Bytes::from_owner(Outgoing { body, _held: held })
}

/// Bytes on their way out, and their place in the budget.
struct Outgoing {
    body: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Outgoing {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}
