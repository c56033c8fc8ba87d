//! Whether an answer is what a scenario expects.

use ringback_exchange::{Attempt, Outcome, Reply, Verdict};
use ringback_report::{Breach, terminal};
use ringback_scenario::{Expect, Lookup, Mismatch, PathCheck, Unresolved};
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
    if let Some(bytes) = attempt.reply_cut_at_bytes
        && !expect.body.is_empty()
    {
        breaches.push(Breach {
            what: "body".to_owned(),
            expected: format!("at most {bytes} bytes"),
            found: "more; it was cut there, and what follows judges a part".to_owned(),
        });
    }
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
    let shown = reply.headers.redacted();
    for (name, check) in &expect.headers {
        let value = reply.headers.get(name).map(Value::from);
        let found = match check.resolve(lookup) {
            Ok(check) => check.judge(value.as_ref()).err(),
            Err(error) => Some(Mismatch { expected: check.to_string(), found: error.to_string() }),
        };
        breaches.extend(found.map(|mismatch| Breach {
            what: format!("header {name}"),
            expected: mismatch.expected,
            // A secret is judged and not shown.
            found: match (&value, shown.get(name)) {
                (Some(Value::String(real)), Some(text)) if real != text => text.to_owned(),
                _ => shorten(&mismatch.found),
            },
        }));
    }
    if !expect.body.is_empty() {
        let resolve = |part: &PathCheck| resolve(part, lookup);
        match expect.body.iter().map(resolve).collect::<Result<Vec<_>, _>>() {
            Ok(checks) => breaches.extend(judge_body("body", &reply.body.0, &checks)),
            Err(error) => breaches.push(Breach {
                what: "body".to_owned(),
                expected: "what a reference leads to".to_owned(),
                found: error.to_string(),
            }),
        }
    }
    let verdict = if breaches.is_empty() { Verdict::Pass } else { Verdict::Fail };
    (verdict, breaches)
}

/// Resolves the references in a check, once: what it means must not depend on when it is looked at.
pub(crate) fn resolve(part: &PathCheck, lookup: Lookup<'_>) -> Result<PathCheck, Unresolved> {
    Ok(PathCheck { path: part.path.clone(), check: part.check.resolve(lookup)? })
}

/// Judges parts of a JSON body by checks that are resolved. A path that leads to several values is
/// judged as the list of them.
pub(crate) fn judge_body(of: &str, body: &[u8], checks: &[PathCheck]) -> Vec<Breach> {
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
        let Mismatch { expected, found } = check.judge(found.as_ref()).err()?;
        Some(Breach { what: format!("{of} {path}"), expected, found: shorten(&found) })
    };
    checks.iter().filter_map(judge).collect()
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
