//! Whether the receiver called its downstream as a scenario expects.

use ringback_exchange::{Exchange, Verdict};
use ringback_recorder::{PathPattern, Recording};
use ringback_report::Breach;
use ringback_scenario::{Calls, Count, Lookup, PathCheck, interpolate_text};

use crate::answer::{judge_body, resolve};
use crate::steps::Trouble;

/// What a wait for calls has found.
pub(crate) struct Found {
    pub(crate) verdict: Verdict,
    pub(crate) breaches: Vec<Breach>,
    pub(crate) matched: Vec<Exchange>,
}

/// Waits for the calls and judges their number.
///
/// `is_past` tells calls that an earlier scenario has caused: a receiver that retries goes on calling
/// after its scenario is over, and the next one must not be blamed for it.
pub(crate) async fn judge(
    calls: &Calls,
    recording: &Recording,
    lookup: Lookup<'_>,
    is_past: &impl Fn(&Exchange) -> bool,
) -> Result<Found, Trouble> {
    let wrong = |error: &dyn std::error::Error| Trouble::Scenario(error.to_string());
    let path = match &calls.path {
        Some(path) => {
            let path = interpolate_text(path, lookup).map_err(|error| wrong(&error))?;
            Some(path.parse::<PathPattern>().map_err(|error| wrong(&error))?)
        }
        None => None,
    };
    let body = calls.body.iter().map(|part| resolve(part, lookup).map_err(|error| wrong(&error)));
    let body = body.collect::<Result<Vec<_>, Trouble>>()?;

    // Why a call is not one of those that are counted; `None` for one that is.
    let differs = |exchange: &Exchange| {
        let request = &exchange.request;
        let status = exchange.reply.as_ref().map(|reply| reply.status);
        if is_past(exchange) {
            return Some("belongs to an earlier scenario".to_owned());
        }
        if calls.method.as_ref().is_some_and(|it| !request.method.eq_ignore_ascii_case(it)) {
            return Some("another method".to_owned());
        }
        if path.as_ref().is_some_and(|path| !path.matches(request.path())) {
            return Some("another path".to_owned());
        }
        if calls.replied.as_ref().is_some_and(|set| !status.is_some_and(|it| set.contains(it))) {
            return Some("answered otherwise".to_owned());
        }
        if body.is_empty() {
            return None;
        }
        let breaches = judge_body("body", &request.body.0, &body);
        let first = breaches.first()?;
        Some(format!("{}: expected {}, found {}", first.what, first.expected, first.found))
    };
    let matches = |exchange: &Exchange| differs(exchange).is_none();
    let Count { min, max } = calls.count;
    let waited = recording.wait(matches, min..=max, calls.within, calls.quiet).await;
    let matched = waited.matched;
    if (min..=max).contains(&matched.len()) {
        return Ok(Found { verdict: Verdict::Pass, breaches: Vec::new(), matched });
    }
    let all = recording.exchanges();
    let other = |call: &Exchange| Some(format!("{} ({})", one_line(call), differs(call)?));
    let others: Vec<String> = all.iter().filter_map(other).collect();
    let mut found = matched.len().to_string();
    for call in &matched {
        found.push_str(&format!("\n{}", one_line(call)));
    }
    if !others.is_empty() {
        found.push_str(&format!("\nother calls:\n{}", others.join("\n")));
    }
    let breach =
        Breach { what: format!("calls to {}", calls.downstream), expected: describe(calls), found };
    Ok(Found { verdict: Verdict::Fail, breaches: vec![breach], matched })
}

fn describe(calls: &Calls) -> String {
    let number = match calls.count {
        Count { min, max } if min == max => min.to_string(),
        Count { min, max: usize::MAX } => format!("at least {min}"),
        Count { min: 0, max } => format!("at most {max}"),
        Count { min, max } => format!("{min} to {max}"),
    };
    let method = calls.method.as_deref().unwrap_or("any method");
    let path = calls.path.as_deref().unwrap_or("any path");
    let mut text = format!("{number} ({method} {path}");
    if let Some(set) = &calls.replied {
        text.push_str(&format!(", answered {set}"));
    }
    for PathCheck { path, check } in &calls.body {
        text.push_str(&format!(", {path}: {check}"));
    }
    text.push(')');
    text
}

fn one_line(call: &Exchange) -> String {
    let status =
        call.reply.as_ref().map_or("unanswered".to_owned(), |reply| reply.status.to_string());
    let Exchange { number, request, .. } = call;
    format!("  #{number} {} {} → {status}", request.method, request.target)
}
