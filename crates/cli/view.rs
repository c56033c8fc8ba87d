//! Exchanges as they are shown while they come, and what they come to at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ringback_exchange::{Exchange, printable, redact_target};
use ringback_report::terminal::{count, duration};
use serde_json::{Value, json};

/// What all exchanges come to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) exchanges: usize,
    statuses: BTreeMap<u16, usize>,
    unanswered: usize,
    not_valid: usize,
    injected: usize,
    unforwarded: usize,
}

impl Tally {
    /// Counts an exchange.
    pub(crate) fn add(&mut self, exchange: &Exchange) {
        self.exchanges += 1;
        match &exchange.reply {
            Some(reply) => *self.statuses.entry(reply.status).or_default() += 1,
            None => self.unanswered += 1,
        }
        self.not_valid += usize::from(!is_valid(exchange).unwrap_or(true));
        self.injected += usize::from(exchange.injected.is_some());
        let error = exchange.forwarded.as_ref().and_then(|forwarded| forwarded.error.as_ref());
        self.unforwarded += usize::from(error.is_some());
    }

    /// Says it in a line; `unseen` more were too fast to be shown.
    pub(crate) fn to_line(&self, unseen: usize) -> String {
        let mut line =
            format!("{} captured", count(self.exchanges.saturating_add(unseen), "exchange"));
        let mut begin = ": ";
        let statuses = self.statuses.iter().map(|(status, n)| (status.to_string(), *n));
        for (what, n) in statuses.chain([("unanswered".to_owned(), self.unanswered)]) {
            if n > 0 {
                let _ = write!(line, "{begin}{n}× {what}");
                begin = ", ";
            }
        }
        for (n, what) in [
            (self.not_valid, "without a valid signature"),
            (self.injected, "with a fault on purpose"),
            (self.unforwarded, "without a reply from the receiver"),
        ] {
            if n > 0 {
                let _ = write!(line, "; {n} {what}");
            }
        }
        line
    }

    /// Says it as data.
    pub(crate) fn to_json(&self) -> Value {
        let statuses = self.statuses.iter().map(|(status, n)| (status.to_string(), json!(n)));
        json!({
            "exchanges": self.exchanges,
            "statuses": Value::Object(statuses.collect()),
            "unanswered": self.unanswered,
            "signaturesNotValid": self.not_valid,
            "injected": self.injected,
            "notForwarded": self.unforwarded,
        })
    }
}

/// Writes an exchange as a line for people.
pub(crate) fn line(exchange: &Exchange) -> String {
    let status = exchange.reply.as_ref().map_or("no reply".to_owned(), |it| it.status.to_string());
    let mut line = format!(
        "#{} {} {} ({} bytes) → {status}",
        exchange.number,
        exchange.request.method,
        redact_target(&exchange.request.target),
        exchange.request.body.0.len(),
    );
    let forwarded = exchange.forwarded.as_ref();
    if let Some(forwarded) = forwarded {
        let _ = write!(line, " from {}", forwarded.url);
    }
    let _ = write!(line, " in {}", duration(exchange.duration_ms.unwrap_or_default()));
    if let Some(forwarded) = forwarded {
        let _ = write!(line, ", {} of it there", duration(forwarded.duration_ms));
    }
    let error = forwarded.and_then(|forwarded| forwarded.error.as_deref());
    if let Some(why) = error.or(exchange.fault.as_deref()) {
        let _ = write!(line, ": {why}");
    }
    let verdict = exchange.signature.as_deref();
    match is_valid(exchange) {
        Some(true) => line.push_str("; signature valid"),
        Some(false) => {
            let _ = write!(line, "; signature NOT valid: {}", verdict.unwrap_or_default());
        }
        None => {}
    }
    if let Some(injected) = &exchange.injected {
        let _ = write!(line, "; fault: {injected}");
    }
    printable(&line).into_owned()
}

/// Writes what a log has of an exchange: no header lines and no bodies, which may be secret.
pub(crate) fn facts(exchange: &Exchange) -> Value {
    let forwarded = exchange.forwarded.as_ref();
    let facts = json!({
        "number": exchange.number,
        "peer": exchange.peer,
        "method": exchange.request.method,
        "path": exchange.request.path(),
        "requestBytes": exchange.request.body.0.len(),
        "status": exchange.reply.as_ref().map(|reply| reply.status),
        "durationMs": exchange.duration_ms,
        "forwardedMs": forwarded.map(|forwarded| forwarded.duration_ms),
        "forwardError": forwarded.and_then(|forwarded| forwarded.error.as_deref()),
        "signature": exchange.signature,
        "injected": exchange.injected,
        "fault": exchange.fault,
    });
    match facts {
        Value::Object(facts) => {
            facts.into_iter().filter(|(_, value)| !value.is_null()).collect::<Value>()
        }
        facts => facts,
    }
}

fn is_valid(exchange: &Exchange) -> Option<bool> {
    exchange.signature.as_deref().map(|verdict| verdict == "valid")
}
