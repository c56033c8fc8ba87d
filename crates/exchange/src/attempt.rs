//! One HTTP try of a delivery, seen from the sender.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::exchange::{parse_time, print_time};
use crate::message::{Reply, Request};

/// One HTTP try of a delivery and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The delivery's place in its plan, from 0.
    pub delivery: u64,
    /// The try, from 1.
    pub number: u32,
    /// The address the request was sent to.
    pub url: String,
    /// The request as it was handed to the wire.
    pub request: Request,
    /// Milliseconds from the start of the run to the planned time.
    pub planned_ms: f64,
    /// Milliseconds by which the request was begun after its planned time: the sender's own lateness.
    pub late_ms: f64,
    /// Milliseconds that a new connection took, its TLS handshake included; nothing when one was there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connect_ms: Option<f64>,
    /// Milliseconds from the begin of the request to the first byte of the reply.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_byte_ms: Option<f64>,
    /// Milliseconds from the begin of the request to its outcome.
    pub duration_ms: f64,
    /// How many bytes of the reply's body were kept, when it was longer than the sender reads.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply_cut_at_bytes: Option<u64>,
    /// Which part of its run it was; nothing for a delivery that was sent alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<Place>,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Which part of its run an attempt was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The number of the event's call, from 0.
    pub event: u64,
    /// Which event of the call.
    pub part: Part,
    /// The id in the event, when it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event_id: Option<String>,
    /// Which copy of the event, from 1.
    pub copy: u32,
    /// Why it was sent.
    pub because: Because,
    /// When it was to be sent by the clock of the run, which a time scale makes faster than ours.
    #[serde(serialize_with = "print_time", deserialize_with = "parse_time")]
    pub scheduled_at: Timestamp,
    /// Milliseconds of that clock from the outcome to the next try; nothing when there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_in_ms: Option<f64>,
    /// Milliseconds that it was due and had to wait because so many others were in flight, when it had
    /// to. They are part of `lateMs`, and not the sender's own doing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub held_back_ms: Option<f64>,
}

/// Which event of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// `conversation.completed`.
    Completed,
    /// `conversation.analysisCompleted`.
    Analysis,
}

impl Part {
    /// Returns the name: `completed` or `analysis`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Analysis => "analysis",
        }
    }
}

/// Why an attempt was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// It was planned, and is the first of its event.
    Planned,
    /// It comes at the same time as another copy of the event.
    Simultaneous,
    /// The event comes again.
    Duplicate,
    /// What came of the attempt before was not enough.
    Retry,
}

impl Because {
    /// Returns the name, as `planned`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Simultaneous => "simultaneous",
            Self::Duplicate => "duplicate",
            Self::Retry => "retry",
        }
    }
}

impl Attempt {
    /// Judges the attempt by its outcome alone.
    pub const fn verdict(&self) -> Verdict {
        match &self.outcome {
            Outcome::Answered(reply) if reply.is_success() => Verdict::Pass,
            Outcome::Answered(_) => Verdict::Fail,
            Outcome::Failed(failure) => failure.kind.verdict(),
        }
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// A whole reply came.
    Answered(Reply),
    /// No whole reply came.
    Failed(FailureDetail),
}

/// Why no whole reply came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureDetail {
    /// Of which kind.
    pub kind: Failure,
    /// What the system said, for people.
    pub detail: String,
    /// The status line, when one had come before the reply broke off.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
}

/// The ways in which an attempt ends without a whole reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The host name has no address.
    Dns,
    /// The guard does not permit the address.
    Guarded,
    /// Nothing listens there.
    Refused,
    /// No route, or the network is down.
    Unreachable,
    /// The TLS handshake failed.
    Tls,
    /// The connection was not made in time.
    ConnectTimedOut,
    /// The request was sent, and no whole reply came in time.
    TimedOut,
    /// The connection was reset or closed before the reply began.
    Reset,
    /// The reply began and broke off.
    Truncated,
    /// What came is no HTTP reply.
    BadHttp,
    /// Something else went wrong after bytes may have left.
    Other,
}

impl Failure {
    /// Returns the word for reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Guarded => "guarded",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::ConnectTimedOut => "connect-timed-out",
            Self::TimedOut => "timed-out",
            Self::Reset => "reset",
            Self::Truncated => "truncated",
            Self::BadHttp => "bad-http",
            Self::Other => "other",
        }
    }

    /// Tells whether the target could not be reached at all: no byte of the request can have arrived.
    pub const fn is_unreachable(self) -> bool {
        matches!(
            self,
            Self::Dns
                | Self::Guarded
                | Self::Refused
                | Self::Unreachable
                | Self::Tls
                | Self::ConnectTimedOut
        )
    }

    /// Judges: a target that was not reached failed; where bytes left and no answer can be trusted,
    /// nobody knows what the receiver did with them.
    pub const fn verdict(self) -> Verdict {
        if self.is_unreachable() { Verdict::Fail } else { Verdict::Unknown }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is to be thought of something that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It held.
    Pass,
    /// It did not.
    Fail,
    /// It failed, and then did not fail again.
    Flaky,
    /// It waits for somebody to accept it.
    Pending,
    /// Bytes left and no trustworthy answer came: neither success nor failure.
    Unknown,
}
