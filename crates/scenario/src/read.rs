//! From the tree of a file to a scenario: every key has its meaning here, and every problem its place.

use std::time::Duration;

use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::Surroundings;
use crate::check::{Check, TYPES};
use crate::fields::{Fields, list, refuse, text, whole, yes_or_no};
use crate::interpolate::references;
use crate::model::{
    Action, Calls, Count, Downstream, Edit, Expect, Fire, PathCheck, Redeliver, Route, RouteReply,
    Scenario, SnapshotRule, StatusSet, Step,
};
use crate::problem::Problem;
use crate::units::{duration, nearest};
use crate::yaml::{Key, Kind, Node};

/// How long an answer may take where the file says nothing: no timeout is documented, 5 to 20 s are
/// usual among comparable platforms.
const TIMEOUT: Duration = Duration::from_secs(10);
/// By when calls must have been made where the file says nothing.
const CALLS_WITHIN: Duration = Duration::from_secs(5);
/// For how long no further call may come where the file says nothing.
const CALLS_QUIET: Duration = Duration::from_millis(300);
/// Headers that are shown in a snapshot where the file says nothing.
const SNAPSHOT_HEADERS: [&str; 2] = ["content-type", "location"];

/// What is known while the steps are read.
struct Context<'a> {
    text: &'a str,
    surroundings: Surroundings<'a>,
    downstream: Vec<String>,
    /// The steps before this one, and whether each sent an event.
    steps: Vec<(String, bool)>,
}

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

fn downstreams(node: &Node, problems: &mut Vec<Problem>) -> Vec<Downstream> {
    entries("`downstream`", node, problems)
        .iter()
        .filter_map(|(key, node)| {
            let mut fields = Fields::of("a downstream", node, problems)?;
            let listen = fields.take("listen").and_then(|node| text("listen", node, problems));
            let routes = fields.need("routes", problems);
            let routes = routes.map(|node| list("routes", node, problems, route));
            fields.finish(problems);
            Some(Downstream { name: key.name.clone(), listen, routes: routes? })
        })
        .collect()
}

fn route(node: &Node, problems: &mut Vec<Problem>) -> Option<Route> {
    let mut fields = Fields::of("a route", node, problems)?;
    let method = fields.take("method").and_then(|node| text("method", node, problems));
    let path = fields.need("path", problems).and_then(|node| path_pattern(node, problems));
    let replies = fields.need("reply", problems).map(|node| match &node.kind {
        Kind::List(items) => {
            if items.is_empty() {
                problems.push(Problem::new(node.span.clone(), "a route has at least one reply"));
            }
            items.iter().filter_map(|item| route_reply(item, problems)).collect()
        }
        _ => route_reply(node, problems).into_iter().collect(),
    });
    fields.finish(problems);
    Some(Route { method, path: path?, replies: replies? })
}

fn route_reply(node: &Node, problems: &mut Vec<Problem>) -> Option<RouteReply> {
    let mut fields = Fields::of("a reply", node, problems)?;
    let status = fields.need("status", problems).and_then(|node| status_code(node, problems));
    let mut headers =
        fields.take("headers").map(|node| header_lines(node, problems)).unwrap_or_default();
    let json = fields.take("json");
    let plain = fields.take("text");
    if let (Some(_), Some(plain)) = (json, plain) {
        let message = "a reply has `json` or `text`, not both";
        problems.push(Problem::new(plain.span.clone(), message));
    }
    let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let body = match (json, plain) {
        (Some(node), _) => {
            if !has_type {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            node.to_json().to_string()
        }
        (None, Some(node)) => text("text", node, problems).unwrap_or_default(),
        (None, None) => String::new(),
    };
    let delay = fields.take("delay").and_then(|node| time("delay", node, problems));
    let times = fields.take("times").and_then(|node| count_of("times", node, problems));
    fields.finish(problems);
    Some(RouteReply {
        status: status?,
        headers,
        body: body.into_bytes(),
        delay,
        times: times.unwrap_or(1),
    })
}

fn step(node: &Node, context: &mut Context<'_>, problems: &mut Vec<Problem>) -> Option<Step> {
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

fn path_checks(
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

fn check(node: &Node, problems: &mut Vec<Problem>) -> Option<Check> {
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

fn status_set(node: &Node, problems: &mut Vec<Problem>) -> Option<StatusSet> {
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

fn status_code(node: &Node, problems: &mut Vec<Problem>) -> Option<u16> {
    match &node.kind {
        Kind::Number(number) => match number.as_u64().and_then(|code| u16::try_from(code).ok()) {
            Some(code @ 100..=599) => Some(code),
            _ => refuse("a status", "a number from 100 to 599", node, problems),
        },
        _ => refuse("a status", "a number from 100 to 599", node, problems),
    }
}

fn count_of(of: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<u32> {
    /// More would be a load test, which is `send`'s work.
    const TIMES_MAX: u64 = 1000;
    match whole(of, node, problems)? {
        times @ 1..=TIMES_MAX => u32::try_from(times).ok(),
        _ => refuse(of, "a number from 1 to 1000", node, problems),
    }
}

fn time(of: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<Duration> {
    match &node.kind {
        Kind::Text(text) if duration(text).is_some() => duration(text),
        _ => refuse(of, "a time with its unit, such as `250ms` or `2s`", node, problems),
    }
}

fn regex(node: &Node, problems: &mut Vec<Problem>) -> Option<Regex> {
    let pattern = text("a pattern", node, problems)?;
    Regex::new(&pattern)
        .map_err(|error| {
            let whole = error.to_string();
            let what = whole.lines().last().unwrap_or(&whole).trim_start_matches("error: ");
            problems.push(Problem::new(node.span.clone(), format!("the pattern is wrong: {what}")));
        })
        .ok()
}

fn json_path(
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

fn path_pattern(node: &Node, problems: &mut Vec<Problem>) -> Option<String> {
    let path = text("path", node, problems)?;
    if path.starts_with('/') {
        return Some(path);
    }
    let problem = Problem::new(node.span.clone(), format!("`{path}` does not start with `/`"));
    problems.push(problem.hint("`*` and `{name}` stand for one segment: `/customers/{id}/notes`"));
    None
}

fn header_lines(node: &Node, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let line = |(key, node): &(Key, Node)| {
        text("a header's value", node, problems).map(|value| (key.name.clone(), value))
    };
    match &node.kind {
        Kind::Map(entries) => entries.iter().filter_map(line).collect(),
        _ => refuse("`headers`", "a map from names to values", node, problems).unwrap_or_default(),
    }
}

/// Returns the entries of a map whose keys are the user's.
fn entries<'a>(of: &str, node: &'a Node, problems: &mut Vec<Problem>) -> &'a [(Key, Node)] {
    match &node.kind {
        Kind::Map(entries) => entries,
        _ => refuse::<&[(Key, Node)]>(of, "a map", node, problems).unwrap_or_default(),
    }
}

/// Reports references to what is not there: a step that does not come before, an unset variable.
fn check_references(node: &Node, context: &Context<'_>, problems: &mut Vec<Problem>) {
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
