//! Single values: a status, a time, a pattern, a path.

use std::time::Duration;

use regex::Regex;
use serde_json_path::JsonPath;

use crate::fields::{refuse, text, whole};
use crate::model::StatusSet;
use crate::problem::Problem;
use crate::units::duration;
use crate::yaml::{Key, Kind, Node};

pub(super) fn status_set(node: &Node, problems: &mut Vec<Problem>) -> Option<StatusSet> {
    let one = |node: &Node, problems: &mut Vec<Problem>| match &node.kind {
        Kind::Text(text) if text.len() == 3 && text.to_ascii_lowercase().ends_with("xx") => {
            let class = text.as_bytes()[0];
            if !(b'1'..=b'5').contains(&class) {
                return refuse("a class of statuses", "`1xx` to `5xx`", node, problems);
            }
            let low = u16::from(class - b'0') * 100;
            Some((low, low + 99))
        }
        _ => status_code(node, problems).map(|status| (status, status)),
    };
    let ranges = match &node.kind {
        Kind::List(items) => items.iter().filter_map(|item| one(item, problems)).collect(),
        _ => vec![one(node, problems)?],
    };
    if ranges.is_empty() {
        return refuse("`status`", "`200`, `2xx` or a list of such", node, problems);
    }
    Some(StatusSet(ranges))
}

pub(super) fn status_code(node: &Node, problems: &mut Vec<Problem>) -> Option<u16> {
    match &node.kind {
        Kind::Number(number) => match number.as_u64().and_then(|code| u16::try_from(code).ok()) {
            Some(code @ 100..=599) => Some(code),
            _ => refuse("a status", "a number from 100 to 599", node, problems),
        },
        _ => refuse("a status", "a number from 100 to 599", node, problems),
    }
}

pub(super) fn count_of(of: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<u32> {
    /// More would be a load test, which is `send`'s work.
    const TIMES_MAX: u64 = 1000;
    match whole(of, node, problems)? {
        times @ 1..=TIMES_MAX => u32::try_from(times).ok(),
        _ => refuse(of, "a number from 1 to 1000", node, problems),
    }
}

pub(super) fn time(of: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<Duration> {
    match &node.kind {
        Kind::Text(text) if duration(text).is_some() => duration(text),
        _ => refuse(of, "a time with its unit, such as `250ms` or `2s`", node, problems),
    }
}

pub(super) fn regex(node: &Node, problems: &mut Vec<Problem>) -> Option<Regex> {
    let pattern = text("a pattern", node, problems)?;
    Regex::new(&pattern)
        .map_err(|error| {
            let whole = error.to_string();
            let what = whole.lines().last().unwrap_or(&whole).trim_start_matches("error: ");
            problems.push(Problem::new(node.span.clone(), format!("the pattern is wrong: {what}")));
        })
        .ok()
}

pub(super) fn json_path(
    path: &str,
    span: &std::ops::Range<usize>,
    problems: &mut Vec<Problem>,
) -> Option<JsonPath> {
    JsonPath::parse(path)
        .map_err(|error| {
            // The library's "parser error" and position say less than the span does.
            let whole = error.to_string();
            let why = whole.rsplit(": ").next().unwrap_or(&whole);
            let why = if why == "parser error" { String::new() } else { format!(": {why}") };
            let problem = Problem::new(span.clone(), format!("`{path}` is no JSONPath{why}"));
            problems.push(problem.hint("a path starts with `$`, such as `$.payload.id`"));
        })
        .ok()
}

pub(super) fn path_pattern(node: &Node, problems: &mut Vec<Problem>) -> Option<String> {
    let path = text("path", node, problems)?;
    if path.starts_with('/') {
        return Some(path);
    }
    let problem = Problem::new(node.span.clone(), format!("`{path}` does not start with `/`"));
    problems.push(problem.hint("`*` and `{name}` stand for one segment: `/customers/{id}/notes`"));
    None
}

pub(super) fn header_lines(node: &Node, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let line = |(key, node): &(Key, Node)| {
        text("a header's value", node, problems).map(|value| (key.name.clone(), value))
    };
    match &node.kind {
        Kind::Map(entries) => entries.iter().filter_map(line).collect(),
        _ => refuse("`headers`", "a map from names to values", node, problems).unwrap_or_default(),
    }
}

/// Returns the entries of a map whose keys are the user's.
pub(super) fn entries<'a>(
    of: &str,
    node: &'a Node,
    problems: &mut Vec<Problem>,
) -> &'a [(Key, Node)] {
    match &node.kind {
        Kind::Map(entries) => entries,
        _ => refuse::<&[(Key, Node)]>(of, "a map", node, problems).unwrap_or_default(),
    }
}
