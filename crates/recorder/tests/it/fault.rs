//! Replies that go wrong on purpose, as a client sees them and as they are recorded.

use std::io::ErrorKind;
use std::time::Duration;

use ringback_exchange::{Content, Reply};
use ringback_recorder::{Answer, Config, Keep, Listener, Recording, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::{SHORT, SOON, config, connect, exchanges, read_head, record, start};

const REQUEST: &[u8] = b"POST /x HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi";

async fn playing(line: &str) -> (Listener, Recording) {
    let answer = Answer::Script(line.parse().unwrap());
    record(Config { answer, ..config() }).await
}

/// Reads to the end and says how it ended.
async fn read(stream: &mut TcpStream) -> (String, Result<(), ErrorKind>) {
    let mut bytes = Vec::new();
    let ended = timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("an end");
    (String::from_utf8_lossy(&bytes).into_owned(), ended.map(drop).map_err(|error| error.kind()))
}

/// Plays one fault, after a whole reply on the same connection: what that one had is not counted.
async fn play(fault: &str) -> (String, Result<(), ErrorKind>, Option<Reply>, String) {
    let (listener, recording) = playing(&format!("204, {fault}")).await;
    let mut stream = connect(&listener).await;
    stream.write_all(REQUEST).await.unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 204"));
    stream.write_all(REQUEST).await.unwrap();
    let (seen, ended) = read(&mut stream).await;
    let exchange = exchanges(&recording, 2).await.remove(1);
    assert_eq!(exchange.request.body, Content::from("hi"), "the request is recorded all the same");
    (seen, ended, exchange.reply, exchange.injected.unwrap())
}

#[tokio::test]
async fn without_a_byte() {
    let seen = play("reset").await;
    assert_eq!(seen, (String::new(), Err(ErrorKind::ConnectionReset), None, "reset".to_owned()));
    let seen = play("empty").await;
    assert_eq!(seen, (String::new(), Ok(()), None, "empty".to_owned()));
}

#[tokio::test]
async fn garbage_is_no_http() {
    let (seen, ended, reply, injected) = play("garbage").await;
    assert!(seen.starts_with("\u{15}\u{3}\u{1}") && seen.contains("this is no HTTP"), "{seen:?}");
    assert_eq!((ended, reply, injected.as_str()), (Ok(()), None, "garbage"));
}

#[tokio::test]
async fn a_body_is_cut_after_so_many_bytes() {
    let (seen, ended, reply, injected) = play("truncate(4) 201(x-a=b) \"whole body\"").await;
    let head = "HTTP/1.1 201 Created\r\nx-a: b\r\ncontent-length: 10\r\nconnection: close\r\n\r\n";
    assert_eq!((seen, ended), (format!("{head}whol"), Ok(())));
    let reply = reply.unwrap();
    assert_eq!((reply.status, reply.body), (201, Content::from("whol")), "what was on the wire");
    assert_eq!(reply.headers.get("content-length"), Some("10"));
    assert_eq!(injected, "truncate(4) of 10 bytes");
}

#[tokio::test]
async fn a_reset_after_the_head_has_a_head() {
    let (seen, ended, reply, injected) = play("reset-after-head 200 \"body\"").await;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n";
    assert_eq!((seen.as_str(), ended), (head, Err(ErrorKind::ConnectionReset)));
    assert_eq!((reply.unwrap().body, injected.as_str()), (Content::from(""), "reset-after-head"));
}

#[tokio::test]
async fn lengths_are_wrong_by_as_much_as_was_said() {
    let (seen, _, reply, injected) = play("length(+5) 200 \"body\"").await;
    assert_eq!(seen, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nbody");
    assert_eq!(reply.unwrap().headers.get("content-length"), Some("9"));
    assert_eq!(injected, "length(+5)");
    let (seen, _, _, _) = play("length(-3) 200 \"body\"").await;
    assert_eq!(seen, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\nbody");
}

#[tokio::test]
async fn a_drip_takes_its_time_and_arrives_whole() {
    let begun = Instant::now();
    let (seen, ended, reply, injected) =
        play("drip(100/s) 200 \"0123456789012345678901234\"").await;
    assert!(seen.ends_with("\r\n\r\n0123456789012345678901234"), "{seen}");
    // 25 bytes by fives, the first at once.
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    assert_eq!((ended, injected.as_str()), (Ok(()), "drip(100/s)"));
    assert_eq!(reply.unwrap().body.0.len(), 25);
}

#[tokio::test]
async fn what_hangs_ends_at_its_limit() {
    let answer = Answer::Script("timeout".parse().unwrap());
    let mut config = Config { answer, ..config() };
    config.limits.fault = SHORT;
    let (listener, recording) = record(config).await;
    let begun = Instant::now();
    let mut stream = connect(&listener).await;
    stream.write_all(REQUEST).await.unwrap();
    // Recorded at once, and not only when it has ended.
    let exchange = exchanges(&recording, 1).await.remove(0);
    assert_eq!((exchange.reply, exchange.injected.as_deref()), (None, Some("timeout")));
    assert_eq!(read(&mut stream).await, (String::new(), Ok(())));
    assert!(begun.elapsed() >= SHORT);
}

#[tokio::test]
async fn what_hangs_does_not_hold_the_end() {
    for line in
        ["timeout", "drip(1/s) 200 \"a long body that would take a minute or so to be seen\""]
    {
        let (listener, recording) = playing(line).await;
        let mut stream = connect(&listener).await;
        stream.write_all(REQUEST).await.unwrap();
        exchanges(&recording, 1).await;
        let drained = listener.finish().await;
        assert_eq!(drained.cut, 0, "{line}: it ended by itself");
        let (_, ended) = read(&mut stream).await;
        let is_reset = ended == Err(ErrorKind::ConnectionReset);
        assert_eq!(is_reset, line.starts_with("drip"), "{line}: half a drip is no whole reply");
    }
}

#[tokio::test]
async fn a_client_that_gives_up_frees_its_connection() {
    let answer = Answer::Script("timeout".parse().unwrap());
    let mut config = Config { answer, ..config() };
    config.limits.connections = 1;
    let (listener, recording) = record(config).await;
    for n in 1..=2 {
        let mut stream = connect(&listener).await;
        stream.write_all(REQUEST).await.unwrap();
        exchanges(&recording, n).await;
    }
}

#[tokio::test]
async fn the_first_connections_are_reset_before_they_are_heard() {
    let (listener, recording) = playing("reset-on-accept x2, 201").await;
    for _ in 0..2 {
        let mut stream = connect(&listener).await;
        let _ = stream.write_all(REQUEST).await;
        assert_eq!(read(&mut stream).await, (String::new(), Err(ErrorKind::ConnectionReset)));
    }
    let mut stream = connect(&listener).await;
    stream.write_all(REQUEST).await.unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 201"));
    assert_eq!(exchanges(&recording, 1).await[0].injected, None);
    drop(stream);
    assert_eq!(listener.finish().await.reset_on_accept, 2);
}

#[tokio::test]
async fn head_and_bodyless_replies_are_spoiled_too() {
    let (listener, _) = playing("length(+5) 200 \"body\"").await;
    let mut stream = connect(&listener).await;
    stream.write_all(b"HEAD / HTTP/1.0\r\n\r\n").await.unwrap();
    let (seen, _) = read(&mut stream).await;
    assert_eq!(seen, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\n");
}

#[tokio::test]
async fn a_store_keeps_what_was_played() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let keep = Keep::Store(Store::open(&path).unwrap());
    let answer = Answer::Script("reset, truncate(2) 200 \"body\", 200".parse().unwrap());
    let listener = start(Config { answer, keep, ..config() }).await;
    for _ in 0..3 {
        let mut stream = connect(&listener).await;
        stream.write_all(REQUEST).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = read(&mut stream).await;
    }
    let _ = listener.finish().await;
    let kept: Vec<_> = Store::read(&path).unwrap().map(Result::unwrap).collect();
    let injected: Vec<_> = kept.iter().map(|it| it.injected.as_deref()).collect();
    assert_eq!(injected, [Some("reset"), Some("truncate(2) of 4 bytes"), None]);
    assert_eq!(kept[0].reply, None);
    assert!(kept[0].duration_ms.is_some());
    assert_eq!(kept[1].reply.as_ref().unwrap().body, Content::from("bo"));
}
