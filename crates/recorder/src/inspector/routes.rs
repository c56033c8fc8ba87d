//! What is answered to whom: a request comes in, a warp reply goes out.
//!
//! All of it only reads; there is nothing here that a request could change.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt as _};
use hyper::http::{HeaderMap, Method, StatusCode, Uri, header};
use ringback_exchange::Exchange;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use warp::Reply as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::sse;
use warp::{Filter as _, http::Response as HttpResponse};

use super::feed::Feed;
use super::follow::{Follower, Seen};
use super::form::{FORMS, form};
use super::guard::{Guard, Refused};
use super::query::{Filter, Query};
use super::source::{Source, size};
use super::summary::Summary;
use crate::error::StoreError;
use crate::recording::Ended;

/// How many live streams and waits there may be at a time.
const LOOKERS_MAX: usize = 256;

/// How many exchanges one list looks at before it answers with what it has.
const LOOKED_AT_MAX: usize = 20_000;

/// After how many bytes of bodies a list ends and says where to go on.
const LISTED_BYTES_MAX: usize = 16 << 20;

/// How many numbers are looked at together where the newest come first.
const WINDOW: u64 = 32;

/// How many matches a wait returns at most; it counts them all.
const MATCHED_MAX: usize = 1000;

/// Arrival numbers end here, as those of SQLite do.
const NUMBER_MAX: u64 = i64::MAX as u64 - 1;

/// How often a stream says that it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a wait takes where nothing is said.
const WITHIN: Duration = Duration::from_secs(30);

/// What every route knows.
pub(super) struct Api {
    pub(super) guard: Guard,
    pub(super) source: Source,
    pub(super) feed: Feed,
    /// Where the listener that captures is reached.
    pub(super) capture_url: String,
    pub(super) lookers: Arc<Semaphore>,
    pub(super) stop: watch::Receiver<bool>,
}

/// A problem, as it is answered.
struct Problem(StatusCode, String);

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        Self(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

fn wrong(why: impl Into<String>) -> Problem {
    Problem(StatusCode::BAD_REQUEST, why.into())
}

/// Makes the one filter. Every request goes through the guard before anything else is looked at.
pub(super) fn filter(api: Arc<Api>) -> BoxedFilter<(Response,)> {
    warp::method()
        .and(warp::filters::path::full())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Asked>())
        .then(
            move |method: Method,
                  path: warp::path::FullPath,
                  query: String,
                  headers: HeaderMap,
                  asked: Asked| {
                let api = Arc::clone(&api);
                async move {
                    let answered =
                        api.answer(&method, path.as_str(), &query, &headers, &asked.0).await;
                    sealed(
                        answered.unwrap_or_else(|Problem(status, error)| problem(status, &error)),
                    )
                }
            },
        )
        .boxed()
}

/// The target of a request as it was asked for, with the authority that may stand in it.
#[derive(Debug, Clone)]
pub(super) struct Asked(pub(super) Uri);

impl Api {
    /// How many lookers-on there may be.
    pub(super) fn places() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(LOOKERS_MAX))
    }

    async fn answer(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Result<Response, Problem> {
        self.guard.admit(uri, headers).map_err(|refused| match refused {
            Refused::Host(why) => Problem(StatusCode::MISDIRECTED_REQUEST, why.to_owned()),
            Refused::Origin(why) => Problem(StatusCode::FORBIDDEN, why.to_owned()),
            Refused::Token => Problem(
                StatusCode::UNAUTHORIZED,
                "show the token: `Authorization: Bearer …`".to_owned(),
            ),
        })?;
        if method != Method::GET && method != Method::HEAD {
            return Err(Problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "everything here is read by GET".to_owned(),
            ));
        }
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match segments.as_slice() {
            ["healthz"] => self.health().await,
            ["metrics"] => Ok(text("text/plain; version=0.0.4; charset=utf-8", self.feed.metrics())),
            ["api", "exchanges"] => self.list(query).await,
            ["api", "exchanges", number] => self.one(number, query).await,
            ["api", "stream"] => self.stream(query, headers).await,
            ["api", "wait"] => self.wait(query).await,
            _ => Err(Problem(
                StatusCode::NOT_FOUND,
                "there are /healthz, /metrics, /api/exchanges, /api/exchanges/NUMBER, /api/stream and \
                 /api/wait"
                    .to_owned(),
            )),
        }
    }

    async fn health(&self) -> Result<Response, Problem> {
        let newest = self.source.newest().await?;
        Ok(json(StatusCode::OK, &json!({ "status": "ok", "newest": newest })))
    }

    /// Lists exchanges; `next` is where to go on, when there may be more.
    async fn list(&self, query: &str) -> Result<Response, Problem> {
        let names =
            [&Filter::NAMES[..], &["after", "before", "limit", "order", "whole", "exact"]].concat();
        let query = Query::parse(query, &names).map_err(wrong)?;
        let (listed, next) = if query.oldest_first {
            self.oldest_first(&query).await?
        } else {
            self.newest_first(&query).await?
        };
        let items: Result<Vec<Value>, _> = listed
            .into_iter()
            .map(|exchange| match (query.whole, query.exact) {
                (true, true) => serde_json::to_value(exchange),
                (true, false) => serde_json::to_value(exchange.redacted()),
                (false, _) => serde_json::to_value(Summary::of(&exchange)),
            })
            .collect();
        let items = items.map_err(|error| wrong(error.to_string()))?;
        let next = next.map(|number| {
            if query.oldest_first { json!({"after": number}) } else { json!({"before": number}) }
        });
        Ok(json(StatusCode::OK, &json!({ "exchanges": items, "next": next })))
    }

    async fn oldest_first(&self, query: &Query) -> Result<(Vec<Exchange>, Option<u64>), Problem> {
        let mut after = query.after.unwrap_or(0);
        let mut list = List::new(query);
        loop {
            let page = self.source.page(after).await?;
            if page.is_empty() {
                return Ok((list.listed, None));
            }
            for exchange in page {
                if query.before.is_some_and(|before| exchange.number >= before) {
                    return Ok((list.listed, None));
                }
                if list.is_full() {
                    return Ok((list.listed, Some(after)));
                }
                after = exchange.number;
                list.look_at(exchange);
            }
        }
    }

    async fn newest_first(&self, query: &Query) -> Result<(Vec<Exchange>, Option<u64>), Problem> {
        let least = query.after.unwrap_or(0);
        let newest = self.source.newest().await?.saturating_add(1);
        let mut before = query.before.unwrap_or(newest).min(newest);
        let mut list = List::new(query);
        while before > least + 1 {
            // A window of numbers, of which not all need be kept, and which may take several pages.
            let from = before.saturating_sub(WINDOW + 1).max(least);
            let (mut window, mut at) = (Vec::new(), from);
            while at + 1 < before {
                let page = self.source.page(at).await?;
                let Some(last) = page.last() else { break };
                at = last.number;
                window.extend(page.into_iter().filter(|exchange| exchange.number < before));
            }
            for exchange in window.into_iter().rev() {
                if list.is_full() {
                    return Ok((list.listed, Some(exchange.number + 1)));
                }
                list.look_at(exchange);
            }
            before = from + 1;
        }
        Ok((list.listed, None))
    }

    async fn one(&self, number: &str, query: &str) -> Result<Response, Problem> {
        let query = Query::parse(query, &["form", "exact"]).map_err(wrong)?;
        let number: u64 =
            number.parse().map_err(|_| wrong(format!("`{number}` is no arrival number")))?;
        let Some(exchange) = self.source.get(number).await? else {
            return Err(Problem(StatusCode::NOT_FOUND, format!("there is no exchange {number}")));
        };
        let name = query.form.as_deref().unwrap_or(FORMS[0]);
        let formed = form(&exchange, name, query.exact, &self.capture_url).map_err(wrong)?;
        let mut response = text(formed.content_type, formed.bytes);
        if let Some(name) = formed.attachment
            && let Ok(value) = format!("attachment; filename=\"{name}\"").parse()
        {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
        }
        Ok(response)
    }

    /// Sends each exchange as it happens, from a number on, until the client or the listener goes.
    async fn stream(&self, query: &str, headers: &HeaderMap) -> Result<Response, Problem> {
        let query = Query::parse(query, &["after"]).map_err(wrong)?;
        // A client that was cut off says where it was.
        let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let last: Option<u64> = last.and_then(|text| text.parse().ok());
        let after = match last.or(query.after) {
            Some(after) => after.min(NUMBER_MAX),
            None => self.source.newest().await?,
        };
        let follower = Follower::new(self.source.clone(), &self.feed, after, false);
        let place = self.place()?;
        let events = events(follower, place, self.stop.clone());
        let keep_alive = sse::keep_alive().interval(KEEP_ALIVE);
        Ok(sse::reply(keep_alive.stream(events)).into_response())
    }

    /// Waits until as many have come as are wanted, and then none for a time.
    async fn wait(&self, query: &str) -> Result<Response, Problem> {
        let names = [&Filter::NAMES[..], &["after", "count", "within", "quiet"]].concat();
        let query = Query::parse(query, &names).map_err(wrong)?;
        let count = query.count.clone().unwrap_or(1..=usize::MAX);
        let within = query.within.unwrap_or(WITHIN);
        let quiet = query.quiet.unwrap_or_default();
        let _place = self.place()?;
        let mut follower = Follower::new(
            self.source.clone(),
            &self.feed,
            query.after.unwrap_or(0).min(NUMBER_MAX),
            true,
        );
        let begun = Instant::now();
        let mut last_match = begun;
        // By number: what comes twice is one.
        let mut matched: BTreeMap<u64, Option<Summary>> = BTreeMap::new();
        let mut stop = self.stop.clone();
        let ended = loop {
            let (deadline, ended) = if matched.len() < *count.start() {
                (begun + within, Ended::TooFew)
            } else if matched.len() <= *count.end() {
                (last_match + quiet, Ended::Quiet)
            } else {
                break Ended::TooMany;
            };
            // Nothing where the time is over.
            let seen = tokio::select! {
                // What has come counts, even when the time ends in the same moment.
                biased;
                seen = follower.next() => Some(seen?),
                () = sleep_until(deadline) => None,
                _ = stop.wait_for(|stop| *stop) => Some(None),
            };
            let Some(seen) = seen else {
                if !follower.is_reading() {
                    break ended;
                }
                // What had come before the call must be read, however long that takes.
                follower.catch_up().await?;
                continue;
            };
            let exchange = match seen {
                None => {
                    return Err(Problem(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "the listener ends".to_owned(),
                    ));
                }
                Some(Seen::Read(exchange)) => Some(*exchange),
                Some(Seen::Told(summary)) => self.source.get(summary.number).await?,
            };
            let is_match = |it: &Exchange| it.reply.is_some() && query.filter.matches(it);
            if let Some(exchange) = exchange.filter(is_match)
                && !matched.contains_key(&exchange.number)
            {
                let is_shown = matched.len() < MATCHED_MAX;
                matched.insert(exchange.number, is_shown.then(|| Summary::of(&exchange)));
                last_match = Instant::now();
            }
        };
        let word = match ended {
            Ended::Quiet => "quiet",
            Ended::TooMany => "too-many",
            Ended::TooFew => "too-few",
        };
        // So that `curl --fail` fails.
        let status = if ended == Ended::Quiet { StatusCode::OK } else { StatusCode::CONFLICT };
        let shown: Vec<&Summary> = matched.values().flatten().collect();
        Ok(json(
            status,
            &json!({ "ended": word, "count": matched.len(), "matched": shown, "after": follower.mark() }),
        ))
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.lookers).try_acquire_owned().map_err(|_| {
            Problem(StatusCode::SERVICE_UNAVAILABLE, format!("{LOOKERS_MAX} look on already"))
        })
    }
}

/// A list that is being made.
struct List<'a> {
    query: &'a Query,
    listed: Vec<Exchange>,
    looked_at: usize,
    bytes: usize,
}

impl<'a> List<'a> {
    fn new(query: &'a Query) -> Self {
        Self { query, listed: Vec::new(), looked_at: 0, bytes: 0 }
    }

    fn is_full(&self) -> bool {
        self.listed.len() == self.query.limit()
            || self.looked_at == LOOKED_AT_MAX
            || self.bytes > LISTED_BYTES_MAX
    }

    fn look_at(&mut self, exchange: Exchange) {
        self.looked_at += 1;
        if self.query.filter.matches(&exchange) {
            self.bytes += size(&exchange);
            self.listed.push(exchange);
        }
    }
}

/// Makes the events of a stream. The id of each is the number behind which nothing would be missed.
fn events(
    follower: Follower,
    place: OwnedSemaphorePermit,
    mut stop: watch::Receiver<bool>,
) -> impl Stream<Item = Result<sse::Event, Infallible>> + Send + 'static {
    let events = stream::unfold(Some((follower, place)), |looker| async move {
        let (mut follower, place) = looker?;
        match follower.next().await {
            Ok(None) => None,
            Ok(Some(seen)) => {
                let summary = seen.summary();
                let data = serde_json::to_string(&*summary).unwrap_or_default();
                let event = sse::Event::default().id(follower.mark().to_string()).event("exchange");
                Some((Ok(event.data(data)), Some((follower, place))))
            }
            Err(error) => {
                let Problem(_, text) = error.into();
                Some((Ok(sse::Event::default().event("problem").data(text)), None))
            }
        }
    });
    events.take_until(async move {
        let _ = stop.wait_for(|stop| *stop).await;
    })
}

fn json(status: StatusCode, value: &Value) -> Response {
    let mut response = text("application/json", format!("{value}\n"));
    *response.status_mut() = status;
    response
}

fn problem(status: StatusCode, error: &str) -> Response {
    let mut response = json(status, &json!({ "error": error }));
    if status == StatusCode::UNAUTHORIZED {
        let value = header::HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

fn text(content_type: &'static str, body: impl Into<bytes::Bytes>) -> Response {
    let mut response = HttpResponse::new(body.into()).into_response();
    let value = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

/// Adds what keeps a browser from doing more with a reply than showing it to who asked.
fn sealed(mut response: Response) -> Response {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}
