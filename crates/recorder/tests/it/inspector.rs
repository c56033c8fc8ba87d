//! The inspector: what it shows, to whom, and that nobody who looks on is ever waited for.

use std::net::SocketAddr;

use ringback_recorder::{
    Config, Feed, Inspector, InspectorConfig, Keep, Listener, Recording, Room, Source, StartError,
    Store,
};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{SOON, config, parts, read_to_end, reply, route, say, script, start};

/// A listener and an inspector that looks on.
struct Pair {
    listener: Listener,
    inspector: Inspector,
}

async fn inspect(source: Source, keep: Keep, config: Config) -> Pair {
    let feed = Feed::default();
    let listener = start(Config { keep, feed: Some(feed.clone()), ..config }).await;
    let capture_url = listener.url();
    let inspector = Inspector::start(InspectorConfig {
        addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        token: None,
        hosts: Vec::new(),
        source,
        feed,
        capture_url,
    });
    Pair { listener, inspector: inspector.await.unwrap() }
}

async fn in_memory(config: Config) -> Pair {
    let recording = Recording::new(Room::STANDARD);
    inspect(Source::Memory(recording.clone()), Keep::Memory(recording), config).await
}

impl Pair {
    /// Asks the inspector and returns the status and the body.
    async fn ask(&self, target: &str) -> (u16, String) {
        self.ask_with(target, "").await
    }

    async fn ask_with(&self, target: &str, lines: &str) -> (u16, String) {
        let addr = self.inspector.addr();
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let head =
            format!("GET {target} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n{lines}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        let (status, body) = parts(&answer);
        (status, body.to_owned())
    }

    async fn json(&self, target: &str) -> Value {
        let (status, body) = self.ask(target).await;
        assert_eq!(status, 200, "{target}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn post(&self, target: &str, body: &str) {
        let length = body.len();
        let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\nx-api-key: s3cret\r\n");
        let answer =
            say(&self.listener, format!("{head}content-length: {length}\r\n\r\n{body}")).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    }

    /// Opens a live stream and returns it behind its head.
    async fn stream(&self, query: &str) -> Stream {
        let addr = self.inspector.addr();
        let mut stream = BufReader::new(TcpStream::connect(addr).await.unwrap());
        let head = format!("GET /api/stream{query} HTTP/1.1\r\nhost: {addr}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            timeout(SOON, stream.read_line(&mut line)).await.unwrap().unwrap();
        }
        Stream(stream)
    }
}

struct Stream(BufReader<TcpStream>);

impl Stream {
    /// Returns the id and the data of the next event.
    async fn next(&mut self) -> (u64, Value) {
        let (mut id, mut data) = (0, None);
        loop {
            let mut line = String::new();
            timeout(SOON, self.0.read_line(&mut line)).await.expect("an event").unwrap();
            if let Some(text) = line.strip_prefix("id:") {
                id = text.trim().parse().unwrap();
            } else if let Some(text) = line.strip_prefix("data:") {
                data = Some(serde_json::from_str(text).unwrap());
            } else if line == "\n"
                && let Some(data) = data.take()
            {
                return (id, data);
            }
        }
    }
}

fn numbers(list: &Value) -> Vec<u64> {
    list["exchanges"].as_array().unwrap().iter().map(|it| it["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn exchanges_are_listed_and_filtered_from_a_store_that_is_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = Store::open(&path).unwrap();
    let answer = script(vec![
        route("POST", "/down", vec![reply(503, "")]),
        route("POST", "/*", vec![reply(201, "")]),
    ]);
    let pair = inspect(Source::File(path), Keep::Store(store), Config { answer, ..config() }).await;
    for n in 1..=300 {
        let target = if n % 100 == 0 { "/down" } else { "/up" };
        pair.post(target, &format!(r#"{{"eventType":"t","eventId":"e{n}","n":{n}}}"#)).await;
    }
    let list = pair.json("/api/exchanges?limit=3").await;
    assert_eq!(numbers(&list), [300, 299, 298]);
    assert_eq!(list["next"]["before"], 298);
    assert_eq!(list["exchanges"][0]["eventId"], "e300");
    assert_eq!(list["exchanges"][0]["status"], 503);
    let rest = pair.json("/api/exchanges?before=298&limit=1000").await;
    assert_eq!((numbers(&rest).len(), rest["next"].is_null()), (297, true));

    let oldest = pair.json("/api/exchanges?order=oldest&status=5xx&limit=2").await;
    assert_eq!(numbers(&oldest), [100, 200]);
    assert_eq!(
        numbers(&pair.json("/api/exchanges?order=oldest&after=200&status=5xx").await),
        [300]
    );
    assert_eq!(numbers(&pair.json("/api/exchanges?event=e7").await), [7]);
    assert_eq!(numbers(&pair.json("/api/exchanges?json=$[?@%3E299]").await), [300]);
    assert_eq!(numbers(&pair.json("/api/exchanges?text=E150").await), [150]);
    assert_eq!(numbers(&pair.json("/api/exchanges?after=298&before=300").await), [299]);

    let (status, body) = pair.ask("/api/exchanges?stauts=5xx").await;
    assert_eq!(status, 400);
    assert!(body.contains("`stauts` is not known here"), "{body}");
    let health = pair.json("/healthz").await;
    assert_eq!(health["newest"], 300);
}

#[tokio::test]
async fn one_exchange_comes_in_any_form_and_hides_its_secrets() {
    let pair = in_memory(config()).await;
    pair.post("/a?b=1", "<script>1</script>").await;
    assert_eq!(pair.json("/api/exchanges/1").await["request"]["headers"][1][1], "[redacted]");
    let exact = pair.json("/api/exchanges/1?exact=true").await;
    assert_eq!(exact["request"]["headers"][1][1], "s3cret");
    let (_, curl) = pair.ask("/api/exchanges/1?form=curl").await;
    assert!(
        curl.starts_with("curl ") && curl.contains("/a?b=1") && !curl.contains("s3cret"),
        "{curl}"
    );
    let (_, http) = pair.ask("/api/exchanges/1?form=http").await;
    assert!(
        http.starts_with("POST /a?b=1 HTTP/1.1\r\n")
            && http.ends_with("\r\n\r\n<script>1</script>")
    );
    assert_eq!(pair.ask("/api/exchanges/1?form=request").await.1, "<script>1</script>");
    assert_eq!(pair.ask("/api/exchanges/2").await.0, 404);
    assert_eq!(pair.ask("/api/exchanges/x").await.0, 400);
    assert_eq!(pair.ask("/api/exchanges/1?form=pdf").await.0, 400);
    assert_eq!(pair.ask("/").await.0, 404);

    let addr = pair.inspector.addr();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = format!(
        "GET /api/exchanges/1?form=request HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    for line in [
        "content-type: application/octet-stream",
        "content-disposition: attachment; filename=\"1.request\"",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
        "cache-control: no-store",
    ] {
        assert!(answer.contains(line), "a captured page must not run here: {answer}");
    }
}

#[tokio::test]
async fn every_route_asks_who_it_is() {
    let pair = in_memory(config()).await;
    for target in [
        "/healthz",
        "/metrics",
        "/api/exchanges",
        "/api/exchanges/1",
        "/api/stream",
        "/api/wait",
        "/x",
    ] {
        let (status, body) = pair.ask_with(target, "origin: http://evil.test\r\n").await;
        assert_eq!(status, 403, "{target}: {body}");
        let (status, _) = pair.ask_with(target, "host: evil.test\r\n").await;
        assert_eq!(status, 421, "{target}: two Hosts");
        let (status, _) = pair.ask_with(target, "sec-fetch-site: cross-site\r\n").await;
        assert_eq!(status, 403, "{target}");
    }
    let addr = pair.inspector.addr();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let rebound = "GET /api/exchanges HTTP/1.1\r\nhost: evil.test\r\nconnection: close\r\n\r\n";
    stream.write_all(rebound.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 421"));

    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head =
        format!("DELETE /api/exchanges HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn an_address_that_others_can_reach_needs_a_token() {
    let open = |token: Option<&str>| InspectorConfig {
        addr: SocketAddr::from(([0, 0, 0, 0], 0)),
        token: token.map(str::to_owned),
        hosts: Vec::new(),
        source: Source::Memory(Recording::new(Room::STANDARD)),
        feed: Feed::default(),
        capture_url: String::new(),
    };
    for token in [None, Some("")] {
        let error = Inspector::start(open(token)).await.unwrap_err();
        assert!(matches!(error, StartError::Open { .. }), "{error}");
    }
    let inspector = Inspector::start(open(Some("t0ken"))).await.unwrap();
    let port = inspector.addr().port();
    let ask = async |line: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let head = format!(
            "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n{line}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        parts(&read_to_end(&mut stream).await).0
    };
    assert_eq!(ask("").await, 401);
    assert_eq!(ask("authorization: Bearer t0kem\r\n").await, 401);
    assert_eq!(ask("authorization: Bearer t0ken\r\n").await, 200);
    inspector.finish().await;
}

#[tokio::test]
async fn a_stream_goes_on_where_it_was_cut_and_misses_nothing() {
    let pair = in_memory(config()).await;
    for n in 1..=200 {
        pair.post(&format!("/{n}"), "").await;
    }
    let mut stream = pair.stream("?after=150").await;
    let mut last = 0;
    for n in 151..=200 {
        let (id, exchange) = stream.next().await;
        assert_eq!(exchange["number"], n);
        last = id;
    }
    assert_eq!(last, 200);
    pair.post("/live", "").await;
    let (id, exchange) = stream.next().await;
    assert_eq!((id, &exchange["target"]), (201, &Value::from("/live")));
    drop(stream);
    pair.post("/meanwhile", "").await;
    let mut again = pair.stream(&format!("?after={id}")).await;
    assert_eq!(again.next().await.1["target"], "/meanwhile");
    let mut new_only = pair.stream("").await;
    pair.post("/newest", "").await;
    assert_eq!(new_only.next().await.1["target"], "/newest");
}

#[tokio::test]
async fn whoever_does_not_read_is_not_waited_for_and_catches_up() {
    let pair = in_memory(config()).await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        idle.push(pair.stream("?after=0").await);
    }
    // More than a looker-on may be behind, on one connection, so that it is quick.
    const MANY: u16 = 3000;
    let mut stream = TcpStream::connect(pair.listener.addr()).await.unwrap();
    for _ in 0..MANY {
        stream
            .write_all(b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(SOON, stream.read_u8()).await.expect("capture goes on").unwrap());
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < usize::from(MANY) {
        seen.insert(idle[0].next().await.1["number"].as_u64().unwrap());
    }
    assert_eq!((seen.first(), seen.last()), (Some(&1), Some(&u64::from(MANY))));
    timeout(SOON, pair.inspector.finish()).await.expect("streams end with the inspector");
}

#[tokio::test]
async fn a_wait_ends_when_enough_have_come_and_then_none() {
    let pair = in_memory(config()).await;
    pair.post("/calls/1", "").await;
    let waiting = pair.ask("/api/wait?path=/calls/*&count=2&within=20s&quiet=1ms");
    let coming = async {
        pair.post("/other", "").await;
        pair.post("/calls/2", "").await;
    };
    let ((status, body), ()) = tokio::join!(waiting, coming);
    let waited: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &waited["ended"], &waited["count"]),
        (200, &"quiet".into(), &2.into()),
        "{body}"
    );
    assert_eq!(waited["matched"][1]["target"], "/calls/2");

    let (status, body) = pair.ask("/api/wait?path=/calls/*&count=0..1&within=20s").await;
    assert_eq!(status, 409);
    assert!(body.contains("too-many"), "{body}");
    let (status, body) = pair.ask("/api/wait?path=/never&within=1ms").await;
    assert_eq!(status, 409);
    assert!(body.contains("too-few"), "{body}");
    let (status, _) = pair.ask("/api/wait?path=/calls/*&after=1&count=1&within=20s").await;
    assert_eq!(status, 200, "only those behind the first");
}

#[tokio::test]
async fn metrics_are_what_happened() {
    let pair = in_memory(Config {
        answer: script(vec![route("POST", "/a", vec![reply(500, "")])]),
        ..config()
    })
    .await;
    pair.post("/a", "12345").await;
    pair.post("/b", "").await;
    let (_, metrics) = pair.ask("/metrics").await;
    for line in [
        "ringback_exchanges_total{status=\"5xx\"} 1",
        "ringback_exchanges_total{status=\"4xx\"} 1",
        "ringback_request_bytes_total 5",
        "ringback_exchange_seconds_count 2",
        "ringback_refused_total 0",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}
