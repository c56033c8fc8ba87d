//! What a scenario file says, in types.

use std::time::Duration;

use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::check::Check;

/// One contract of a receiver.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What the contract says, in a few words.
    pub name: String,
    /// Fixes the events; with the same seed they are the same.
    pub seed: u64,
    /// How long an answer may take at the most before it counts as none.
    pub timeout: Duration,
    /// The secret that events are signed with; may refer to the environment.
    pub secret: Option<String>,
    /// The systems that the receiver calls, and what they answer.
    pub downstream: Vec<Downstream>,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// What of it goes into the snapshot.
    pub snapshot: SnapshotRule,
}

/// A system that the receiver calls; ringback stands in for it.
#[derive(Debug, Clone)]
pub struct Downstream {
    /// Its name in the file.
    pub name: String,
    /// Where it listens for a receiver that was started by hand, as `host:port`. A receiver that
    /// ringback starts itself is told a free port instead.
    pub listen: Option<String>,
    /// What it answers.
    pub routes: Vec<Route>,
}

/// What a downstream answers to requests of one kind.
#[derive(Debug, Clone)]
pub struct Route {
    /// The method; any when there is none.
    pub method: Option<String>,
    /// The path; `*` and `{name}` stand for one segment.
    pub path: String,
    /// The replies in turn; the last one repeats.
    pub replies: Vec<RouteReply>,
}

/// One reply of a downstream.
#[derive(Debug, Clone)]
pub struct RouteReply {
    /// The status code.
    pub status: u16,
    /// The header lines.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long to wait before replying.
    pub delay: Option<Duration>,
    /// How often this reply is given before the next one's turn.
    pub times: u32,
}

/// One thing that happens, and what must come of it.
#[derive(Debug, Clone)]
pub struct Step {
    /// Names the step in reports and references.
    pub id: String,
    /// The line of the file, from 1.
    pub line: usize,
    /// What happens.
    pub action: Action,
    /// Whether the step goes into the snapshot.
    pub in_snapshot: bool,
}

/// What happens in a step.
#[derive(Debug, Clone)]
pub enum Action {
    /// An event is sent.
    Fire(Box<Fire>),
    /// An event is sent again, byte for byte.
    Redeliver(Redeliver),
    /// The calls that the receiver made are counted.
    Calls(Calls),
}

/// An event that is sent, and the answer it must get.
#[derive(Debug, Clone)]
pub struct Fire {
    /// The kind of call; any when there is none.
    pub archetype: Option<String>,
    /// Which event of the seed.
    pub index: u64,
    /// Changes made to the event, in order.
    pub edits: Vec<Edit>,
    /// Bytes that are sent in place of an event.
    pub body: Option<String>,
    /// Header lines that are sent.
    pub headers: Vec<(String, String)>,
    /// What the answer must be.
    pub expect: Expect,
}

/// One change to an event.
#[derive(Debug, Clone)]
pub enum Edit {
    /// Sets what a path leads to; a missing last key is added.
    Set(JsonPath, Value),
    /// Removes what a path leads to.
    Unset(JsonPath),
}

/// An event that is sent again.
#[derive(Debug, Clone)]
pub struct Redeliver {
    /// The step whose event is sent.
    pub step: String,
    /// How often.
    pub times: u32,
    /// Whether all are sent at the same time, instead of one after the other.
    pub at_once: bool,
    /// What each answer must be.
    pub expect: Expect,
}

/// What an answer must be.
#[derive(Debug, Clone)]
pub struct Expect {
    /// The status.
    pub status: StatusSet,
    /// The longest time it may take.
    pub within: Option<Duration>,
    /// Header values, by name.
    pub headers: Vec<(String, Check)>,
    /// Parts of the body.
    pub body: Vec<PathCheck>,
}

/// What some part of a JSON text must be.
#[derive(Debug, Clone)]
pub struct PathCheck {
    /// Which part.
    pub path: JsonPath,
    /// What it must be.
    pub check: Check,
}

/// Calls that the receiver must have made to a downstream.
#[derive(Debug, Clone)]
pub struct Calls {
    /// The downstream's name.
    pub downstream: String,
    /// The method; any when there is none.
    pub method: Option<String>,
    /// The path; `*` and `{name}` stand for one segment. May refer to earlier steps.
    pub path: Option<String>,
    /// Parts of the body.
    pub body: Vec<PathCheck>,
    /// Only calls that the downstream answered so are counted.
    pub replied: Option<StatusSet>,
    /// How many.
    pub count: Count,
    /// By when they must have been made.
    pub within: Duration,
    /// For how long no further one may come.
    pub quiet: Duration,
}

/// How many calls are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// At least.
    pub min: usize,
    /// At most.
    pub max: usize,
}

/// A set of status codes, such as `200`, `2xx` or `[200, 404]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet(pub(crate) Vec<(u16, u16)>);

impl StatusSet {
    /// Every success: what is expected where a file says nothing.
    pub fn success() -> Self {
        Self(vec![(200, 299)])
    }

    /// Tells whether a status is in the set.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&status))
    }
}

impl std::fmt::Display for StatusSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let one = |(low, high): &(u16, u16)| {
            if low == high { low.to_string() } else { format!("{}xx", low / 100) }
        };
        f.write_str(&self.0.iter().map(one).collect::<Vec<_>>().join(" or "))
    }
}

/// What goes into the snapshot of a scenario, and what is replaced there.
#[derive(Debug, Clone)]
pub struct SnapshotRule {
    /// Names of the headers that are shown; the others change too often.
    pub headers: Vec<String>,
    /// Parts of JSON bodies that are replaced by a label.
    pub redact: Vec<(JsonPath, String)>,
    /// Patterns that are replaced in the text.
    pub filters: Vec<(Regex, String)>,
}
