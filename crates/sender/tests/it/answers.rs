//! Receivers that answer: every whole reply is one, whatever its status.

use ringback_sender::{Engine, REPLY_BYTES_MAX, send_once};

use crate::receiver::{OK, Receiver, event, reply, send};

async fn a_reply_is_kept_with_its_lines_and_its_body(engine: Engine) {
    let receiver = Receiver::answering(
        b"HTTP/1.1 200 OK\r\nX-B: 1\r\nset-cookie: a\r\nset-cookie: b\r\nX-A: \xe9\r\ncontent-length: 3\r\n\r\n\x00\xff\n",
    )
    .await;
    let attempt = send(engine, &receiver).await;
    let reply = reply(&attempt);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body.as_ref(), b"\x00\xff\n");
    let lines: Vec<_> = reply.headers.iter().map(|(name, value)| (name, value.as_ref())).collect();
    // Only the wire engine sees in which case a name was written.
    let (x_b, x_a) = match engine {
        Engine::Reqwest => ("x-b", "x-a"),
        Engine::Wire => ("X-B", "X-A"),
    };
    assert_eq!(
        lines,
        [
            (x_b, &b"1"[..]),
            ("set-cookie", b"a"),
            ("set-cookie", b"b"),
            (x_a, b"\xe9"),
            ("content-length", b"3"),
        ]
    );
    assert_eq!(attempt.reply_cut_at_bytes, None);
}

async fn an_error_status_is_an_answer(engine: Engine) {
    let receiver = Receiver::answering(b"HTTP/1.1 500 No\r\ncontent-length: 4\r\n\r\noops").await;
    let attempt = send(engine, &receiver).await;
    assert_eq!((reply(&attempt).status, reply(&attempt).body.to_text().as_ref()), (500, "oops"));
}

async fn a_redirect_is_reported_and_not_followed(engine: Engine) {
    let receiver = Receiver::answering(
        b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let attempt = send(engine, &receiver).await;
    assert_eq!(reply(&attempt).status, 302);
    assert_eq!(reply(&attempt).headers.get("location"), Some("/elsewhere"));
    assert_eq!(receiver.requests().len(), 1);
}

async fn a_server_that_is_busy_is_not_asked_again(engine: Engine) {
    let receiver =
        Receiver::answering(b"HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n")
            .await;
    assert_eq!(reply(&send(engine, &receiver).await).status, 503);
    assert_eq!(receiver.requests().len(), 1);
}

async fn http_1_0_is_answered_by_the_end_of_the_connection(engine: Engine) {
    let receiver = Receiver::answering_once(b"HTTP/1.0 200 OK\r\n\r\nhello").await;
    let attempt = send(engine, &receiver).await;
    assert_eq!(reply(&attempt).body.to_text(), "hello");
}

async fn chunks_are_put_together(engine: Engine) {
    let receiver = Receiver::answering(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
    )
    .await;
    assert_eq!(reply(&send(engine, &receiver).await).body.to_text(), "hello");
}

async fn a_body_that_says_it_is_compressed_is_left_as_it_is(engine: Engine) {
    let receiver = Receiver::answering(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nraw",
    )
    .await;
    assert_eq!(reply(&send(engine, &receiver).await).body.to_text(), "raw");
}

async fn an_interim_reply_is_not_the_answer(engine: Engine) {
    let receiver = Receiver::answering(
        b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    assert_eq!(reply(&send(engine, &receiver).await).status, 200);
}

async fn a_reply_longer_than_the_limit_is_cut_and_says_so(engine: Engine) {
    let receiver = Receiver::start(|mut connection| async move {
        connection.request().await;
        connection.write(b"HTTP/1.1 200 OK\r\n\r\n").await;
        connection.write(&vec![b'x'; REPLY_BYTES_MAX]).await;
        connection.write(b"y").await;
        // The end never comes, and is not waited for.
        connection.hold().await;
    })
    .await;
    let attempt = send(engine, &receiver).await;
    assert_eq!(reply(&attempt).body.as_ref(), vec![b'x'; REPLY_BYTES_MAX]);
    assert_eq!(attempt.reply_cut_at_bytes, Some(REPLY_BYTES_MAX as u64));
}

async fn a_reply_of_exactly_the_limit_is_whole(engine: Engine) {
    let receiver = Receiver::start(|mut connection| async move {
        connection.request().await;
        connection.write(b"HTTP/1.1 200 OK\r\n\r\n").await;
        connection.write(&vec![b'x'; REPLY_BYTES_MAX]).await;
        connection.close().await;
    })
    .await;
    let attempt = send(engine, &receiver).await;
    assert_eq!(reply(&attempt).body.as_ref().len(), REPLY_BYTES_MAX);
    assert_eq!(attempt.reply_cut_at_bytes, None);
}

async fn a_connection_that_is_kept_is_used_again(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let target = receiver.target(engine).await;
    for _ in 0..3 {
        assert_eq!(reply(&send_once(&target, event()).await).status, 200);
    }
    assert_eq!((receiver.requests().len(), receiver.n_connections()), (3, 1));
}

async fn a_server_that_announces_its_close_gets_a_new_connection_each_time(engine: Engine) {
    let receiver = Receiver::answering_once(
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let target = receiver.target(engine).await;
    for _ in 0..3 {
        assert_eq!(reply(&send_once(&target, event()).await).status, 200);
    }
    assert_eq!((receiver.requests().len(), receiver.n_connections()), (3, 3));
}

by_each_engine! {
    a_reply_is_kept_with_its_lines_and_its_body,
    an_error_status_is_an_answer,
    a_redirect_is_reported_and_not_followed,
    a_server_that_is_busy_is_not_asked_again,
    http_1_0_is_answered_by_the_end_of_the_connection,
    chunks_are_put_together,
    a_body_that_says_it_is_compressed_is_left_as_it_is,
    an_interim_reply_is_not_the_answer,
    a_reply_longer_than_the_limit_is_cut_and_says_so,
    a_reply_of_exactly_the_limit_is_whole,
    a_connection_that_is_kept_is_used_again,
    a_server_that_announces_its_close_gets_a_new_connection_each_time,
}
