//! What is answered, as a warp filter.
//!
//! A request comes in through the request's extensions; a reply goes out, with the
//! far side's part in the reply's extensions when it was forwarded.

use std::sync::Arc;

use hyper::body::Bytes;
use ringback_exchange::{Forwarded, Headers, Reply, Request};
use url::Url;
use warp::Filter as _;
use warp::Reply as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::budget::Budget;
use crate::error::StartError;
use crate::forward::Relay;
use crate::limits::Limits;
use crate::message;
use crate::script::{Script, Stage};

/// What a listener answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200 with an empty body, to everything.
    Ok,
    /// As the script says.
    Script(Script),
    /// Whatever the server at this address answers. The request's path and query are appended to those
    /// of the address; nothing that a client sends can choose another target.
    Forward(Url),
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
            Answer::Forward(url) => {
                Self::Forward(Box::new(Relay::new(&url, limits, Arc::clone(budget))?))
            }
        })
    }

    /// Tells whether answering reaches out to somebody else, before which a request must be kept.
    pub(crate) fn forwards(&self) -> bool {
        matches!(self, Self::Forward(_))
    }

    async fn answer(&self, request: &Request) -> (Reply, Option<Forwarded>) {
        match self {
            Self::Ok => (Reply { status: 200, headers: Headers::default(), body: "".into() }, None),
            Self::Script(stage) => (stage.answer(request).await, None),
            Self::Forward(relay) => relay.forward(request).await,
        }
    }
}

/// A request on its way through the routing.
#[derive(Debug, Clone)]
pub(crate) struct Captured(pub(crate) Arc<crate::keep::Arrival>);

/// Makes the one filter that catches all. Routing by data, and not by a tree of filters, keeps warp's
/// rejections out of the way of a reply.
pub(crate) fn filter(responder: Arc<Responder>) -> BoxedFilter<(Response,)> {
    warp::ext::get::<Captured>()
        .then(move |captured: Captured| {
            let responder = Arc::clone(&responder);
            async move {
                let request = &captured.0.request;
                let (reply, forwarded) = responder.answer(request).await;
                let body: Bytes = reply.body.0.clone();
                // HEAD keeps a length that came from the far side.
                let mut response = message::response(&reply, body, request.method == "HEAD");
                if let Some(forwarded) = forwarded {
                    response.extensions_mut().insert(forwarded);
                }
                response.into_response()
            }
        })
        .boxed()
}
