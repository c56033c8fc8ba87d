//! What never became a request is recorded too: its bytes, why, and what was answered.

use ringback_exchange::Exchange;
use tokio::io::AsyncWriteExt as _;

use crate::support::{config, connect, exchanges, read_head, read_to_end, record, say, status};

/// Returns the head, the reason and the status of what was refused.
fn seen(exchange: &Exchange) -> (Vec<u8>, &str, Option<u16>) {
    let head = exchange.wire.as_ref().unwrap().head.0.to_vec();
    let status = exchange.reply.as_ref().map(|reply| reply.status);
    (head, exchange.fault.as_deref().unwrap(), status)
}

#[tokio::test]
async fn what_is_no_request_is_kept_with_its_bytes_and_the_reply() {
    let too_many = format!("GET /many HTTP/1.1\r\n{}\r\n", "x: 1\r\n".repeat(101));
    let too_long = format!("GET /long HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(70_000));
    let large = "the head has more than 100 lines or 65536 bytes";
    let header = "invalid HTTP header";
    let cases: [(&[u8], &str, u16); 9] = [
        (b"GET / HTTP/1.1\r\nx : 1\r\n\r\n", header, 400),
        (b"GET / HTTP/1.1\r\nx: \0\r\n\r\n", header, 400),
        (b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n", "invalid content-length", 400),
        (b"GET / HTTP/3.7\r\n\r\n", "invalid HTTP version", 400),
        (b"G\x01T / HTTP/1.1\r\n\r\n", "invalid HTTP method", 400),
        (b"GET /\xFF\x01 HTTP/1.1\r\n\r\n", "invalid URI", 400),
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03",
            "the client speaks TLS, which is not switched on here",
            400,
        ),
        (too_many.as_bytes(), large, 431),
        (too_long.as_bytes(), large, 431),
    ];
    let (listener, recording) = record(config()).await;
    for (number, (bytes, why, expected)) in cases.iter().enumerate() {
        let mut stream = connect(&listener).await;
        stream.write_all(bytes).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert_eq!(status(&answer), *expected, "{why}");
        let kept = exchanges(&recording, number + 1).await.pop().unwrap();
        let (head, fault, replied) = seen(&kept);
        assert_eq!(
            (fault, replied),
            (*why, Some(*expected)),
            "{:?}",
            String::from_utf8_lossy(bytes)
        );
        assert!(
            bytes.starts_with(&head) && head.len() >= bytes.len().min(65_536),
            "{}",
            head.len()
        );
        assert_eq!(kept.number, number as u64 + 1);
    }
    let kept = exchanges(&recording, cases.len()).await;
    let lines: Vec<_> = kept
        .iter()
        .map(|it| format!("{} {} {}", it.request.method, it.request.target, it.version))
        .collect();
    assert_eq!(lines[3], "GET / HTTP/3.7");
    assert_eq!(lines[6], "  ", "nothing is made up");
    assert_eq!(lines[7], "GET /many HTTP/1.1");
}

#[tokio::test]
async fn http2_without_being_asked_for_is_named() {
    let (listener, recording) = record(config()).await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(say(&listener, preface).await, "");
    let kept = exchanges(&recording, 1).await.remove(0);
    let why = "the client speaks HTTP/2, which is not switched on here";
    assert_eq!(seen(&kept), (preface.into(), why, None));
    assert_eq!(kept.request.method, "PRI");
}

#[tokio::test]
async fn a_head_that_breaks_off_is_kept_as_far_as_it_came() {
    let (listener, recording) = record(config()).await;
    assert_eq!(say(&listener, "POST /half HTTP/1.1\r\nHos").await, "");
    let kept = exchanges(&recording, 1).await.remove(0);
    let half = b"POST /half HTTP/1.1\r\nHos".to_vec();
    assert_eq!(seen(&kept), (half, "the connection ended inside the head", None));
    assert_eq!(kept.request.target, "/half");
}

#[tokio::test]
async fn what_is_refused_behind_a_request_is_told_apart_from_it() {
    let (listener, recording) = record(config()).await;
    let bad = "GET /2 HTTP/1.1\r\nb b: 1\r\n\r\n";
    let mut stream = connect(&listener).await;
    let two = format!("POST /1 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}{bad}", "ab");
    stream.write_all(two.as_bytes()).await.unwrap();
    assert_eq!(status(&read_head(&mut stream).await), 200);
    assert_eq!(status(&read_to_end(&mut stream).await), 400);
    let kept = exchanges(&recording, 2).await;
    assert_eq!((kept[0].request.body.to_text().as_ref(), kept[0].fault.as_ref()), ("ab", None));
    assert_eq!(seen(&kept[1]), (bad.into(), "invalid HTTP header", Some(400)));
    let connections = kept.iter().map(|it| it.wire.as_ref().unwrap().connection);
    assert_eq!(connections.collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test]
async fn a_client_that_says_nothing_leaves_nothing() {
    let (listener, recording) = record(config()).await;
    assert_eq!(say(&listener, "").await, "");
    assert_eq!(say(&listener, "\r\n\r\n").await, "");
    assert_eq!(status(&say(&listener, "GET / HTTP/1.1\r\n\r\n").await), 200);
    assert_eq!(exchanges(&recording, 1).await.len(), 1);
}
