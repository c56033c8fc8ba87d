//! A receiver that does what a test says, byte for byte.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringback_exchange::{Attempt, FailureDetail, Outcome, Reply};
use ringback_sender::{Delivery, Engine, Options, Target, send_once};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A listener on a port of its own, with a task for each connection. It ends when it is dropped.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
    pub(crate) n_requests: watch::Receiver<usize>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    closed: Arc<Notify>,
    n_connections: usize,
    requests: Vec<Vec<u8>>,
}

/// One connection, from the receiver's side.
pub(crate) struct Connection {
    stream: TcpStream,
    seen: Arc<Mutex<Seen>>,
    n_requests: Arc<watch::Sender<usize>>,
    unread: Vec<u8>,
}

impl Receiver {
    pub(crate) async fn start<S, F>(serve: S) -> Self
    where
        S: Fn(Connection) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (n_requests, watched) = watch::channel(0);
        let n_requests = Arc::new(n_requests);
        let shared = seen.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                shared.lock().unwrap().n_connections += 1;
                tokio::spawn(serve(Connection {
                    stream,
                    seen: shared.clone(),
                    n_requests: n_requests.clone(),
                    unread: Vec::new(),
                }));
            }
        });
        Self { port, seen, n_requests: watched, accepting }
    }

    /// Answers every request with the same bytes, and keeps the connection.
    pub(crate) async fn answering(answer: &'static [u8]) -> Self {
        Self::start(move |mut connection| async move {
            while connection.request().await.is_some() {
                connection.write(answer).await;
            }
        })
        .await
    }

    /// Answers one request with some bytes, and closes.
    pub(crate) async fn answering_once(answer: &'static [u8]) -> Self {
        Self::start(move |mut connection| async move {
            connection.request().await;
            connection.write(answer).await;
            connection.close().await;
        })
        .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks?a=1", self.port)
    }

    pub(crate) async fn target(&self, engine: Engine) -> Target {
        Target::new(&self.url(), &options(engine)).await.unwrap()
    }

    /// Returns the requests so far, whole, as they came.
    pub(crate) fn requests(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().requests.clone()
    }

    pub(crate) fn n_connections(&self) -> usize {
        self.seen.lock().unwrap().n_connections
    }

    /// Waits until the receiver has closed a connection, once for each.
    pub(crate) async fn has_closed(&self) {
        let closed = self.seen.lock().unwrap().closed.clone();
        closed.notified().await;
    }

    /// Waits until so many requests have come.
    pub(crate) async fn has_seen(&self, n: usize) {
        self.n_requests.clone().wait_for(|seen| *seen >= n).await.unwrap();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Connection {
    /// Reads one request, head and body. There is none when the sender has closed.
    pub(crate) async fn request(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = request_end(&self.unread) {
                let rest = self.unread.split_off(end);
                let request = std::mem::replace(&mut self.unread, rest);
                self.seen.lock().unwrap().requests.push(request.clone());
                self.n_requests.send_modify(|n| *n += 1);
                return Some(request);
            }
            if matches!(self.stream.read_buf(&mut self.unread).await, Ok(0) | Err(_)) {
                return None;
            }
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        // The sender may have hung up, which is its right.
        let _ = self.stream.write_all(bytes).await;
    }

    /// Returns what comes up to and with some bytes, as one of the requests.
    pub(crate) async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|some| some == end) {
                let rest = self.unread.split_off(at + end.len());
                let request = std::mem::replace(&mut self.unread, rest);
                self.seen.lock().unwrap().requests.push(request.clone());
                return request;
            }
            if matches!(self.stream.read_buf(&mut self.unread).await, Ok(0) | Err(_)) {
                return Vec::new();
            }
        }
    }

    /// Returns all that comes until the sender closes or resets, and whether it closed.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, bool) {
        let mut bytes = std::mem::take(&mut self.unread);
        let is_closed = self.stream.read_to_end(&mut bytes).await.is_ok();
        (bytes, is_closed)
    }

    /// Returns what comes until the sender says nothing for a while or ends, and whether it ended.
    pub(crate) async fn quiet(&mut self) -> (Vec<u8>, bool) {
        const WHILE: Duration = Duration::from_millis(100);
        let mut bytes = std::mem::take(&mut self.unread);
        loop {
            match tokio::time::timeout(WHILE, self.stream.read_buf(&mut bytes)).await {
                Ok(Ok(0) | Err(_)) => return (bytes, true),
                Ok(Ok(_)) => {}
                Err(_) => return (bytes, false),
            }
        }
    }

    /// Reads nothing, until the sender resets or the test ends.
    pub(crate) async fn ignore(self) {
        std::future::pending::<()>().await;
    }

    /// Closes in order: everything that was written arrives, and then the end.
    pub(crate) async fn close(mut self) {
        let _ = self.stream.shutdown().await;
        self.seen.lock().unwrap().closed.notify_one();
    }

    /// Closes by reset.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// Says nothing more, until the sender closes.
    pub(crate) async fn hold(mut self) {
        while self.request().await.is_some() {}
    }
}

/// Returns where the first request ends, when it has come whole.
fn request_end(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let end = head + length.map_or(0, |n| n.parse::<usize>().unwrap());
    (bytes.len() >= end).then_some(end)
}

pub(crate) fn options(engine: Engine) -> Options {
    Options { engine: Some(engine), in_flight_max: 100, ..Options::default() }
}

/// The options with a time limit that is waited for.
pub(crate) fn hurried(engine: Engine) -> Options {
    Options { timeout: Duration::from_millis(150), ..options(engine) }
}

pub(crate) fn event() -> Delivery {
    Delivery::new(0, &b"{}"[..])
}

/// Sends one event, and returns what came of it.
pub(crate) async fn send(engine: Engine, receiver: &Receiver) -> Attempt {
    send_once(&receiver.target(engine).await, event()).await
}

pub(crate) fn reply(attempt: &Attempt) -> &Reply {
    match &attempt.outcome {
        Outcome::Answered(reply) => reply,
        Outcome::Failed(failure) => panic!("no reply: {failure:?}"),
    }
}

pub(crate) fn failure(attempt: &Attempt) -> &FailureDetail {
    match &attempt.outcome {
        Outcome::Answered(reply) => panic!("a reply: {reply:?}"),
        Outcome::Failed(failure) => failure,
    }
}
