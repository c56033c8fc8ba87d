//! One exchange, from the head of a request to its reply, below the routing.
//!
//! A request of hyper comes in. Its body is collected, it is kept, it is answered by the filter, the
//! reply is kept, the reply goes out. A request that cannot be kept is refused, and so is a reply.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper::{Method, Request, Response, Uri};
use hyper_util::service::TowerToHyperService;
use ringback_exchange::{Exchange, Forwarded, Headers, Reply};
use tokio::time::Instant;

use crate::answer::{self, Captured, Responder};
use crate::body::{self, Collected, Fault};
use crate::budget::{Budget, Held};
use crate::clock::Clock;
use crate::framing::Note;
use crate::keep::{Arrival, Keeper};
use crate::limits::Limits;
use crate::line::Line;
use crate::message;
use crate::refusal::Refusal;
use crate::replies::OnItsWay;
use crate::tape::Head;
use crate::view::View;

/// The routing as a function, because the service that warp makes of a filter has no public name.
type Routing = Box<dyn Fn(Request<Full<Bytes>>) -> Routed + Send + Sync>;
type Routed = Pin<Box<dyn Future<Output = Result<warp::reply::Response, Infallible>> + Send>>;

/// What all connections of a listener share.
pub(crate) struct Capture {
    pub(crate) limits: Limits,
    clock: Clock,
    pub(crate) budget: Arc<Budget>,
    keeper: Keeper,
    routing: Routing,
    view: View,
    /// Whether requests that can be read in two ways are refused.
    strict: bool,
    connections: AtomicU64,
    refused: AtomicU64,
}

impl Capture {
    pub(crate) fn new(
        limits: Limits,
        clock: Clock,
        budget: Arc<Budget>,
        keeper: Keeper,
        responder: Responder,
        view: View,
        strict: bool,
    ) -> Self {
        let routing = TowerToHyperService::new(warp::service(answer::filter(Arc::new(responder))));
        let routing: Routing = Box::new(move |request| Box::pin(routing.call(request)));
        let (connections, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { limits, clock, budget, keeper, routing, view, strict, connections, refused }
    }

    /// Gives a connection its number.
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Answers a request.
    pub(crate) async fn exchange(
        self: Arc<Self>,
        request: Request<Incoming>,
        line: Arc<Line>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (parts, incoming) = request.into_parts();
        let to_head = parts.method == Method::HEAD;
        let Head { bytes: head, method, target, headers, notes } = line.head(&parts, &incoming);
        let mut held = self.budget.hold();
        let Collected { bytes, fault, trailers } =
            body::read(incoming, self.limits.body_bytes, self.limits.pace(), &mut held).await;
        let begun = Instant::now();
        let fault = fault.or_else(|| self.judge(&notes));
        if fault.as_ref().is_some_and(Fault::leaves_bytes) {
            line.leave_unread();
        }
        let length = bytes.len();
        let trailers = trailers.map_or_else(Headers::default, |map| message::headers(&map));
        let arrival = Arc::new(Arrival {
            received_at: self.clock.now(),
            peer: line.peer.clone(),
            version: message::version(parts.version).to_owned(),
            request: ringback_exchange::Request { method, target, headers, body: bytes.into() },
            fault: fault.as_ref().map(|fault| fault.to_sentence(length)),
            wire: Some(line.wire(head, notes, trailers)),
            signature: None,
        });
        let number = match self.keeper.arrive(&arrival, self.limits.store).await {
            Ok(number) => number,
            Err(why) => return Ok(self.refuse(&why, held, &line)),
        };
        let (mut reply, forwarded) = match fault {
            Some(fault) => (fault.reply(length), None),
            None => self.route(Arc::clone(&arrival), parts.method, parts.uri).await,
        };
        if to_head {
            keep_only_length(&mut reply);
        }
        let exchange = Arc::new(Exchange {
            duration_ms: Some(begun.elapsed().as_secs_f64() * 1e3),
            forwarded,
            ..exchange(number, arrival, Some(reply.clone()))
        });
        if let Err(why) = self.keeper.complete(&exchange, self.limits.store).await {
            return Ok(self.refuse(&why, held, &line));
        }
        self.view.show(exchange);
        Ok(give(&reply, held, to_head, &line))
    }

    /// Finds fault with a whole request whose end is a matter of opinion, when that is wanted.
    fn judge(&self, notes: &[Note]) -> Option<Fault> {
        let mut ambiguous = notes.iter().filter(|note| self.strict && note.is_ambiguous());
        let why = ambiguous.next()?.to_string();
        Some(Fault::Ambiguous(ambiguous.fold(why, |why, note| format!("{why}; {note}"))))
    }

    /// Keeps what was refused before it was a request. Its reply is gone already: whether it can be kept
    /// changes nothing for the client.
    pub(crate) async fn keep_refused(&self, refusal: Refusal, line: &Line) {
        let (request, version) = refusal.request();
        let reply = refusal.reply();
        let arrival = Arc::new(Arrival {
            received_at: self.clock.now(),
            peer: line.peer.clone(),
            version,
            request,
            fault: Some(refusal.why),
            wire: Some(line.wire(refusal.bytes.into(), Vec::new(), Headers::default())),
            signature: None,
        });
        if let Ok(number) = self.keeper.arrive(&arrival, self.limits.store).await {
            let exchange = Arc::new(exchange(number, arrival, reply));
            if self.keeper.complete(&exchange, self.limits.store).await.is_ok() {
                return self.view.show(exchange);
            }
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Sends a request that is kept through the routing.
    async fn route(
        &self,
        arrival: Arc<Arrival>,
        method: Method,
        uri: Uri,
    ) -> (Reply, Option<Forwarded>) {
        let mut request = Request::new(Full::<Bytes>::default());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
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

    fn refuse(&self, why: &str, held: Held, line: &Line) -> Response<Full<Bytes>> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        give(&message::try_again(&format!("not acknowledged: {why}")), held, false, line)
    }

    /// Returns how many exchanges the live view has missed.
    pub(crate) fn unseen(&self) -> u64 {
        self.view.missed()
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

/// Makes an exchange of an arrival and its reply.
fn exchange(number: u64, arrival: Arc<Arrival>, reply: Option<Reply>) -> Exchange {
    let Arrival { received_at, peer, version, request, fault, wire, signature } =
        Arc::unwrap_or_clone(arrival);
    Exchange {
        number,
        received_at,
        peer,
        version,
        request,
        reply,
        duration_ms: None,
        forwarded: None,
        fault,
        wire,
        signature,
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
fn give(reply: &Reply, mut held: Held, to_head: bool, line: &Line) -> Response<Full<Bytes>> {
    if reply.body.0.is_empty() {
        return message::response(reply, Full::default(), to_head);
    }
    let body = reply.body.0.clone();
    held.add(body.len());
    let body = Bytes::from_owner(Outgoing { body, _held: held, _on_its_way: line.set_out() });
    message::response(reply, Full::new(body), to_head)
}

/// Bytes on their way out, and their place in the budget.
struct Outgoing {
    body: Bytes,
    _held: Held,
    _on_its_way: Option<OnItsWay>,
}

impl AsRef<[u8]> for Outgoing {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}
