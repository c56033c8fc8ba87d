//! The scenario file: text to a validated plan of steps.
//!
//! The text of a YAML (or JSON) file comes in; a [`Scenario`] goes out, or every problem of the file at
//! once, each with its line, its column and, where there is one, a hint. Nothing is read, sent or
//! looked up here: names that other crates own (archetypes) and environment variables are passed in.
//!
//! A file is refused when it has a key that is not known, a key twice, a number without its unit, a
//! reference to a step that does not come before, or more than [`BYTES_MAX`] bytes.

mod check;
mod fields;
mod interpolate;
mod model;
mod problem;
mod read;
mod units;
mod yaml;

#[cfg(test)]
mod tests;

pub use check::{Check, Mismatch};
pub use interpolate::{Lookup, Unresolved, interpolate, interpolate_text};
pub use model::{
    Action, Calls, Count, Downstream, Edit, Expect, Fire, PathCheck, Redeliver, Route, RouteReply,
    Scenario, SnapshotRule, StatusSet, Step,
};
pub use problem::{Invalid, Problem};
pub use yaml::BYTES_MAX;

/// What the file may refer to and does not define itself.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The kinds of call that can be fired.
    pub archetypes: &'a [&'a str],
    /// Looks an environment variable up.
    pub env: fn(&str) -> Option<String>,
}

/// Reads a scenario. `file` is the name shown in problems.
///
/// # Errors
///
/// Every problem of the file at once; a syntax error hides those behind it.
pub fn parse(file: &str, text: &str, surroundings: Surroundings<'_>) -> Result<Scenario, Invalid> {
    let mut problems = Vec::new();
    let scenario = yaml::parse(text)
        .map_err(|problem| problems.push(problem))
        .ok()
        .and_then(|node| read::scenario(text, &node, surroundings, &mut problems));
    match scenario {
        Some(scenario) if problems.is_empty() => Ok(scenario),
        _ => Err(Invalid::new(file, text, problems)),
    }
}
