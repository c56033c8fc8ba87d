//! What arrives is what is kept.

use ringback_exchange::{Content, Headers};
use ringback_recorder::{Answer, Config, Drained};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::support::{
    config, connect, exchanges, parts, read_head, record, reply, route, say, script, start, status,
};

#[tokio::test]
async fn every_method_and_target_is_taken() {
    let (listener, recording) = record(config()).await;
    let lines = [
        "GET /",
        "POST /hooks/a//b/../%2e%2e?x=1&x=%00&y",
        "PUT /ä",
        "PATCH /a;b=c",
        "DELETE *",
        "OPTIONS *",
        "TRACE /",
        "CONNECT example.com:443",
        "PURGE http://elsewhere.example/path?q",
        "M-SEARCH /",
    ];
    for line in lines {
        let reply =
            say(&listener, format!("{line} HTTP/1.1\r\nhost: anything at all\r\n\r\n")).await;
        assert_eq!(status(&reply), 200, "{line}");
    }
    let kept = exchanges(&recording, lines.len()).await;
    let kept_lines: Vec<String> =
        kept.iter().map(|it| format!("{} {}", it.request.method, it.request.target)).collect();
    assert_eq!(kept_lines, lines);
    let numbers: Vec<u64> = kept.iter().map(|it| it.number).collect();
    assert_eq!(numbers, Vec::from_iter(1..=lines.len() as u64));
}

#[tokio::test]
async fn a_request_is_kept_byte_for_byte() {
    let (listener, recording) = record(config()).await;
    let body: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mut request = b"POST /h HTTP/1.1\r\nhost: h\r\nx-two: 1\r\nx-odd: \xFF\xFE\r\nx-two: 2\r\n\
                        x-empty:\r\ncontent-length: 100000\r\n\r\n"
        .to_vec();
    request.extend(&body);
    let answer = say(&listener, request).await;
    assert_eq!(answer, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");

    let exchange = exchanges(&recording, 1).await.remove(0);
    assert_eq!(exchange.version, "HTTP/1.1");
    assert!(exchange.peer.starts_with("127.0.0.1:"));
    assert_eq!(exchange.received_at.to_string(), "2026-01-02T03:04:05.000006Z");
    assert_eq!(exchange.request.body, Content::from(body));
    let headers = &exchange.request.headers;
    let two: Vec<_> = headers.get_all("x-two").map(Content::to_text).collect();
    assert_eq!(two, ["1", "2"]);
    assert_eq!(headers.get_all("x-odd").next(), Some(&Content::from(vec![0xFF, 0xFE])));
    assert_eq!(headers.get("x-empty"), Some(""));
    assert_eq!(headers.0.len(), 6, "none added: {headers:?}");
    let reply = exchange.reply.unwrap();
    assert_eq!((reply.status, reply.body.0.len()), (200, 0));
}

#[tokio::test]
async fn chunks_are_put_together() {
    let (listener, recording) = record(config()).await;
    let request = "POST / HTTP/1.0\r\n\r\n";
    assert_eq!(status(&say(&listener, request).await), 200);
    let request = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n\
                   3;extension=1\r\nabc\r\n2\r\n\0\n\r\n0\r\ntrailer: 1\r\n\r\n";
    assert_eq!(status(&say(&listener, request).await), 200);
    let kept = exchanges(&recording, 2).await;
    assert_eq!(kept[0].version, "HTTP/1.0");
    assert_eq!(kept[1].request.body, Content::from("abc\0\n"));
}

#[tokio::test]
async fn two_requests_sent_at_once_are_two() {
    let (listener, recording) = record(config()).await;
    let two = "POST /1 HTTP/1.1\r\ncontent-length: 3\r\n\r\nonePOST /2 HTTP/1.1\r\n\
               content-length: 3\r\n\r\ntwo";
    let mut stream = connect(&listener).await;
    stream.write_all(two.as_bytes()).await.unwrap();
    assert_eq!(status(&read_head(&mut stream).await), 200);
    assert_eq!(status(&read_head(&mut stream).await), 200);
    let kept = exchanges(&recording, 2).await;
    assert_eq!((kept[0].request.path(), kept[0].request.body.to_text().as_ref()), ("/1", "one"));
    assert_eq!((kept[1].request.path(), kept[1].request.body.to_text().as_ref()), ("/2", "two"));
    assert_eq!(kept[0].peer, kept[1].peer, "on one connection");
}

#[tokio::test]
async fn without_keep_alive_a_connection_takes_one_request() {
    let (listener, recording) = record(Config { keep_alive: false, ..config() }).await;
    let two = "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
    let answer = say(&listener, two).await;
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(exchanges(&recording, 1).await[0].request.path(), "/1");
}

#[tokio::test]
async fn head_gets_a_length_and_no_body() {
    let routes = vec![route("HEAD", "/", vec![reply(200, "12345")])];
    let (listener, recording) = record(Config { answer: script(routes), ..config() }).await;
    let answer = say(&listener, "HEAD / HTTP/1.1\r\n\r\n").await;
    assert_eq!(answer, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
    let reply = exchanges(&recording, 1).await.remove(0).reply.unwrap();
    assert_eq!(reply.headers, Headers::from_iter([("content-length", "5")]));
    assert_eq!(reply.body, Content::from(""));
}

#[tokio::test]
async fn a_view_that_is_full_misses_and_the_capture_does_not() {
    let (sender, mut view) = mpsc::channel(1);
    let (listener, recording) = record(Config { on_exchange: Some(sender), ..config() }).await;
    for path in ["/1", "/2", "/3"] {
        let request = format!("GET {path} HTTP/1.1\r\n\r\n");
        assert_eq!(status(&say(&listener, request).await), 200);
    }
    assert_eq!(exchanges(&recording, 3).await.len(), 3);
    assert_eq!(view.recv().await.unwrap().request.path(), "/1");
    let drained = listener.finish().await;
    assert_eq!(drained, Drained { unseen: 2, ..Drained::default() });
    assert!(view.recv().await.is_none());
}

#[tokio::test]
async fn requests_are_numbered_even_when_none_is_kept() {
    let (sender, mut view) = mpsc::channel(10);
    let listener = start(Config { on_exchange: Some(sender), ..config() }).await;
    for number in 1..=3 {
        assert_eq!(status(&say(&listener, "GET / HTTP/1.1\r\n\r\n").await), 200);
        assert_eq!(view.recv().await.unwrap().number, number);
    }
}

#[tokio::test]
async fn a_recording_that_is_full_acknowledges_nothing() {
    use ringback_recorder::{Keep, Recording, Room};
    let recording = Recording::new(Room { exchanges: 1, bytes: 100 });
    let keep = Keep::Memory(recording.clone());
    let listener = start(Config { keep, answer: Answer::Ok, ..config() }).await;
    assert_eq!(status(&say(&listener, "GET /1 HTTP/1.1\r\n\r\n").await), 200);
    let refused = say(&listener, "GET /2 HTTP/1.1\r\n\r\n").await;
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    let body = "{\"error\":\"not acknowledged: the recording is full: it holds 1 exchanges\"}\n";
    assert_eq!(parts(&refused), (503, body));
    assert_eq!(recording.exchanges().len(), 1);
    assert_eq!(listener.finish().await.refused, 1);
}

#[tokio::test]
async fn a_view_that_does_not_look_holds_no_more_than_its_share_of_memory() {
    // Room for a hundred exchanges, and none for so many bytes.
    let (sender, mut view) = mpsc::channel(100);
    let listener = start(Config { on_exchange: Some(sender), ..config() }).await;
    let body = "x".repeat(10 << 20);
    let request = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    for _ in 0..5 {
        assert_eq!(status(&say(&listener, &request).await), 200);
    }
    // What was looked at makes room again.
    assert_eq!(view.recv().await.unwrap().request.body.0.len(), body.len());
    assert_eq!(status(&say(&listener, &request).await), 200);
    assert_eq!(listener.finish().await, Drained { unseen: 2, ..Drained::default() });
    let mut numbers = Vec::new();
    while let Some(exchange) = view.recv().await {
        numbers.push(exchange.number);
    }
    assert_eq!(numbers, [2, 3, 6]);
}
