//! A listener in one line, and a client that sends what it is told.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use ringback_exchange::Exchange;
use ringback_recorder::{
    Answer, Body, Clock, Condition, Config, Keep, Limits, Listener, Recording, Room, Route, Script,
    ScriptedReply, Upstream,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// Longer than anything here takes when it works.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// For a limit that a test waits for.
pub(crate) const SHORT: Duration = Duration::from_millis(200);

pub(crate) fn config() -> Config {
    Config {
        addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        answer: Answer::Ok,
        receipt: None,
        keep: Keep::Nothing,
        keep_alive: true,
        strict: false,
        h2c: false,
        tls: None,
        limits: Limits::STANDARD,
        clock: Clock::new(|| Timestamp::from_nanosecond(1_767_323_045_000_006_789).unwrap()),
        on_exchange: None,
        feed: None,
    }
}

pub(crate) async fn start(config: Config) -> Listener {
    Listener::start(config).await.unwrap()
}

/// Starts a listener that keeps in memory.
pub(crate) async fn record(config: Config) -> (Listener, Recording) {
    let recording = Recording::new(Room::STANDARD);
    let keep = Keep::Memory(recording.clone());
    (start(Config { keep, ..config }).await, recording)
}

/// Waits for `count` exchanges, and no longer.
pub(crate) async fn exchanges(recording: &Recording, count: usize) -> Vec<Exchange> {
    let waited = recording.wait(|_| true, count..=count, SOON, Duration::ZERO).await;
    assert_eq!(waited.matched.len(), count);
    waited.matched
}

pub(crate) async fn connect(listener: &Listener) -> TcpStream {
    TcpStream::connect(listener.addr()).await.unwrap()
}

/// Sends bytes on a new connection, says that there are no more, and reads to the end.
pub(crate) async fn say(listener: &Listener, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = connect(listener).await;
    stream.write_all(bytes.as_ref()).await.unwrap();
    stream.shutdown().await.unwrap();
    read_to_end(&mut stream).await
}

/// Reads to the end; the date, which hyper adds, is taken out.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("an end").unwrap();
    let text = String::from_utf8(bytes).unwrap();
    text.split_inclusive("\r\n").filter(|line| !line.starts_with("date: ")).collect()
}

/// Reads one reply whose body is empty, and leaves the connection open.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let byte = timeout(SOON, stream.read_u8()).await.expect("a head").unwrap();
        bytes.push(byte);
    }
    String::from_utf8(bytes).unwrap()
}

/// Returns the status and the body of a reply.
pub(crate) fn parts(reply: &str) -> (u16, &str) {
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {reply:?}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

pub(crate) fn status(reply: &str) -> u16 {
    parts(reply).0
}

pub(crate) fn reply(status: u16, body: &str) -> ScriptedReply {
    ScriptedReply { status, body: Body::Bytes(body.into()), ..ScriptedReply::default() }
}

pub(crate) fn route(method: &str, path: &str, replies: Vec<ScriptedReply>) -> Route {
    let method = (!method.is_empty()).then(|| method.to_owned());
    let when = Condition { method, path: Some(path.parse().unwrap()), ..Condition::default() };
    Route { when, replies: replies.into() }
}

pub(crate) fn script(routes: Vec<Route>) -> Answer {
    Answer::Script(Script { routes, ..Script::default() })
}

/// Forwards to a server on this machine.
pub(crate) fn forward(url: &str) -> Answer {
    let url: Url = url.parse().unwrap();
    let addresses = url.socket_addrs(|| None).unwrap();
    Answer::Forward(Upstream { url, addresses })
}
