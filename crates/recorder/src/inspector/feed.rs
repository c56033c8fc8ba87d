//! What has just happened, for whoever looks on; and what has happened so far, in numbers.
//!
//! Capture tells each exchange once and never waits: lookers-on that are too slow fall behind, and
//! catch up from what is kept. Only summaries are held here, so they pin no bodies.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ringback_exchange::Exchange;
use tokio::sync::broadcast;

use super::summary::Summary;

/// Summaries that a looker-on may be behind before it has to catch up from what is kept.
const BEHIND_MAX: usize = 1024;

/// The upper edges of the buckets of durations, in seconds.
const EDGES_S: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Where a listener tells what happens and an inspector hears it. Its clones are the same feed.
#[derive(Debug, Clone)]
pub struct Feed(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    live: broadcast::Sender<Arc<Summary>>,
    /// By the first digit of the status; those without a reply first.
    by_class: [AtomicU64; 6],
    /// Requests that could not be kept and were answered 503.
    refused: AtomicU64,
    /// Requests whose body was not whole, or that were no HTTP.
    faults: AtomicU64,
    request_bytes: AtomicU64,
    reply_bytes: AtomicU64,
    /// Exchanges that took up to each of the edges, and those that took longer.
    durations: [AtomicU64; EDGES_S.len() + 1],
    duration_us: AtomicU64,
}

impl Default for Feed {
    fn default() -> Self {
        let (live, _) = broadcast::channel(BEHIND_MAX);
        Self(Arc::new(Shared {
            live,
            by_class: Default::default(),
            refused: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            request_bytes: AtomicU64::new(0),
            reply_bytes: AtomicU64::new(0),
            durations: Default::default(),
            duration_us: AtomicU64::new(0),
        }))
    }
}

impl Feed {
    /// Tells an exchange that is over.
    pub(crate) fn tell(&self, exchange: &Exchange) {
        let shared = &*self.0;
        let add = |counter: &AtomicU64, n: u64| counter.fetch_add(n, Ordering::Relaxed);
        let status = exchange.reply.as_ref().map_or(0, |reply| reply.status);
        add(&shared.by_class[usize::from(status / 100).min(5)], 1);
        add(&shared.faults, u64::from(exchange.fault.is_some()));
        add(&shared.request_bytes, exchange.request.body.0.len() as u64);
        let reply_bytes = exchange.reply.as_ref().map_or(0, |reply| reply.body.0.len());
        add(&shared.reply_bytes, reply_bytes as u64);
        let ms = exchange.duration_ms.unwrap_or_default();
        let bucket = EDGES_S.partition_point(|edge| *edge < ms / 1000.0);
        add(&shared.durations[bucket], 1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it saturates"
        )]
        add(&shared.duration_us, (ms * 1000.0) as u64);
        // Making a summary reads the body, which nobody should pay for whom nobody reads.
        if shared.live.receiver_count() > 0 {
            let _ = shared.live.send(Arc::new(Summary::of(exchange)));
        }
    }

    /// Tells that a request was refused because it could not be kept.
    pub(crate) fn tell_refused(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<Summary>> {
        self.0.live.subscribe()
    }

    /// Returns the numbers in Prometheus' text format 0.0.4.
    pub(super) fn metrics(&self) -> String {
        let shared = &*self.0;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut out = String::new();
        let head = |out: &mut String, name: &str, kind: &str, help: &str| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        };
        let name = "ringback_exchanges_total";
        head(&mut out, name, "counter", "Exchanges by the class of the reply's status.");
        for (class, counter) in shared.by_class.iter().enumerate() {
            let class = if class == 0 { "none".to_owned() } else { format!("{class}xx") };
            let _ = writeln!(out, "{name}{{status=\"{class}\"}} {}", get(counter));
        }
        for (name, help, counter) in [
            (
                "refused_total",
                "Requests answered 503 because they could not be kept.",
                &shared.refused,
            ),
            ("faults_total", "Requests that were not whole.", &shared.faults),
            ("request_bytes_total", "Bytes of the bodies of requests.", &shared.request_bytes),
            ("reply_bytes_total", "Bytes of the bodies of replies.", &shared.reply_bytes),
        ] {
            let name = format!("ringback_{name}");
            head(&mut out, &name, "counter", help);
            let _ = writeln!(out, "{name} {}", get(counter));
        }
        let name = "ringback_lookers";
        head(&mut out, name, "gauge", "Clients of the live stream, and waits under way.");
        let _ = writeln!(out, "{name} {}", shared.live.receiver_count());
        let name = "ringback_exchange_seconds";
        head(&mut out, name, "histogram", "From the arrival of a request to its reply.");
        let mut below = 0;
        for (edge, counter) in EDGES_S.iter().zip(&shared.durations) {
            below += get(counter);
            let _ = writeln!(out, "{name}_bucket{{le=\"{edge}\"}} {below}");
        }
        below += shared.durations.last().map_or(0, get);
        let sum = get(&shared.duration_us) as f64 / 1e6;
        let _ = writeln!(
            out,
            "{name}_bucket{{le=\"+Inf\"}} {below}\n{name}_sum {sum}\n{name}_count {below}"
        );
        out
    }
}
