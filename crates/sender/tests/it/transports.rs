//! Ways to a receiver: phases of an attempt, limits, Unix sockets, other addresses, HTTP/2.

use std::time::Duration;

use ringback_exchange::{Failure, Verdict};
use ringback_sender::{Delivery, Engine, Options, Target, TargetError, send_once};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};

use crate::receiver::{Connection, OK, Receiver, event, failure, hurried, options, reply, send};

async fn a_connection_is_timed_when_it_is_new(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let target = receiver.target(engine).await;
    let first = send_once(&target, event()).await;
    let second = send_once(&target, event()).await;
    assert_eq!(receiver.n_connections(), 1);
    let (connect_ms, first_byte_ms) = (first.connect_ms.unwrap(), first.first_byte_ms.unwrap());
    assert!(connect_ms > 0.0 && connect_ms <= first_byte_ms, "{first:?}");
    assert!(first_byte_ms <= first.duration_ms, "{first:?}");
    assert_eq!(second.connect_ms, None);
    assert!(second.first_byte_ms.unwrap() <= second.duration_ms);
}

async fn what_comes_after_the_first_byte_is_not_counted_to_it(engine: Engine) {
    let receiver = Receiver::start(|mut connection| async move {
        connection.request().await;
        connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no").await;
        connection.hold().await;
    })
    .await;
    let target = Target::new(&receiver.url(), &hurried(engine)).await.unwrap();
    let attempt = send_once(&target, event()).await;
    assert_eq!(failure(&attempt).kind, Failure::TimedOut);
    assert!(attempt.first_byte_ms.unwrap() < attempt.duration_ms, "{attempt:?}");
}

async fn no_first_byte_in_time(engine: Engine) {
    let receiver = Receiver::start(Connection::hold).await;
    let limited =
        Options { first_byte_timeout: Some(Duration::from_millis(100)), ..options(engine) };
    let target = Target::new(&receiver.url(), &limited).await.unwrap();
    let attempt = send_once(&target, event()).await;
    assert_eq!(failure(&attempt).kind, Failure::FirstByteTimedOut);
    assert_eq!(failure(&attempt).detail, "no byte of a reply within 100ms");
    assert_eq!((attempt.first_byte_ms, attempt.verdict()), (None, Verdict::Unknown));
}

async fn a_request_that_is_not_taken_in_time(engine: Engine) {
    let receiver = Receiver::start(Connection::ignore).await;
    let target = Target::new(&receiver.url(), &hurried(engine)).await.unwrap();
    let attempt = send_once(&target, Delivery::new(0, vec![b'x'; 64 << 20])).await;
    assert_eq!(failure(&attempt).kind, Failure::WriteTimedOut);
    assert_eq!(attempt.verdict(), Verdict::Unknown);
}

/// A receiver that has heard enough answers before the end of the body.
async fn an_answer_before_the_end_of_the_request(engine: Engine) {
    let receiver = Receiver::start(|mut connection| async move {
        connection.write(b"HTTP/1.1 413 No\r\ncontent-length: 4\r\n\r\nbig!").await;
        connection.ignore().await;
    });
    let receiver = receiver.await;
    let target = receiver.target(engine).await;
    let attempt = send_once(&target, Delivery::new(0, vec![b'x'; 64 << 20])).await;
    match engine {
        Engine::Wire => assert_eq!(reply(&attempt).status, 413),
        // What comes before anything was written is no answer to hyper.
        Engine::Reqwest => assert!(
            matches!(&attempt.outcome, ringback_exchange::Outcome::Answered(reply) if reply.status == 413)
                || failure(&attempt).kind == Failure::BadHttp,
            "{attempt:?}"
        ),
    }
}

/// The receiver closes after its answer without saying so, and the sender has seen it.
async fn a_connection_that_was_closed_meanwhile_is_not_used(engine: Engine) {
    let receiver = Receiver::answering_once(OK).await;
    let target = receiver.target(engine).await;
    let other = Receiver::answering(OK).await;
    let elsewhere = other.target(engine).await;
    for _ in 0..3 {
        assert_eq!(reply(&send_once(&target, event()).await).status, 200);
        receiver.has_closed().await;
        // The runtime learns of the close before it learns of the answer from elsewhere.
        assert_eq!(reply(&send_once(&elsewhere, event()).await).status, 200);
    }
    assert_eq!((receiver.requests().len(), receiver.n_connections()), (3, 3));
}

async fn a_socket_in_the_file_system(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("receiver.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 64 * 1024];
        for _ in 0..2 {
            let n = stream.read(&mut request).await.unwrap();
            assert!(request[..n].starts_with(b"POST /hooks HTTP/1.1\r\nhost: receiver.test\r\n"));
            stream.write_all(OK).await.unwrap();
        }
    });
    let there = Options { unix_socket: Some(path.clone()), ..options(engine) };
    // Nobody is asked for the name: it could not be found.
    let target = Target::new("http://receiver.test/hooks", &there).await.unwrap();
    for _ in 0..2 {
        assert_eq!(reply(&send_once(&target, event()).await).status, 200);
    }
    serving.await.unwrap();

    let nowhere = Options { unix_socket: Some(folder.path().join("none")), ..options(engine) };
    let target = Target::new("http://receiver.test/hooks", &nowhere).await.unwrap();
    assert_eq!(failure(&send_once(&target, event()).await).kind, Failure::Refused);
    std::fs::remove_file(path).unwrap();
}

async fn an_address_of_your_own_for_a_host(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let resolve =
        |address: &str| vec![format!("a.test:{}:{address}", receiver.port).parse().unwrap()];
    let url = format!("http://a.test:{}/", receiver.port);
    let lookup = |_, _| async { panic!("nobody is to be asked") };
    let here = Options { resolve: resolve("127.0.0.1"), ..options(engine) };
    let target = Target::with_lookup(&url, &here, lookup).await.unwrap();
    assert_eq!(reply(&send_once(&target, event()).await).status, 200);

    let forbidden = Options { resolve: resolve("127.0.0.1,169.254.169.254"), ..options(engine) };
    let refused = Target::with_lookup(&url, &forbidden, lookup).await.unwrap_err();
    assert!(matches!(refused, TargetError::Guard(_)), "{refused}");
}

async fn ipv6(engine: Engine) {
    // Some containers have none.
    let Ok(listener) = TcpListener::bind("[::1]:0").await else { return };
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let n = stream.read(&mut vec![0; 64 * 1024]).await.unwrap();
        assert!(n > 0);
        stream.write_all(OK).await.unwrap();
    });
    let target = Target::new(&url, &options(engine)).await.unwrap();
    assert_eq!(reply(&send_once(&target, event()).await).status, 200);
    serving.await.unwrap();
}

/// Of several addresses one that answers is enough.
async fn the_next_address_when_one_refuses(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let url = format!("http://a.test:{}/", receiver.port);
    let both =
        |_, _| async { Ok(vec!["127.9.9.9".parse().unwrap(), "127.0.0.1".parse().unwrap()]) };
    let target = Target::with_lookup(&url, &options(engine), both).await.unwrap();
    assert_eq!(reply(&send_once(&target, event()).await).status, 200);
}

async fn the_wrong_protocol(engine: Engine) {
    // HTTP/1.1 to somebody who answers it as HTTP/2 does.
    let receiver = Receiver::answering_once(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00").await;
    assert_eq!(failure(&send(engine, &receiver).await).kind, Failure::BadHttp);
}

by_each_engine! {
    a_connection_is_timed_when_it_is_new,
    what_comes_after_the_first_byte_is_not_counted_to_it,
    no_first_byte_in_time,
    a_request_that_is_not_taken_in_time,
    an_answer_before_the_end_of_the_request,
    a_connection_that_was_closed_meanwhile_is_not_used,
    a_socket_in_the_file_system,
    an_address_of_your_own_for_a_host,
    ipv6,
    the_next_address_when_one_refuses,
    the_wrong_protocol,
}

/// Answers requests of HTTP/2 on one connection, with 202.
async fn answer_http2(listener: TcpListener) -> Vec<String> {
    let (stream, _) = listener.accept().await.unwrap();
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let mut seen = Vec::new();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        seen.push(format!("{} {} {:?}", request.method(), request.uri(), request.headers()));
        let reply = hyper::Response::builder().status(202).body(()).unwrap();
        respond.send_response(reply, true).unwrap();
    }
    seen
}

#[tokio::test]
async fn http_2_over_http_is_taken_for_granted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(answer_http2(listener));
    let wanted = Options { http2: true, ..Options::default() };
    let target = Target::new(&format!("http://127.0.0.1:{port}/hooks"), &wanted).await.unwrap();
    for _ in 0..2 {
        assert_eq!(reply(&send_once(&target, event()).await).status, 202);
    }
    drop(target);
    let seen = serving.await.unwrap();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].starts_with(&format!("POST http://127.0.0.1:{port}/hooks ")), "{seen:?}");
    assert!(!seen[0].contains("host"), "{seen:?}");
}

#[tokio::test]
async fn http_2_to_somebody_who_does_not_speak_it() {
    let receiver = Receiver::start(|mut connection| async move {
        connection.write(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        connection.rest().await;
    })
    .await;
    let wanted = Options { http2: true, ..Options::default() };
    let target = Target::new(&receiver.url(), &wanted).await.unwrap();
    let attempt = send_once(&target, event()).await;
    assert_eq!(failure(&attempt).kind, Failure::BadHttp, "{attempt:?}");
}
