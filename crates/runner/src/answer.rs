//! Whether an answer is what a scenario expects.

use ringback_exchange::{Attempt, Outcome, Reply, Verdict};
use ringback_report::{Breach, terminal};
use ringback_scenario::{Check, Expect, Lookup, PathCheck};
use serde_json::Value;

/// Judges an attempt, and lists what does not hold.
pub(crate) fn judge(
    attempt: &Attempt,
    expect: &Expect,
    lookup: Lookup<'_>,
) -> (Verdict, Vec<Breach>) {
    let reply = match &attempt.outcome {
        Outcome::Answered(reply) => reply,
        Outcome::Failed(failure) => {
            let breach = Breach {
                what: "answer".to_owned(),
                expected: expect.status.to_string(),
                found: format!("none: {} ({})", failure.kind, failure.detail),
            };
            return (failure.kind.verdict(), vec![breach]);
        }
    };
    let mut breaches = Vec::new();
    if !expect.status.contains(reply.status) {
        breaches.push(Breach {
            what: "status".to_owned(),
            expected: expect.status.to_string(),
            found: with_body(reply),
        });
    }
    if let Some(within) = expect.within {
        let within_ms = within.as_secs_f64() * 1000.0;
        if attempt.duration_ms > within_ms {
            breaches.push(Breach {
                what: "time".to_owned(),
                expected: format!("at most {}", terminal::duration(within_ms)),
                found: terminal::duration(attempt.duration_ms),
            });
        }
    }
    for (name, check) in &expect.headers {
        let value = reply.headers.get(name).map(Value::from);
        breaches.extend(breach(format!("header {name}"), check, value.as_ref(), lookup));
    }
    if !expect.body.is_empty() {
        breaches.extend(judge_body("body", &reply.body.0, &expect.body, lookup));
    }
    let verdict = if breaches.is_empty() { Verdict::Pass } else { Verdict::Fail };
    (verdict, breaches)
}

/// Judges parts of a JSON body. A path that leads to several values is judged as the list of them.
pub(crate) fn judge_body(
    of: &str,
    body: &[u8],
    checks: &[PathCheck],
    lookup: Lookup<'_>,
) -> Vec<Breach> {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return vec![Breach {
            what: of.to_owned(),
            expected: "JSON".to_owned(),
            found: shorten(&String::from_utf8_lossy(body)),
        }];
    };
    let judge = |PathCheck { path, check }: &PathCheck| {
        let nodes = path.query(&value).all();
        let found = match nodes.as_slice() {
            [] => None,
            [one] => Some((*one).clone()),
            many => Some(many.iter().copied().cloned().collect()),
        };
        breach(format!("{of} {path}"), check, found.as_ref(), lookup)
    };
    checks.iter().filter_map(judge).collect()
}

fn breach(
    what: String,
    check: &Check,
    value: Option<&Value>,
    lookup: Lookup<'_>,
) -> Option<Breach> {
    let (expected, found) = match check.resolve(lookup) {
        Ok(check) => {
            let mismatch = check.judge(value).err()?;
            (mismatch.expected, mismatch.found)
        }
        Err(error) => (check.to_string(), error.to_string()),
    };
    Some(Breach { what, expected, found: shorten(&found) })
}

/// Shows a status with what came along, which mostly says why.
fn with_body(reply: &Reply) -> String {
    match reply.headers.get("location") {
        Some(location) if reply.is_redirect() => format!("{} to {location}", reply.status),
        _ if reply.body.0.is_empty() => reply.status.to_string(),
        _ => format!("{}: {}", reply.status, shorten(&reply.body.to_text())),
    }
}

fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 500;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
