//! One request and what came of it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};
use reqwest::Method;
use reqwest::header::HeaderMap;
use ringback_exchange::{Attempt, Failure, FailureDetail, Outcome, Reply, Request};
use tokio::time::Instant;

use crate::classify::{Stage, classify};
use crate::delivery::Delivery;
use crate::guard::PUBLIC_DELIVERIES_MAX;
use crate::headers::from_map;
use crate::summary::to_ms;
use crate::target::{Link, Target};

/// How much of a reply's body is read, in bytes. What is longer is cut there, and the attempt says so.
pub const REPLY_BYTES_MAX: usize = 1024 * 1024;

/// Sends one delivery, planned for now.
///
/// # Cancel safety
///
/// Dropping the future closes the connection; the receiver may have got the request all the same.
pub async fn send_once(target: &Target, delivery: Delivery) -> Attempt {
    let planned = Planned { start: Instant::now(), due: Duration::ZERO };
    attempt(target, delivery, planned, std::future::pending()).await.0
}

/// When an attempt should begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned {
    /// The start of the run.
    pub(crate) start: Instant,
    /// From there to the planned time.
    pub(crate) due: Duration,
}

/// Sends one delivery, unless and until `given_up` comes first. Tells whether it did.
pub(crate) async fn attempt(
    target: &Target,
    delivery: Delivery,
    planned: Planned,
    given_up: impl Future<Output = ()>,
) -> (Attempt, bool) {
    let headers = target.headers_for(&delivery);
    let request = Request {
        method: Method::POST.as_str().to_owned(),
        target: target.request_target().to_owned(),
        headers: from_map(&headers),
        body: delivery.body.clone().into(),
    };
    let mut begin = Instant::now();
    let mut was_given_up = false;
    let ended = tokio::select! {
        biased;
        ended = begun(target, headers, delivery.body, &mut begin) => ended,
        () = given_up => {
            was_given_up = true;
            Ended::failed(Failure::Other, "the run was stopped before an answer came")
        }
    };
    let duration = begin.elapsed();
    let late = begin.saturating_duration_since(planned.start).saturating_sub(planned.due);
    let attempt = Attempt {
        delivery: delivery.index,
        number: 1,
        url: target.url().to_owned(),
        request,
        planned_ms: to_ms(planned.due),
        late_ms: to_ms(late),
        connect_ms: None,
        first_byte_ms: None,
        duration_ms: to_ms(duration),
        reply_cut_at_bytes: ended.cut_at,
        place: None,
        outcome: ended.outcome,
    };
    (attempt, was_given_up)
}

/// How an exchange ended.
struct Ended {
    outcome: Outcome,
    /// The bytes that were kept of a reply that is longer.
    cut_at: Option<u64>,
}

impl Ended {
    fn failed(kind: Failure, detail: impl Into<String>) -> Self {
        let detail = FailureDetail { kind, detail: detail.into(), status: None };
        Self { outcome: Outcome::Failed(detail), cut_at: None }
    }
}

/// Waits for its turn, says when it began, and sends.
async fn begun(target: &Target, headers: HeaderMap, body: Bytes, begin: &mut Instant) -> Ended {
    if let Some(allowance) = target.allowance() {
        let Some(turn) = allowance.take(Instant::now()) else {
            let detail = format!(
                "a target on the public internet gets at most {PUBLIC_DELIVERIES_MAX} deliveries"
            );
            return Ended::failed(Failure::Guarded, detail);
        };
        tokio::time::sleep_until(turn).await;
        *begin = Instant::now();
    }
    let client = match target.link() {
        Link::Up(client) => client,
        Link::NoAddress(why) => return Ended::failed(Failure::Dns, why.as_str()),
    };
    let mut request = reqwest::Request::new(Method::POST, target.parsed_url().clone());
    *request.headers_mut() = headers;
    let is_taken = Arc::new(AtomicBool::new(false));
    *request.body_mut() = Some(reqwest::Body::wrap(Watched::new(body, is_taken.clone())));

    let mut status = None;
    let exchange = exchange(client, request, &mut status);
    let mut ended = match tokio::time::timeout(target.timeout(), exchange).await {
        Ok(ended) => ended,
        Err(_) if is_taken.load(Ordering::Relaxed) => {
            let detail = format!("no whole reply within {:?}", target.timeout());
            let detail = FailureDetail { kind: Failure::TimedOut, detail, status };
            Ended { outcome: Outcome::Failed(detail), cut_at: None }
        }
        Err(_) => Ended::failed(Failure::ConnectTimedOut, ""),
    };
    // Whichever of the limits it was, and whoever kept it: people read one sentence.
    if let Outcome::Failed(FailureDetail { kind: Failure::ConnectTimedOut, detail, .. }) =
        &mut ended.outcome
    {
        *detail = format!("no connection within {:?}", target.connect_timeout());
    }
    ended
}

/// Sends the request and reads the reply. The status is put down as soon as it is known.
async fn exchange(
    client: &reqwest::Client,
    request: reqwest::Request,
    status: &mut Option<u16>,
) -> Ended {
    let failed = |error: &reqwest::Error, stage, status| {
        let (kind, detail) = classify(error, stage);
        let detail = FailureDetail { kind, detail, status };
        Ended { outcome: Outcome::Failed(detail), cut_at: None }
    };
    let mut response = match client.execute(request).await {
        Ok(response) => response,
        Err(error) => return failed(&error, Stage::Head, None),
    };
    let code = response.status().as_u16();
    *status = Some(code);
    let headers = from_map(response.headers());
    let mut body = BytesMut::new();
    let mut cut_at = None;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = REPLY_BYTES_MAX - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    // The rest is left unread, and the connection is closed with it.
                    cut_at = Some(REPLY_BYTES_MAX as u64);
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => return failed(&error, Stage::Body, *status),
        }
    }
    let reply = Reply { status: code, headers, body: body.freeze().into() };
    Ended { outcome: Outcome::Answered(reply), cut_at }
}

/// A body that tells when a connection takes it, which is when the request begins to leave.
struct Watched {
    bytes: Bytes,
    is_taken: Arc<AtomicBool>,
}

impl Watched {
    fn new(bytes: Bytes, is_taken: Arc<AtomicBool>) -> Self {
        Self { bytes, is_taken }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = std::mem::take(&mut self.get_mut().bytes);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    /// The connection asks this when it writes the head, and of an empty body nothing else.
    fn is_end_stream(&self) -> bool {
        self.is_taken.store(true, Ordering::Relaxed);
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
