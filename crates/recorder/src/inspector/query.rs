//! What is asked for: the query of a URL to a filter of exchanges. An unknown name is an error, so that
//! a typing mistake does not match everything.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::SignedDuration;
use ringback_exchange::Exchange;
use serde_json::Value;
use serde_json_path::JsonPath;
use url::form_urlencoded;

use super::summary::EventIds;
use crate::json_path::{self, BODY_BYTES_MAX};
use crate::pattern::PathPattern;

/// How many exchanges a list has where nothing is said, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1000;

/// The longest that a wait takes, its quiet included.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    pub(super) filter: Filter,
    /// Only numbers above it.
    pub(super) after: Option<u64>,
    /// Only numbers below it.
    pub(super) before: Option<u64>,
    pub(super) limit: Option<usize>,
    /// Whether the list begins with the oldest.
    pub(super) oldest_first: bool,
    /// Whether whole exchanges are listed, and not summaries.
    pub(super) whole: bool,
    /// Whether secrets are shown.
    pub(super) exact: bool,
    pub(super) count: Option<RangeInclusive<usize>>,
    pub(super) within: Option<Duration>,
    pub(super) quiet: Option<Duration>,
    /// In which form one exchange is wanted.
    pub(super) form: Option<String>,
}

/// Which exchanges are asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    method: Option<String>,
    path: Option<PathPattern>,
    status: Option<(u16, u16)>,
    event_type: Option<String>,
    event_id: Option<String>,
    /// In lower case.
    text: Option<String>,
    json: Option<JsonPath>,
}

impl Query {
    /// Reads the part of a URL behind the `?`. `names` are those that the route knows.
    pub(super) fn parse(query: &str, names: &[&str]) -> Result<Self, String> {
        let mut parsed = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !names.contains(&name.as_ref()) {
                return Err(format!("`{name}` is not known here; known are {}", names.join(", ")));
            }
            let wrong = |what: &str| format!("`{name}={value}`: {what}");
            let number = || value.parse::<u64>().map_err(|_| wrong("a number is needed"));
            match name.as_ref() {
                "method" => parsed.filter.method = Some(value.to_ascii_uppercase()),
                "path" => {
                    let path = value.parse().map_err(|error| wrong(&format!("{error}")))?;
                    parsed.filter.path = Some(path);
                }
                "status" => {
                    let range = status(&value)
                        .ok_or_else(|| wrong("write it as `404`, `5xx` or `200-299`"))?;
                    parsed.filter.status = Some(range);
                }
                "type" => parsed.filter.event_type = Some(value.into_owned()),
                "event" => parsed.filter.event_id = Some(value.into_owned()),
                "text" => parsed.filter.text = Some(value.to_lowercase()),
                "json" => {
                    let path = json_path::parse(&value)
                        .map_err(|error| wrong(&format!("it is no JSONPath: {error}")))?;
                    parsed.filter.json = Some(path);
                }
                "after" => parsed.after = Some(number()?),
                "before" => parsed.before = Some(number()?),
                "limit" => {
                    let limit = usize::try_from(number()?).unwrap_or(usize::MAX);
                    if !(1..=LIMIT_MAX).contains(&limit) {
                        return Err(wrong(&format!("it is between 1 and {LIMIT_MAX}")));
                    }
                    parsed.limit = Some(limit);
                }
                "order" => match value.as_ref() {
                    "oldest" => parsed.oldest_first = true,
                    "newest" => parsed.oldest_first = false,
                    _ => return Err(wrong("it is `newest` or `oldest`")),
                },
                "whole" => {
                    parsed.whole = flag(&value).ok_or_else(|| wrong("it is `true` or `false`"))?;
                }
                "exact" => {
                    parsed.exact = flag(&value).ok_or_else(|| wrong("it is `true` or `false`"))?;
                }
                "count" => {
                    parsed.count = Some(
                        count(&value).ok_or_else(|| wrong("write it as `2`, `1..3` or `2..`"))?,
                    );
                }
                "within" => parsed.within = Some(duration(&value).map_err(|what| wrong(&what))?),
                "quiet" => parsed.quiet = Some(duration(&value).map_err(|what| wrong(&what))?),
                _ => parsed.form = Some(value.into_owned()),
            }
        }
        Ok(parsed)
    }

    /// Returns how many exchanges a list has at most.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT)
    }
}

impl Filter {
    /// The names of a filter.
    pub(super) const NAMES: [&'static str; 7] =
        ["method", "path", "status", "type", "event", "text", "json"];

    /// Tells whether an exchange is asked for.
    pub(super) fn matches(&self, exchange: &Exchange) -> bool {
        let request = &exchange.request;
        let status = exchange.reply.as_ref().map(|reply| reply.status);
        self.method.as_ref().is_none_or(|method| *method == request.method)
            && self.path.as_ref().is_none_or(|path| path.matches(request.path()))
            && self.status.is_none_or(|(least, most)| {
                status.is_some_and(|status| (least..=most).contains(&status))
            })
            && self.matches_event(&request.body.0)
            && self.text.as_ref().is_none_or(|text| holds(exchange, text))
            && self.json.as_ref().is_none_or(|path| {
                let body = Some(&request.body.0).filter(|body| body.len() <= BODY_BYTES_MAX);
                let body = body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
                body.is_some_and(|body| !path.query(&body).is_empty())
            })
    }

    fn matches_event(&self, body: &[u8]) -> bool {
        if self.event_type.is_none() && self.event_id.is_none() {
            return true;
        }
        let EventIds { event_type, event_id } = EventIds::of(body);
        (self.event_type.is_none() || self.event_type == event_type)
            && (self.event_id.is_none() || self.event_id == event_id)
    }
}

/// Tells whether a text stands anywhere in an exchange, in upper or lower case. Values of secret headers
/// are not searched: an answer would give them away letter by letter.
fn holds(exchange: &Exchange, text: &str) -> bool {
    let has = |it: &str| it.to_lowercase().contains(text);
    let request = &exchange.request;
    let in_headers = |headers: &ringback_exchange::Headers| {
        headers.redacted().iter().any(|(name, value)| has(name) || has(&value.to_text()))
    };
    has(&request.target)
        || has(&request.body.to_text())
        || in_headers(&request.headers)
        || exchange
            .reply
            .as_ref()
            .is_some_and(|reply| has(&reply.body.to_text()) || in_headers(&reply.headers))
}

fn status(text: &str) -> Option<(u16, u16)> {
    if let Some(class) = text.strip_suffix("xx") {
        let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
        return Some((class * 100, class * 100 + 99));
    }
    match text.split_once('-') {
        Some((least, most)) => Some((least.parse().ok()?, most.parse().ok()?)),
        None => text.parse().ok().map(|status| (status, status)),
    }
}

fn flag(text: &str) -> Option<bool> {
    text.parse().ok()
}

fn count(text: &str) -> Option<RangeInclusive<usize>> {
    let Some((least, most)) = text.split_once("..") else {
        let exact = text.parse().ok()?;
        return Some(exact..=exact);
    };
    let least = if least.is_empty() { 0 } else { least.parse().ok()? };
    let most = if most.is_empty() { usize::MAX } else { most.parse().ok()? };
    (least <= most).then_some(least..=most)
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write it with its unit, such as `500ms` or `10s`".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from(duration).map_err(|_| wrong())?;
    if duration > WAIT_MAX {
        return Err(format!("it is more than {WAIT_MAX:?}"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use ringback_exchange::{Headers, Reply, Request};

    use super::*;

    fn exchange() -> Exchange {
        let event =
            r#"{"eventId":"e1","eventType":"conversation.completed","payload":{"n":[1,2]}}"#;
        Exchange {
            number: 1,
            received_at: jiff::Timestamp::UNIX_EPOCH,
            peer: String::new(),
            version: "HTTP/1.1".to_owned(),
            request: Request {
                method: "POST".to_owned(),
                target: "/hooks/7?x=Äpfel".to_owned(),
                headers: Headers::from_iter([("authorization", "Bearer s3cret"), ("x-a", "Blue")]),
                body: event.into(),
            },
            reply: Some(Reply { status: 503, headers: Headers::default(), body: "later".into() }),
            duration_ms: None,
            forwarded: None,
            fault: None,
            wire: None,
            signature: None,
            injected: None,
        }
    }

    fn matches(query: &str) -> bool {
        Query::parse(query, &Filter::NAMES).unwrap().filter.matches(&exchange())
    }

    #[test]
    fn every_name_narrows_what_is_found() {
        for yes in [
            "",
            "method=post",
            "path=/hooks/{id}",
            "status=503",
            "status=5xx",
            "status=500-599",
            "type=conversation.completed",
            "event=e1",
            "text=%C3%A4PFEL",
            "text=blue",
            "text=later",
            "json=$.payload.n[?@%3E1]",
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in [
            "method=GET",
            "path=/hooks",
            "status=4xx",
            "type=other",
            "event=e2",
            "text=s3cret",
            "json=$.payload.m",
            "method=post&status=200",
        ] {
            assert!(!matches(no), "{no}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_told() {
        let why =
            |query: &str| Query::parse(query, &["status", "json", "limit", "count", "within"]);
        let why = |query: &str| why(query).unwrap_err();
        assert_eq!(
            why("stauts=1"),
            "`stauts` is not known here; known are status, json, limit, count, within"
        );
        assert_eq!(why("status=9xx"), "`status=9xx`: write it as `404`, `5xx` or `200-299`");
        assert!(why("json=$[").starts_with("`json=$[`: it is no JSONPath: "));
        assert_eq!(why("limit=0"), "`limit=0`: it is between 1 and 1000");
        assert_eq!(why("count=3..1"), "`count=3..1`: write it as `2`, `1..3` or `2..`");
        assert_eq!(why("within=10h"), "`within=10h`: it is more than 300s");
        assert_eq!(why("within=5"), "`within=5`: write it with its unit, such as `500ms` or `10s`");
    }
}
