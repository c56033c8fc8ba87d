//! The verdict over one event: bytes in, findings out.

use serde::Deserialize;
use serde_json::Value;

use crate::envelope::Event;
use crate::finding::{Finding, show};
use crate::rule::Rule;
use crate::{document, glance, semantics, shape};

/// How much of the contract an event is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Types, required keys, forms of values. The documented example passes.
    Shape,
    /// The shape, and that the values agree with each other. The documented example does not pass.
    Semantic,
}

/// Judges the bytes of one event. No finding means that the event holds.
///
/// The semantics are only judged when the shape holds: a time that is no time cannot be in order.
pub fn judge(bytes: &[u8], level: Level) -> Vec<Finding> {
    // Most events have the shape, which is seen at a glance; the full check says what is wrong.
    if let Ok(text) = std::str::from_utf8(bytes)
        && glance::holds(text)
    {
        if level == Level::Shape {
            return Vec::new();
        }
        if let Ok(event) = serde_json::from_str(text) {
            let mut findings = judge_event(&event);
            document::locate(bytes, &mut findings);
            return findings;
        }
    }
    let (value, mut findings) = document::read(bytes);
    if let Some(value) = value {
        findings.extend(judge_value(&value, level));
    }
    document::locate(bytes, &mut findings);
    findings
}

fn judge_value(value: &Value, level: Level) -> Vec<Finding> {
    let findings = shape::check(value);
    if !findings.is_empty() || level == Level::Shape {
        return findings;
    }
    match Event::deserialize(value) {
        Ok(event) => judge_event(&event),
        // The types accept all that the shape accepts (a property test holds them to it); should
        // they ever differ, that is one more finding and no panic.
        Err(error) => vec![Finding::new(Rule::ShapeType, "", show(value), error.to_string())],
    }
}

/// Judges the semantics of an event whose shape holds.
pub fn judge_event(event: &Event) -> Vec<Finding> {
    semantics::check(event)
}
