//! Forwards a request to the one target that the operator has chosen.
//!
//! A kept request comes in; the far side's reply goes out, or one of ours that says why there is none:
//! 501, 502, 504, 508. The body is framed anew and the header lines that belong to one connection stay on
//! it; all else is passed on as it came. It looks no name up, follows no redirect, asks no proxy, switches
//! to no other protocol, and tries once.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use hyper::http::uri::Scheme;
use hyper::{Method, Request as HttpRequest, StatusCode, Uri};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ringback_exchange::{Content, Forwarded, Headers, Reply, Request};
use rustls::ClientConfig;
use tokio::time::Instant;

use crate::body;
use crate::budget::Budget;
use crate::error::StartError;
use crate::limits::Limits;
use crate::message;
use crate::upstream::{Pinned, Target, Upstream, refuse};

/// Marks what we have forwarded. A request that carries it already has come round in a circle.
const HOP: HeaderName = HeaderName::from_static("ringback-hop");

/// Header lines that belong to one connection (RFC 9110 section 7.6.1), besides those that `Connection`
/// names.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    // What it asks for has been given: we have taken the body, and send it at once.
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Forwards to one target.
#[derive(Debug)]
pub(crate) struct Relay {
    client: Client<HttpsConnector<HttpConnector<Pinned>>, Full<Bytes>>,
    target: Target,
    within: Duration,
    body_bytes: usize,
    budget: Arc<Budget>,
}

/// Why there is no reply from the far side.
struct Failure {
    status: StatusCode,
    why: String,
}

impl Relay {
    pub(crate) fn new(
        upstream: &Upstream,
        limits: &Limits,
        budget: Arc<Budget>,
    ) -> Result<Self, StartError> {
        let Upstream { url, addresses } = upstream;
        let target = Target::new(url)?;
        if addresses.is_empty() {
            return Err(refuse(url, "its host has no address"));
        }
        let tls = tls(&target.scheme).map_err(|error| refuse(url, &error.to_string()))?;
        let mut http = HttpConnector::new_with_resolver(Pinned(addresses.as_slice().into()));
        http.enforce_http(false);
        http.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        // A connection that is kept may be closed by the far side just as we write: a failure that
        // nobody caused, in a tool that is there to find failures. So each request has its own.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .retry_canceled_requests(false)
            .set_host(false)
            .build(connector);
        Ok(Self { client, target, within: limits.forward, body_bytes: limits.body_bytes, budget })
    }

    /// Forwards a request. A request that is never sent on, because it has been round already or has a
    /// target that only the first server on the way can mean, has no far side.
    pub(crate) async fn forward(&self, request: &Request) -> (Reply, Option<Forwarded>) {
        if request.headers.get_all(HOP.as_str()).next().is_some() {
            let why = "the request has been forwarded before: the target leads back here";
            return (message::problem(StatusCode::LOOP_DETECTED, why), None);
        }
        let Some(uri) = self.target.uri(&request.target) else {
            let why = format!("a request for `{}` cannot be forwarded", request.target);
            return (message::problem(StatusCode::NOT_IMPLEMENTED, &why), None);
        };
        if let Some(coding) = odd_coding(&request.headers) {
            let why =
                format!("the transfer coding `{coding}` cannot be undone, and so not be passed on");
            return (message::problem(StatusCode::NOT_IMPLEMENTED, &why), None);
        }
        let url = uri.to_string();
        let begun = Instant::now();
        let outcome = match tokio::time::timeout(self.within, self.exchange(request, uri)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure {
                status: StatusCode::GATEWAY_TIMEOUT,
                why: format!("no whole reply within {:?}", self.within),
            }),
        };
        let duration_ms = begun.elapsed().as_secs_f64() * 1e3;
        match outcome {
            Ok(reply) => (reply, Some(Forwarded { url, duration_ms, error: None })),
            Err(Failure { status, why }) => {
                let reply = message::problem(status, &format!("`{url}`: {why}"));
                (reply, Some(Forwarded { url, duration_ms, error: Some(why) }))
            }
        }
    }

    async fn exchange(&self, request: &Request, uri: Uri) -> Result<Reply, Failure> {
        let outgoing = self.outgoing(request, uri)?;
        let response = self.client.request(outgoing).await.map_err(|error| {
            let what = if error.is_connect() { "cannot be reached" } else { "gave no reply" };
            Failure { status: StatusCode::BAD_GATEWAY, why: format!("{what}: {}", root(&error)) }
        })?;
        let (head, incoming) = response.into_parts();
        let unusable = |why: String| Failure { status: StatusCode::BAD_GATEWAY, why };
        // Passed on, it would leave our client speaking a protocol to somebody who reads HTTP.
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(unusable(
                "it switches to another protocol, which nobody asked for".to_owned(),
            ));
        }
        // The listener's own layer counts the bytes again when they are answered.
        let mut held = self.budget.hold();
        let (bytes, fault) = body::collect(incoming, self.body_bytes, self.within, &mut held).await;
        if let Some(fault) = fault {
            let why = format!("its reply cannot be used: {}", fault.to_sentence(bytes.len()));
            return Err(unusable(why));
        }
        let mut reply = message::reply(&head, bytes);
        if let Some(coding) = odd_coding(&reply.headers) {
            let why =
                format!("its reply has the transfer coding `{coding}`, which cannot be undone");
            return Err(unusable(why));
        }
        drop_hop_by_hop(&mut reply.headers);
        Ok(reply)
    }

    fn outgoing(&self, request: &Request, uri: Uri) -> Result<HttpRequest<Full<Bytes>>, Failure> {
        let mut headers = request.headers.clone();
        drop_hop_by_hop(&mut headers);
        let mut headers = message::header_map(&headers);
        // The length is the collected body's: a body that came in chunks had none, and one with two
        // framings must not leave with either of them.
        headers.remove(CONTENT_LENGTH);
        headers.insert(HOP, HeaderValue::from_static("1"));
        let refused = |why: String| Failure { status: StatusCode::BAD_GATEWAY, why };
        let host = HeaderValue::from_str(&self.target.authority)
            .map_err(|error| refused(error.to_string()))?;
        headers.insert(HOST, host);
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|error| refused(error.to_string()))?;
        let mut outgoing = HttpRequest::new(Full::new(request.body.0.clone()));
        *outgoing.method_mut() = method;
        *outgoing.uri_mut() = uri;
        *outgoing.headers_mut() = headers;
        Ok(outgoing)
    }
}

/// Reads the system's certificates only when they are needed: a machine without any can still forward
/// to its own ports.
fn tls(scheme: &Scheme) -> Result<ClientConfig, Box<dyn Error>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = if *scheme == Scheme::HTTPS {
        builder.with_native_roots()?
    } else {
        builder.with_root_certificates(rustls::RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}

/// Returns the transfer coding when it is another than `chunked`, the only one that has been undone when a
/// body is here (RFC 9112 section 6.1).
fn odd_coding(headers: &Headers) -> Option<String> {
    let codings: Vec<_> = headers.get_all("transfer-encoding").map(Content::to_text).collect();
    let coding = codings.join(", ");
    let is_plain = coding.split(',').all(|coding| {
        let coding = coding.trim();
        coding.is_empty()
            || coding.eq_ignore_ascii_case("chunked")
            || coding.eq_ignore_ascii_case("identity")
    });
    (!is_plain).then_some(coding)
}

fn drop_hop_by_hop(headers: &mut Headers) {
    let mut named: Vec<String> = HOP_BY_HOP.map(str::to_owned).to_vec();
    for value in headers.get_all("connection") {
        named.extend(value.to_text().split(',').map(|name| name.trim().to_ascii_lowercase()));
    }
    headers.0.retain(|line| !named.contains(&line.0.to_ascii_lowercase()));
}

/// Returns what the innermost cause says: the outer ones only say that the client failed.
fn root(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_over_tls_has_its_certificates() {
        // Machines that build in a bare container have none, and then say so.
        let made = tls(&Scheme::HTTPS);
        assert!(made.is_ok() || made.is_err_and(|error| error.to_string().contains("cert")));
    }

    #[test]
    fn header_lines_of_one_connection_are_dropped() {
        let mut headers = Headers::from_iter([
            ("Connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("Keep-Alive", "timeout=5"),
            ("TE", "trailers"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "h2c"),
            ("Proxy-Authorization", "secret"),
            ("authorization", "kept"),
            ("x-two", "1"),
            ("x-two", "2"),
        ]);
        drop_hop_by_hop(&mut headers);
        assert_eq!(
            headers,
            Headers::from_iter([("authorization", "kept"), ("x-two", "1"), ("x-two", "2")])
        );
    }
}
