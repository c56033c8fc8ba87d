//! Metrics in Prometheus' text format 0.0.4, for a file that a collector reads.

use std::fmt::Write as _;

use super::{Load, LoadAbout};

/// The upper edges of the buckets, in seconds.
const EDGES_S: [f64; 17] = [
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0, 60.0,
];

/// Returns the metrics of a run that is over. Durations are in seconds, as its conventions have it.
pub fn text(load: &Load, about: &LoadAbout) -> String {
    let mut out = String::new();
    let head = |out: &mut String, name: &str, kind: &str, help: &str| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    };
    let name = "ringback_attempts_total";
    head(
        &mut out,
        name,
        "counter",
        "Attempts by what came of them: a status, or why there was none.",
    );
    for (status, count) in &load.statuses {
        let _ = writeln!(out, "{name}{{outcome=\"answered\",status=\"{status}\"}} {count}");
    }
    for (failure, count) in &load.failures {
        let _ = writeln!(out, "{name}{{outcome=\"{failure}\",status=\"\"}} {count}");
    }
    let name = "ringback_sent_bytes_total";
    head(&mut out, name, "counter", "Bytes of the bodies of all attempts.");
    let _ = writeln!(out, "{name} {}", load.sent_bytes);
    let name = "ringback_run_seconds";
    head(&mut out, name, "gauge", "How long the run took.");
    let _ = writeln!(out, "{name} {}", about.elapsed_ms / 1000.0);
    if let Some(planned) = about.planned {
        let name = "ringback_planned_deliveries";
        head(&mut out, name, "gauge", "Deliveries of the plan.");
        let _ = writeln!(out, "{name} {planned}");
    }
    for (_, series, durations) in load.series() {
        let name = format!("ringback_{series}_seconds");
        let help = match series {
            "latency" => "From the planned time to the outcome, of what was sent.",
            "first_byte" => "From the begin of the request to the first byte of the reply.",
            "connect" => "What a new connection took, its TLS handshake included.",
            _ => "From the planned time to the begin of the request: the sender's own lateness.",
        };
        head(&mut out, &name, "histogram", help);
        let edges: Vec<f64> = EDGES_S.iter().map(|seconds| seconds * 1000.0).collect();
        let mut below = 0;
        for (edge, count) in EDGES_S.iter().zip(durations.counts(&edges)) {
            below += count;
            let _ = writeln!(out, "{name}_bucket{{le=\"{edge}\"}} {below}");
        }
        let count = durations.0.len();
        let sum = durations.0.mean() * count as f64 / 1e6;
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(out, "{name}_sum {sum}\n{name}_count {count}");
    }
    out
}
