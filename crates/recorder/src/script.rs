//! Replies as data: which request gets which reply, and which after that.
//!
//! A [`Script`] comes in and is judged once, before the listener starts; requests come in, replies go
//! out. It refuses replies that HTTP cannot carry: found while playing, they would be a puzzle.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::StatusCode;
use ringback_exchange::{Content, Headers, Reply, Request};

use crate::error::StartError;
use crate::message;
use crate::pattern::PathPattern;

/// What a listener answers. The first route that fits a request answers it; without one it is 404.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The routes, in the order in which they are tried.
    pub routes: Vec<Route>,
}

/// The replies to one kind of request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method, as sent; none for every one.
    pub method: Option<String>,
    /// The pattern of the path.
    pub path: PathPattern,
    /// The replies in their order, at least one; the last one is repeated for ever.
    pub replies: Vec<ScriptedReply>,
}

/// One reply of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedReply {
    /// The status, from 200 to 599.
    pub status: u16,
    /// The header lines. Those that frame the body are made by the listener and not permitted here.
    pub headers: Headers,
    /// The body; none for 204 and 304.
    pub body: Content,
    /// How long the reply is held back.
    pub delay: Option<Duration>,
    /// For how many requests, at least 1, before the next one's turn; once when absent.
    pub times: Option<u32>,
}

/// Header lines that say where a body ends.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_deref().unwrap_or("*"), self.path)
    }
}

impl Route {
    fn fits(&self, request: &Request) -> bool {
        self.method.as_ref().is_none_or(|method| *method == request.method)
            && self.path.matches(request.path())
    }

    /// Returns the reply to the request that is `nth` on this route, from 0.
    fn reply(&self, nth: u64) -> Option<&ScriptedReply> {
        let mut end = 0;
        let turn = self.replies.iter().find(|reply| {
            end += u64::from(reply.times.unwrap_or(1));
            nth < end
        });
        turn.or(self.replies.last())
    }

    fn fault(&self) -> Option<String> {
        if self.replies.is_empty() {
            return Some("it has no replies".to_owned());
        }
        self.replies.iter().find_map(ScriptedReply::fault)
    }
}

impl ScriptedReply {
    fn fault(&self) -> Option<String> {
        let Self { status, headers, body, times, .. } = self;
        if !(200..=599).contains(status) {
            return Some(format!("status {status} is not between 200 and 599"));
        }
        if matches!(status, 204 | 304) && !body.0.is_empty() {
            return Some(format!("a reply with status {status} has no body"));
        }
        if *times == Some(0) {
            return Some("a reply given 0 times is never given; leave it out".to_owned());
        }
        headers.iter().find_map(|(name, value)| {
            if FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
                Some(format!("the header `{name}` is made by the listener"))
            } else if message::header(name, value).is_none() {
                Some(format!("the header `{}` cannot be sent", name.escape_debug()))
            } else {
                None
            }
        })
    }
}

/// A [`Script`] at work: its routes, and how many requests each has answered.
#[derive(Debug)]
pub(crate) struct Stage(Vec<(Route, AtomicU64)>);

impl Stage {
    /// Judges a script and makes it ready.
    pub(crate) fn new(script: Script) -> Result<Self, StartError> {
        for route in &script.routes {
            if let Some(why) = route.fault() {
                return Err(StartError::Route { route: route.to_string(), why });
            }
        }
        Ok(Self(script.routes.into_iter().map(|route| (route, AtomicU64::new(0))).collect()))
    }

    /// Answers a request, after the reply's delay.
    pub(crate) async fn answer(&self, request: &Request) -> Reply {
        let Some((route, answered)) = self.0.iter().find(|(route, _)| route.fits(request)) else {
            return self.no_route(request);
        };
        let nth = answered.fetch_add(1, Ordering::Relaxed);
        let Some(scripted) = route.reply(nth) else { return self.no_route(request) };
        if let Some(delay) = scripted.delay {
            tokio::time::sleep(delay).await;
        }
        let ScriptedReply { status, headers, body, .. } = scripted.clone();
        Reply { status, headers, body }
    }

    fn no_route(&self, request: &Request) -> Reply {
        let routes: Vec<String> = self.0.iter().map(|(route, _)| route.to_string()).collect();
        let body = serde_json::json!({
            "error": "no route fits",
            "method": request.method,
            "path": request.path(),
            "routes": routes,
        });
        message::json(StatusCode::NOT_FOUND, &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, times: Option<u32>) -> ScriptedReply {
        ScriptedReply { status, headers: Headers::default(), body: "".into(), delay: None, times }
    }

    fn route(replies: Vec<ScriptedReply>) -> Route {
        Route { method: Some("POST".to_owned()), path: "/x/{id}".parse().unwrap(), replies }
    }

    fn why(reply: ScriptedReply) -> String {
        let script = Script { routes: vec![route(vec![reply])] };
        Stage::new(script).unwrap_err().to_string()
    }

    #[test]
    fn replies_take_their_turns_and_the_last_one_stays() {
        let route = route(vec![reply(503, Some(2)), reply(429, None), reply(201, Some(1))]);
        let played: Vec<u16> = (0..6).map(|nth| route.reply(nth).unwrap().status).collect();
        assert_eq!(played, [503, 503, 429, 201, 201, 201]);
        assert_eq!(route.reply(u64::MAX).unwrap().status, 201);
    }

    #[test]
    fn what_cannot_be_played_is_refused_before_the_start() {
        let begin = "route `POST /x/{id}` cannot be played: ";
        let script = Script { routes: vec![route(vec![])] };
        let error = Stage::new(script).unwrap_err().to_string();
        assert_eq!(error, format!("{begin}it has no replies"));

        assert_eq!(why(reply(100, None)), format!("{begin}status 100 is not between 200 and 599"));
        assert_eq!(
            why(reply(200, Some(0))),
            format!("{begin}a reply given 0 times is never given; leave it out")
        );
        let body = ScriptedReply { body: "x".into(), ..reply(204, None) };
        assert_eq!(why(body), format!("{begin}a reply with status 204 has no body"));
        let with = |name: &str, value: &str| ScriptedReply {
            headers: Headers::from_iter([(name, value)]),
            ..reply(200, None)
        };
        assert_eq!(
            why(with("Content-Length", "3")),
            format!("{begin}the header `Content-Length` is made by the listener")
        );
        assert_eq!(why(with("a b", "")), format!("{begin}the header `a b` cannot be sent"));
        assert_eq!(why(with("a", "b\r\nc: d")), format!("{begin}the header `a` cannot be sent"));
    }
}
