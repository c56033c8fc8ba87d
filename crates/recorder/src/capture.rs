//! One exchange, from the head of a request to its reply, below the routing.
//!
//! A request of hyper comes in. Its body is collected, it is answered by the filter, both are kept, the
//! reply goes out. When the reply has to be waited for, the request is kept before, and always before
//! it is forwarded. A request that cannot be kept is refused, and so is a reply.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

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
use crate::inspector::Feed;
use crate::keep::{Arrival, Keeper};
use crate::limits::Limits;
use crate::message;

/// The routing as a function, because the service that warp makes of a filter has no public name.
type Routing = Box<dyn Fn(Request<Full<Bytes>>) -> Routed + Send + Sync>;
type Routed = Pin<Box<dyn Future<Output = Result<warp::reply::Response, Infallible>> + Send>>;

/// What all connections of a listener share.
pub(crate) struct Capture {
    pub(crate) limits: Limits,
    clock: Clock,
    budget: Arc<Budget>,
    keeper: Keeper,
    /// Whether an answer may reach out before it is there.
    forwards: bool,
    routing: Routing,
    view: Option<mpsc::Sender<Exchange>>,
    feed: Option<Feed>,
    unseen: AtomicU64,
    refused: AtomicU64,
}

impl Capture {
    pub(crate) fn new(
        limits: Limits,
        clock: Clock,
        budget: Arc<Budget>,
        keeper: Keeper,
        responder: Responder,
        view: Option<mpsc::Sender<Exchange>>,
        feed: Option<Feed>,
    ) -> Self {
        let forwards = responder.forwards();
        let routing = TowerToHyperService::new(warp::service(answer::filter(Arc::new(responder))));
        let routing: Routing = Box::new(move |request| Box::pin(routing.call(request)));
        let (unseen, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { limits, clock, budget, keeper, forwards, routing, view, feed, unseen, refused }
    }

    /// Answers a request. Sets `unread` when bytes of it may still be on their way.
    pub(crate) async fn exchange(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        unread: Arc<AtomicBool>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
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
        let arrival = Arc::new(Arrival {
            received_at: self.clock.now(),
            peer: peer.to_string(),
            version: format!("{:?}", head.version),
            request: message::request(&head, bytes),
            fault: fault.as_ref().map(|fault| fault.to_sentence(length)),
            wire: None,
            signature: None,
        });
        let within = self.limits.store;
        let (number, (mut reply, forwarded)) = {
            let mut answer = pin!(self.answer(&arrival, &head.method, fault.as_ref(), length));
            // A reply that is there at once is kept together with its request, in one wait for the disk.
            let at_once = if self.forwards && fault.is_none() {
                Poll::Pending
            } else {
                poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await
            };
            match at_once {
                Poll::Ready(answer) => (None, answer),
                Poll::Pending => match self.keeper.arrive(&arrival, within).await {
                    Ok(number) => (Some(number), answer.await),
                    Err(why) => return Ok(self.refuse(&why, held)),
                },
            }
        };
        if to_head {
            keep_only_length(&mut reply);
        }
        let Arrival { received_at, peer, version, request, fault, wire, signature } =
            Arc::unwrap_or_clone(arrival);
        let exchange = Exchange {
            number: number.unwrap_or_default(),
            received_at,
            peer,
            version,
            request,
            reply: Some(reply.clone()),
            duration_ms: Some(begun.elapsed().as_secs_f64() * 1e3),
            forwarded,
            fault,
            wire,
            signature,
        };
        let kept = match number {
            None => self.keeper.keep(exchange, within).await,
            Some(_) => {
                let exchange = Arc::new(exchange);
                self.keeper.complete(&exchange, within).await.map(|()| exchange)
            }
        };
        let exchange = match kept {
            Ok(exchange) => exchange,
            Err(why) => return Ok(self.refuse(&why, held)),
        };
        self.show(exchange);
        Ok(give(&reply, held, to_head))
    }

    /// Answers a request, whether it is whole or not.
    async fn answer(
        &self,
        arrival: &Arc<Arrival>,
        method: &Method,
        fault: Option<&Fault>,
        length: usize,
    ) -> (Reply, Option<Forwarded>) {
        match fault {
            Some(fault) => (fault.reply(length), None),
            None => self.route(Arc::clone(arrival), method).await,
        }
    }

    /// Sends a request through the routing.
    async fn route(&self, arrival: Arc<Arrival>, method: &Method) -> (Reply, Option<Forwarded>) {
        let mut request = Request::new(Full::<Bytes>::default());
        *request.method_mut() = method.clone();
        if let Ok(uri) = arrival.request.target.parse() {
            *request.uri_mut() = uri;
        }
        request.extensions_mut().insert(Captured(arrival));
        let Ok(response) = (self.routing)(request).await;
        let (mut head, body) = response.into_parts();
        let forwarded = head.extensions.remove::<Forwarded>();
        match body.collect().await {
            Ok(body) => (message::reply(&head, body.to_bytes()), forwarded),
            // Replies are made in memory, so this is a fault of ours: said, and not answered as if
            // all were well.
            Err(error) => {
                let error = format!("the reply could not be made: {error}");
                (message::problem(hyper::StatusCode::INTERNAL_SERVER_ERROR, &error), forwarded)
            }
        }
    }

    fn refuse(&self, why: &str, held: Held) -> Response<Full<Bytes>> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        if let Some(feed) = &self.feed {
            feed.tell_refused();
        }
        give(&message::try_again(&format!("not acknowledged: {why}")), held, false)
    }

    /// Shows an exchange to whoever looks on. Someone who looks too slowly misses it and is told how
    /// many, because waiting for them would make capture as slow as they are.
    fn show(&self, exchange: Arc<Exchange>) {
        if let Some(feed) = &self.feed {
            feed.tell(&exchange);
        }
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

    /// Gives up what keeps, when all connections are gone.
    pub(crate) fn into_keeper(self) -> Keeper {
        self.keeper
    }
}

/// Takes away the body that HEAD does not get, and leaves its length.
fn keep_only_length(reply: &mut Reply) {
    if !reply.body.0.is_empty() {
        reply.headers.push("content-length", reply.body.0.len().to_string());
        reply.body = "".into();
    }
}

/// Hands a reply to the connection. Its bytes stay counted until the last of them is written.
fn give(reply: &Reply, mut held: Held, to_head: bool) -> Response<Full<Bytes>> {
    let body = reply.body.0.clone();
    held.add(body.len());
    let body = Bytes::from_owner(Outgoing { body, _held: held });
    message::response(reply, Full::new(body), to_head)
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
