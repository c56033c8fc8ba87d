//! A [`Script`] at work: requests come in, replies go out, and faults that are to be played on them.
//!
//! It remembers how many requests each route has had, and how many attempts of an event; the oldest
//! events are forgotten when there are more than it remembers.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use ringback_exchange::{Content, Reply, Request};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::chance::Chance;
use crate::condition::{Asked, Condition};
use crate::delay::Delay;
use crate::error::StartError;
use crate::fault::Fault;
use crate::keep::Arrival;
use crate::message;
use crate::script::{Body, Place, Replies, Script, ScriptedReply, Turn};
use crate::template::Facts;

/// Of how many events a route remembers the attempts.
const EVENTS: usize = 100_000;

/// How many routes a 404 names.
const ROUTES_NAMED: usize = 20;

/// The longest path that is compared with those of routes to find the ones that come near.
const NEAR_BYTES_MAX: usize = 200;

/// The largest body that is taken apart as JSON: as values it needs many times its bytes.
const JSON_BYTES_MAX: usize = 1 << 20;

/// A script that is ready, and what it remembers.
#[derive(Debug)]
pub(crate) struct Stage {
    script: Script,
    /// For each route, and behind them for what fits none.
    memories: Vec<Memory>,
    resets_left: AtomicU64,
    needs_json: bool,
}

/// What is remembered of a route.
#[derive(Debug, Default)]
struct Memory {
    requests: AtomicU64,
    attempts: Mutex<Attempts>,
}

#[derive(Debug, Default)]
struct Attempts {
    counts: HashMap<EventKey, u64>,
    /// From the oldest to the newest.
    order: VecDeque<EventKey>,
}

/// What stands for an event's id, however long that is: its SHA-256.
type EventKey = [u8; 32];

/// What is to be done with a request.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) delay: Duration,
    pub(crate) reply: Reply,
    pub(crate) fault: Option<Fault>,
}

impl Stage {
    /// Judges a script and makes it ready.
    pub(crate) fn new(script: Script) -> Result<Self, StartError> {
        for route in &script.routes {
            if let Some(why) = route.replies.misfit() {
                return Err(StartError::Route { route: route.to_string(), why });
            }
        }
        if let Some(why) = script.otherwise.as_ref().and_then(Replies::misfit) {
            return Err(StartError::Route { route: "otherwise".to_owned(), why });
        }
        let replies = || script.routes.iter().map(|route| &route.replies).chain(&script.otherwise);
        let is_template = |reply: &ScriptedReply| matches!(reply.body, Body::Template(_));
        let reads_body =
            |replies: &Replies| replies.by != Turn::Arrival || replies.list.iter().any(is_template);
        let needs_json =
            replies().any(reads_body) || script.routes.iter().any(|route| route.when.needs_json());
        let memories = (0..=script.routes.len()).map(|_| Memory::default()).collect();
        let resets_left = AtomicU64::new(script.reset_on_accept);
        Ok(Self { script, memories, resets_left, needs_json })
    }

    /// Tells whether a connection that has come now is to be reset.
    pub(crate) fn resets_on_accept(&self) -> bool {
        let one_less = |left: u64| left.checked_sub(1);
        self.resets_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }

    /// Decides what a request gets.
    pub(crate) fn play(&self, arrival: &Arrival) -> Part {
        let request = &arrival.request;
        let body = Some(&request.body.0);
        let body = body.filter(|body| self.needs_json && body.len() <= JSON_BYTES_MAX);
        let json: Option<Value> = body.and_then(|body| serde_json::from_slice(body).ok());
        let query = query(request);
        let asked = Asked { request, json: json.as_ref(), query: &query };
        let fits = |when: &Condition| when.difference(&asked).is_none();
        let found = self.script.routes.iter().position(|route| fits(&route.when));
        let place = found.unwrap_or(self.script.routes.len());
        let (replies, when) = match (found.and_then(|at| self.script.routes.get(at)), &self.script)
        {
            (Some(route), _) => (&route.replies, Some(&route.when)),
            (None, Script { otherwise: Some(replies), .. }) => (replies, None),
            (None, _) => return self.no_route(&asked),
        };
        let event = self.event_id(request, json.as_ref());
        let Some(memory) = self.memories.get(place) else { return self.no_route(&asked) };
        let number = memory.number(replies.by, event.as_deref());
        let drawn_for = event.as_deref().filter(|_| replies.by != Turn::Arrival);
        let mut chance =
            Chance::new(self.script.seed, place, number, drawn_for.unwrap_or_default());
        let nth = if replies.by == Turn::Event { chance.bits() } else { number };
        let Some(scripted) = choose(replies, nth, &mut chance) else {
            return self.no_route(&asked);
        };
        let delay = match scripted.delay {
            Delay::Fixed(delay) => delay,
            delay => delay.draw(&mut chance),
        };
        let body = match &scripted.body {
            Body::Bytes(body) => Ok(body.clone()),
            Body::Template(template) => {
                let path = when.and_then(|when| when.path.as_ref());
                let headers = request.headers.iter();
                let facts = Facts {
                    method: &request.method,
                    target: &request.target,
                    path: path.map(|path| path.parameters(request.path())).unwrap_or_default(),
                    query: &query,
                    headers: headers
                        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_text().into()))
                        .collect(),
                    json: json.as_ref(),
                    text: request.body.to_text(),
                    number: number + 1,
                    event: event.as_deref(),
                    now: arrival.received_at,
                    chance,
                };
                template.render(facts).map(Content::from)
            }
        };
        let ScriptedReply { status, headers, fault, .. } = scripted.clone();
        match body {
            Ok(body) => Part { delay, reply: Reply { status, headers, body }, fault },
            Err(why) => Part {
                delay,
                reply: message::problem(StatusCode::INTERNAL_SERVER_ERROR, &why),
                fault: None,
            },
        }
    }

    fn event_id(&self, request: &Request, json: Option<&Value>) -> Option<String> {
        self.script.event_id.iter().find_map(|place| match place {
            Place::Header(name) => request.headers.get(name).map(str::to_owned),
            Place::Body(path) => match path.query(json?).first()? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            },
        })
    }

    /// Answers what fits no route, with the routes whose path fits or is like the one that was asked.
    fn no_route(&self, asked: &Asked<'_>) -> Part {
        let request = asked.request;
        let mut near: Vec<(f64, String)> = Vec::new();
        for route in &self.script.routes {
            let Some(why) = route.when.difference(asked) else { continue };
            let likeness = match &route.when.path {
                Some(path) if !path.matches(request.path()) => {
                    if request.path().len() > NEAR_BYTES_MAX {
                        continue;
                    }
                    strsim::jaro_winkler(&path.to_string(), request.path())
                }
                _ => 2.0,
            };
            if likeness > 0.8 {
                near.push((likeness, format!("{route}: {why}")));
            }
        }
        near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let near: Vec<String> = near.into_iter().map(|(_, it)| it).take(ROUTES_NAMED).collect();
        let routes = self.script.routes.iter().take(ROUTES_NAMED);
        let body = serde_json::json!({
            "error": "no route fits",
            "method": request.method,
            "path": request.path(),
            "near": near,
            "routes": routes.map(ToString::to_string).collect::<Vec<_>>(),
        });
        let reply = message::json(StatusCode::NOT_FOUND, &body);
        Part { delay: Duration::ZERO, reply, fault: None }
    }
}

/// Chooses a reply: one draw decides among those with a chance, and otherwise it is whose turn it is.
fn choose<'a>(replies: &'a Replies, nth: u64, chance: &mut Chance) -> Option<&'a ScriptedReply> {
    let mut end = 0.0;
    if replies.list.iter().any(|reply| reply.chance.is_some()) {
        let drawn = chance.unit();
        let by_chance = replies.list.iter().find(|reply| {
            end += reply.chance.unwrap_or_default();
            reply.chance.is_some() && drawn < end
        });
        if by_chance.is_some() {
            return by_chance;
        }
    }
    // All chances may come to a hair less than 1.
    replies.turn(nth).or(replies.list.last())
}

impl Memory {
    /// Counts a request, and returns its number in its mode, from 0.
    fn number(&self, by: Turn, event: Option<&str>) -> u64 {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        match (by, event) {
            (Turn::Arrival, _) => request,
            (Turn::Attempt, Some(event)) => {
                // Nothing in between leaves it in halves.
                self.attempts.lock().unwrap_or_else(PoisonError::into_inner).count(event)
            }
            (Turn::Attempt, None) | (Turn::Event, _) => 0,
        }
    }
}

impl Attempts {
    fn count(&mut self, event: &str) -> u64 {
        let event: EventKey = Sha256::digest(event).into();
        if let Some(count) = self.counts.get_mut(&event) {
            *count += 1;
            return *count;
        }
        if self.counts.len() >= EVENTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
        self.counts.insert(event, 0);
        self.order.push_back(event);
        0
    }
}

/// Takes the query of a request apart, as forms write it.
fn query(request: &Request) -> Vec<(String, String)> {
    let Some((_, query)) = request.target.split_once('?') else { return Vec::new() };
    url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_event_is_forgotten_first() {
        let mut attempts = Attempts::default();
        assert_eq!((attempts.count("a"), attempts.count("b"), attempts.count("a")), (0, 0, 1));
        for n in 0..EVENTS - 1 {
            attempts.count(&n.to_string());
        }
        assert_eq!(attempts.counts.len(), EVENTS);
        assert_eq!((attempts.count("b"), attempts.count("a")), (1, 0));
    }
}
