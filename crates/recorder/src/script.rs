//! Replies as data: which request gets which reply, and which after that.
//!
//! A [`Script`] is what somebody wrote, in one line, in a file or as values; a `Stage` plays it (see
//! `stage.rs`). Judging is here: what HTTP cannot carry is refused before the listener starts, because
//! found while playing it would be a puzzle.

use std::fmt;
use std::str::FromStr;

use ringback_exchange::{Content, Headers};
use serde_json_path::JsonPath;

use crate::condition::Condition;
use crate::delay::Delay;
use crate::error::ParseRepliesError;
use crate::fault::Fault;
use crate::message;
use crate::reply_line;
use crate::template::Template;

/// What a listener answers. The first route that fits a request answers it.
///
/// As text it is [`Replies`] in one line, for every request: `503x2, timeout, 200`.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// Decides what is left to chance. The same seed decides the same.
    pub seed: u64,
    /// So many connections, the first ones, are reset as soon as they are accepted.
    pub reset_on_accept: u64,
    /// Where the id of a request's event is, for [`Turn::Attempt`] and [`Turn::Event`]: the first of these
    /// places that holds a text or a number.
    pub event_id: Vec<Place>,
    /// The routes, in the order in which they are tried.
    pub routes: Vec<Route>,
    /// The replies to what fits no route; without them it is 404 with the routes that come near.
    pub otherwise: Option<Replies>,
}

/// Somewhere in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The value of a header.
    Header(String),
    /// A part of a JSON body.
    Body(JsonPath),
}

/// The replies to one kind of request.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Which requests it is for.
    pub when: Condition,
    /// What they get.
    pub replies: Replies,
}

/// Replies in their order.
///
/// As text: `503x2, timeout, 10% reset, delay 1s..3s 429(retry-after=2) "slow down", 200`. The grammar is in
/// docs/guides/stand-in.md.
#[derive(Debug, Clone, PartialEq)]
pub struct Replies {
    /// The replies, at least one. Those without a chance are given one after the other; one with a chance
    /// is given in so many of all requests, and takes no turn.
    pub list: Vec<ScriptedReply>,
    /// Whose turn it is.
    pub by: Turn,
    /// Whether the first reply follows on the last. Otherwise the last one stays for ever.
    pub cycle: bool,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Turn {
    /// Each request takes the next turn.
    #[default]
    Arrival,
    /// Each event has its own turns: its first attempt gets the first reply, its second the second. A
    /// request without an id is a first attempt.
    Attempt,
    /// The id of the event decides, the same way each time it comes; a reply given `times` 3 is for three
    /// times as many events as one given once.
    Event,
}

/// One reply of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptedReply {
    /// The status, from 200 to 599.
    pub status: u16,
    /// The header lines. Those that frame the body are made by the listener and not permitted here.
    pub headers: Headers,
    /// The body; none for 204 and 304.
    pub body: Body,
    /// How long the reply is held back.
    pub delay: Delay,
    /// For how many turns, at least 1.
    pub times: u32,
    /// In which share of all requests it is given, above 0 and at most 1, whoever's turn it is.
    pub chance: Option<f64>,
    /// What is done to it.
    pub fault: Option<Fault>,
}

/// The body of a scripted reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Always these bytes.
    Bytes(Content),
    /// Rendered for each request.
    Template(Template),
}

/// Header lines that say where a body ends.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

impl Default for Script {
    fn default() -> Self {
        Self {
            seed: 1,
            reset_on_accept: 0,
            event_id: Place::standard(),
            routes: Vec::new(),
            otherwise: None,
        }
    }
}

impl Place {
    /// Where webhooks have the id of their event: the header of Standard Webhooks, else `$.eventId`.
    pub fn standard() -> Vec<Self> {
        let header = Self::Header("webhook-id".to_owned());
        std::iter::once(header).chain(JsonPath::parse("$.eventId").map(Self::Body)).collect()
    }
}

impl Default for Replies {
    fn default() -> Self {
        Self { list: vec![ScriptedReply::default()], by: Turn::Arrival, cycle: false }
    }
}

impl Default for ScriptedReply {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Headers::default(),
            body: Body::Bytes("".into()),
            delay: Delay::NONE,
            times: 1,
            chance: None,
            fault: None,
        }
    }
}

impl From<Vec<ScriptedReply>> for Replies {
    fn from(list: Vec<ScriptedReply>) -> Self {
        Self { list, ..Self::default() }
    }
}

impl FromStr for Script {
    type Err = ParseRepliesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (replies, reset_on_accept) = reply_line::parse(text)?;
        Ok(Self { reset_on_accept, otherwise: Some(replies), ..Self::default() })
    }
}

impl FromStr for Replies {
    type Err = ParseRepliesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match reply_line::parse(text)? {
            (replies, 0) => Ok(replies),
            _ => Err(ParseRepliesError {
                text: text.to_owned(),
                column: 1,
                what: "`reset-on-accept` is for the whole listener: no request has a route yet"
                    .to_owned(),
                near: None,
            }),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.when.fmt(f)
    }
}

impl fmt::Display for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, reply) in self.list.iter().enumerate() {
            write!(f, "{}{reply}", if n > 0 { ", " } else { "" })?;
        }
        f.write_str(if self.cycle { ", ..." } else { "" })
    }
}

impl fmt::Display for ScriptedReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote =
            |bytes: &[u8]| serde_json::Value::from(String::from_utf8_lossy(bytes)).to_string();
        let mut words = Vec::new();
        if let Some(chance) = self.chance {
            words.push(format!("{}%", (chance * 1e8).round() / 1e6));
        }
        if self.delay != Delay::NONE {
            words.push(format!("delay {}", self.delay));
        }
        words.extend(self.fault.map(|fault| fault.to_string()));
        if self.fault.is_none_or(Fault::shows_reply) {
            let lines =
                self.headers.iter().map(|(name, value)| format!("{name}={}", quote(&value.0)));
            let lines = lines.collect::<Vec<_>>().join("; ");
            let lines = if lines.is_empty() { lines } else { format!("({lines})") };
            words.push(format!("{}{lines}", self.status));
            match &self.body {
                Body::Bytes(body) if body.0.is_empty() => {}
                Body::Bytes(body) => words.push(quote(&body.0)),
                Body::Template(_) => words.push("(template)".to_owned()),
            }
        }
        if self.times != 1 {
            words.push(format!("x{}", self.times));
        }
        f.write_str(&words.join(" "))
    }
}

impl Replies {
    /// Returns the reply whose turn comes as `nth`, from 0, of those that take turns.
    pub(crate) fn turn(&self, nth: u64) -> Option<&ScriptedReply> {
        let turns = || self.list.iter().filter(|reply| reply.chance.is_none());
        let all: u64 = turns().map(|reply| u64::from(reply.times)).sum();
        let is_round = self.cycle || self.by == Turn::Event;
        let nth = if is_round { nth.checked_rem(all)? } else { nth };
        let mut end = 0;
        let found = turns().find(|reply| {
            end += u64::from(reply.times);
            nth < end
        });
        found.or_else(|| turns().last())
    }

    /// Says what cannot be played.
    pub(crate) fn misfit(&self) -> Option<String> {
        if self.list.is_empty() {
            return Some("it has no replies".to_owned());
        }
        let chances: f64 = self.list.iter().filter_map(|reply| reply.chance).sum();
        // Ten times 10 % is a little more than 1 in binary.
        if chances > 1.0 + 1e-9 {
            return Some(format!("the chances come to {:.1}%", chances * 100.0));
        }
        if chances < 1.0 - 1e-9 && self.list.iter().all(|reply| reply.chance.is_some()) {
            return Some(format!(
                "the chances come to {:.1}%: add a reply without a chance, for the rest",
                chances * 100.0
            ));
        }
        self.list.iter().find_map(ScriptedReply::misfit)
    }
}

impl ScriptedReply {
    fn misfit(&self) -> Option<String> {
        let Self { status, headers, body, times, chance, fault, .. } = self;
        if !(200..=599).contains(status) {
            return Some(format!("status {status} is not between 200 and 599"));
        }
        let bytes = match body {
            Body::Bytes(body) => Some(body.0.len()),
            Body::Template(_) => None,
        };
        if matches!(status, 204 | 304) && bytes != Some(0) {
            return Some(format!("a reply with status {status} has no body"));
        }
        if *times == 0 {
            return Some("a reply given 0 times is never given; leave it out".to_owned());
        }
        if chance.is_some() && *times != 1 {
            return Some(
                "a reply with a chance takes no turns, so `times` means nothing".to_owned(),
            );
        }
        if chance.is_some_and(|chance| !(chance > 0.0 && chance <= 1.0)) {
            return Some("a chance is above 0% and at most 100%".to_owned());
        }
        let fault = fault.and_then(|fault| fault.misfit(bytes?));
        fault.or_else(|| {
            headers.iter().find_map(|(name, value)| {
                if FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
                    Some(format!("the header `{name}` is made by the listener"))
                } else if message::header(name, value).is_none() {
                    Some(format!("the header `{}` cannot be sent", name.escape_debug()))
                } else {
                    None
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(line: &str, count: u64) -> Vec<u16> {
        let replies: Replies = line.parse().unwrap();
        (0..count).map(|nth| replies.turn(nth).unwrap().status).collect()
    }

    #[test]
    fn replies_take_their_turns_and_the_last_one_stays() {
        assert_eq!(played("503x2, 429, 10% 500, 201", 6), [503, 503, 429, 201, 201, 201]);
        assert_eq!(played("503x2, 201, ...", 7), [503, 503, 201, 503, 503, 201, 503]);
        let replies: Replies = "503, 201".parse().unwrap();
        assert_eq!(replies.turn(u64::MAX).unwrap().status, 201);
        let events = Replies { by: Turn::Event, ..replies };
        assert_eq!(events.turn(2).unwrap().status, 503, "the id decides, and no one comes last");
    }

    #[test]
    fn what_cannot_be_played_is_told() {
        let check = |line: &str, expected: &str| {
            let replies: Replies = line.parse().unwrap();
            assert_eq!(replies.misfit().as_deref(), Some(expected), "{line}");
        };
        check("60% 503, 50% 200", "the chances come to 110.0%");
        check(
            "60% 503, 30% 200",
            "the chances come to 90.0%: add a reply without a chance, for the rest",
        );
        check("204 \"x\"", "a reply with status 204 has no body");
        check("200, 10% 503 x2", "a reply with a chance takes no turns, so `times` means nothing");
        check("200(Content-Length=3)", "the header `Content-Length` is made by the listener");
        check("200(a b=1)", "the header `a b` cannot be sent");
        check(
            "truncate(10) 200 \"short\"",
            "`truncate(10)` does nothing to a body of 5 bytes: cut it after fewer",
        );
        check("length(+0) 200", "`length(+0)` is the right length");
        for line in ["50% 503, 50% 200", "503x2, timeout, 200", "10% 500, 10% 501, 10% 502, 200"] {
            assert_eq!(line.parse::<Replies>().unwrap().misfit(), None, "{line}");
        }
        assert_eq!(Replies::from(vec![]).misfit().as_deref(), Some("it has no replies"));
        let reply = ScriptedReply { status: 100, ..ScriptedReply::default() };
        let misfit = Replies::from(vec![reply]).misfit();
        assert_eq!(misfit.as_deref(), Some("status 100 is not between 200 and 599"));
    }
}
