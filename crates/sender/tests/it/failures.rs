//! Receivers that do not answer: each way has its own word.

use std::io;
use std::time::Duration;

use ringback_exchange::{Attempt, Failure, Verdict};
use ringback_sender::{Delivery, Engine, Options, Target, send_once};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::receiver::{Connection, Receiver, event, failure, hurried, options, send};

fn kind(attempt: &Attempt) -> (Failure, Option<u16>) {
    let failure = failure(attempt);
    assert!(!failure.detail.is_empty(), "{failure:?}");
    (failure.kind, failure.status)
}

async fn unused_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

async fn refused(engine: Engine) {
    let url = format!("http://127.0.0.1:{}/", unused_port().await);
    let target = Target::new(&url, &options(engine)).await.unwrap();
    let attempt = send_once(&target, event()).await;
    assert_eq!(kind(&attempt), (Failure::Refused, None));
    assert_eq!(attempt.verdict(), Verdict::Fail);
    assert!(failure(&attempt).detail.contains("refused"), "{attempt:?}");
}

async fn a_name_without_an_address(engine: Engine) {
    let lookup =
        |host: String, _| async move { Err(io::Error::other(format!("nobody knows {host}"))) };
    let target =
        Target::with_lookup("http://receiver.invalid/", &options(engine), lookup).await.unwrap();
    let attempt = send_once(&target, event()).await;
    assert_eq!(kind(&attempt), (Failure::Dns, None));
    assert_eq!(
        failure(&attempt).detail,
        "`receiver.invalid` has no address: nobody knows receiver.invalid"
    );

    let nothing = |_, _| async { Ok(Vec::new()) };
    let target = Target::with_lookup("http://a.invalid/", &options(engine), nothing).await.unwrap();
    assert_eq!(kind(&send_once(&target, event()).await), (Failure::Dns, None));

    let never = |_, _| std::future::pending();
    let target = Target::with_lookup("http://a.invalid/", &hurried(engine), never).await.unwrap();
    assert_eq!(kind(&send_once(&target, event()).await), (Failure::Dns, None));
}

/// A listener whose queue is full: the system drops what more would connect.
async fn full_listener() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        queued.push(stream.unwrap());
    }
    (listener, queued)
}

/// Whichever limit is the shorter one, and whether or not there is a body to send.
async fn connect_timed_out(engine: Engine) {
    let (listener, _queued) = full_listener().await;
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let connect_hurried =
        Options { connect_timeout: Duration::from_millis(150), ..options(engine) };
    for options in [hurried(engine), connect_hurried] {
        let target = Target::new(&url, &options).await.unwrap();
        for body in ["{}", ""] {
            let attempt = send_once(&target, Delivery::new(0, body)).await;
            assert_eq!(kind(&attempt), (Failure::ConnectTimedOut, None), "{options:?} {body}");
            assert_eq!(failure(&attempt).detail, "no connection within 150ms");
            assert_eq!(attempt.verdict(), Verdict::Fail);
        }
    }
}

async fn never_answered(engine: Engine) {
    let receiver = Receiver::start(Connection::hold).await;
    let target = Target::new(&receiver.url(), &hurried(engine)).await.unwrap();
    for body in ["{}", ""] {
        let attempt = send_once(&target, Delivery::new(0, body)).await;
        assert_eq!(kind(&attempt), (Failure::TimedOut, None));
        assert_eq!(attempt.verdict(), Verdict::Unknown);
        assert!(attempt.duration_ms >= 150.0);
    }
    assert_eq!(receiver.requests().len(), 2);
}

async fn answered_too_slowly_to_end_in_time(engine: Engine) {
    let receiver = Receiver::start(|mut connection| async move {
        connection.request().await;
        connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
        let mut drip = tokio::time::interval(Duration::from_millis(10));
        for _ in 0..1000 {
            drip.tick().await;
            connection.write(b".").await;
        }
    })
    .await;
    let target = Target::new(&receiver.url(), &hurried(engine)).await.unwrap();
    assert_eq!(kind(&send_once(&target, event()).await), (Failure::TimedOut, Some(200)));
}

async fn reset_before_the_answer(engine: Engine) {
    let receiver = Receiver::start(|mut connection| async move {
        connection.request().await;
        connection.reset();
    })
    .await;
    let attempt = send(engine, &receiver).await;
    assert_eq!(kind(&attempt), (Failure::Reset, None));
    assert_eq!(attempt.verdict(), Verdict::Unknown);
    assert_eq!(receiver.requests().len(), 1, "what may have arrived is not sent again");
}

async fn reset_on_accept(engine: Engine) {
    let receiver = Receiver::start(|connection| async { connection.reset() }).await;
    assert_eq!(kind(&send(engine, &receiver).await), (Failure::Reset, None));
}

async fn closed_before_the_answer(engine: Engine) {
    let receiver = Receiver::answering_once(b"").await;
    assert_eq!(kind(&send(engine, &receiver).await), (Failure::Reset, None));
    assert_eq!(receiver.requests().len(), 1, "what may have arrived is not sent again");
}

async fn reset_in_the_middle_of_the_body(engine: Engine) {
    let receiver = Receiver::start(|mut connection| async move {
        connection.request().await;
        connection.write(b"HTTP/1.1 201 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
        connection.reset();
    })
    .await;
    let attempt = send(engine, &receiver).await;
    assert_eq!(kind(&attempt), (Failure::ResetMidway, Some(201)));
    assert_eq!(attempt.verdict(), Verdict::Unknown);
}

async fn closed_in_the_middle_of_the_body(engine: Engine) {
    for answer in [
        &b"HTTP/1.1 500 No\r\ncontent-length: 100\r\n\r\nhalf"[..],
        b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhalf",
        b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let receiver = Receiver::answering_once(answer).await;
        assert_eq!(kind(&send(engine, &receiver).await), (Failure::Truncated, Some(500)));
    }
}

async fn not_http(engine: Engine) {
    for answer in [
        &b"hello, this is something else\r\n\r\n"[..],
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
    ] {
        let receiver = Receiver::answering_once(answer).await;
        let shown = String::from_utf8_lossy(answer);
        assert_eq!(kind(&send(engine, &receiver).await), (Failure::BadHttp, None), "{shown}");
    }
    let bad_chunk = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n";
    let receiver = Receiver::answering_once(bad_chunk).await;
    assert_eq!(kind(&send(engine, &receiver).await), (Failure::BadHttp, Some(200)));
}

/// As a mail or an SSH server does, before anything was asked.
async fn something_else_that_speaks_first(engine: Engine) {
    let receiver = Receiver::start(|mut connection| async move {
        connection.write(b"SSH-2.0-OpenSSH_9.9\r\n").await;
        connection.hold().await;
    })
    .await;
    assert_eq!(kind(&send(engine, &receiver).await), (Failure::BadHttp, None));
}

async fn more_header_lines_than_are_read(engine: Engine) {
    let receiver = Receiver::start(|mut connection| async move {
        connection.request().await;
        connection.write(b"HTTP/1.1 200 OK\r\n").await;
        connection.write(&b"x: y\r\n".repeat(1000)).await;
        connection.write(b"\r\n").await;
        connection.close().await;
    })
    .await;
    assert_eq!(kind(&send(engine, &receiver).await), (Failure::BadHttp, None));
}

async fn send_tls(receiver: &Receiver, options: &Options) -> Attempt {
    let url = format!("https://127.0.0.1:{}/", receiver.port);
    send_once(&Target::new(&url, options).await.unwrap(), event()).await
}

async fn tls_to_a_plain_port(engine: Engine) {
    let receiver = Receiver::start(|mut connection| async move {
        connection.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await;
        connection.hold().await;
    })
    .await;
    let attempt = send_tls(&receiver, &options(engine)).await;
    assert_eq!(kind(&attempt), (Failure::TlsNotSpoken, None));
    assert_eq!(attempt.verdict(), Verdict::Fail);
}

async fn tls_that_is_hung_up_on(engine: Engine) {
    let closing = Receiver::start(Connection::close).await;
    assert_eq!(kind(&send_tls(&closing, &options(engine)).await), (Failure::TlsHungUp, None));
    let resetting = Receiver::start(|connection| async { connection.reset() }).await;
    assert_eq!(kind(&send_tls(&resetting, &options(engine)).await), (Failure::TlsHungUp, None));
    let holding = Receiver::start(Connection::hold).await;
    let attempt = send_tls(&holding, &hurried(engine)).await;
    assert_eq!(kind(&attempt), (Failure::ConnectTimedOut, None));
}

async fn tls_refused(engine: Engine) {
    let url = format!("https://127.0.0.1:{}/", unused_port().await);
    let target = Target::new(&url, &options(engine)).await.unwrap();
    assert_eq!(kind(&send_once(&target, event()).await), (Failure::Refused, None));
}

by_each_engine! {
    refused,
    a_name_without_an_address,
    connect_timed_out,
    never_answered,
    answered_too_slowly_to_end_in_time,
    reset_before_the_answer,
    reset_on_accept,
    closed_before_the_answer,
    reset_in_the_middle_of_the_body,
    closed_in_the_middle_of_the_body,
    not_http,
    something_else_that_speaks_first,
    more_header_lines_than_are_read,
    tls_to_a_plain_port,
    tls_that_is_hung_up_on,
    tls_refused,
}
