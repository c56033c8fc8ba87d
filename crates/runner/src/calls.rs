//! Whether the receiver called its downstream as a scenario expects.

use ringback_exchange::{Exchange, Verdict};
use ringback_recorder::{PathPattern, Recording};
use ringback_report::Breach;
use ringback_scenario::{Calls, Count, Lookup, PathCheck, interpolate_text};

use crate::answer::judge_body;

/// What a wait for calls has found.
pub(crate) struct Found {
    pub(crate) verdict: Verdict,
    pub(crate) breaches: Vec<Breach>,
    pub(crate) matched: Vec<Exchange>,
}

/// Waits for the calls and judges their number; says why when the step itself cannot be carried out.
pub(crate) async fn judge(
    calls: &Calls,
    recording: &Recording,
    lookup: Lookup<'_>,
) -> Result<Found, String> {
    let path = match &calls.path {
        Some(path) => {
            let path = interpolate_text(path, lookup).map_err(|error| error.to_string())?;
            Some(path.parse::<PathPattern>().map_err(|error| error.to_string())?)
        }
        None => None,
    };
    // References are resolved once: a call that matches must not depend on when it is looked at.
    let body = calls.body.iter().map(|part| {
        let check = part.check.resolve(lookup).map_err(|error| error.to_string())?;
        Ok(PathCheck { path: part.path.clone(), check })
    });
    let body = body.collect::<Result<Vec<_>, String>>()?;

    let matches = |exchange: &Exchange| {
        let request = &exchange.request;
        let status = exchange.reply.as_ref().map(|reply| reply.status);
        calls.method.as_ref().is_none_or(|method| request.method.eq_ignore_ascii_case(method))
            && path.as_ref().is_none_or(|path| path.matches(request.path()))
            && calls.replied.as_ref().is_none_or(|set| status.is_some_and(|it| set.contains(it)))
            && (body.is_empty() || judge_body("body", &request.body.0, &body, lookup).is_empty())
    };
    let Count { min, max } = calls.count;
    let waited = recording.wait(matches, min..=max, calls.within, calls.quiet).await;
    let matched = waited.matched;
    if (min..=max).contains(&matched.len()) {
        return Ok(Found { verdict: Verdict::Pass, breaches: Vec::new(), matched });
    }
    let all = recording.exchanges();
    let others = all.iter().filter(|call| matched.iter().all(|other| other.number != call.number));
    let others: Vec<String> = others.map(one_line).collect();
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
    let replied = calls.replied.as_ref().map(|set| format!(", answered {set}"));
    format!("{number} ({method} {path}{})", replied.unwrap_or_default())
}

fn one_line(call: &Exchange) -> String {
    let status =
        call.reply.as_ref().map_or("unanswered".to_owned(), |reply| reply.status.to_string());
    let Exchange { number, request, .. } = call;
    format!("  #{number} {} {} → {status}", request.method, request.target)
}
