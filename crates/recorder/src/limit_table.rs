//! The limits by name: for a command line to change them, and for people to read them.
//!
//! A name and a value as text come in; the limit is changed, or it is said what would do. Each limit goes
//! out with its value and what happens when it is reached.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

use crate::limits::Limits;

/// One limit as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its name, in kebab case.
    pub name: &'static str,
    /// Its value with its unit, as it can be given again.
    pub value: String,
    /// What it limits, and what happens when it is reached.
    pub what: &'static str,
}

/// Why a limit was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// There is no such limit.
    #[error("there is no limit `{name}`; there are {}", names())]
    Name {
        /// What was asked for.
        name: String,
    },
    /// The value is none of its kind.
    #[error("`{value}` is no value for `{name}`: {wanted}")]
    Value {
        /// The limit.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would do.
        wanted: String,
    },
}

/// A limit's value, where it stands.
enum Place<'a> {
    Time(&'a mut Duration),
    Bytes(&'a mut usize),
    Count(&'a mut usize),
}

/// The longest time: hyper adds it to the present moment, which has an end.
const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The largest window of HTTP/2 (RFC 9113 section 6.9.1).
const WINDOW_MAX: usize = (1 << 31) - 1;

/// The window that every connection of HTTP/2 begins with; it can only be widened.
const WINDOW_MIN: usize = (1 << 16) - 1;

struct Row {
    name: &'static str,
    what: &'static str,
    place: fn(&mut Limits) -> Place<'_>,
    /// Of counts and bytes.
    range: std::ops::RangeInclusive<usize>,
}

const fn row(name: &'static str, place: fn(&mut Limits) -> Place<'_>, what: &'static str) -> Row {
    Row { name, what, place, range: 1..=usize::MAX }
}

impl Row {
    const fn within(self, range: std::ops::RangeInclusive<usize>) -> Self {
        Self { range, ..self }
    }
}

use Place::{Bytes, Count, Time};

/// All of them, in the order of a connection's life.
static TABLE: [Row; 23] = [
    row(
        "connections",
        |it| Count(&mut it.connections),
        "at a time; above it clients wait to be accepted",
    ),
    row(
        "first-byte",
        |it| Time(&mut it.first_byte),
        "from accepting a connection to its first byte; then it is closed",
    ),
    row(
        "head",
        |it| Time(&mut it.head),
        "for a head, for agreeing on TLS, and between two requests; then the connection is closed",
    ),
    row(
        "head-bytes",
        |it| Bytes(&mut it.head_bytes),
        "of a head, and of the trailers; above it 431, of trailers 400",
    )
    .within(1..=WINDOW_MAX),
    row(
        "header-lines",
        |it| Count(&mut it.header_lines),
        "of a head, and of the trailers; above it 431, of trailers 400",
    )
    .within(1..=100_000),
    row("body", |it| Time(&mut it.body), "for a whole body; then 408"),
    row(
        "body-rate",
        |it| Bytes(&mut it.body_rate),
        "of a body a second, at the least; below it 408",
    ),
    row(
        "body-grace",
        |it| Time(&mut it.body_grace),
        "for which a body may be slower at its beginning",
    ),
    row(
        "body-bytes",
        |it| Bytes(&mut it.body_bytes),
        "of a body, and of a forwarded request's reply; above it 413, or 502",
    ),
    row(
        "bytes-in-flight",
        |it| Bytes(&mut it.bytes_in_flight),
        "of all bodies at a time; above 95 % 503, above 98 % no connection is accepted",
    ),
    row("store", |it| Time(&mut it.store), "for the store to keep something; then 503"),
    row("forward", |it| Time(&mut it.forward), "for the far side to reply as a whole; then 504"),
    row(
        "reply",
        |it| Time(&mut it.reply),
        "for a client to take a whole reply; then the connection is cut",
    ),
    row(
        "fault",
        |it| Time(&mut it.fault),
        "for which a `timeout` or a `drip` is played; then the connection ends",
    ),
    row(
        "linger",
        |it| Time(&mut it.linger),
        "for which the rest of a refused request is read and thrown away",
    ),
    row(
        "drain",
        |it| Time(&mut it.drain),
        "for requests under way when the listener ends; then they are cut",
    ),
    row(
        "streams",
        |it| Count(&mut it.streams),
        "of HTTP/2 on a connection at a time; above it they are refused",
    )
    .within(1..=WINDOW_MAX),
    row(
        "stream-head-bytes",
        |it| Bytes(&mut it.stream_head_bytes),
        "of a head of HTTP/2; above it 431",
    )
    .within(1..=WINDOW_MAX),
    row(
        "stream-window",
        |it| Bytes(&mut it.stream_window),
        "of a body of HTTP/2 that may be sent ahead; above it the stream is reset",
    )
    .within(1..=WINDOW_MAX),
    row(
        "connection-window",
        |it| Bytes(&mut it.connection_window),
        "of all bodies on a connection of HTTP/2 that may be sent ahead; above it GOAWAY",
    )
    .within(WINDOW_MIN..=WINDOW_MAX),
    row(
        "ping",
        |it| Time(&mut it.ping),
        "of silence on a connection of HTTP/2 before it is asked for a sign of life",
    ),
    row(
        "ping-answer",
        |it| Time(&mut it.ping_answer),
        "for that sign to come; then the connection is closed",
    ),
    row(
        "resets",
        |it| Count(&mut it.resets),
        "of HTTP/2 requests begun and taken back at once; above it GOAWAY",
    ),
];

impl Limits {
    /// Changes a limit: a time as `500ms` or `10s`, bytes as `65536` or `64KiB`, or a number.
    ///
    /// # Errors
    ///
    /// When there is no such limit, and when the value is none of its kind or out of its range.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), LimitError> {
        let row = TABLE.iter().find(|row| row.name == name);
        let Some(row) = row else { return Err(LimitError::Name { name: name.to_owned() }) };
        let (least, most) = (*row.range.start(), *row.range.end());
        let in_range = |number: &usize| row.range.contains(number);
        let wanted = match (row.place)(self) {
            Time(place) => match time(value) {
                Some(time) => {
                    *place = time;
                    return Ok(());
                }
                None => format!("a time from `1ms` to `{}`", Shown::Time(TIME_MAX)),
            },
            Bytes(place) => match bytes(value).filter(in_range) {
                Some(bytes) => {
                    *place = bytes;
                    return Ok(());
                }
                None => format!("bytes from {least} to {most}, such as `65536` or `64KiB`"),
            },
            Count(place) => match value.parse().ok().filter(in_range) {
                Some(count) => {
                    *place = count;
                    return Ok(());
                }
                None => format!("a number from {least} to {most}"),
            },
        };
        Err(LimitError::Value { name: row.name, value: value.to_owned(), wanted })
    }

    /// Returns all limits.
    pub fn table(&self) -> Vec<Limit> {
        let mut limits = self.clone();
        let row = |row: &Row| {
            let value = match (row.place)(&mut limits) {
                Time(time) => Shown::Time(*time),
                Bytes(bytes) => Shown::Bytes(*bytes),
                Count(count) => Shown::Count(*count),
            };
            Limit { name: row.name, value: value.to_string(), what: row.what }
        };
        TABLE.iter().map(row).collect()
    }
}

fn names() -> String {
    let names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
    names.join(", ")
}

fn time(text: &str) -> Option<Duration> {
    let time = Duration::try_from(text.parse::<SignedDuration>().ok()?).ok()?;
    (Duration::from_millis(1)..=TIME_MAX).contains(&time).then_some(time)
}

/// The units of bytes, the largest first.
const UNITS: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

fn bytes(text: &str) -> Option<usize> {
    for (unit, size) in UNITS {
        if let Some(number) = text.strip_suffix(unit) {
            return number.trim_end().parse::<usize>().ok()?.checked_mul(size);
        }
    }
    text.parse().ok()
}

/// A value with its unit.
enum Shown {
    Time(Duration),
    Bytes(usize),
    Count(usize),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // `Debug` of a duration is its shortest exact form.
            Self::Time(time) => write!(f, "{time:?}"),
            Self::Bytes(bytes) => {
                let unit = UNITS.iter().find(|(_, size)| bytes % size == 0 && *bytes > 0);
                match unit {
                    Some((unit, size)) => write!(f, "{}{unit}", bytes / size),
                    None => write!(f, "{bytes}"),
                }
            }
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set_to_what_it_says() {
        for limit in Limits::STANDARD.table() {
            let mut limits = Limits::STANDARD;
            limits.set(limit.name, &limit.value).unwrap();
            assert_eq!(limits, Limits::STANDARD, "{}", limit.name);
            // And to something else, which changes this one and no other.
            for other in ["77s", "66000", "99"] {
                if limits.set(limit.name, other).is_ok() {
                    break;
                }
            }
            let before = Limits::STANDARD.table();
            let changed: Vec<_> =
                limits.table().into_iter().filter(|it| !before.contains(it)).collect();
            assert_eq!(changed.len(), 1, "{changed:?}");
            assert_eq!(changed[0].name, limit.name);
        }
    }

    #[test]
    fn what_is_no_limit_or_no_value_is_told_with_what_would_do() {
        let mut limits = Limits::STANDARD;
        let mut why = |name: &str, value: &str| limits.set(name, value).unwrap_err().to_string();
        assert!(why("bodybytes", "1").starts_with("there is no limit `bodybytes`; there are conn"));
        let none = "`10` is no value for `body`: a time from `1ms` to `86400s`";
        assert_eq!(why("body", "10"), none);
        for (name, value) in [
            ("body", "0s"),
            ("body", "-1s"),
            ("body", "25h"),
            ("streams", "0"),
            ("streams", "1KiB"),
            ("body-bytes", "1kb"),
            ("body-bytes", "-1"),
            ("body-bytes", "99999999999999999999GiB"),
            ("connection-window", "1KiB"),
            ("stream-window", "2GiB"),
        ] {
            assert!(why(name, value).contains(" is no value for "), "{name}={value}");
        }
        assert_eq!(limits, Limits::STANDARD, "nothing was changed");
    }

    #[test]
    fn bytes_have_units() {
        assert_eq!(bytes("64KiB"), Some(65_536));
        assert_eq!(bytes("1 GiB"), Some(1 << 30));
        assert_eq!(bytes("7"), Some(7));
        let shown = [1 << 10, (1 << 20) + 1, 3 << 30].map(|bytes| Shown::Bytes(bytes).to_string());
        assert_eq!(shown, ["1KiB", "1048577", "3GiB"]);
    }
}
