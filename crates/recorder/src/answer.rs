//! What is answered, as a warp filter.
//!
//! A request comes in through the request's extensions; a reply goes out, and in its extensions the far
//! side's part, when it was forwarded, or the fault that is to be played on it.

use std::sync::Arc;

use hyper::body::Bytes;
use ringback_exchange::{Forwarded, Headers, Reply};
use warp::Filter as _;
use warp::Reply as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::budget::Budget;
use crate::error::StartError;
use crate::fault::Fault;
use crate::forward::Relay;
use crate::keep::Arrival;
use crate::limits::Limits;
use crate::message;
use crate::script::Script;
use crate::stage::{Part, Stage};
use crate::upstream::Upstream;

/// What a listener answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200 with an empty body, to everything.
    Ok,
    /// As the script says.
    Script(Script),
    /// Whatever this server answers. Nothing that a client sends can choose another one.
    Forward(Upstream),
}

/// An [`Answer`] at work.
#[derive(Debug)]
pub(crate) enum Responder {
    Ok,
    Script(Stage),
    Forward(Box<Relay>),
}

impl Responder {
    /// Makes an answer ready.
    pub(crate) fn new(
        answer: Answer,
        limits: &Limits,
        budget: &Arc<Budget>,
    ) -> Result<Self, StartError> {
        Ok(match answer {
            Answer::Ok => Self::Ok,
            Answer::Script(script) => Self::Script(Stage::new(script)?),
            Answer::Forward(upstream) => {
                Self::Forward(Box::new(Relay::new(&upstream, limits, Arc::clone(budget))?))
            }
        })
    }

    /// Tells whether answering reaches out to somebody else, before which a request must be kept.
    pub(crate) const fn forwards(&self) -> bool {
        matches!(self, Self::Forward(_))
    }

    /// Tells whether a connection that has come now is to be reset.
    pub(crate) fn resets_on_accept(&self) -> bool {
        matches!(self, Self::Script(stage) if stage.resets_on_accept())
    }

    async fn answer(&self, arrival: &Arrival) -> Given {
        match self {
            Self::Ok => {
                let reply = Reply { status: 200, headers: Headers::default(), body: "".into() };
                Given { reply, forwarded: None, fault: None }
            }
            Self::Script(stage) => {
                let Part { delay, reply, fault } = stage.play(arrival);
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                Given { reply, forwarded: None, fault }
            }
            Self::Forward(relay) => {
                let (reply, forwarded) = relay.forward(&arrival.request).await;
                Given { reply, forwarded, fault: None }
            }
        }
    }
}

/// What a request is given, and what else there is to say about it.
struct Given {
    reply: Reply,
    forwarded: Option<Forwarded>,
    fault: Option<Fault>,
}

/// A request on its way through the routing.
#[derive(Debug, Clone)]
pub(crate) struct Captured(pub(crate) Arc<Arrival>);

/// Makes the one filter that catches all. Routing by data, and not by a tree of filters, keeps warp's
/// rejections out of the way of a reply.
pub(crate) fn filter(responder: Arc<Responder>) -> BoxedFilter<(Response,)> {
    warp::ext::get::<Captured>()
        .then(move |captured: Captured| {
            let responder = Arc::clone(&responder);
            async move {
                let request = &captured.0.request;
                let Given { reply, forwarded, fault } = responder.answer(&captured.0).await;
                let body: Bytes = reply.body.0.clone();
                // HEAD keeps a length that came from the far side.
                let mut response = message::response(&reply, body, request.method == "HEAD");
                if let Some(forwarded) = forwarded {
                    response.extensions_mut().insert(forwarded);
                }
                if let Some(fault) = fault {
                    response.extensions_mut().insert(fault);
                }
                response.into_response()
            }
        })
        .boxed()
}
