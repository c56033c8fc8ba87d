//! From the tree of a file to a scenario: every key has its meaning here, and every problem its place.

mod check;
mod downstream;
mod step;
mod value;

use std::time::Duration;

use crate::Surroundings;
use crate::fields::{Fields, list, text, whole};
use crate::model::{Scenario, SnapshotRule};
use crate::problem::Problem;
use crate::yaml::{Kind, Node};
use downstream::downstreams;
use step::{Context, step};
use value::{entries, json_path, regex, time};

/// How long an answer may take where the file says nothing: no timeout is documented, 5 to 20 s are
/// usual among comparable platforms.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Headers that are shown in a snapshot where the file says nothing.
const SNAPSHOT_HEADERS: [&str; 2] = ["content-type", "location"];

pub(crate) fn scenario(
    text_of_file: &str,
    node: &Node,
    surroundings: Surroundings<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Scenario> {
    if matches!(node.kind, Kind::Null) {
        problems.push(Problem::new(node.span.clone(), "the file holds no scenario"));
        return None;
    }
    let mut fields = Fields::of("a scenario", node, problems)?;
    if let Some(version) = fields.need("version", problems)
        && whole("version", version, problems).is_some_and(|version| version != 1)
    {
        let problem = Problem::new(version.span.clone(), "this version is not known");
        problems.push(problem.hint("this ringback reads version 1"));
    }
    let name = fields.need("name", problems).and_then(|node| text("name", node, problems));
    let seed = fields.take("seed").and_then(|node| whole("seed", node, problems));
    let timeout = fields.take("timeout").and_then(|node| time("timeout", node, problems));
    let secret = fields.take("sign").and_then(|node| sign(node, problems));
    let downstream =
        fields.take("downstream").map(|node| downstreams(node, problems)).unwrap_or_default();
    let snapshot = fields.take("snapshot").map(|node| snapshot_rule(node, problems));

    let mut context = Context {
        text: text_of_file,
        surroundings,
        downstream: downstream.iter().map(|downstream| downstream.name.clone()).collect(),
        steps: Vec::new(),
    };
    let steps = fields.need("steps", problems).map(|node| {
        let steps =
            list("steps", node, problems, |node, problems| step(node, &mut context, problems));
        if matches!(&node.kind, Kind::List(items) if items.is_empty()) {
            problems.push(Problem::new(node.span.clone(), "a scenario has at least one step"));
        }
        steps
    });
    fields.finish(problems);
    Some(Scenario {
        name: name?,
        seed: seed.unwrap_or(1),
        timeout: timeout.unwrap_or(TIMEOUT),
        secret,
        downstream,
        steps: steps?,
        snapshot: snapshot.unwrap_or_else(|| SnapshotRule {
            headers: SNAPSHOT_HEADERS.map(str::to_owned).to_vec(),
            redact: Vec::new(),
            filters: Vec::new(),
        }),
    })
}

fn sign(node: &Node, problems: &mut Vec<Problem>) -> Option<String> {
    let mut fields = Fields::of("`sign`", node, problems)?;
    let secret = fields.need("secret", problems).and_then(|node| text("secret", node, problems));
    fields.finish(problems);
    secret
}

fn snapshot_rule(node: &Node, problems: &mut Vec<Problem>) -> SnapshotRule {
    let mut rule = SnapshotRule {
        headers: SNAPSHOT_HEADERS.map(str::to_owned).to_vec(),
        redact: Vec::new(),
        filters: Vec::new(),
    };
    let Some(mut fields) = Fields::of("`snapshot`", node, problems) else { return rule };
    if let Some(node) = fields.take("headers") {
        rule.headers = list("headers", node, problems, |node, problems| {
            text("a header name", node, problems).map(|name| name.to_ascii_lowercase())
        });
    }
    if let Some(node) = fields.take("redact") {
        for (key, node) in entries("`redact`", node, problems) {
            let path = json_path(&key.name, &key.span, problems);
            let label = text("a label", node, problems);
            rule.redact.extend(path.zip(label));
        }
    }
    if let Some(node) = fields.take("filter") {
        rule.filters = list("filter", node, problems, |node, problems| {
            let mut fields = Fields::of("a filter", node, problems)?;
            let regex = fields.need("regex", problems).and_then(|node| regex(node, problems));
            let with = fields.need("with", problems).and_then(|node| text("with", node, problems));
            fields.finish(problems);
            regex.zip(with)
        });
    }
    fields.finish(problems);
    rule
}
