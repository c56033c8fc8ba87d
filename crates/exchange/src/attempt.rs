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
    /// What was done to the request on purpose, if anything.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<AppliedFault>,
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
    /// Neither: something that was recorded, and is sent again.
    Other,
}

impl Part {
    /// Returns the name: `completed`, `analysis` or `other`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Analysis => "analysis",
            Self::Other => "other",
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

/// A fault that a request was sent with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedFault {
    /// Its name and argument, such as `cut:100`.
    pub name: String,
    /// What a right receiver makes of it.
    pub expects: Expects,
}

/// What a right receiver makes of a request that was sent with a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expects {
    /// It answers as ever: the request is whole and valid, only unusual.
    Answer,
    /// It refuses, with a status of 400 to 499 or by hanging up: the request is not whole or not valid.
    Refusal,
    /// It does either.
    Either,
    /// Nothing that could be seen: the sender goes away and does not wait for an answer.
    Nothing,
}

impl Attempt {
    /// Judges the attempt by its outcome, and by what was to be expected of the fault it was sent with.
    pub fn verdict(&self) -> Verdict {
        let expects = self.fault.as_ref().map_or(Expects::Answer, |fault| fault.expects);
        match (expects, &self.outcome) {
            (Expects::Answer, Outcome::Answered(reply)) if reply.is_success() => Verdict::Pass,
            (Expects::Refusal, Outcome::Answered(reply)) if reply.is_refusal() => Verdict::Pass,
            (Expects::Either | Expects::Nothing, Outcome::Answered(reply))
                if reply.is_success() || reply.is_refusal() =>
            {
                Verdict::Pass
            }
            (_, Outcome::Answered(_)) => Verdict::Fail,
            (Expects::Refusal | Expects::Either, Outcome::Failed(failure))
                if failure.kind == Failure::Reset =>
            {
                Verdict::Pass
            }
            (_, Outcome::Failed(failure)) => failure.kind.verdict(),
        }
    }

    /// Tells whether the receiver, or the way to it, is to blame for something. Where a fault kept the
    /// answer away on purpose, nobody knows, and nobody is blamed.
    pub fn is_against_receiver(&self) -> bool {
        // What was slowed down on purpose may not be written in time.
        let is_slow = |failure: &FailureDetail| failure.kind == Failure::WriteTimedOut;
        let is_late = matches!(&self.outcome, Outcome::Failed(failure) if is_slow(failure));
        let is_disturbed =
            self.fault.as_ref().is_some_and(|it| it.expects != Expects::Answer || is_late);
        match self.verdict() {
            Verdict::Pass => false,
            Verdict::Unknown => !is_disturbed,
            _ => true,
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
    /// The certificate of the target has expired, or is not valid yet.
    TlsExpired,
    /// Nobody who is trusted has issued the certificate of the target.
    TlsUntrusted,
    /// The certificate of the target is for another name.
    TlsWrongName,
    /// What answers the handshake is no TLS.
    TlsNotSpoken,
    /// The target hung up during the handshake.
    TlsHungUp,
    /// The target refused the handshake and said so, for instance for want of a client certificate.
    TlsRefused,
    /// The TLS handshake failed in another way.
    Tls,
    /// The connection was not made in time.
    ConnectTimedOut,
    /// The target did not take the request in time.
    WriteTimedOut,
    /// The request was sent, and the reply did not begin in the time it has for that.
    FirstByteTimedOut,
    /// The request was sent, and no whole reply came in time.
    TimedOut,
    /// The connection was reset or closed before the head of the reply was whole.
    Reset,
    /// The reply began, and the connection was reset.
    ResetMidway,
    /// The reply began, and the connection was closed before its end.
    Truncated,
    /// What came is no HTTP reply.
    BadHttp,
    /// The sender ended the connection itself, as the fault of the delivery says.
    Cut,
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
            Self::TlsExpired => "tls-expired",
            Self::TlsUntrusted => "tls-untrusted",
            Self::TlsWrongName => "tls-wrong-name",
            Self::TlsNotSpoken => "tls-not-spoken",
            Self::TlsHungUp => "tls-hung-up",
            Self::TlsRefused => "tls-refused",
            Self::Tls => "tls",
            Self::ConnectTimedOut => "connect-timed-out",
            Self::WriteTimedOut => "write-timed-out",
            Self::FirstByteTimedOut => "first-byte-timed-out",
            Self::TimedOut => "timed-out",
            Self::Reset => "reset",
            Self::ResetMidway => "reset-midway",
            Self::Truncated => "truncated",
            Self::BadHttp => "bad-http",
            Self::Cut => "cut",
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
                | Self::TlsExpired
                | Self::TlsUntrusted
                | Self::TlsWrongName
                | Self::TlsNotSpoken
                | Self::TlsHungUp
                | Self::TlsRefused
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
