//! Taking a map apart, key by key, so that no key is left over unnoticed.

use crate::problem::Problem;
use crate::units::nearest;
use crate::yaml::{Kind, Node};

/// The keys of one map that are still to be taken.
pub(crate) struct Fields<'a> {
    of: &'a str,
    node: &'a Node,
    known: Vec<&'static str>,
    taken: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Begins with a map; anything else is a problem. `of` names the map in messages.
    pub(crate) fn of(of: &'a str, node: &'a Node, problems: &mut Vec<Problem>) -> Option<Self> {
        if matches!(node.kind, Kind::Map(_)) {
            return Some(Self { of, node, known: Vec::new(), taken: Vec::new() });
        }
        let message = format!("{of} is a map, not {}", node.describe());
        problems.push(Problem::new(node.span.clone(), message));
        None
    }

    /// Takes the value of a key, if the map has it.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<&'a Node> {
        self.known.push(name);
        let Kind::Map(entries) = &self.node.kind else { return None };
        let (_, node) = entries.iter().find(|(key, _)| key.name == name)?;
        self.taken.push(name);
        Some(node)
    }

    /// Takes the value of a key that must be there.
    pub(crate) fn need(
        &mut self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<&'a Node> {
        let node = self.take(name);
        if node.is_none() {
            let message = format!("{} has no `{name}`", self.of);
            problems.push(Problem::new(self.node.span.clone(), message));
        }
        node
    }

    /// Ends: every key that was not taken is a problem.
    pub(crate) fn finish(self, problems: &mut Vec<Problem>) {
        let Kind::Map(entries) = &self.node.kind else { return };
        for (key, _) in entries {
            if self.taken.contains(&key.name.as_str()) {
                continue;
            }
            let message = format!("{} has no key `{}`", self.of, key.name);
            let problem = Problem::new(key.span.clone(), message);
            let free = self.known.iter().copied().filter(|name| !self.taken.contains(name));
            problems.push(match nearest(&key.name, free) {
                Some(name) => problem.hint(format!("did you mean `{name}`?")),
                None => problem.hint(format!("it may have: {}", self.known.join(", "))),
            });
        }
    }
}

/// Reads a text.
pub(crate) fn text(of: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<String> {
    match &node.kind {
        Kind::Text(text) => Some(text.clone()),
        _ => refuse(of, "a text", node, problems),
    }
}

/// Reads a whole number that is not negative.
pub(crate) fn whole(of: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<u64> {
    match &node.kind {
        Kind::Number(number) if number.as_u64().is_some() => number.as_u64(),
        _ => refuse(of, "a whole number", node, problems),
    }
}

/// Reads `true` or `false`.
pub(crate) fn yes_or_no(of: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<bool> {
    match &node.kind {
        Kind::Bool(value) => Some(*value),
        _ => refuse(of, "`true` or `false`", node, problems),
    }
}

/// Reads a list and each of its items.
pub(crate) fn list<T>(
    of: &str,
    node: &Node,
    problems: &mut Vec<Problem>,
    mut read: impl FnMut(&Node, &mut Vec<Problem>) -> Option<T>,
) -> Vec<T> {
    match &node.kind {
        Kind::List(items) => items.iter().filter_map(|item| read(item, problems)).collect(),
        _ => refuse(of, "a list", node, problems).unwrap_or_default(),
    }
}

/// Reports that `of` should be something else; never a value.
pub(crate) fn refuse<T>(
    of: &str,
    wanted: &str,
    node: &Node,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let message = format!("{of} is {wanted}, not {}", node.describe());
    problems.push(Problem::new(node.span.clone(), message));
    None
}
