//! When what failed is sent again: the schedules of platforms, and anybody's own.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use ringback_exchange::{Failure, Outcome, Reply};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as ValueError, StrDeserializer};

use crate::chance::{Chance, Purpose};
use crate::plan::{parse_share, parse_time};

/// How many retries of one delivery a schedule may have.
pub const RETRIES_MAX: usize = 100;

/// The longest time that a receiver may ask for with `Retry-After`.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// When what failed is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// What is retried, and how often; the first rule that an outcome falls under counts. An outcome that
    /// falls under none is not retried.
    pub rules: Vec<Rule>,
    /// By which share each wait is lengthened at the most, in millionths; drawn by the seed.
    pub jitter: u32,
    /// Whether a wait is lengthened to what the reply asks for with `Retry-After`, up to
    /// [`RETRY_AFTER_MAX`].
    pub honours_retry_after: bool,
    /// The time that a retry is signed with.
    pub timestamp: SignedAt,
}

/// What is retried, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The outcomes it is for.
    pub on: Vec<Cause>,
    /// From each failure to the next try. There are as many retries as waits.
    pub waits: Vec<Duration>,
}

/// The time that a retry is signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedAt {
    /// That of the retry.
    Fresh,
    /// That of the first attempt, as senders do that store the signed request; receivers that guard
    /// against replays then refuse late retries.
    Frozen,
}

/// An outcome that is retried. 2xx never is, and neither is 410, by which a receiver says that it wants
/// nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Whatever is not 2xx.
    Any,
    /// Replies of one class, as 5 for 5xx.
    Class(u16),
    /// Replies of one status.
    Status(u16),
    /// A connection or a reply did not come in time.
    Timeout,
    /// No connection was made.
    Connect,
    /// A connection was made, and no whole reply came.
    Broken,
    /// One kind of failure.
    Failure(Failure),
}

/// A text that is no part of a retry schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetryError {
    /// It is neither the name of a schedule nor a list of times.
    #[error(
        "`{text}` is no retry schedule: write times as `5s,5m,30m`, or one of {}",
        Preset::names()
    )]
    Schedule {
        /// What was given.
        text: String,
    },
    /// There are too many waits.
    #[error("the schedule has more than {RETRIES_MAX} retries")]
    Long,
    /// It is no outcome.
    #[error(
        "`{text}` is nothing to retry on: write `any`, `5xx`, `4xx`, `3xx`, a status such as `429`, \
         `timeout`, `connect`, `broken`, or the name of a failure such as `reset`"
    )]
    Cause {
        /// What was given.
        text: String,
    },
    /// It is no share.
    #[error("`{text}` is no share: write it as `10%`, at most 100%")]
    Share {
        /// What was given.
        text: String,
    },
}

/// A schedule that is known by name, with the source of what is known about it.
#[derive(Debug)]
pub struct Preset {
    /// The name, as `--retry` takes it.
    pub name: &'static str,
    /// What is known, for people: what is documented, and what is not.
    pub statement: &'static str,
    rules: &'static [(&'static [Cause], &'static [u64])],
    jitter_percent: u32,
    honours_retry_after: bool,
}

/// Milliseconds.
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

impl Preset {
    /// The schedules that are known by name.
    pub const ALL: [Self; 9] = [
        Self {
            name: "none",
            statement: "nothing is tried again; Oration documents no retries",
            rules: &[],
            jitter_percent: 0,
            honours_retry_after: false,
        },
        Self {
            name: "standard-webhooks",
            statement: "the specification's example: 9 retries over 75 hours, whatever is not 2xx, \
                        Retry-After; it wants jitter and says not how much, 10% is ours",
            rules: &[(
                &[Cause::Any],
                &[
                    5 * SECOND,
                    5 * MINUTE,
                    30 * MINUTE,
                    2 * HOUR,
                    5 * HOUR,
                    10 * HOUR,
                    14 * HOUR,
                    20 * HOUR,
                    24 * HOUR,
                ],
            )],
            jitter_percent: 10,
            honours_retry_after: true,
        },
        Self {
            name: "svix",
            statement: "docs.svix.com/retries: 7 retries over 27.6 hours, whatever is not 2xx",
            rules: &[(
                &[Cause::Any],
                &[5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR],
            )],
            jitter_percent: 0,
            honours_retry_after: false,
        },
        Self {
            name: "stripe",
            statement: "documented: live mode, up to 3 days with exponential backoff; the waits are \
                        not documented, 1 h doubling to 32 h is ours",
            rules: &[(&[Cause::Any], &[HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, 32 * HOUR])],
            jitter_percent: 0,
            honours_retry_after: false,
        },
        Self {
            name: "github",
            statement: "documented: failed deliveries are not sent again by themselves",
            rules: &[],
            jitter_percent: 0,
            honours_retry_after: false,
        },
        Self {
            name: "retell",
            statement: "documented: up to 3 retries where no 2xx came within 10 s; the waits are not \
                        documented, 10 s is ours",
            rules: &[(&[Cause::Any], &[10 * SECOND, 10 * SECOND, 10 * SECOND])],
            jitter_percent: 0,
            honours_retry_after: false,
        },
        Self {
            name: "elevenlabs",
            statement: "documented, where enabled: 5 retries at once and after 30 s, 2, 8 and 30 min, \
                        up to 10% longer, on 5xx, 429 and 408 only",
            rules: &[(
                &[Cause::Class(5), Cause::Status(429), Cause::Status(408)],
                &[0, 30 * SECOND, 2 * MINUTE, 8 * MINUTE, 30 * MINUTE],
            )],
            jitter_percent: 10,
            honours_retry_after: false,
        },
        Self {
            name: "twilio",
            statement: "documented default: 1 retry, only where no connection was made; the wait is \
                        not documented, none is ours",
            rules: &[(&[Cause::Connect], &[0])],
            jitter_percent: 0,
            honours_retry_after: false,
        },
        Self {
            name: "dialpad",
            statement: "documented for calls: 5xx after about 2, 4 and 8 s, no 4xx; up to 2 retries in \
                        quick succession where the connection failed",
            rules: &[
                (&[Cause::Class(5)], &[2 * SECOND, 4 * SECOND, 8 * SECOND]),
                (&[Cause::Connect, Cause::Timeout, Cause::Broken], &[0, 0]),
            ],
            jitter_percent: 0,
            honours_retry_after: false,
        },
    ];

    fn names() -> String {
        Self::ALL.map(|preset| format!("`{}`", preset.name)).join(", ")
    }

    /// Returns the schedule.
    pub fn retry(&self) -> Retry {
        let rule = |(on, waits): &(&[Cause], &[u64])| Rule {
            on: on.to_vec(),
            waits: waits.iter().copied().map(Duration::from_millis).collect(),
        };
        Retry {
            rules: self.rules.iter().map(rule).collect(),
            jitter: self.jitter_percent * 10_000,
            honours_retry_after: self.honours_retry_after,
            timestamp: SignedAt::Fresh,
        }
    }
}

/// What follows an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It was a success, or is nothing to retry on.
    Nothing,
    /// The receiver said 410: nothing of the kind is wanted.
    Gone,
    /// All retries were made.
    Exhausted,
    /// Again after this time.
    Again(Duration),
}

impl Retry {
    /// Nothing is tried again.
    pub const fn none() -> Self {
        Self {
            rules: Vec::new(),
            jitter: 0,
            honours_retry_after: false,
            timestamp: SignedAt::Fresh,
        }
    }

    /// Tells whether nothing is ever tried again.
    pub fn is_none(&self) -> bool {
        self.rules.iter().all(|rule| rule.waits.is_empty())
    }

    /// Says what follows an outcome of an attempt, `number` from 1. `seed` and `delivery` draw the jitter;
    /// `now` is when the reply came.
    pub(crate) fn next(
        &self,
        outcome: &Outcome,
        number: u32,
        (seed, delivery): (u64, u64),
        now: Timestamp,
    ) -> Next {
        if matches!(outcome, Outcome::Answered(reply) if reply.is_success()) {
            return Next::Nothing;
        }
        // What the guard has refused once, it refuses again.
        if matches!(outcome, Outcome::Failed(it) if it.kind == Failure::Guarded) {
            return Next::Nothing;
        }
        if matches!(outcome, Outcome::Answered(reply) if reply.status == 410) && !self.is_none() {
            return Next::Gone;
        }
        let falls_under = |rule: &&Rule| rule.on.iter().any(|cause| cause.covers(outcome));
        let Some(rule) = self.rules.iter().find(falls_under) else { return Next::Nothing };
        let wait = usize::try_from(number).ok().and_then(|n| rule.waits.get(n.saturating_sub(1)));
        let Some(wait) = wait.copied() else { return Next::Exhausted };
        let longer = wait.mul_f64(f64::from(self.jitter) / 1e6);
        let stream = delivery.wrapping_mul(RETRIES_MAX as u64 + 1).wrapping_add(u64::from(number));
        let wait = wait + Chance::new(seed, Purpose::Retry, stream).within(longer);
        let asked = match outcome {
            Outcome::Answered(reply) if self.honours_retry_after => retry_after(reply, now),
            _ => None,
        };
        Next::Again(wait.max(asked.unwrap_or_default()))
    }
}

/// Reads how long a reply asks to wait (RFC 9110 section 10.2.3): seconds, or a date, which counts from
/// the reply's own date where it has one.
fn retry_after(reply: &Reply, now: Timestamp) -> Option<Duration> {
    let date =
        |text: &str| jiff::fmt::rfc2822::parse(text.trim()).ok().map(|date| date.timestamp());
    let text = reply.headers.get("retry-after")?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let from = reply.headers.get("date").and_then(date).unwrap_or(now);
            Duration::try_from(date(text)?.duration_since(from)).unwrap_or_default()
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

impl Cause {
    fn covers(self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::Any, _) => true,
            (Self::Class(class), Outcome::Answered(reply)) => reply.status / 100 == class,
            (Self::Status(status), Outcome::Answered(reply)) => reply.status == status,
            (_, Outcome::Answered(_)) | (Self::Class(_) | Self::Status(_), _) => false,
            (Self::Timeout, Outcome::Failed(it)) => it.kind.as_str().ends_with("timed-out"),
            (Self::Connect, Outcome::Failed(it)) => it.kind.is_unreachable(),
            (Self::Broken, Outcome::Failed(it)) => {
                !it.kind.is_unreachable() && !it.kind.as_str().ends_with("timed-out")
            }
            (Self::Failure(kind), Outcome::Failed(it)) => it.kind == kind,
        }
    }
}

impl FromStr for Retry {
    type Err = RetryError;

    /// Reads the name of a schedule, or the times of one of one's own: it is for whatever is not 2xx, and
    /// does what replies ask for with `Retry-After`.
    fn from_str(text: &str) -> Result<Self, RetryError> {
        if let Some(preset) = Preset::ALL.iter().find(|preset| preset.name == text) {
            return Ok(preset.retry());
        }
        let wait = |text: &str| match text.trim() {
            "0s" => Ok(Duration::ZERO),
            text => parse_time(text),
        };
        let waits: Result<Vec<_>, _> = text.split(',').map(wait).collect();
        let waits = waits.map_err(|_| RetryError::Schedule { text: text.to_owned() })?;
        if waits.len() > RETRIES_MAX {
            return Err(RetryError::Long);
        }
        let rules = vec![Rule { on: vec![Cause::Any], waits }];
        Ok(Self { rules, honours_retry_after: true, ..Self::none() })
    }
}

impl FromStr for Cause {
    type Err = RetryError;

    fn from_str(text: &str) -> Result<Self, RetryError> {
        let refused = || RetryError::Cause { text: text.to_owned() };
        Ok(match text {
            "any" => Self::Any,
            "3xx" => Self::Class(3),
            "4xx" => Self::Class(4),
            "5xx" => Self::Class(5),
            "timeout" => Self::Timeout,
            "connect" => Self::Connect,
            "broken" => Self::Broken,
            _ => match text.parse() {
                Ok(status @ (100..=199 | 300..=599)) => Self::Status(status),
                Ok(_) => return Err(refused()),
                Err(_) => {
                    let name: StrDeserializer<'_, ValueError> = text.into_deserializer();
                    Self::Failure(Failure::deserialize(name).map_err(|_| refused())?)
                }
            },
        })
    }
}

/// Reads a share such as `10%`, in millionths.
///
/// # Errors
///
/// When it is none.
pub fn parse_jitter(text: &str) -> Result<u32, RetryError> {
    parse_share(text).ok_or_else(|| RetryError::Share { text: text.to_owned() })
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("no retries");
        }
        for (n, rule) in self.rules.iter().enumerate() {
            let waits: Vec<_> = rule.waits.iter().map(|wait| format!("{wait:?}")).collect();
            let on: Vec<_> = rule.on.iter().map(ToString::to_string).collect();
            let also = if n > 0 { "; " } else { "" };
            write!(f, "{also}on {} again after {}", on.join(", "), waits.join(", "))?;
        }
        if self.jitter > 0 {
            write!(f, ", up to {}% longer", f64::from(self.jitter) / 10_000.0)?;
        }
        if self.honours_retry_after {
            f.write_str(", Retry-After honoured")?;
        }
        if self.timestamp == SignedAt::Frozen {
            f.write_str(", signed at the first try")?;
        }
        Ok(())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Class(class) => write!(f, "{class}xx"),
            Self::Status(status) => status.fmt(f),
            Self::Timeout => f.write_str("timeout"),
            Self::Connect => f.write_str("connect"),
            Self::Broken => f.write_str("broken"),
            Self::Failure(kind) => kind.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ringback_exchange::FailureDetail;

    use super::*;

    fn answered(status: u16, headers: &[(&str, &str)]) -> Outcome {
        let headers = headers.iter().copied().collect();
        Outcome::Answered(Reply { status, headers, body: "".into() })
    }

    fn failed(kind: Failure) -> Outcome {
        Outcome::Failed(FailureDetail { kind, detail: String::new(), status: None })
    }

    fn next(retry: &str, outcome: &Outcome, number: u32) -> Next {
        let retry: Retry = retry.parse().unwrap();
        retry.next(outcome, number, (1, 0), "2026-01-01T00:00:00Z".parse().unwrap())
    }

    fn seconds(n: u64) -> Next {
        Next::Again(Duration::from_secs(n))
    }

    /// The times of all tries, from the first, where each fails at once.
    fn tries(retry: &str, outcome: &Outcome) -> Vec<u64> {
        let mut times = vec![0];
        let mut time = Duration::ZERO;
        for number in 1.. {
            match next(retry, outcome, number) {
                Next::Again(wait) => time += wait,
                _ => break,
            }
            times.push(time.as_secs());
        }
        times
    }

    #[test]
    fn each_platform_keeps_its_schedule() {
        let down = answered(503, &[]);
        assert_eq!(tries("none", &down), [0]);
        assert_eq!(tries("github", &down), [0]);
        assert_eq!(tries("svix", &down), [0, 5, 305, 2105, 9305, 27305, 63305, 99305]);
        assert_eq!(tries("retell", &down), [0, 10, 20, 30]);
        assert_eq!(tries("twilio", &down), [0]);
        assert_eq!(tries("twilio", &failed(Failure::Refused)), [0, 0]);
        assert_eq!(tries("dialpad", &down), [0, 2, 6, 14]);
        assert_eq!(tries("dialpad", &answered(429, &[])), [0]);
        assert_eq!(tries("dialpad", &failed(Failure::Reset)), [0, 0, 0]);
        assert!(tries("stripe", &down).last().unwrap() < &(3 * 24 * 3600));
        let standard = tries("standard-webhooks", &down);
        assert_eq!(standard.len(), 10);
        let last = standard.last().unwrap();
        assert!((272_105..272_105 * 11 / 10).contains(last), "{last}");
        let eleven = tries("elevenlabs", &down);
        assert_eq!((eleven.len(), eleven[1]), (6, 0));
        assert_eq!(tries("elevenlabs", &answered(400, &[])), [0]);
        assert_eq!(tries("elevenlabs", &answered(408, &[])).len(), 6);
        assert_eq!(tries("elevenlabs", &failed(Failure::Refused)), [0]);
    }

    #[test]
    fn one_s_own_schedule_is_for_whatever_is_no_success() {
        let own = "5s, 1m,0s";
        assert_eq!(tries(own, &answered(404, &[])), [0, 5, 65, 65]);
        assert_eq!(next(own, &failed(Failure::TimedOut), 4), Next::Exhausted);
        assert_eq!(next(own, &answered(204, &[]), 1), Next::Nothing);
        assert_eq!(next(own, &answered(410, &[]), 1), Next::Gone);
        assert_eq!(next("none", &answered(410, &[]), 1), Next::Nothing);
        assert_eq!(next(own, &failed(Failure::Guarded), 1), Next::Nothing);
        for wrong in ["", "5", "5s,,5s", "soon"] {
            assert!(wrong.parse::<Retry>().is_err(), "{wrong}");
        }
        insta::assert_snapshot!("soon".parse::<Retry>().unwrap_err(), @"`soon` is no retry schedule: write times as `5s,5m,30m`, or one of `none`, `standard-webhooks`, `svix`, `stripe`, `github`, `retell`, `elevenlabs`, `twilio`, `dialpad`");
        assert_eq!(vec!["1s"; 101].join(",").parse::<Retry>(), Err(RetryError::Long));
    }

    #[test]
    fn a_receiver_may_ask_for_longer_in_seconds_and_by_date() {
        let asks = |headers: &[(&str, &str)]| next("5s", &answered(429, headers), 1);
        assert_eq!(asks(&[("Retry-After", "120")]), seconds(120));
        assert_eq!(asks(&[("Retry-After", "1")]), seconds(5));
        assert_eq!(asks(&[("Retry-After", "Thu, 01 Jan 2026 00:01:00 GMT")]), seconds(60));
        let dated = [
            ("Retry-After", "Thu, 01 Jan 2026 00:01:00 GMT"),
            ("Date", "Thu, 01 Jan 2026 00:00:20 GMT"),
        ];
        assert_eq!(asks(&dated), seconds(40));
        assert_eq!(asks(&[("Retry-After", "Wed, 31 Dec 2025 00:01:00 GMT")]), seconds(5));
        assert_eq!(asks(&[("Retry-After", "soon")]), seconds(5));
        assert_eq!(asks(&[("Retry-After", "99999999")]), Next::Again(RETRY_AFTER_MAX));
        let svix = next("svix", &answered(429, &[("Retry-After", "120")]), 1);
        assert_eq!(svix, seconds(5), "what is not documented is not done");
    }

    #[test]
    fn causes_are_read_and_cover_what_they_say() {
        let covers =
            |cause: &str, outcome: &Outcome| cause.parse::<Cause>().unwrap().covers(outcome);
        for (cause, outcome) in [
            ("5xx", answered(503, &[])),
            ("429", answered(429, &[])),
            ("timeout", failed(Failure::TimedOut)),
            ("timeout", failed(Failure::ConnectTimedOut)),
            ("connect", failed(Failure::Dns)),
            ("broken", failed(Failure::Reset)),
            ("reset", failed(Failure::Reset)),
            ("any", answered(302, &[])),
        ] {
            assert!(covers(cause, &outcome), "{cause}");
        }
        for (cause, outcome) in [
            ("5xx", answered(404, &[])),
            ("429", failed(Failure::Reset)),
            ("timeout", failed(Failure::Reset)),
            ("connect", failed(Failure::TimedOut)),
            ("broken", failed(Failure::TimedOut)),
            ("reset", failed(Failure::Truncated)),
        ] {
            assert!(!covers(cause, &outcome), "{cause}");
        }
        for wrong in ["", "2xx", "200", "6xx", "999", "nonsense", "Reset"] {
            assert!(wrong.parse::<Cause>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_schedule_is_printed_in_words() {
        let printed = |text: &str| text.parse::<Retry>().unwrap().to_string();
        insta::assert_snapshot!(printed("none"), @"no retries");
        insta::assert_snapshot!(printed("5s,5m"), @"on any again after 5s, 300s, Retry-After honoured");
        insta::assert_snapshot!(printed("dialpad"), @"on 5xx again after 2s, 4s, 8s; on connect, timeout, broken again after 0ns, 0ns");
    }

    proptest! {
        #[test]
        fn jitter_lengthens_by_its_share_at_most_and_by_the_seed(seed: u64, delivery: u64, number in 1_u32..4) {
            let retry = Retry { jitter: 100_000, ..Retry::from_str("10s,20s,30s").unwrap() };
            let wait = |seed| retry.next(&failed(Failure::Reset), number, (seed, delivery), Timestamp::UNIX_EPOCH);
            let Next::Again(first) = wait(seed) else { panic!("it is retried") };
            let plain = Duration::from_secs(10 * u64::from(number));
            prop_assert!((plain..plain.mul_f64(1.1)).contains(&first), "{first:?}");
            prop_assert_eq!(wait(seed), Next::Again(first));
        }

        #[test]
        fn no_text_panics(text in ".{0,30}") {
            let _ = (text.parse::<Retry>(), text.parse::<Cause>(), parse_jitter(&text));
            let _ = next("1s", &answered(503, &[("retry-after", &text)]), 1);
        }
    }
}
