//! HTTP/2 by prior knowledge, and each of its limits, with frames that are made by hand (RFC 9113).

use ringback_exchange::Headers;
use ringback_recorder::{Config, Delay, Drained, Limits, Listener, Recording, ScriptedReply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{
    SHORT, SOON, config, connect, exchanges, read_to_end, record, reply, route, say, script, status,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GET / http` in the indices of HPACK's static table (RFC 7541 appendix A), and the authority `h`.
const GET: &[u8] = &[0x82, 0x84, 0x86, 0x41, 1, b'h'];
/// The same as POST.
const POST: &[u8] = &[0x83, 0x84, 0x86, 0x41, 1, b'h'];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header line, neither compressed nor remembered.
fn line(name: &str, value: &str) -> Vec<u8> {
    let mut line = vec![0];
    for text in [name, value] {
        assert!(text.len() < 127);
        line.push(u8::try_from(text.len()).unwrap());
        line.extend(text.bytes());
    }
    line
}

/// A client that has said hello.
struct Client(TcpStream);

impl Client {
    async fn connect(listener: &Listener, settings: &[u8]) -> Self {
        let mut stream = connect(listener).await;
        stream.write_all(PREFACE).await.unwrap();
        let mut client = Self({
            stream.write_all(&frame(SETTINGS, 0, 0, settings)).await.unwrap();
            stream
        });
        client.send(frame(SETTINGS, 1, 0, &[])).await;
        client
    }

    async fn send(&mut self, bytes: Vec<u8>) {
        self.0.write_all(&bytes).await.unwrap();
    }

    /// Returns the payload of the next frame of this kind on this stream.
    async fn next(&mut self, kind: u8, stream: u32) -> Vec<u8> {
        loop {
            let mut head = [0; 9];
            let read = timeout(SOON, self.0.read_exact(&mut head)).await.expect("a frame");
            read.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).await.unwrap();
            let of = u32::from_be_bytes(head[5..].try_into().unwrap());
            if (head[3], of) == (kind, stream) {
                return payload;
            }
        }
    }

    /// Reads until the connection is closed.
    async fn end(mut self) {
        let mut rest = Vec::new();
        let _ = timeout(SOON, self.0.read_to_end(&mut rest)).await.expect("an end");
    }
}

async fn http2(change: impl FnOnce(&mut Limits)) -> (Listener, Recording) {
    let mut config = Config { h2c: true, ..config() };
    change(&mut config.limits);
    record(config).await
}

fn last_word(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[payload.len() - 4..].try_into().unwrap())
}

#[tokio::test]
async fn a_request_is_an_exchange_like_any_other() {
    let (listener, recording) = http2(|_| {}).await;
    let mut client = Client::connect(&listener, &[]).await;
    let head = [POST, &line("x-a", "1"), &line("x-b", "2"), &line("x-a", "3")].concat();
    client.send(frame(HEADERS, END_HEADERS, 1, &head)).await;
    client.send(frame(DATA, 0, 1, b"ab")).await;
    client.send(frame(DATA, 0, 1, b"\0c")).await;
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &line("x-sum", "4"))).await;
    assert_eq!(client.next(HEADERS, 1).await[0], 0x88, "200 in the static table");

    let kept = exchanges(&recording, 1).await.remove(0);
    assert_eq!((kept.version.as_str(), kept.request.target.as_str()), ("HTTP/2.0", "/"));
    assert_eq!(kept.request.body.to_text(), "ab\0c");
    let expected = Headers::from_iter([("host", "h"), ("x-a", "1"), ("x-a", "3"), ("x-b", "2")]);
    assert_eq!(kept.request.headers, expected);
    let wire = kept.wire.unwrap();
    assert_eq!(wire.trailers, Headers::from_iter([("x-sum", "4")]));
    assert_eq!((wire.connection, wire.head.0.len(), wire.notes.len()), (1, 0, 0));
}

#[tokio::test]
async fn http1_is_taken_on_the_same_port() {
    let (listener, recording) = http2(|_| {}).await;
    assert_eq!(status(&say(&listener, "POST /1 HTTP/1.1\r\nHost: h\r\n\r\n").await), 200);
    // It begins as the other does, and takes its time.
    let mut stream = connect(&listener).await;
    stream.set_nodelay(true).unwrap();
    for byte in b"PRI * HTTP/1.1\r\nHost: h\r\n\r\n" {
        stream.write_all(&[*byte]).await.unwrap();
    }
    stream.shutdown().await.unwrap();
    assert_eq!(status(&read_to_end(&mut stream).await), 200);
    let kept = exchanges(&recording, 2).await;
    assert_eq!(kept[1].wire.as_ref().unwrap().head.to_text(), "PRI * HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(kept[1].request.method, "PRI");
}

#[tokio::test]
async fn the_limits_are_told_at_the_beginning() {
    let (listener, _) = http2(|it| {
        (it.streams, it.stream_head_bytes) = (7, 5_000);
        (it.stream_window, it.connection_window) = (3_000, 200_000);
    })
    .await;
    let mut client = Client::connect(&listener, &[]).await;
    let told = client.next(SETTINGS, 0).await;
    let told: Vec<(u8, u32)> = told.chunks(6).map(|one| (one[1], last_word(one))).collect();
    // MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_HEADER_LIST_SIZE: RFC 9113 section 6.5.2.
    for expected in [(3, 7), (4, 3_000), (6, 5_000)] {
        assert!(told.contains(&expected), "{expected:?} in {told:?}");
    }
    assert_eq!(last_word(&client.next(WINDOW_UPDATE, 0).await), 200_000 - 65_535);
}

#[tokio::test]
async fn one_stream_too_many_is_refused() {
    let slow = ScriptedReply { delay: Delay::Fixed(Delay::MAX), ..reply(200, "") };
    let mut config =
        Config { h2c: true, answer: script(vec![route("GET", "/", vec![slow])]), ..config() };
    config.limits.streams = 2;
    config.limits.drain = SHORT;
    let (listener, _) = record(config).await;
    let mut client = Client::connect(&listener, &[]).await;
    for stream in [1, 3, 5] {
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, GET)).await;
    }
    assert_eq!(last_word(&client.next(RST_STREAM, 5).await), 7, "REFUSED_STREAM");
    // The two others do not end by themselves, and no task of theirs is left behind.
    assert_eq!(listener.finish().await, Drained { cut: 1, ..Drained::default() });
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let (listener, _) = http2(|it| it.stream_head_bytes = 1_000).await;
    let mut client = Client::connect(&listener, &[]).await;
    let large = line("x", &"y".repeat(100)).repeat(10);
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &[GET, &large].concat())).await;
    let head = client.next(HEADERS, 1).await;
    // 431 in the Huffman code of HPACK (RFC 7541 appendix B).
    assert!(head.windows(3).any(|part| part == [0x69, 0x90, 0xFF]), "{head:x?}");
}

#[tokio::test]
async fn more_than_the_window_ends_it() {
    let (listener, recording) = http2(|it| it.stream_window = 1_000).await;
    let mut client = Client::connect(&listener, &[]).await;
    client.next(SETTINGS, 0).await;
    client.send(frame(HEADERS, END_HEADERS, 1, POST)).await;
    client.send(frame(DATA, 0, 1, &[7; 1_001])).await;
    assert_eq!(last_word(&client.next(RST_STREAM, 1).await), 3, "FLOW_CONTROL_ERROR");
    let kept = exchanges(&recording, 1).await.remove(0);
    assert_eq!(kept.fault.as_deref(), Some("the body broke off after 0 bytes"));
}

#[tokio::test]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let (listener, _) = http2(|it| it.resets = 5).await;
    let mut client = Client::connect(&listener, &[]).await;
    let mut flood = Vec::new();
    for stream in (1..200).step_by(2) {
        flood.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, GET));
        flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    client.send(flood).await;
    let goaway = client.next(GOAWAY, 0).await;
    assert_eq!(goaway[7], 11, "ENHANCE_YOUR_CALM");
    client.end().await;
}

#[tokio::test]
async fn a_connection_without_a_sign_of_life_is_closed() {
    let (listener, _) = http2(|it| (it.ping, it.ping_answer) = (SHORT, SHORT)).await;
    let mut client = Client::connect(&listener, &[]).await;
    assert_eq!(client.next(PING, 0).await.len(), 8);
    client.end().await;
}

#[tokio::test]
async fn a_reply_that_nobody_lets_through_ends_the_connection() {
    let mut config = Config {
        h2c: true,
        answer: script(vec![route("GET", "/", vec![reply(200, "abc")])]),
        ..config()
    };
    config.limits.reply = SHORT;
    let (listener, recording) = record(config).await;
    // INITIAL_WINDOW_SIZE is 0: not a byte of a body may come.
    let mut client = Client::connect(&listener, &[0, 4, 0, 0, 0, 0]).await;
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, GET)).await;
    client.next(HEADERS, 1).await;
    assert_eq!(exchanges(&recording, 1).await.len(), 1);
    client.end().await;
}

#[tokio::test]
async fn bodies_have_the_same_limits() {
    let (listener, recording) = http2(|it| (it.body, it.body_bytes) = (SHORT, 10)).await;
    let mut client = Client::connect(&listener, &[]).await;
    client.send(frame(HEADERS, END_HEADERS, 1, POST)).await;
    client.send(frame(DATA, 0, 1, b"ab")).await;
    client.next(HEADERS, 1).await;
    client.send(frame(HEADERS, END_HEADERS, 3, POST)).await;
    client.send(frame(DATA, END_STREAM, 3, b"12345678901")).await;
    client.next(HEADERS, 3).await;
    let kept = exchanges(&recording, 2).await;
    let told: Vec<_> = kept.iter().map(|it| it.fault.as_deref().unwrap()).collect();
    assert_eq!(
        told,
        [
            "the body had not ended after 200ms; 2 bytes had come",
            "the body is longer than 10 bytes"
        ]
    );
    let statuses: Vec<_> = kept.iter().map(|it| it.reply.as_ref().unwrap().status).collect();
    assert_eq!(statuses, [408, 413]);
}
