//! One exchange, from the head of a request to its reply, below the routing.
//!
//! A request of hyper comes in. Its body is collected, it is answered by the filter, both are kept, the
//! reply goes out. When the reply has to be waited for, the request is kept before, and always before
//! it is forwarded. A request that cannot be kept is refused, and so is a reply.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

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
use crate::fault::{self, Injected};
use crate::framing::Note;
use crate::keep::{Arrival, Keeper};
use crate::limits::Limits;
use crate::line::Line;
use crate::message;
use crate::receipt::Receipt;
use crate::refusal::Refusal;
use crate::replies::OnItsWay;
use crate::tape::Head;
use crate::view::View;

/// The routing as a function, because the service that warp makes of a filter has no public name.
type Routing = Box<dyn Fn(Request<Full<Bytes>>) -> Routed + Send + Sync>;
type Routed = Pin<Box<dyn Future<Output = Result<warp::reply::Response, Infallible>> + Send>>;

/// What is made of a request before it is answered.
#[derive(Debug)]
pub(crate) struct Acceptance {
    /// How its signature is judged, if it is.
    pub(crate) receipt: Option<Receipt>,
    /// Whether one that can be read in two ways is refused.
    pub(crate) strict: bool,
}

/// What all connections of a listener share.
pub(crate) struct Capture {
    pub(crate) limits: Limits,
    clock: Clock,
    pub(crate) budget: Arc<Budget>,
    keeper: Keeper,
    responder: Arc<Responder>,
    acceptance: Acceptance,
    routing: Routing,
    view: View,
    connections: AtomicU64,
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
        view: View,
        acceptance: Acceptance,
    ) -> Self {
        let responder = Arc::new(responder);
        let filter = answer::filter(Arc::clone(&responder));
        let routing = TowerToHyperService::new(warp::service(filter));
        let routing: Routing = Box::new(move |request| Box::pin(routing.call(request)));
        let (connections, refused, reset) = Default::default();
        Self {
            limits,
            clock,
            budget,
            keeper,
            responder,
            acceptance,
            routing,
            view,
            connections,
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

    /// Gives a connection its number.
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Answers a request, or fails with the fault that is to be played in place of a reply.
    pub(crate) async fn exchange(
        self: Arc<Self>,
        request: Request<Incoming>,
        line: Arc<Line>,
    ) -> Result<Response<Full<Bytes>>, Injected> {
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
        let received_at = self.clock.now();
        let request = ringback_exchange::Request { method, target, headers, body: bytes.into() };
        // Half a body can have no valid signature, which says nothing about who sent it.
        let receipt = self.acceptance.receipt.as_ref().filter(|_| fault.is_none());
        let arrival = Arc::new(Arrival {
            received_at,
            peer: line.peer.clone(),
            version: message::version(parts.version).to_owned(),
            fault: fault.as_ref().map(|fault| fault.to_sentence(length)),
            wire: Some(line.wire(head, notes, trailers)),
            signature: receipt.map(|receipt| receipt.judge(&request, received_at)),
            request,
        });
        let rejection = receipt.zip(arrival.signature.as_deref());
        let rejection = rejection.and_then(|(receipt, verdict)| receipt.rejection(verdict));
        // What is ours to say needs no routing.
        let own = fault.map(|fault| fault.reply(length)).or(rejection);
        let within = self.limits.store;
        let (number, (reply, forwarded, to_play)) = {
            let reaches_out = own.is_none() && self.responder.forwards();
            let mut answer = pin!(self.answer(&arrival, own, parts.method, parts.uri));
            // A reply that is there at once is kept together with its request, in one wait for the disk.
            let at_once = if reaches_out {
                Poll::Pending
            } else {
                poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await
            };
            match at_once {
                Poll::Ready(answer) => (None, answer),
                Poll::Pending => match self.keeper.arrive(&arrival, within).await {
                    Ok(number) => (Some(number), answer.await),
                    Err(why) => return Ok(self.refuse(&why, held, &line)),
                },
            }
        };
        let injected = to_play.map(|fault| fault::note(fault, &reply));
        let reply = match to_play {
            Some(fault) => fault::spoil(fault, reply, to_head),
            None if to_head => Some(only_length(reply)),
            None => Some(reply),
        };
        let exchange = Exchange {
            duration_ms: Some(begun.elapsed().as_secs_f64() * 1e3),
            forwarded,
            injected,
            ..exchange(number.unwrap_or_default(), arrival, reply.clone())
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
            Err(why) => return Ok(self.refuse(&why, held, &line)),
        };
        self.view.show(exchange);
        match (to_play, reply) {
            (Some(fault), reply) => {
                let body = reply.as_ref().map(|reply| reply.body.0.clone()).unwrap_or_default();
                Err(Injected::new(fault, reply.as_ref(), hold(body, held, &line)))
            }
            (None, Some(reply)) => Ok(give(&reply, held, to_head, &line)),
            (None, None) => Ok(self.refuse("there is no reply", held, &line)),
        }
    }

    /// Answers a request: with what is ours to say, or by the routing.
    async fn answer(
        &self,
        arrival: &Arc<Arrival>,
        own: Option<Reply>,
        method: Method,
        uri: Uri,
    ) -> (Reply, Option<Forwarded>, Option<fault::Fault>) {
        match own {
            Some(reply) => (reply, None, None),
            None => self.route(Arc::clone(arrival), method, uri).await,
        }
    }

    /// Finds fault with a whole request whose end is a matter of opinion, when that is wanted.
    fn judge(&self, notes: &[Note]) -> Option<Fault> {
        let mut ambiguous =
            notes.iter().filter(|note| self.acceptance.strict && note.is_ambiguous());
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
        match self.keeper.keep(exchange(0, arrival, reply), self.limits.store).await {
            Ok(exchange) => self.view.show(exchange),
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Sends a request through the routing.
    async fn route(
        &self,
        arrival: Arc<Arrival>,
        method: Method,
        uri: Uri,
    ) -> (Reply, Option<Forwarded>, Option<fault::Fault>) {
        let mut request = Request::new(Full::<Bytes>::default());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
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

    fn refuse(&self, why: &str, held: Held, line: &Line) -> Response<Full<Bytes>> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.view.refuse();
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

    /// Returns how many connections were reset as they were accepted.
    pub(crate) fn reset(&self) -> u64 {
        self.reset.load(Ordering::Relaxed)
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
        injected: None,
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
fn give(reply: &Reply, held: Held, to_head: bool, line: &Line) -> Response<Full<Bytes>> {
    if reply.body.0.is_empty() {
        return message::response(reply, Full::default(), to_head);
    }
    let body = hold(reply.body.0.clone(), held, line);
    message::response(reply, Full::new(body), to_head)
}

/// Counts bytes until the last of them is written.
fn hold(body: Bytes, mut held: Held, line: &Line) -> Bytes {
    held.add(body.len());
    Bytes::from_owner(Outgoing { body, _held: held, _on_its_way: line.set_out() })
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
