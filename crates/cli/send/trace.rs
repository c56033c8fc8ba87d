//! Times from a file: a store, JSON Lines, or a time a line.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ringback_recorder::Store;
use ringback_sender::{PlanError, TRACE_TIMES_MAX};
use serde_json::Value;

/// What every SQLite file begins with.
const STORE: &[u8] = b"SQLite format 3\0";

/// Reads the times of a file, from any common begin, in any order.
pub(crate) fn read(path: &Path) -> Result<Vec<Duration>, Box<dyn Error>> {
    let mut begin = Vec::new();
    File::open(path)?.take(STORE.len() as u64).read_to_end(&mut begin)?;
    if begin == STORE {
        let mut times = Vec::new();
        for exchange in Store::read(path)? {
            take(&mut times, since_epoch(exchange?.received_at))?;
        }
        return Ok(from_first(times));
    }
    let mut times = Vec::new();
    for (n, line) in BufReader::new(File::open(path)?).lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let time = parse(line.trim()).ok_or_else(|| {
            format!(
                "line {} holds no time: write seconds (`1.5`), a time (`1m 30s`), a date \
                 (`2026-01-01T00:00:00Z`) or JSON with `receivedAt`",
                n + 1
            )
        })?;
        take(&mut times, time)?;
    }
    Ok(from_first(times))
}

fn take(times: &mut Vec<SignedDuration>, time: SignedDuration) -> Result<(), PlanError> {
    if times.len() >= TRACE_TIMES_MAX {
        return Err(PlanError::LongTrace);
    }
    times.push(time);
    Ok(())
}

/// Reads what one line says.
fn parse(line: &str) -> Option<SignedDuration> {
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => {
            // An exchange of the recorder, or an attempt of the sender.
            let date = object.get("receivedAt").or_else(|| object.get("place")?.get("scheduledAt"));
            Some(since_epoch(date?.as_str()?.parse().ok()?))
        }
        Ok(Value::Number(seconds)) => SignedDuration::try_from_secs_f64(seconds.as_f64()?).ok(),
        Ok(Value::String(text)) => parse_text(&text),
        Ok(_) => None,
        Err(_) => parse_text(line),
    }
}

fn parse_text(text: &str) -> Option<SignedDuration> {
    match text.parse::<Timestamp>() {
        Ok(date) => Some(since_epoch(date)),
        Err(_) => text.parse().ok(),
    }
}

fn since_epoch(date: Timestamp) -> SignedDuration {
    date.duration_since(Timestamp::UNIX_EPOCH)
}

/// Counts from the earliest.
fn from_first(times: Vec<SignedDuration>) -> Vec<Duration> {
    let first = times.iter().min().copied().unwrap_or_default();
    times.into_iter().map(|time| Duration::try_from(time - first).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_or_a_time() {
        let ms = |line: &str| parse(line).map(|time| time.as_millis());
        for line in ["1.5", r#""1.5s""#, "1.5s", "1s 500ms"] {
            assert_eq!(ms(line), Some(1500), "{line}");
        }
        for line in [
            "1970-01-01T00:00:01.5Z",
            r#""1970-01-01T00:00:01.5Z""#,
            r#"{"number":1,"receivedAt":"1970-01-01T00:00:01.500000Z"}"#,
            r#"{"delivery":1,"place":{"scheduledAt":"1970-01-01T00:00:01.500000Z"}}"#,
        ] {
            assert_eq!(ms(line), Some(1500), "{line}");
        }
        for line in ["x", "{}", "[]", "null", r#"{"receivedAt":5}"#, "{\"receivedAt\":"] {
            assert_eq!(ms(line), None, "{line}");
        }
    }
}
