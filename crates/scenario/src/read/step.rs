//! The steps, and what they may refer to.

use std::time::Duration;

use serde_json::Value;

use super::check::{check, path_checks};
use super::value::{count_of, entries, header_lines, json_path, path_pattern, status_set, time};
use crate::Surroundings;
use crate::fields::{Fields, list, text, whole, yes_or_no};
use crate::interpolate::references;
use crate::model::{Action, Calls, Count, Edit, Expect, Fire, Redeliver, StatusSet, Step};
use crate::problem::Problem;
use crate::units::nearest;
use crate::yaml::{Kind, Node};

/// By when calls must have been made where the file says nothing.
const CALLS_WITHIN: Duration = Duration::from_secs(5);
/// For how long no further call may come where the file says nothing.
const CALLS_QUIET: Duration = Duration::from_millis(300);

/// What is known while the steps are read.
pub(super) struct Context<'a> {
    pub(super) text: &'a str,
    pub(super) surroundings: Surroundings<'a>,
    pub(super) downstream: Vec<String>,
    /// The steps before this one, and whether each sent an event.
    pub(super) steps: Vec<(String, bool)>,
}

pub(super) fn step(
    node: &Node,
    context: &mut Context<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Step> {
    let mut fields = Fields::of("a step", node, problems)?;
    let id_node = fields.need("id", problems);
    let id = id_node.and_then(|node| step_id(node, context, problems));
    let line = context.text[..node.span.start].matches('\n').count() + 1;

    let fire_node = fields.take("fire");
    let redeliver_node = fields.take("redeliver");
    let calls_node = fields.take("calls");
    let verbs = [fire_node, redeliver_node, calls_node];
    if verbs.iter().flatten().count() != 1 {
        let problem = Problem::new(
            id_node.map_or_else(|| node.span.clone(), |node| node.span.clone()),
            "a step does exactly one thing",
        );
        problems.push(problem.hint("give it one of `fire`, `redeliver` and `calls`"));
    }
    let action = if let Some(node) = fire_node {
        let expect = fields.take("expect").map(|node| expect(node, context, problems));
        fire(node, expect, context, problems)
    } else if let Some(node) = redeliver_node {
        let expect = fields.take("expect").map(|node| expect(node, context, problems));
        let times = fields.take("times").and_then(|node| count_of("times", node, problems));
        let at_once = fields.take("at_once").and_then(|node| yes_or_no("at_once", node, problems));
        let step = earlier_event(node, context, problems);
        step.map(|step| {
            Action::Redeliver(Redeliver {
                step,
                times: times.unwrap_or(1),
                at_once: at_once.unwrap_or(false),
                expect: expect.unwrap_or_else(any_success),
            })
        })
    } else if let Some(node) = calls_node {
        calls(node, context, problems).map(Action::Calls)
    } else {
        None
    };
    let in_snapshot =
        fields.take("snapshot").and_then(|node| yes_or_no("snapshot", node, problems));
    fields.finish(problems);
    if let Some(id) = &id {
        context.steps.push((id.clone(), fire_node.is_some()));
    }
    Some(Step { id: id?, line, action: action?, in_snapshot: in_snapshot.unwrap_or(true) })
}

fn any_success() -> Expect {
    Expect { status: StatusSet::success(), within: None, headers: Vec::new(), body: Vec::new() }
}

fn step_id(node: &Node, context: &Context<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let id = text("id", node, problems)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.is_empty() || !id.chars().all(is_name) || id == "env" {
        let problem = Problem::new(node.span.clone(), format!("`{id}` cannot name a step"));
        problems.push(problem.hint("use letters, digits, `_` and `-`; `env` is taken"));
        return None;
    }
    if context.steps.iter().any(|(earlier, _)| *earlier == id) {
        let message = format!("there is a step `{id}` already");
        problems.push(Problem::new(node.span.clone(), message));
    }
    Some(id)
}

fn fire(
    node: &Node,
    expect: Option<Expect>,
    context: &Context<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Action> {
    let mut fire = Fire {
        archetype: None,
        index: 0,
        edits: Vec::new(),
        body: None,
        headers: Vec::new(),
        expect: expect.unwrap_or_else(any_success),
    };
    if let Kind::Text(_) = node.kind {
        fire.archetype = archetype(node, context, problems);
        return Some(Action::Fire(Box::new(fire)));
    }
    let mut fields = Fields::of("`fire`", node, problems)?;
    let archetype_node = fields.take("archetype");
    fire.archetype = archetype_node.and_then(|node| archetype(node, context, problems));
    if let Some(node) = fields.take("index") {
        fire.index = whole("index", node, problems).unwrap_or(0);
    }
    if let Some(node) = fields.take("set") {
        for (key, value) in entries("`set`", node, problems) {
            check_references(value, context, problems);
            let path = json_path(&key.name, &key.span, problems);
            fire.edits.extend(path.map(|path| Edit::Set(path, value.to_json())));
        }
    }
    if let Some(node) = fields.take("unset") {
        let paths = list("unset", node, problems, |node, problems| {
            json_path(&text("a path", node, problems)?, &node.span, problems)
        });
        fire.edits.extend(paths.into_iter().map(Edit::Unset));
    }
    if let Some(node) = fields.take("body") {
        fire.body = text("body", node, problems);
        check_references(node, context, problems);
        if archetype_node.is_some() || !fire.edits.is_empty() {
            let problem = Problem::new(node.span.clone(), "`body` takes the place of an event");
            problems.push(problem.hint("leave out `archetype`, `set` and `unset`"));
        }
    }
    if let Some(node) = fields.take("headers") {
        check_references(node, context, problems);
        fire.headers = header_lines(node, problems);
    }
    fields.finish(problems);
    Some(Action::Fire(Box::new(fire)))
}

fn archetype(node: &Node, context: &Context<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let name = text("archetype", node, problems)?;
    let known = context.surroundings.archetypes;
    if known.contains(&name.as_str()) {
        return Some(name);
    }
    let problem = Problem::new(node.span.clone(), format!("there is no archetype `{name}`"));
    problems.push(match nearest(&name, known.iter().copied()) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!("there are: {}", known.join(", "))),
    });
    None
}

fn earlier_event(
    node: &Node,
    context: &Context<'_>,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let id = text("redeliver", node, problems)?;
    let sent = || context.steps.iter().filter(|step| step.1).map(|step| step.0.as_str());
    if sent().any(|earlier| earlier == id) {
        return Some(id);
    }
    let message = format!("no step `{id}` before this one sends an event");
    let problem = Problem::new(node.span.clone(), message);
    problems.push(match nearest(&id, sent()) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem,
    });
    None
}

fn expect(node: &Node, context: &Context<'_>, problems: &mut Vec<Problem>) -> Expect {
    let mut expect = any_success();
    let Some(mut fields) = Fields::of("`expect`", node, problems) else { return expect };
    if let Some(node) = fields.take("status") {
        expect.status = status_set(node, problems).unwrap_or(expect.status);
    }
    expect.within = fields.take("within").and_then(|node| time("within", node, problems));
    if let Some(node) = fields.take("headers") {
        for (key, node) in entries("`headers`", node, problems) {
            check_references(node, context, problems);
            let check = check(node, problems);
            expect.headers.extend(check.map(|check| (key.name.clone(), check)));
        }
    }
    if let Some(node) = fields.take("body") {
        expect.body = path_checks("`body`", node, context, problems);
    }
    fields.finish(problems);
    expect
}

fn calls(node: &Node, context: &Context<'_>, problems: &mut Vec<Problem>) -> Option<Calls> {
    let mut fields = Fields::of("`calls`", node, problems)?;
    let downstream = fields.need("downstream", problems).and_then(|node| {
        let name = text("downstream", node, problems)?;
        if context.downstream.contains(&name) {
            return Some(name);
        }
        let problem = Problem::new(node.span.clone(), format!("there is no downstream `{name}`"));
        problems.push(match nearest(&name, context.downstream.iter().map(String::as_str)) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint("declare it under `downstream` at the top of the file"),
        });
        None
    });
    let method = fields.take("method").and_then(|node| text("method", node, problems));
    let path = fields.take("path").and_then(|node| {
        check_references(node, context, problems);
        path_pattern(node, problems)
    });
    let body = fields.take("body");
    let body = body.map(|node| path_checks("`body`", node, context, problems)).unwrap_or_default();
    let replied = fields.take("replied").and_then(|node| status_set(node, problems));
    let count = fields.need("count", problems).and_then(|node| count(node, problems));
    let within_node = fields.take("within");
    let within = within_node.and_then(|node| time("within", node, problems));
    let quiet = fields.take("quiet").and_then(|node| time("quiet", node, problems));
    if let (Some(node), Some(Count { min: 0, .. })) = (within_node, count) {
        let problem =
            Problem::new(node.span.clone(), "`within` waits for calls, and none are wanted");
        problems.push(problem.hint("say with `quiet` for how long none may come"));
    }
    fields.finish(problems);
    Some(Calls {
        downstream: downstream?,
        method,
        path,
        body,
        replied,
        count: count?,
        within: within.unwrap_or(CALLS_WITHIN),
        quiet: quiet.unwrap_or(CALLS_QUIET),
    })
}

fn count(node: &Node, problems: &mut Vec<Problem>) -> Option<Count> {
    let number = |node: &Node, problems: &mut Vec<Problem>| {
        whole("count", node, problems).and_then(|count| usize::try_from(count).ok())
    };
    if !matches!(node.kind, Kind::Map(_)) {
        return number(node, problems).map(|count| Count { min: count, max: count });
    }
    let mut fields = Fields::of("`count`", node, problems)?;
    let min = fields.take("min").and_then(|node| number(node, problems)).unwrap_or(0);
    let max = fields.take("max").and_then(|node| number(node, problems)).unwrap_or(usize::MAX);
    fields.finish(problems);
    if min > max {
        problems.push(Problem::new(node.span.clone(), format!("`min` {min} exceeds `max` {max}")));
    }
    Some(Count { min, max })
}

/// Reports references to what is not there: a step that does not come before, an unset variable.
pub(super) fn check_references(node: &Node, context: &Context<'_>, problems: &mut Vec<Problem>) {
    let json = node.to_json();
    let mut texts = Vec::new();
    collect_texts(&json, &mut texts);
    for reference in texts.iter().flat_map(|text| references(text)) {
        let scope = reference.split('.').next().unwrap_or_default();
        let problem = |message: String| Problem::new(node.span.clone(), message);
        if let Some(name) = reference.strip_prefix("env.") {
            let has_default = texts.iter().any(|text| text.contains(&format!("{reference}:-")));
            if !has_default && (context.surroundings.env)(name).is_none() {
                problems.push(
                    problem(format!("the variable `{name}` is not set"))
                        .hint(format!("set it, or give a default: `${{{reference}:-…}}`")),
                );
            }
            continue;
        }
        let Some((_, has_event)) = context.steps.iter().find(|(id, _)| id == scope) else {
            let known = context.steps.iter().map(|(id, _)| id.as_str());
            let problem = problem(format!("`${{{reference}}}` refers to no earlier step"));
            problems.push(match nearest(scope, known) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint("it may refer to `env` or to the id of a step before"),
            });
            continue;
        };
        let part = reference.split('.').nth(1).unwrap_or_default();
        if !*has_event || !["event", "reply"].contains(&part) {
            problems
                .push(problem(format!("`${{{reference}}}` leads to nothing")).hint(format!(
                    "a step that sends has `{scope}.event.…` and `{scope}.reply.…`"
                )));
        }
    }
}

fn collect_texts<'a>(value: &'a Value, out: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => out.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, out)),
        Value::Object(keys) => keys.values().for_each(|value| collect_texts(value, out)),
        _ => {}
    }
}
