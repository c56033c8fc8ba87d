//! One request and what came of it, by either engine.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ringback_exchange::{Attempt, Failure, FailureDetail, Outcome, Request};
use tokio::time::Instant;
use url::Position;

use crate::client;
use crate::delivery::Delivery;
use crate::headers::{from_map, to_map};
use crate::phases::{Phases, Written};
use crate::style::gzip;
use crate::summary::to_ms;
use crate::target::{Line, Link, Target};
use crate::wire::{Script, Wire, script};

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
    mut delivery: Delivery,
    planned: Planned,
    given_up: impl Future<Output = ()>,
) -> (Attempt, bool) {
    if target.style().gzip {
        delivery.body = gzip(&delivery.body);
    }
    let fault = target.faults().of(delivery.index);
    let method = delivery.method.as_ref().unwrap_or(&target.style().method).clone();
    let url = target.url_for(&delivery);
    let mut request = Request {
        method: method.as_str().to_owned(),
        target: url[Position::BeforePath..].to_owned(),
        headers: target.headers_for(&delivery),
        body: delivery.body.into(),
    };
    let call = match target.link() {
        Link::NoAddress(why) => Call::Nowhere(why),
        Link::Up(Line::Wire(wire)) => {
            let script = script(&mut request, url.as_str(), target.style(), fault);
            Call::Wire(wire, script)
        }
        Link::Up(Line::Reqwest(client)) => {
            let headers = to_map(&request.headers);
            request.headers = from_map(&headers);
            let message = client::Message {
                method,
                url: url.clone().into_owned(),
                headers,
                body: request.body.0.clone(),
                chunked: target.style().chunked.map(std::num::NonZeroUsize::get),
            };
            Call::Reqwest(client, Box::new(message))
        }
    };
    let phases = Arc::new(Phases::new(Instant::now()));
    let mut was_given_up = false;
    let ended = tokio::select! {
        biased;
        ended = begun(target, call, &phases) => ended,
        () = given_up => {
            was_given_up = true;
            Ended::failed(Failure::Other, "the run was stopped before an answer came")
        }
    };
    let begin = phases.begin();
    let duration = begin.elapsed();
    if !was_given_up {
        target.count(&ended.outcome);
    }
    let late = begin.saturating_duration_since(planned.start).saturating_sub(planned.due);
    let attempt = Attempt {
        delivery: delivery.index,
        number: 1,
        url: url.as_str().to_owned(),
        request,
        planned_ms: to_ms(planned.due),
        late_ms: to_ms(late),
        connect_ms: phases.connect().map(to_ms),
        first_byte_ms: phases.first_byte().map(to_ms),
        duration_ms: to_ms(duration),
        reply_cut_at_bytes: ended.cut_at,
        place: None,
        fault: fault.map(crate::fault::Fault::applied),
        outcome: ended.outcome,
    };
    (attempt, was_given_up)
}

/// How an exchange ended.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    /// The bytes that were kept of a reply that is longer.
    pub(crate) cut_at: Option<u64>,
}

impl Ended {
    pub(crate) fn failed(kind: Failure, detail: impl Into<String>) -> Self {
        let detail = FailureDetail { kind, detail: detail.into(), status: None };
        Self { outcome: Outcome::Failed(detail), cut_at: None }
    }
}

/// An engine and what it is to send.
enum Call<'a> {
    Nowhere(&'a str),
    Reqwest(&'a reqwest::Client, Box<client::Message>),
    Wire(&'a Wire, Script),
}

/// Waits for its turn and sends, as long as the limits of the target permit.
async fn begun(target: &Target, call: Call<'_>, phases: &Arc<Phases>) -> Ended {
    match target.turn() {
        Ok(None) => {}
        Ok(Some(turn)) => {
            tokio::time::sleep_until(turn).await;
            phases.begin_now();
        }
        Err(why) => return Ended::failed(Failure::Guarded, why),
    }
    let exchange = async {
        match call {
            Call::Nowhere(why) => Ended::failed(Failure::Dns, why),
            Call::Reqwest(client, message) => client::exchange(client, *message, phases).await,
            Call::Wire(wire, script) => wire.exchange(script, phases).await,
        }
    };
    let begin = phases.begin();
    let mut ended = tokio::select! {
        biased;
        ended = exchange => ended,
        () = tokio::time::sleep_until(begin + target.timeout()) => {
            timed_out(phases, Failure::TimedOut, target.timeout())
        }
        limit = no_first_byte(target, phases), if target.first_byte_timeout().is_some() => {
            timed_out(phases, Failure::FirstByteTimedOut, limit)
        }
    };
    // Whichever of the limits it was, and whoever kept it: people read one sentence.
    if let Outcome::Failed(FailureDetail { kind: Failure::ConnectTimedOut, detail, .. }) =
        &mut ended.outcome
    {
        *detail = format!("no connection within {:?}", target.connect_timeout());
    }
    ended
}

/// Comes when the reply should have begun and has not, with the time it had.
async fn no_first_byte(target: &Target, phases: &Phases) -> Duration {
    let limit = target.first_byte_timeout().unwrap_or(Duration::MAX);
    match phases.begin().checked_add(limit) {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
    if phases.first_byte().is_some() {
        std::future::pending::<()>().await;
    }
    limit
}

/// Tells by what had happened until then what it was that took too long.
fn timed_out(phases: &Phases, of_reply: Failure, limit: Duration) -> Ended {
    let (kind, detail) = if !phases.has_written(Written::Something) {
        (Failure::ConnectTimedOut, String::new())
    } else if !phases.has_written(Written::All) {
        (Failure::WriteTimedOut, format!("the request was not taken within {limit:?}"))
    } else if of_reply == Failure::FirstByteTimedOut {
        (of_reply, format!("no byte of a reply within {limit:?}"))
    } else {
        (of_reply, format!("no whole reply within {limit:?}"))
    };
    let detail = FailureDetail { kind, detail, status: phases.status() };
    Ended { outcome: Outcome::Failed(detail), cut_at: None }
}
