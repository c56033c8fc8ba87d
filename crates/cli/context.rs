//! What an attempt says about itself, for those who look for it in the receiver's traces and logs.

use std::fmt::Write as _;

use clap::Args;
use ringback_exchange::Headers;
use sha2::{Digest as _, Sha256};

/// The header with the name of the run.
const RUN: &str = "ringback-run";

/// Which header lines say what an attempt is. Production sends none of them, so all are off by default.
#[derive(Debug, Default, Args)]
pub(crate) struct ContextArgs {
    /// Send `traceparent` (W3C Trace Context): one trace for each delivery, one span for each attempt
    #[arg(long)]
    traceparent: bool,
    /// Name the run, and send the name as `ringback-run`; trace ids follow from it, or from the seed
    #[arg(long, value_name = "ID", value_parser = parse_run_id)]
    run_id: Option<String>,
    /// Send the number of the attempt, from 1, in a header of this name
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    attempt_header: Option<String>,
}

fn parse_run_id(text: &str) -> Result<String, String> {
    let is_word =
        (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_word { Ok(text.to_owned()) } else { Err("write 1 to 128 visible characters".to_owned()) }
}

fn parse_name(text: &str) -> Result<String, String> {
    // RFC 9110 section 5.6.2: what a name may be made of.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_name = !text.is_empty() && text.bytes().all(is_token);
    if is_name { Ok(text.to_owned()) } else { Err("it is no header name".to_owned()) }
}

impl ContextArgs {
    /// Returns the trace context of an attempt, when one is sent.
    pub(crate) fn traceparent(&self, seed: u64, delivery: u64, attempt: u32) -> Option<String> {
        let run = || self.run_id.clone().unwrap_or_else(|| format!("seed {seed}"));
        self.traceparent.then(|| traceparent(&run(), delivery, attempt))
    }

    /// Returns the header lines of an attempt: of which delivery, from 0, and which of its tries, from 1.
    pub(crate) fn headers(&self, seed: u64, delivery: u64, attempt: u32) -> Headers {
        let mut headers = Headers::default();
        if let Some(traceparent) = self.traceparent(seed, delivery, attempt) {
            headers.push("traceparent", traceparent);
        }
        if let Some(run_id) = &self.run_id {
            headers.push(RUN, run_id.clone());
        }
        if let Some(name) = &self.attempt_header {
            headers.push(name.clone(), attempt.to_string());
        }
        headers
    }
}

/// Returns the trace context of an attempt (W3C Trace Context, version 00, sampled).
///
/// It follows from the run, the delivery and the attempt alone, so that it is known before anything is
/// sent. All attempts of a delivery are in one trace.
pub(crate) fn traceparent(run: &str, delivery: u64, attempt: u32) -> String {
    let hash = |attempt: u32| {
        let mut hash = Sha256::new();
        hash.update(b"ringback traceparent 1\0");
        hash.update(delivery.to_be_bytes());
        hash.update(attempt.to_be_bytes());
        hash.update(run.as_bytes());
        hash.finalize()
    };
    // Tries count from 1, so that nothing else has the number 0.
    let (trace, span) = (hash(0), hash(attempt));
    let hex = |bytes: &[u8]| {
        let mut text = String::new();
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        // All zeros mean that there is none (section 3.2.2.3).
        if bytes.iter().all(|byte| *byte == 0) { text.replace('0', "f") } else { text }
    };
    format!("00-{}-{}-01", hex(&trace[..16]), hex(&span[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_of_a_delivery_share_their_trace_and_nothing_else_does() {
        let first = traceparent("run", 0, 1);
        assert_eq!(first, traceparent("run", 0, 1));
        let parts = |text: &str| text.split('-').map(str::to_owned).collect::<Vec<_>>();
        let (first, second) = (parts(&first), parts(&traceparent("run", 0, 2)));
        assert_eq!(first[1], second[1]);
        assert_ne!(first[2], second[2]);
        assert_ne!(first[1], parts(&traceparent("run", 1, 1))[1]);
        assert_ne!(first[1], parts(&traceparent("ran", 0, 1))[1]);
        let lengths: Vec<_> = first.iter().map(String::len).collect();
        assert_eq!(lengths, [2, 32, 16, 2]);
        insta::assert_snapshot!(traceparent("seed 0", 0, 1), @"00-d8f824fa5b2fbfff8b12d255633b6794-7813cd700133d10a-01");
    }
}
