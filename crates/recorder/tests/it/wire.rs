//! How a request was on the wire is kept beside what it means.

use ringback_exchange::{Content, Headers};
use ringback_recorder::Config;
use tokio::io::AsyncWriteExt as _;

use crate::support::{config, connect, exchanges, parts, read_head, record, say, status};

/// Two requests sent at once: odd case, duplicates, chunk extensions, a trailer.
const TWO: &[u8] = b"POST /1?a=%20 HTTP/1.1\r\nHOST: h\r\nX-b: 1\r\nx-A:\t2 \r\nX-b: \xFF\r\n\
                     Content-Length: 3\r\n\r\nonePUT /2 HTTP/1.1\r\nhost: h\r\nx-A: 3\r\n\
                     Transfer-Encoding: chunked\r\n\r\n3;ext=\"a\"\r\ntwo\r\n0\r\nX-Sum: 1\r\nx-SUM: 2\r\n\
                     \r\n";

#[tokio::test]
async fn names_are_kept_as_sent_with_their_order_case_and_duplicates() {
    let (listener, recording) = record(config()).await;
    let mut stream = connect(&listener).await;
    stream.write_all(TWO).await.unwrap();
    read_head(&mut stream).await;
    read_head(&mut stream).await;
    let kept = exchanges(&recording, 2).await;

    let expected = Headers::from_iter([
        ("HOST", Content::from("h")),
        ("X-b", "1".into()),
        ("x-A", "2".into()),
        ("X-b", vec![0xFF].into()),
        ("Content-Length", "3".into()),
    ]);
    assert_eq!(kept[0].request.headers, expected);
    assert_eq!(kept[0].request.target, "/1?a=%20");
    assert_eq!(kept[0].request.body, Content::from("one"));
    let (first, second) = (kept[0].wire.as_ref().unwrap(), kept[1].wire.as_ref().unwrap());
    let split = TWO.windows(3).position(|part| part == b"one").unwrap();
    assert_eq!(&first.head.0[..], &TWO[..split], "byte for byte");
    assert_eq!((first.notes.len(), first.trailers.is_empty()), (0, true));

    assert!(second.head.0.starts_with(b"PUT /2 ") && second.head.0.ends_with(b"chunked\r\n\r\n"));
    assert_eq!(kept[1].request.body, Content::from("two"));
    assert_eq!(second.trailers, Headers::from_iter([("X-Sum", "1"), ("x-SUM", "2")]));
    assert_eq!(second.notes, ["chunk extensions"]);
    assert_eq!((first.connection, second.connection), (1, 1));
}

#[tokio::test]
async fn a_request_in_single_bytes_is_kept_as_one_in_a_piece() {
    let (listener, recording) = record(config()).await;
    let mut stream = connect(&listener).await;
    stream.set_nodelay(true).unwrap();
    for byte in TWO {
        stream.write_all(&[*byte]).await.unwrap();
    }
    read_head(&mut stream).await;
    read_head(&mut stream).await;
    let mut kept = exchanges(&recording, 2).await;
    let mut other = connect(&listener).await;
    other.write_all(TWO).await.unwrap();
    read_head(&mut other).await;
    read_head(&mut other).await;
    let again = exchanges(&recording, 4).await.split_off(2);
    for (one, other) in kept.iter_mut().zip(&again) {
        let wire = one.wire.as_mut().unwrap();
        assert_eq!((wire.connection, other.wire.as_ref().unwrap().connection), (1, 2));
        wire.connection = 2;
        assert_eq!((&one.request, &one.wire), (&other.request, &other.wire));
    }
}

#[tokio::test]
async fn a_long_body_does_not_hide_the_next_head() {
    let (listener, recording) = record(config()).await;
    let mut stream = connect(&listener).await;
    let body = "GET /no HTTP/1.1\r\n\r\n".repeat(20_000);
    let long = format!("POST /1 HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let next = format!(
        "POST /2 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n",
        body.len()
    );
    stream
        .write_all(format!("{long}{next}0\r\n\r\nGET /3 HTTP/1.1\r\nA: b\r\n\r\n").as_bytes())
        .await
        .unwrap();
    for _ in 0..3 {
        read_head(&mut stream).await;
    }
    let kept = exchanges(&recording, 3).await;
    let targets: Vec<_> = kept.iter().map(|it| it.request.target.as_str()).collect();
    assert_eq!(targets, ["/1", "/2", "/3"]);
    assert_eq!(kept[1].request.body.to_text(), body);
    assert_eq!(kept[2].request.headers, Headers::from_iter([("A", "b")]));
}

#[tokio::test]
async fn strict_refuses_what_can_be_read_in_two_ways_and_keeps_it() {
    let (listener, recording) = record(Config { strict: true, ..config() }).await;
    let both = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n\
                5\r\nabcde\r\n0\r\n\r\n";
    let why = "the request can be read in two ways: both Content-Length and Transfer-Encoding";
    assert_eq!(parts(&say(&listener, both).await), (400, &*format!("{{\"error\":\"{why}\"}}\n")));
    let host = "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    assert_eq!(status(&say(&listener, host).await), 400);
    let fine = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(status(&say(&listener, fine).await), 200);
    let kept = exchanges(&recording, 3).await;
    assert_eq!(kept[0].fault.as_deref(), Some(why));
    assert_eq!(kept[0].request.body.to_text(), "abcde");
    assert_eq!(kept[2].fault, None);
}
