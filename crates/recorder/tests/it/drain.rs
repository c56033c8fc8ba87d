//! Finishing: what is under way ends, what does not is cut.

use std::time::Duration;

use ringback_recorder::{Config, Drained, ScriptedReply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

use crate::support::{
    SHORT, SOON, config, connect, forward, parts, read_head, read_to_end, record, reply, route,
    script,
};

fn slow(delay: Duration) -> ScriptedReply {
    ScriptedReply { delay: delay.into(), ..reply(200, "slow") }
}

#[tokio::test]
async fn a_slow_request_ends_and_a_hung_one_is_cut() {
    let mut config = config();
    config.answer = script(vec![
        route("GET", "/slow", vec![slow(SHORT)]),
        route("GET", "/hung", vec![slow(Duration::from_secs(3600))]),
    ]);
    config.limits.drain = SHORT * 4;
    let (listener, recording) = record(config).await;
    let addr = listener.addr();

    // An idle connection and one that has said nothing do not hold it up.
    let silent = connect(&listener).await;
    let mut idle = connect(&listener).await;
    idle.write_all(b"GET /none HTTP/1.1\r\nconnection: keep-alive\r\n\r\n").await.unwrap();
    read_head(&mut idle).await;

    let mut slow = connect(&listener).await;
    let mut hung = connect(&listener).await;
    slow.write_all(b"GET /slow HTTP/1.1\r\n\r\n").await.unwrap();
    hung.write_all(b"GET /hung HTTP/1.1\r\n\r\n").await.unwrap();

    let begun = Instant::now();
    let drained = timeout(SOON, listener.finish()).await.unwrap();
    let took = begun.elapsed();
    assert_eq!(drained.cut, 1);
    assert!(took >= SHORT * 4 && took < SHORT * 20, "{took:?}");
    assert_eq!(parts(&read_to_end(&mut slow).await), (200, "slow"));
    assert_eq!(recording.exchanges().len(), 2, "what was cut has no reply and is no exchange");
    assert!(TcpStream::connect(addr).await.is_err(), "nobody listens any more");
    drop((silent, idle, hung));
}

#[tokio::test]
async fn without_anything_to_wait_for_it_ends_at_once() {
    let mut config = config();
    config.limits.drain = Duration::from_secs(3600);
    let (listener, _) = record(config).await;
    let silent = connect(&listener).await;
    let drained = timeout(SOON, listener.finish()).await.expect("no waiting for silence");
    assert_eq!(drained.cut, 0);
    drop(silent);
}

#[tokio::test]
async fn what_was_sent_before_the_end_is_answered() {
    let (listener, recording) = record(config()).await;
    // Without the runtime, which is busy with this test: the listener has not seen any of it yet.
    let mut streams: Vec<std::net::TcpStream> =
        (0..3).map(|_| std::net::TcpStream::connect(listener.addr()).unwrap()).collect();
    for stream in &mut streams {
        std::io::Write::write_all(stream, b"GET / HTTP/1.1\r\n\r\n").unwrap();
    }
    assert_eq!(listener.finish().await, Drained::default());
    for mut stream in streams {
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        assert_eq!(parts(&answer), (200, ""));
    }
    assert_eq!(recording.exchanges().len(), 3);
}

#[tokio::test]
async fn dropping_a_listener_cuts_everything() {
    let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", far.local_addr().unwrap());
    let mut config = Config { answer: forward(&url), ..config() };
    config.limits.drain = Duration::from_secs(3600);
    config.limits.forward = Duration::from_secs(3600);
    let (listener, _) = record(config).await;
    let addr = listener.addr();
    let mut stream = connect(&listener).await;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    // Now it is under way.
    let _held = timeout(SOON, far.accept()).await.unwrap().unwrap();
    drop(listener);
    let mut rest = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut rest)).await.expect("closed");
    assert_eq!(rest, b"");
    assert!(TcpStream::connect(addr).await.is_err());
}
