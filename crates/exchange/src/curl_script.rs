//! Exchanges as a shell script that sends their requests again.
//!
//! The script is for any POSIX shell and needs curl, and `base64` where a body is no text. It stops at
//! the first request that gets no reply at all; what is answered is printed, and judged by nobody.

use std::fmt::Write as _;

use crate::curl::{command, quote};
use crate::exchange::Exchange;
use crate::printable::printable;

/// What a script begins with: it takes the address to send to.
pub const BEGIN: &str = "\
#!/bin/sh
# Sends captured requests again. Written by `ringback export --format curl`.
set -eu
if [ $# -ne 1 ]; then
    echo \"usage: sh $0 http://127.0.0.1:3000\" >&2
    exit 2
fi
to=${1%/}
";

/// Returns the command for one exchange, under a line that says which it is. Nothing is redacted: that
/// is done [before](Exchange::anonymous), or not at all where the script is to be run.
pub fn step(exchange: &Exchange) -> String {
    let Exchange { number, received_at, request, .. } = exchange;
    // In the form for a proxy the address was another one; only the path counts.
    let target = match request.target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
            rest.find('/').map_or("/", |begin| &rest[begin..])
        }
        _ if request.target.starts_with('/') => &request.target,
        _ => "/",
    };
    let mut step = format!("\n# {number}, {received_at:.6}");
    if let Some(fault) = &exchange.fault {
        // A line of its own ends where a captured text might begin another.
        let _ = write!(step, ": {}", printable(fault).replace('\n', " "));
    }
    let url = format!("\"$to\"{}", quote(target));
    let _ = writeln!(step, "\n{}\necho", command(&url, request, &request.headers));
    step
}
