//! Which requests of a recording are meant: the flags that `export` and `replay` share.

use std::ops::RangeInclusive;

use clap::Args;
use ringback_exchange::Request;
use ringback_recorder::PathPattern;
use serde::Deserialize;

/// Which requests are meant.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only those that arrived after this number
    #[arg(long, value_name = "NUMBER", default_value = "0", hide_default_value = true)]
    since: u64,
    /// Only these, by their numbers: `5..9,12`
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = parse_numbers)]
    numbers: Vec<Numbers>,
    /// Only requests to this path: `/hooks`, `/calls/{id}`
    #[arg(long, value_name = "PATTERN")]
    path: Option<PathPattern>,
    /// Only those answered so: `503`, `5xx`, `none` for those without a reply
    #[arg(long, value_name = "STATUS", value_parser = parse_status)]
    status: Option<Status>,
    /// Only events of this type, such as `conversation.completed`
    #[arg(long, value_name = "TYPE")]
    event_type: Option<String>,
}

/// Statuses that are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Is(u16),
    /// The first digit is this.
    Class(u16),
    None,
}

fn parse_status(text: &str) -> Result<Status, String> {
    let digit = |text: &str| text.parse().ok().filter(|digit| (1..=5).contains(digit));
    if text == "none" {
        return Ok(Status::None);
    }
    if let Some(class) = text.strip_suffix("xx") {
        return digit(class).map(Status::Class).ok_or_else(|| "write it as `5xx`".to_owned());
    }
    let status = text.parse().ok().filter(|status| (100..=599).contains(status));
    status.map(Status::Is).ok_or_else(|| "write it as `503`, `5xx` or `none`".to_owned())
}

/// Numbers that are meant, from the first to the last of them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Numbers(RangeInclusive<u64>);

fn parse_numbers(text: &str) -> Result<Numbers, String> {
    let wrong = || "write numbers from 1, as `7`, or from one to another, as `5..9`".to_owned();
    let number = |text: &str| text.parse().ok().filter(|number| *number > 0).ok_or_else(wrong);
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let numbers = number(first)?..=number(last)?;
    if numbers.is_empty() { Err(wrong()) } else { Ok(Numbers(numbers)) }
}

impl Filter {
    /// Returns the number after which those that are meant begin.
    pub(crate) const fn since(&self) -> u64 {
        self.since
    }

    /// Tells whether a request is meant, by its number and the status of its answer.
    pub(crate) fn takes(&self, number: u64, request: &Request, status: Option<u16>) -> bool {
        let Self { since, numbers, path, status: wanted, event_type } = self;
        let is_wanted = |wanted: Status| match (wanted, status) {
            (Status::Is(wanted), Some(status)) => wanted == status,
            (Status::Class(class), Some(status)) => class == status / 100,
            (Status::None, status) => status.is_none(),
            (_, None) => false,
        };
        number > *since
            && (numbers.is_empty() || numbers.iter().any(|it| it.0.contains(&number)))
            && path.as_ref().is_none_or(|path| path.matches(request.path()))
            && wanted.is_none_or(is_wanted)
            && event_type.as_ref().is_none_or(|wanted| is_event(&request.body.0, wanted))
    }
}

/// Tells whether a body is an event of a type.
fn is_event(body: &[u8], wanted: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope {
        event_type: String,
    }
    serde_json::from_slice::<Envelope>(body).is_ok_and(|event| event.event_type == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_number_a_class_or_none() {
        assert_eq!(parse_status("503"), Ok(Status::Is(503)));
        assert_eq!(parse_status("5xx"), Ok(Status::Class(5)));
        assert_eq!(parse_status("none"), Ok(Status::None));
        for text in ["", "xx", "6xx", "55xx", "99", "600", "-1", "ok"] {
            assert!(parse_status(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_go_from_the_first_to_the_last() {
        assert_eq!(parse_numbers("7"), Ok(Numbers(7..=7)));
        assert_eq!(parse_numbers("5..9"), Ok(Numbers(5..=9)));
        for text in ["", "0", "..", "5..", "9..5", "5-9", "-1"] {
            assert!(parse_numbers(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_event_is_known_by_its_type() {
        assert!(is_event(br#"{"a":[],"eventType":"x.y"}"#, "x.y"));
        assert!(!is_event(br#"{"eventType":"x.y"}"#, "x"));
        assert!(!is_event(b"x.y", "x.y"));
    }
}
