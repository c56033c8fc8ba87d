//! Asking a target on the public internet whether it takes more than it gets unasked.

use std::sync::Arc;

use ringback_exchange::{Headers, Outcome, Request};
use tokio::time::Instant;
use url::Position;

use crate::attempt::Ended;
use crate::client;
use crate::guard::GuardError;
use crate::headers::to_map;
use crate::phases::Phases;
use crate::style::{Method, Style};
use crate::target::{Line, Link, Target};
use crate::wire::script;

/// What is asked for. The answer has to be 2xx and to repeat the nonce in the query, so that no page that
/// answers everything consents by accident.
pub const CONSENT_PATH: &str = "/.well-known/ringback-consent";

/// Asks, by the target's own engine.
///
/// # Errors
///
/// When it does not consent.
pub(crate) async fn ask(target: &Target, nonce: &str) -> Result<(), GuardError> {
    let refused = |why: String| GuardError::NoConsent {
        host: target.parsed_url().host_str().unwrap_or_default().to_owned(),
        path: CONSENT_PATH,
        why,
    };
    if nonce.is_empty() {
        return Err(refused("there is nothing to ask it with: the run has no id".to_owned()));
    }
    let mut url = target.parsed_url().clone();
    url.set_path(CONSENT_PATH);
    url.set_query(Some(&format!("nonce={nonce}")));
    let kept = ["host", "user-agent", "accept"];
    let mut request = Request {
        method: "GET".to_owned(),
        target: url[Position::BeforePath..].to_owned(),
        headers: Headers(
            target
                .base_headers()
                .0
                .iter()
                .filter(|it| kept.contains(&it.0.as_str()))
                .cloned()
                .collect(),
        ),
        body: "".into(),
    };
    let method = "GET".parse::<Method>().unwrap_or_default();
    let phases = Arc::new(Phases::new(Instant::now()));
    let asking = async {
        match target.link() {
            Link::NoAddress(why) => Err(refused(why.clone())),
            Link::Up(Line::Wire(wire)) => {
                let style = Style { method, ..Style::default() };
                let script = script(&mut request, url.as_str(), &style, None);
                Ok(wire.exchange(script, &phases).await)
            }
            Link::Up(Line::Reqwest(engine)) => {
                let headers = to_map(&request.headers);
                let message = client::Message {
                    method,
                    url: url.clone(),
                    headers,
                    body: "".into(),
                    chunked: None,
                };
                Ok(client::exchange(engine, message, &phases).await)
            }
        }
    };
    let answer: Ended = tokio::time::timeout(target.timeout(), asking)
        .await
        .map_err(|_| refused(format!("no answer within {:?}", target.timeout())))??;
    match answer.outcome {
        Outcome::Answered(reply) if !reply.is_success() => {
            Err(refused(format!("it answers with {}", reply.status)))
        }
        Outcome::Answered(reply) if reply.body.0.trim_ascii() == nonce.as_bytes() => Ok(()),
        Outcome::Answered(_) => Err(refused("its answer is another one".to_owned())),
        Outcome::Failed(failure) => Err(refused(format!("{}: {}", failure.kind, failure.detail))),
    }
}
