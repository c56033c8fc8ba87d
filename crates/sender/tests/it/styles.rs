//! How a request is written, where HTTP leaves a choice.

use std::io::Read as _;
use std::time::Duration;

use ringback_exchange::Headers;
use ringback_sender::{Delivery, Engine, Options, Style, Target, send_once};

use crate::receiver::{OK, Receiver, options, reply};

async fn sent(receiver: &Receiver, options: &Options, body: &str) -> String {
    let target = Target::new(&receiver.url(), options).await.unwrap();
    let attempt = send_once(&target, Delivery::new(0, body.to_owned())).await;
    assert_eq!(reply(&attempt).status, 200);
    String::from_utf8_lossy(&receiver.requests().pop().unwrap()).into_owned()
}

async fn a_body_in_chunks(engine: Engine) {
    let receiver = Receiver::start(|mut connection| async move {
        connection.until(b"0\r\n\r\n").await;
        connection.write(OK).await;
    })
    .await;
    let style = Style { chunked: "4".parse().ok(), ..Style::default() };
    let request = sent(&receiver, &Options { style, ..options(engine) }, "{\"a\":12}").await;
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.ends_with("\r\ntransfer-encoding: chunked"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    assert_eq!(body, "4\r\n{\"a\"\r\n4\r\n:12}\r\n0\r\n\r\n");
}

async fn a_compressed_body(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let style = Style { gzip: true, ..Style::default() };
    let target = Target::new(&receiver.url(), &Options { style, ..options(engine) }).await.unwrap();
    let text = "x".repeat(1_000);
    let attempt = send_once(&target, Delivery::new(0, text.clone())).await;
    assert_eq!(reply(&attempt).status, 200);
    let request = receiver.requests().pop().unwrap();
    let at = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    assert!(String::from_utf8_lossy(&request[..at]).contains("\r\ncontent-encoding: gzip"));
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&request[at + 4..]).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, text);
    assert_eq!(attempt.request.body.as_ref(), &request[at + 4..], "the record is what was sent");
}

async fn another_method(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let style = Style { method: "PUT".parse().unwrap(), ..Style::default() };
    let request = sent(&receiver, &Options { style, ..options(engine) }, "{}").await;
    assert!(request.starts_with("PUT /hooks?a=1 HTTP/1.1\r\n"), "{request}");
}

/// Its lines speak of a body that does not come.
async fn the_answer_to_head_has_no_body(engine: Engine) {
    let receiver = Receiver::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n").await;
    let style = Style { method: "HEAD".parse().unwrap(), ..Style::default() };
    let target = Target::new(&receiver.url(), &Options { style, ..options(engine) }).await.unwrap();
    for _ in 0..2 {
        let attempt = send_once(&target, Delivery::new(0, "")).await;
        assert_eq!((reply(&attempt).status, reply(&attempt).body.as_ref()), (200, &b""[..]));
    }
    assert_eq!(receiver.n_connections(), 1);
}

by_each_engine! {
    a_body_in_chunks,
    a_compressed_body,
    another_method,
    the_answer_to_head_has_no_body,
}

fn waiting(time: Duration) -> Options {
    let style = Style { expect_continue: Some(time), ..Style::default() };
    // Nobody asks for an engine: the one that can is taken.
    Options { style, ..Options::default() }
}

#[tokio::test]
async fn the_body_waits_for_leave() {
    let receiver = Receiver::start(|mut connection| async move {
        let head = connection.until(b"\r\n\r\n").await;
        assert!(head.ends_with(b"\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"));
        connection.write(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        connection.until(b"{}").await;
        connection.write(OK).await;
    })
    .await;
    let request = sent(&receiver, &waiting(Duration::from_secs(60)), "{}").await;
    assert_eq!(request, "{}");
}

#[tokio::test]
async fn a_receiver_that_does_not_know_the_question_gets_the_body_all_the_same() {
    let receiver = Receiver::answering(OK).await;
    let request = sent(&receiver, &waiting(Duration::from_millis(20)), "{}").await;
    assert!(request.ends_with("\r\n\r\n{}"), "{request}");
}

#[tokio::test]
async fn who_answers_without_the_body_does_not_get_it() {
    let receiver = Receiver::start(|mut connection| async move {
        connection.until(b"\r\n\r\n").await;
        connection.write(b"HTTP/1.1 417 No\r\ncontent-length: 0\r\n\r\n").await;
        connection.hold().await;
    })
    .await;
    let target = Target::new(&receiver.url(), &waiting(Duration::from_secs(60))).await.unwrap();
    assert_eq!(target.engine(), (Engine::Wire, Some("waiting for 100-continue")));
    let attempt = send_once(&target, Delivery::new(0, "{}")).await;
    assert_eq!(reply(&attempt).status, 417);
    assert_eq!(receiver.requests().len(), 1, "only the head came");
    let again = send_once(&target, Delivery::new(0, "{}")).await;
    assert_eq!(reply(&again).status, 417);
    assert_eq!(
        receiver.n_connections(),
        2,
        "where a body may still be wanted nothing else is sent"
    );
}

#[tokio::test]
async fn the_wire_engine_keeps_case_order_and_duplicates() {
    let receiver = Receiver::answering(OK).await;
    let headers = Headers::from_iter([
        ("X-B", "1"),
        ("x-a", "2"),
        ("HOST", "a.test"),
        ("x-B", "3"),
        ("Accept", ""),
    ]);
    let options = Options { headers, ..options(Engine::Wire) };
    let request = sent(&receiver, &options, "").await;
    let (_, own) = request.split_once("user-agent").unwrap();
    let (_, own) = own.split_once("\r\n").unwrap();
    assert_eq!(
        own,
        "X-B: 1\r\nx-a: 2\r\nHOST: a.test\r\nx-B: 3\r\nAccept: \r\ncontent-length: 0\r\n\r\n"
    );
}
