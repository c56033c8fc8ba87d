//! Each limit, reached on purpose.

use std::time::Duration;

use ringback_recorder::{Limits, Listener, Recording};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::support::{
    SHORT, SOON, config, connect, exchanges, forward, parts, read_head, read_to_end, record, reply,
    route, say, script, start, status,
};

async fn limited(change: impl FnOnce(&mut Limits)) -> (Listener, Recording) {
    let mut config = config();
    change(&mut config.limits);
    record(config).await
}

/// Sends the beginning of something and reads what comes of it.
async fn begin(listener: &Listener, bytes: &str) -> (String, Duration) {
    let mut stream = connect(listener).await;
    let begun = Instant::now();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    (read_to_end(&mut stream).await, begun.elapsed())
}

#[tokio::test]
async fn a_client_that_says_nothing_is_shown_out() {
    let (listener, _) = limited(|it| it.first_byte = SHORT).await;
    let (answer, took) = begin(&listener, "").await;
    assert_eq!(answer, "");
    assert!(took >= SHORT && took < SHORT * 10, "{took:?}");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut() {
    let (listener, recording) = limited(|it| it.head = SHORT).await;
    let (answer, took) = begin(&listener, "POST / HTTP/1.1\r\nhost: h\r\n").await;
    assert_eq!(answer, "");
    assert!(took >= SHORT && took < SHORT * 10, "{took:?}");

    // The same limit ends a connection that is kept for nothing.
    let (answer, _) = begin(&listener, "GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(status(&answer), 200);
    let kept = exchanges(&recording, 2).await;
    assert_eq!(kept[0].fault.as_deref(), Some("the head had not ended after 200ms"));
    assert_eq!((kept[0].reply.as_ref(), kept[1].fault.as_deref()), (None, None));
}

#[tokio::test]
async fn a_body_that_does_not_end_is_408_and_kept_as_far_as_it_came() {
    let (listener, recording) = limited(|it| it.body = SHORT).await;
    let request = "POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\nabc";
    let (answer, took) = begin(&listener, request).await;
    let body = "{\"error\":\"the body had not ended after 200ms; 3 bytes had come\"}\n";
    assert_eq!(parts(&answer), (408, body));
    assert!(took >= SHORT && took < SHORT * 10, "{took:?}");
    let exchange = exchanges(&recording, 1).await.remove(0);
    assert_eq!(exchange.request.body.to_text(), "abc");
    assert_eq!(exchange.reply.unwrap().status, 408);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_413_before_it_is_sent() {
    let (listener, recording) = limited(|it| it.body_bytes = 100).await;
    let head = "POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: ";
    // Without a byte of body, and without being asked for it.
    let (answer, _) = begin(&listener, &format!("{head}101\r\n\r\n")).await;
    let body = "{\"error\":\"the body is longer than 100 bytes\"}\n";
    assert_eq!(parts(&answer), (413, body));
    assert_eq!(exchanges(&recording, 1).await[0].request.body.0.len(), 0);

    let whole = format!("POST / HTTP/1.1\r\ncontent-length: 100\r\n\r\n{}", "x".repeat(100));
    assert_eq!(status(&say(&listener, whole).await), 200);
}

#[tokio::test]
async fn chunks_that_are_too_many_are_413_and_not_held() {
    let (listener, recording) = limited(|it| it.body_bytes = 100_000).await;
    let mut stream = connect(&listener).await;
    let (mut read, mut write) = stream.split();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let send = async {
        write.write_all(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        // 64 MiB, or until nobody takes any more.
        for _ in 0..1024 {
            if write.write_all(chunk.as_bytes()).await.is_err() {
                break;
            }
        }
    };
    let mut answer = vec![0; 1024];
    let receive = async { timeout(SOON, read.read(&mut answer)).await.unwrap().unwrap() };
    let length = tokio::select! {
        length = receive => length,
        () = async { send.await; std::future::pending().await } => unreachable!(),
    };
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert_eq!(status(&answer), 413);
    let exchange = exchanges(&recording, 1).await.remove(0);
    assert!((1..=100_000).contains(&exchange.request.body.0.len()));
}

#[tokio::test]
async fn a_client_that_sends_on_still_reads_why_it_was_refused() {
    // A reset would throw the 413 away: more is sent than the socket's buffers take.
    let (listener, _) = limited(|it| it.body_bytes = 100).await;
    let body = "x".repeat(8 << 20);
    let mut stream = connect(&listener).await;
    let head = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    assert_eq!(status(&read_to_end(&mut stream).await), 413);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_taken_for_a_whole_one() {
    let (listener, recording) = limited(|_| {}).await;
    let request = "POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\nabc";
    let body = "{\"error\":\"the body broke off after 3 bytes\"}\n";
    assert_eq!(parts(&say(&listener, request).await), (400, body));
    let request = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n";
    assert_eq!(parts(&say(&listener, request).await), (400, body));
    let kept = exchanges(&recording, 2).await;
    for exchange in kept {
        assert_eq!(exchange.request.body.to_text(), "abc");
        assert_eq!(exchange.reply.unwrap().status, 400);
    }
}

#[tokio::test]
async fn chunks_that_are_none_are_400_and_kept_as_far_as_they_came() {
    let (listener, recording) = limited(|_| {}).await;
    for bad in ["-1\r\n", "11111111111111111\r\n", "0x0\r\n", "zz\r\n"] {
        let head = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n";
        let answer = say(&listener, format!("{head}{bad}")).await;
        let (status, body) = parts(&answer);
        assert_eq!(status, 400, "{bad:?}");
        assert!(body.contains("the body is malformed after 3 bytes: "), "{bad:?}: {body}");
    }
    for exchange in exchanges(&recording, 4).await {
        assert_eq!(exchange.request.body.to_text(), "abc");
    }
}

#[tokio::test]
async fn heads_that_are_too_large_are_431_and_those_that_are_none_400() {
    let (listener, _) = limited(|it| (it.head_bytes, it.header_lines) = (2_000, 10)).await;
    let many = "x: 1\r\n".repeat(11);
    let (answer, _) = begin(&listener, &format!("GET / HTTP/1.1\r\n{many}\r\n")).await;
    assert_eq!(status(&answer), 431);
    for bytes in [2_000, 20_000, 1 << 20] {
        let long = "x".repeat(bytes);
        let (answer, _) = begin(&listener, &format!("GET / HTTP/1.1\r\nx: {long}\r\n\r\n")).await;
        assert_eq!(status(&answer), 431, "{bytes}");
    }
    for odd in
        ["GET / HTTP/1.1\r\nx : 1\r\n\r\n", "\0\0\0\0\r\n\r\n", "GET / HTTP/1.1\r\nx: \0\r\n\r\n"]
    {
        let (answer, _) = begin(&listener, odd).await;
        assert_eq!(status(&answer), 400, "{odd:?}");
    }
    let fits = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1_900));
    assert_eq!(status(&say(&listener, fits).await), 200);
}

#[tokio::test]
async fn bytes_in_flight_are_shared_and_given_back() {
    // The far side holds the first request, and with it 60 of 100 bytes.
    let far = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", far.local_addr().unwrap());
    let mut config = config();
    config.answer = forward(&url);
    config.limits.bytes_in_flight = 100;
    let (listener, recording) = record(config).await;
    let request = format!(
        "POST / HTTP/1.1\r\ncontent-length: 60\r\nconnection: close\r\n\r\n{}",
        "x".repeat(60)
    );

    let mut first = connect(&listener).await;
    first.write_all(request.as_bytes()).await.unwrap();
    let (mut held, _) = timeout(SOON, far.accept()).await.unwrap().unwrap();
    read_head(&mut held).await;

    let refused = say(&listener, &request).await;
    assert_eq!(status(&refused), 503);
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");

    held.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_to_end(&mut first).await), 204);

    let mut third = connect(&listener).await;
    third.write_all(request.as_bytes()).await.unwrap();
    let (mut held, _) = timeout(SOON, far.accept()).await.unwrap().unwrap();
    held.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_to_end(&mut third).await), 204);
    let statuses = exchanges(&recording, 3).await;
    let statuses: Vec<_> = statuses.iter().map(|it| it.reply.as_ref().unwrap().status).collect();
    assert_eq!(statuses, [204, 503, 204], "the refusal is kept too");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let (sender, mut view) = mpsc::channel(1);
    let mut config = config();
    config.answer = script(vec![route("GET", "/", vec![reply(200, &"x".repeat(32 << 20))])]);
    config.limits.reply = SHORT;
    config.limits.drain = Duration::from_secs(3600);
    config.on_exchange = Some(sender);
    let listener = start(config).await;
    let mut stream = connect(&listener).await;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(view.recv().await.is_some(), "the reply is on its way");
    // The listener would wait an hour for the connection to end.
    let drained = timeout(SOON, listener.finish()).await.expect("cut");
    assert_eq!(drained.cut, 0);
    // What had been sent can still be read; it is not the whole.
    let mut got = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut got)).await.unwrap();
    assert!(got.len() < 32 << 20, "{}", got.len());
}

#[tokio::test]
async fn above_the_limit_connections_wait_for_a_place() {
    let (listener, recording) = limited(|it| it.connections = 1).await;
    let mut first = connect(&listener).await;
    first.write_all(b"GET /1 HTTP/1.1\r\n\r\n").await.unwrap();
    read_head(&mut first).await;
    let mut second = connect(&listener).await;
    second.write_all(b"GET /3 HTTP/1.1\r\n\r\n").await.unwrap();
    second.shutdown().await.unwrap();
    for _ in 0..100 {
        first.write_all(b"GET /2 HTTP/1.1\r\n\r\n").await.unwrap();
        read_head(&mut first).await;
    }
    drop(first);
    assert_eq!(status(&read_to_end(&mut second).await), 200);
    let kept = exchanges(&recording, 102).await;
    assert_eq!(kept.last().unwrap().request.path(), "/3");
}

#[tokio::test]
async fn a_body_that_trickles_is_408() {
    let (listener, recording) = limited(|it| (it.body_grace, it.body_rate) = (SHORT, 1000)).await;
    let request = "POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\nabc";
    let (answer, took) = begin(&listener, request).await;
    let why = "the body came slower than 1000 bytes a second after 200ms; 3 bytes had come";
    assert_eq!(parts(&answer), (408, format!("{{\"error\":\"{why}\"}}\n").as_str()));
    assert!(took >= SHORT && took < SHORT * 10, "{took:?}");
    assert_eq!(exchanges(&recording, 1).await[0].fault.as_deref(), Some(why));
}

#[tokio::test]
async fn trailers_and_chunk_extensions_have_limits_too() {
    let (listener, recording) = limited(|it| (it.head_bytes, it.header_lines) = (2_000, 10)).await;
    let head = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    for (body, why) in [
        (format!("0\r\nx: {}\r\n\r\n", "y".repeat(2_000)), "trailers bytes over limit"),
        (format!("0\r\n{}\r\n", "x: 1\r\n".repeat(11)), "trailers count overflow"),
        (format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(16 << 10)), "extensions over limit"),
    ] {
        let (answer, _) = begin(&listener, &format!("{head}{body}")).await;
        let (status, text) = parts(&answer);
        assert_eq!(status, 400, "{why}");
        assert!(text.contains(why), "{text}");
    }
    assert!(exchanges(&recording, 3).await.iter().all(|it| it.fault.is_some()));
}

#[tokio::test]
async fn above_most_of_the_bytes_nothing_new_is_begun() {
    let far = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", far.local_addr().unwrap());
    let mut config = config();
    config.answer = forward(&url);
    config.limits.bytes_in_flight = 1_000;
    let (listener, _) = record(config).await;
    let request = |length: usize| {
        let body = "x".repeat(length);
        format!("POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let mut first = connect(&listener).await;
    first.write_all(request(960).as_bytes()).await.unwrap();
    let (mut held, _) = timeout(SOON, far.accept()).await.unwrap().unwrap();
    read_head(&mut held).await;
    // There would be room for this one; it is kept for those who have begun.
    assert_eq!(status(&say(&listener, request(1)).await), 503);

    // The far side gives an answer that takes it to its end, and then all are served again.
    held.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789").await.unwrap();
    assert_eq!(status(&read_to_end(&mut first).await), 200);
    let mut third = connect(&listener).await;
    third.write_all(request(1).as_bytes()).await.unwrap();
    let (mut held, _) = timeout(SOON, far.accept()).await.unwrap().unwrap();
    held.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_to_end(&mut third).await), 204);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_503() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let keep = ringback_recorder::Keep::Store(ringback_recorder::Store::open(&path).unwrap());
    let mut config = ringback_recorder::Config { keep, ..config() };
    config.limits.store = SHORT;
    let listener = start(config).await;
    // Another program has the file for itself.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = say(&listener, "GET / HTTP/1.1\r\n\r\n").await;
    let why = "not acknowledged: the store did not answer within 200ms";
    assert_eq!(parts(&answer), (503, format!("{{\"error\":\"{why}\"}}\n").as_str()));
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    assert_eq!(listener.finish().await.refused, 1);
}
