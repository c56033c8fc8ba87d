use base64::Engine as _;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use ringback_exchange::{FailureDetail, Headers, Reply, Request};

use super::*;

pub(crate) fn attempt(planned_ms: f64, duration_ms: f64, came: Result<u16, Failure>) -> Attempt {
    let outcome = match came {
        Ok(status) => {
            Outcome::Answered(Reply { status, headers: Headers::default(), body: "".into() })
        }
        Err(kind) => Outcome::Failed(FailureDetail { kind, detail: String::new(), status: None }),
    };
    Attempt {
        delivery: 0,
        number: 1,
        url: "http://localhost/".to_owned(),
        request: Request {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: Headers::default(),
            body: "12345".into(),
        },
        planned_ms,
        late_ms: 0.05,
        connect_ms: (planned_ms < 1.0).then_some(0.4),
        first_byte_ms: came.is_ok().then_some(duration_ms / 2.0),
        duration_ms,
        reply_cut_at_bytes: None,
        place: None,
        fault: None,
        outcome,
    }
}

/// Three seconds at 40 a second; in the second one the receiver stalls and breaks.
fn stalled() -> (Load, LoadAbout) {
    let mut load = Load::default();
    for n in 0..120_u32 {
        let planned = f64::from(n) * 25.0;
        let came = match n {
            40..60 => (2000.0 - planned + 5.0, Ok(503)),
            60 => (0.1, Err(Failure::Refused)),
            61 => (500.0, Err(Failure::TimedOut)),
            _ => (3.0 + f64::from(n % 7), Ok(200)),
        };
        load.add(&attempt(planned, came.0, came.1));
    }
    let about = LoadAbout {
        target: "http://localhost:3000/<script>alert(1)</script>".to_owned(),
        began: "2026-01-02T03:04:05Z".parse().unwrap(),
        planned: Some(120),
        elapsed_ms: 3000.0,
        notes: vec!["7 were delayed: 256 were in flight & no more may be".to_owned()],
    };
    (load, about)
}

#[test]
fn the_table_tells_what_came_back_and_how_long_it_took() {
    let (load, about) = stalled();
    insta::assert_snapshot!(table(&load, &about), @"
    120 attempts in 3.00 s (40.0/s), 81.7% answered 2xx
      HTTP 200                     98   81.7%
      HTTP 503                     20   16.7%
      refused                       1    0.8%
      timed-out                     1    0.8%

                                 p50       p90       p95       p99     p99.9       max
    latency                  7.05 ms    730 ms    880 ms    980 ms    1.01 s    1.01 s
    first byte               3.50 ms    365 ms    440 ms    490 ms    503 ms    503 ms
    connecting               0.40 ms   0.40 ms   0.40 ms   0.40 ms   0.40 ms   0.40 ms
    sender's own lateness      50 µs     50 µs     50 µs     50 µs     50 µs     50 µs

    latency, from the planned time
        3.30 ms ██████████████                           15
        4.70 ms █████████████                            14
        6.80 ms ███████████████████████████              28
        10.0 ms ████████████████████████████████████████ 41
        15.0 ms                                          0
        22.0 ms                                          0
        33.0 ms                                          0
        47.0 ms                                          0
        68.0 ms                                          0
         100 ms                                          0
         150 ms                                          0
         220 ms                                          0
         330 ms                                          0
         470 ms                                          0
         680 ms ██████                                   7
         1.00 s ████████████                             13
         1.50 s █                                        1
    7 were delayed: 256 were in flight & no more may be
    ");
    insta::assert_snapshot!(progress(&load, Some(500), 3000.0, 4), @"3.00 s: 120 of 500 attempts, 40.0/s, 4 in flight, 22 failed, p99 980 ms");
    insta::assert_snapshot!(table(&Load::default(), &LoadAbout::default()), @"0 attempts in 0.00 ms (0.0/s), 0.0% answered 2xx");
}

#[test]
fn the_page_opens_offline_and_runs_nothing() {
    let (load, about) = stalled();
    let page = html_page(&load, &about).unwrap();
    assert!(page.contains("&lt;script&gt;alert(1)&lt;") && !page.contains("<script"), "{page}");
    assert!(!page.contains("src=") && !page.contains("href=") && !page.contains("@import"));
    assert!(page.contains("in flight &amp; no more"));
    assert!(page.contains("<td>HTTP 503</td><td>20</td><td>16.7 %</td>"), "{page}");
    assert_eq!(page.matches("<svg viewBox=\"0 0 860").count(), 5);
    assert!(!page.contains("NaN") && !page.contains("inf"));
    let empty = html_page(&Load::default(), &LoadAbout::default()).unwrap();
    assert!(empty.contains("Nothing was sent.") && !empty.contains("NaN"));
}

#[test]
fn a_slice_without_any_answer_is_a_gap() {
    let mut load = Load::default();
    for planned in [0.0, 100.0, 400.0] {
        load.add(&attempt(planned, 5.0, Ok(200)));
    }
    let svg = chart::latency_over_time(&load.slices);
    assert_eq!(svg.matches("<polyline class=\"p50\"").count(), 2, "{svg}");
    assert_eq!(svg.matches("<circle class=\"p50\"").count(), 1, "a single point is seen too");
}

#[test]
fn the_log_holds_the_same_histograms() {
    let (load, about) = stalled();
    let mut written = Vec::new();
    hdr_log(&load, &about, &mut written).unwrap();
    let mut latency = 0;
    let mut in_slices = 0;
    for entry in IntervalLogIterator::new(&written) {
        let LogEntry::Interval(interval) = entry.unwrap() else { continue };
        let packed = interval.encoded_histogram();
        let packed = base64::engine::general_purpose::STANDARD.decode(packed).unwrap();
        let read: Histogram<u64> = Deserializer::new().deserialize(&mut packed.as_slice()).unwrap();
        match interval.tag().unwrap().as_str() {
            "latency" => {
                latency = read.len();
                assert_eq!(read.value_at_quantile(0.5), load.latency.0.value_at_quantile(0.5));
            }
            "latency_slice" => in_slices += read.len(),
            _ => {}
        }
    }
    assert_eq!((latency, in_slices), (119, 119), "what was not reached has no latency");
}

#[test]
fn metrics_count_every_attempt_once() {
    let (load, about) = stalled();
    let text = prometheus_text(&load, &about);
    let latency: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("latency_seconds") || line.contains("total"))
        .collect();
    insta::assert_snapshot!(latency.join("\n"), @r#"
    # HELP ringback_attempts_total Attempts by what came of them: a status, or why there was none.
    # TYPE ringback_attempts_total counter
    ringback_attempts_total{outcome="answered",status="200"} 98
    ringback_attempts_total{outcome="answered",status="503"} 20
    ringback_attempts_total{outcome="refused",status=""} 1
    ringback_attempts_total{outcome="timed-out",status=""} 1
    # HELP ringback_sent_bytes_total Bytes of the bodies of all attempts.
    # TYPE ringback_sent_bytes_total counter
    ringback_sent_bytes_total 600
    # HELP ringback_latency_seconds From the planned time to the outcome, of what was sent.
    # TYPE ringback_latency_seconds histogram
    ringback_latency_seconds_bucket{le="0.0001"} 0
    ringback_latency_seconds_bucket{le="0.0005"} 0
    ringback_latency_seconds_bucket{le="0.001"} 0
    ringback_latency_seconds_bucket{le="0.0025"} 0
    ringback_latency_seconds_bucket{le="0.005"} 29
    ringback_latency_seconds_bucket{le="0.01"} 98
    ringback_latency_seconds_bucket{le="0.025"} 98
    ringback_latency_seconds_bucket{le="0.05"} 98
    ringback_latency_seconds_bucket{le="0.1"} 98
    ringback_latency_seconds_bucket{le="0.25"} 98
    ringback_latency_seconds_bucket{le="0.5"} 98
    ringback_latency_seconds_bucket{le="1"} 118
    ringback_latency_seconds_bucket{le="2.5"} 119
    ringback_latency_seconds_bucket{le="5"} 119
    ringback_latency_seconds_bucket{le="10"} 119
    ringback_latency_seconds_bucket{le="30"} 119
    ringback_latency_seconds_bucket{le="60"} 119
    ringback_latency_seconds_bucket{le="+Inf"} 119
    ringback_latency_seconds_sum 16.439349
    ringback_latency_seconds_count 119
    "#);
}

#[test]
fn a_histogram_counts_everything_whatever_its_range() {
    for values in [vec![0.0], vec![0.001, 86_400_000.0], vec![3.0; 5], vec![f64::NAN, -1.0, 1e300]]
    {
        let mut durations = Durations::new(DIGITS);
        values.iter().for_each(|ms| durations.record(*ms));
        for rows in [1, 5, 48] {
            let edges = chart::edges(&durations, rows);
            assert!(edges.len() <= rows && edges.is_sorted(), "{edges:?}");
            let counts = durations.counts(&edges);
            assert_eq!(counts.last(), Some(&0), "nothing lies above the last edge: {edges:?}");
            assert_eq!(counts.iter().sum::<u64>(), values.len() as u64);
        }
    }
}
