//! Twenty-six ways to frame a request oddly, and what becomes of each: taken or refused, and what the
//! record says about it. None is taken for something that it is not.

use std::fmt::Write as _;

use ringback_exchange::Exchange;
use ringback_recorder::Listener;
use tokio::io::AsyncWriteExt as _;

use crate::support::{config, connect, exchanges, read_to_end, record};

/// The name, the bytes, and how many requests hyper makes of them.
fn probes() -> Vec<(&'static str, Vec<u8>)> {
    let post = |lines: &str, body: &str| format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n{body}");
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    let get = |lines: &str| format!("GET / HTTP/1.1\r\n{lines}\r\n");
    let probes = [
        ("both lengths", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n")),
        ("equal lengths", post("Content-Length: 4\r\nContent-Length: 4\r\n", "abcd")),
        ("differing lengths", post("Content-Length: 4\r\nContent-Length: 5\r\n", "abcd")),
        ("length with a sign", post("Content-Length: +4\r\n", "abcd")),
        ("lengths in a list", post("Content-Length: 4, 4\r\n", "abcd")),
        ("identity, then chunked", post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n")),
        ("xchunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
        ("identity only", post("Transfer-Encoding: identity\r\n", "0\r\n\r\n")),
        ("chunked, identity", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n")),
        ("space before the colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n")),
        ("vertical tab", post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n")),
        ("chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()),
        ("folded line", post("X: a\r\n b\r\n", "")),
        ("bare CR", post("X: a\rb\r\n", "")),
        ("NUL in a value", post("X: a\0b\r\n", "")),
        ("bare LF", "POST / HTTP/1.1\nHost: h\nContent-Length: 1\n\na".to_owned()),
        ("no Host", get("")),
        ("two Hosts", get("Host: a\r\nHost: b\r\n")),
        ("whole address", "GET http://evil.example/ HTTP/1.1\r\nHost: h\r\n\r\n".to_owned()),
        ("negative chunk", chunked("-1\r\nabc\r\n0\r\n\r\n")),
        ("seventeen digits", chunked("11111111111111111\r\nabc\r\n0\r\n\r\n")),
        ("hexadecimal prefix", chunked("0x0\r\n\r\n")),
        ("chunk with LF only", chunked("1\na\n0\n\n")),
        ("too many lines", get(&format!("Host: h\r\n{}", "X: 1\r\n".repeat(100)))),
        ("too long a line", get(&format!("Host: h\r\nX: {}\r\n", "x".repeat(80_000)))),
        ("GET with a body, and one behind", "GET /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\naGET /2 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned()),
    ];
    probes.map(|(name, text)| (name, text.into_bytes())).into()
}

/// Returns the statuses of all replies on a connection. The sending half stays open, so that nothing ends
/// because of us; a request that is followed by `Connection: close` ends it.
async fn play(listener: &Listener, bytes: &[u8]) -> Vec<u16> {
    let mut stream = connect(listener).await;
    stream.write_all(bytes).await.unwrap();
    // Whoever was refused has gone, and may have reset what comes after.
    let _ = stream.shutdown().await;
    let answer = read_to_end(&mut stream).await;
    let lines = answer.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    lines.map(|line| line[..3].parse().unwrap()).collect()
}

fn told(exchange: &Exchange) -> String {
    let body = exchange.request.body.to_text();
    let mut text = format!("{} bytes", body.len());
    if let Some(fault) = &exchange.fault {
        let _ = write!(text, "; fault: {fault}");
    }
    for note in &exchange.wire.as_ref().unwrap().notes {
        let _ = write!(text, "; {note}");
    }
    text
}

#[tokio::test]
async fn odd_framing_is_taken_or_refused_and_always_told() {
    let (listener, recording) = record(config()).await;
    let (mut table, mut count) = (String::new(), 0);
    let probes = probes();
    assert_eq!(probes.len(), 26);
    for (name, bytes) in probes {
        let statuses = play(&listener, &bytes).await;
        let kept = exchanges(&recording, count + statuses.len()).await.split_off(count);
        count += kept.len();
        for (status, exchange) in statuses.iter().zip(&kept) {
            assert_eq!(exchange.reply.as_ref().unwrap().status, *status, "{name}");
            let head = &exchange.wire.as_ref().unwrap().head.0;
            assert!(
                !head.is_empty() && bytes.windows(head.len()).any(|part| part == head),
                "{name}"
            );
            let _ = writeln!(table, "{name}: {status}, {}", told(exchange));
        }
    }
    insta::assert_snapshot!(table, @"
    both lengths: 200, 1 bytes; both Content-Length and Transfer-Encoding
    equal lengths: 200, 4 bytes; more than one Content-Length
    differing lengths: 400, 0 bytes; fault: invalid content-length
    length with a sign: 400, 0 bytes; fault: invalid content-length
    lengths in a list: 400, 0 bytes; fault: invalid content-length
    identity, then chunked: 200, 1 bytes; a Transfer-Encoding beside chunked
    xchunked: 400, 0 bytes; fault: invalid transfer-encoding
    identity only: 400, 0 bytes; fault: invalid transfer-encoding
    chunked, identity: 400, 0 bytes; fault: invalid transfer-encoding
    space before the colon: 400, 0 bytes; fault: invalid HTTP header
    vertical tab: 400, 0 bytes; fault: invalid HTTP header
    chunked in 1.0: 400, 0 bytes; fault: unexpected transfer-encoding
    folded line: 400, 0 bytes; fault: invalid HTTP header
    bare CR: 400, 0 bytes; fault: invalid HTTP header
    NUL in a value: 400, 0 bytes; fault: invalid HTTP header
    bare LF: 200, 1 bytes; a line ends in LF without CR
    no Host: 200, 0 bytes; no Host
    two Hosts: 200, 0 bytes; more than one Host
    whole address: 200, 0 bytes; the target is a whole address
    negative chunk: 400, 0 bytes; fault: the body is malformed after 0 bytes: Invalid chunk size line: missing size digit
    seventeen digits: 400, 0 bytes; fault: the body is malformed after 0 bytes: invalid chunk size: overflow
    hexadecimal prefix: 400, 0 bytes; fault: the body is malformed after 0 bytes: Invalid chunk size line: Invalid Size
    chunk with LF only: 400, 0 bytes; fault: the body is malformed after 0 bytes: Invalid chunk size line: Invalid Size
    too many lines: 431, 0 bytes; fault: the head has more than 100 lines or 65536 bytes
    too long a line: 431, 0 bytes; fault: the head has more than 100 lines or 65536 bytes
    GET with a body, and one behind: 200, 1 bytes; a body with a method that has none
    GET with a body, and one behind: 200, 0 bytes
    ");
}
