//! What is done to a request on purpose: what arrives, and what is thought of the answer.

use std::sync::{Arc, Mutex};

use ringback_exchange::{Attempt, Expects, Failure, Verdict};
use ringback_sender::{Delivery, Engine, Fault, Faults, Options, Target, send_once};

use crate::receiver::{OK, Receiver, failure, options, reply};

const BODY: &str = r#"{"event":"conversation.completed"}"#;

fn with_fault(text: &str) -> Options {
    let fault: Fault = text.parse().unwrap();
    // Nobody asks for an engine: the one that can is taken.
    Options { faults: Faults::new(0, vec![fault.into()]), ..Options::default() }
}

/// Sends one delivery to a receiver that answers when nothing comes any more, or when the request is whole
/// by its own account, and returns what arrived.
async fn arrived(fault: &str, answer: &'static [u8]) -> (String, Attempt) {
    let came = Arc::new(Mutex::new(Vec::new()));
    let kept = came.clone();
    let receiver = Receiver::start(move |mut connection| {
        let kept = kept.clone();
        async move {
            let (bytes, _) = connection.quiet().await;
            kept.lock().unwrap().extend(bytes);
            connection.write(answer).await;
            connection.close().await;
        }
    })
    .await;
    let target = Target::new(&receiver.url(), &with_fault(fault)).await.unwrap();
    assert_eq!(target.engine(), (Engine::Wire, Some("a fault")));
    let attempt = send_once(&target, Delivery::new(0, BODY)).await;
    assert_eq!(attempt.fault.as_ref().unwrap().name, fault);
    let came = String::from_utf8_lossy(&came.lock().unwrap()).into_owned();
    (came.replace(&receiver.port.to_string(), "PORT"), attempt)
}

const NO: &[u8] = b"HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn what_arrives_is_what_the_fault_says() {
    let shown = async |fault: &str| {
        let (came, _) = arrived(fault, NO).await;
        came.replace(env!("CARGO_PKG_VERSION"), "VERSION")
            .replace(
                "content-type: application/json\r\nuser-agent: ringback/VERSION\r\naccept: */*\r\n",
                "…",
            )
            .replace('\r', "␍")
            .replace('\0', "␀")
    };
    insta::assert_snapshot!(shown("cut:head").await, @"
    POST /hooks?a=1 HTTP/1.1␍
    host: 127.0.0.1:PORT␍
    …content-length: 34␍
    ␍
    ");
    insta::assert_snapshot!(shown("cut:10").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    host: 127.0.0.1:PORT␍
    …content-length: 34␍
    ␍
    {"event":"
    "#);
    insta::assert_snapshot!(shown("cut:end").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    host: 127.0.0.1:PORT␍
    …content-length: 34␍
    ␍
    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("length-too-long:10").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    host: 127.0.0.1:PORT␍
    …content-length: 44␍
    ␍
    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("length-too-short:10").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    host: 127.0.0.1:PORT␍
    …content-length: 24␍
    ␍
    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("two-lengths").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    host: 127.0.0.1:PORT␍
    …content-length: 34␍
    content-length: 35␍
    ␍
    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("length-and-chunked").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    host: 127.0.0.1:PORT␍
    …content-length: 34␍
    transfer-encoding: chunked␍
    ␍
    22␍
    {"event":"conversation.completed"}␍
    0␍
    ␍
    "#);
    insta::assert_snapshot!(shown("no-length").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    host: 127.0.0.1:PORT␍
    …␍
    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("bad-chunk").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    host: 127.0.0.1:PORT␍
    …transfer-encoding: chunked␍
    ␍
    five␍
    {"event":"conversation.completed"}␍
    0␍
    ␍
    "#);
    insta::assert_snapshot!(shown("lf-only").await, @r#"
    POST /hooks?a=1 HTTP/1.1
    host: 127.0.0.1:PORT
    content-type: application/json
    user-agent: ringback/VERSION
    accept: */*
    content-length: 34

    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("odd-case").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    hOsT: 127.0.0.1:PORT␍
    cOnTeNt-tYpE: application/json␍
    uSeR-AgEnT: ringback/VERSION␍
    aCcEpT: */*␍
    cOnTeNt-lEnGtH: 34␍
    ␍
    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("http-1.0").await, @r#"
    POST /hooks?a=1 HTTP/1.0␍
    host: 127.0.0.1:PORT␍
    …content-length: 34␍
    ␍
    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("bad-version").await, @r#"
    POST /hooks?a=1 HTTP/9.9␍
    host: 127.0.0.1:PORT␍
    …content-length: 34␍
    ␍
    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("no-host").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    …content-length: 34␍
    ␍
    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("two-hosts").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    host: second.invalid␍
    host: 127.0.0.1:PORT␍
    …content-length: 34␍
    ␍
    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("folded-line").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    host: 127.0.0.1:PORT␍
    …content-length: 34␍
    x-folded: one␍
     two␍
    ␍
    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("space-before-colon").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    host: 127.0.0.1:PORT␍
    …content-length: 34␍
    x-space : 1␍
    ␍
    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("nul-in-value").await, @r#"
    POST /hooks?a=1 HTTP/1.1␍
    host: 127.0.0.1:PORT␍
    …content-length: 34␍
    x-nul: a␀b␍
    ␍
    {"event":"conversation.completed"}
    "#);
    insta::assert_snapshot!(shown("absolute-target").await, @r#"
    POST http://127.0.0.1:PORT/hooks?a=1 HTTP/1.1␍
    host: 127.0.0.1:PORT␍
    …content-length: 34␍
    ␍
    {"event":"conversation.completed"}
    "#);
    assert_eq!(shown("cut:start").await, "");
    assert!(shown("big-head:2").await.contains(&format!("x-big: {}", "a".repeat(2048))));
}

#[tokio::test]
async fn garbage_is_no_http_and_the_record_is_what_was_sent() {
    let (came, attempt) = arrived("garbage:100", NO).await;
    assert_eq!(attempt.request.body.as_ref().len(), 100);
    assert_eq!(came, attempt.request.body.to_text());
    assert!(attempt.request.headers.is_empty());
    assert!(httparse::Request::new(&mut []).parse(attempt.request.body.as_ref()).is_err());
}

/// A receiver is right to refuse what is broken, and wrong to accept it.
#[tokio::test]
async fn the_verdict_is_that_of_somebody_who_knows_what_was_done() {
    use Verdict::{Fail, Pass, Unknown};
    const ERROR: &[u8] = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n";
    for (fault, of_ok, of_400, of_500, of_close) in [
        ("cut:head", Fail, Pass, Fail, Pass),
        ("no-host", Fail, Pass, Fail, Pass),
        ("lf-only", Pass, Pass, Fail, Pass),
        ("cut:end", Pass, Pass, Fail, Pass),
        ("odd-case", Pass, Fail, Fail, Unknown),
    ] {
        for (answer, expected) in [(OK, of_ok), (NO, of_400), (ERROR, of_500), (b"", of_close)] {
            let (_, attempt) = arrived(fault, answer).await;
            assert_eq!(attempt.verdict(), expected, "{fault} {attempt:?}");
        }
    }
}

#[tokio::test]
async fn a_reset_is_ours_and_nobody_is_blamed() {
    let (seen, ended) = tokio::sync::oneshot::channel();
    let seen = Mutex::new(Some(seen));
    let receiver = Receiver::start(move |mut connection| {
        let seen = seen.lock().unwrap().take();
        async move {
            let rest = connection.rest().await;
            seen.map(|seen| seen.send(rest));
        }
    })
    .await;
    let target = Target::new(&receiver.url(), &with_fault("reset:end")).await.unwrap();
    let attempt = send_once(&target, Delivery::new(0, BODY)).await;
    assert_eq!(failure(&attempt).kind, Failure::Cut);
    assert_eq!((attempt.verdict(), attempt.is_against_receiver()), (Verdict::Unknown, false));
    let (bytes, is_closed) = ended.await.unwrap();
    assert!(String::from_utf8_lossy(&bytes).ends_with(BODY));
    assert!(!is_closed, "the receiver sees a reset and no end");
}

#[tokio::test]
async fn what_is_held_open_ends_with_the_timeout_or_the_receivers_patience() {
    for point in ["start", "head", "5"] {
        let fault = format!("hold:{point}");
        let receiver = Receiver::start(|mut connection| async move {
            connection.rest().await;
        })
        .await;
        let hurried =
            Options { timeout: std::time::Duration::from_millis(100), ..with_fault(&fault) };
        let target = Target::new(&receiver.url(), &hurried).await.unwrap();
        let attempt = send_once(&target, Delivery::new(0, BODY)).await;
        assert_eq!(failure(&attempt).kind, Failure::TimedOut, "{fault}");
        assert!(!attempt.is_against_receiver(), "{fault}");

        let (_, attempt) = arrived(&fault, b"HTTP/1.1 408 Late\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!((reply(&attempt).status, attempt.verdict()), (408, Verdict::Pass));
    }
}

#[tokio::test]
async fn a_slow_body_arrives_whole_and_late() {
    let receiver = Receiver::answering(OK).await;
    let target = Target::new(&receiver.url(), &with_fault("slow-body:340")).await.unwrap();
    let attempt = send_once(&target, Delivery::new(0, BODY)).await;
    assert_eq!((reply(&attempt).status, attempt.verdict()), (200, Verdict::Pass));
    assert!(receiver.requests()[0].ends_with(BODY.as_bytes()));
    assert!(attempt.duration_ms >= 50.0, "34 bytes at 340 a second: {}", attempt.duration_ms);
}

#[tokio::test]
async fn a_slow_reader_gets_the_whole_answer_late() {
    let receiver = Receiver::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb").await;
    let target = Target::new(&receiver.url(), &with_fault("slow-read:1000")).await.unwrap();
    let attempt = send_once(&target, Delivery::new(0, BODY)).await;
    assert_eq!((reply(&attempt).body.as_ref().len(), attempt.verdict()), (100, Verdict::Pass));
    assert!(attempt.duration_ms >= 100.0, "138 bytes at 1000 a second: {}", attempt.duration_ms);
}

/// Faulty requests go over connections of their own, so that the others are not disturbed.
#[tokio::test]
async fn only_a_share_is_disturbed() {
    let receiver = Receiver::answering(OK).await;
    let faults = Faults::new(7, vec!["reset@20%".parse().unwrap()]);
    let disturbed: Vec<_> = (0..50).map(|index| faults.of(index).is_some()).collect();
    let options = Options { faults, ..options(Engine::Wire) };
    let target = Target::new(&receiver.url(), &options).await.unwrap();
    for (index, is_disturbed) in (0..50).zip(&disturbed) {
        let attempt = send_once(&target, Delivery::new(index, BODY)).await;
        assert_eq!(attempt.fault.is_some(), *is_disturbed);
        assert_eq!(
            attempt.fault.as_ref().map(|it| it.expects),
            is_disturbed.then_some(Expects::Nothing)
        );
        if !is_disturbed {
            assert_eq!(reply(&attempt).status, 200);
        }
    }
    let n_disturbed = disturbed.iter().filter(|is| **is).count();
    assert!((3..20).contains(&n_disturbed), "{n_disturbed}");
    assert_eq!(receiver.n_connections(), n_disturbed + 1);
}
