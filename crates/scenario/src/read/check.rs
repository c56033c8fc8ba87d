//! What something must be.

use super::step::{Context, check_references};
use super::value::{json_path, regex};
use crate::check::{Check, TYPES};
use crate::fields::{list, refuse, text, whole, yes_or_no};
use crate::model::PathCheck;
use crate::problem::Problem;
use crate::yaml::{Key, Kind, Node};

pub(super) fn path_checks(
    of: &str,
    node: &Node,
    context: &Context<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<PathCheck> {
    let read = |(key, node): &(Key, Node)| {
        check_references(node, context, problems);
        let path = json_path(&key.name, &key.span, problems);
        let check = check(node, problems);
        Some(PathCheck { path: path?, check: check? })
    };
    match &node.kind {
        Kind::Map(entries) => entries.iter().filter_map(read).collect(),
        _ => {
            refuse(of, "a map from paths to what they must be", node, problems).unwrap_or_default()
        }
    }
}

/// The words that make a map a check; a map without any of them is a value to be equal to.
const OPERATORS: [&str; 12] = [
    "equals",
    "matches",
    "starts_with",
    "contains",
    "type",
    "gt",
    "gte",
    "lt",
    "lte",
    "len",
    "one_of",
    "absent",
];

pub(super) fn check(node: &Node, problems: &mut Vec<Problem>) -> Option<Check> {
    let Kind::Map(entries) = &node.kind else { return Some(Check::Equals(node.to_json())) };
    if !entries.iter().any(|(key, _)| OPERATORS.contains(&key.name.as_str())) {
        return Some(Check::Equals(node.to_json()));
    }
    let mut checks: Vec<Check> =
        entries.iter().filter_map(|(key, node)| operator(key, node, problems)).collect();
    if checks.len() == 1 { checks.pop() } else { Some(Check::All(checks)) }
}

fn operator(key: &Key, node: &Node, problems: &mut Vec<Problem>) -> Option<Check> {
    let number = |problems: &mut Vec<Problem>| match &node.kind {
        Kind::Number(number) => number.as_f64(),
        _ => refuse(&key.name, "a number", node, problems),
    };
    Some(match key.name.as_str() {
        "equals" => Check::Equals(node.to_json()),
        "matches" => Check::Matches(regex(node, problems)?),
        "starts_with" => Check::StartsWith(text("starts_with", node, problems)?.into()),
        "contains" => Check::Contains(node.to_json()),
        "type" => {
            let name = text("type", node, problems)?;
            if !TYPES.contains(&name.as_str()) {
                let problem = Problem::new(node.span.clone(), format!("there is no type `{name}`"));
                problems.push(problem.hint(format!("there are: {}", TYPES.join(", "))));
            }
            Check::Type(name)
        }
        "gt" => Check::Gt(number(problems)?),
        "gte" => Check::Gte(number(problems)?),
        "lt" => Check::Lt(number(problems)?),
        "lte" => Check::Lte(number(problems)?),
        "len" => Check::Len(usize::try_from(whole("len", node, problems)?).ok()?),
        "one_of" => Check::OneOf(list("one_of", node, problems, |node, _| Some(node.to_json()))),
        "absent" => Check::Absent(yes_or_no("absent", node, problems)?),
        other => {
            let message = format!("there is no check `{other}`");
            let problem = Problem::new(key.span.clone(), message);
            problems.push(problem.hint(
                "a map that holds a check holds nothing else; to compare with the map itself, write \
                 `equals: {…}`",
            ));
            return None;
        }
    })
}
