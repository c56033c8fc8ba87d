//! A proxy that records both sides and says why when there is only one.

use ringback_exchange::{Content, Headers};
use ringback_recorder::{Config, Listener, Recording, ScriptedReply, StartError, Upstream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::support::{
    SHORT, SOON, config, exchanges, forward, parts, read_head, record, reply, route, say, script,
    status,
};

async fn forward_to(url: &str) -> (Listener, Recording) {
    let answer = forward(url);
    let mut config = Config { answer, ..config() };
    config.limits.forward = SHORT;
    record(config).await
}

/// A far side that reads one request's head and then says these bytes and no more.
async fn far_side(says: &'static [u8]) -> (String, tokio::task::JoinHandle<String>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.unwrap();
        let head = read_head(&mut stream).await;
        stream.write_all(says).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        head
    });
    (url, task)
}

#[tokio::test]
async fn both_sides_are_recorded() {
    let headers = Headers::from_iter([
        ("content-type", "application/json"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("connection", "x-mine"),
        ("x-mine", "1"),
        ("keep-alive", "timeout=5"),
    ]);
    let created = ScriptedReply { headers, ..reply(201, "{\"id\":1}") };
    let answer = script(vec![route("POST", "/base/hooks", vec![created])]);
    let (receiver, received) = record(Config { answer, ..config() }).await;
    let (listener, recording) = forward_to(&format!("{}/base", receiver.url())).await;

    let body = "5\r\nab\0\u{e9}\r\n0\r\n\r\n";
    let request = format!(
        "POST /hooks?a=%20&a=b HTTP/1.1\r\nhost: outside.example\r\nuser-agent: t\r\nx-two: 1\r\n\
         x-two: 2\r\nte: trailers\r\nconnection: x-mine, keep-alive\r\nx-mine: 1\r\n\
         authorization: Bearer t\r\ntransfer-encoding: chunked\r\n\r\n{body}"
    );
    assert_eq!(
        say(&listener, request).await,
        "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nset-cookie: a=1\r\n\
         set-cookie: b=2\r\ncontent-length: 8\r\n\r\n{\"id\":1}"
    );

    let near = exchanges(&recording, 1).await.remove(0);
    let far = exchanges(&received, 1).await.remove(0);
    assert_eq!(near.request.headers.get("host"), Some("outside.example"), "kept as it came");
    assert_eq!(near.request.headers.get("x-mine"), Some("1"), "kept as it came");
    assert_eq!(far.request.target, "/base/hooks?a=%20&a=b");
    assert_eq!(far.request.body, Content::from("ab\0\u{e9}"));
    assert_eq!(far.request.body, near.request.body);
    let host = receiver.addr().to_string();
    let expected = Headers::from_iter([
        ("host", host.as_str()),
        ("user-agent", "t"),
        ("x-two", "1"),
        ("x-two", "2"),
        ("authorization", "Bearer t"),
        ("ringback-hop", "1"),
        ("content-length", "5"),
    ]);
    assert_eq!(far.request.headers, expected);

    let reply = near.reply.unwrap();
    assert_eq!((reply.status, reply.body), (201, Content::from("{\"id\":1}")));
    assert_eq!(reply.headers.get_all("set-cookie").count(), 2);
    assert_eq!(reply.headers.get("x-mine"), None);
    let forwarded = near.forwarded.unwrap();
    assert_eq!(forwarded.url, format!("{}/base/hooks?a=%20&a=b", receiver.url()));
    assert_eq!(forwarded.error, None);
    assert!(forwarded.duration_ms > 0.0 && forwarded.duration_ms <= near.duration_ms.unwrap());
}

#[tokio::test]
async fn a_request_with_two_framings_leaves_with_one() {
    let (receiver, received) = record(config()).await;
    let (listener, _) = forward_to(&receiver.url()).await;
    let request = "POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n\
                   5\r\nabcde\r\n0\r\n\r\n";
    assert_eq!(status(&say(&listener, request).await), 200);
    let far = exchanges(&received, 1).await.remove(0);
    assert_eq!(far.request.body, Content::from("abcde"));
    assert_eq!(far.request.headers.get_all("content-length").count(), 1);
    assert_eq!(far.request.headers.get("content-length"), Some("5"));
    assert_eq!(far.request.headers.get("transfer-encoding"), None);
}

#[tokio::test]
async fn a_far_side_that_is_down_is_502_with_the_reason() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    drop(socket);
    let (listener, recording) = forward_to(&url).await;
    let answer = say(&listener, "GET /a HTTP/1.1\r\n\r\n").await;
    let (status, body) = parts(&answer);
    assert_eq!(status, 502);
    let forwarded = exchanges(&recording, 1).await.remove(0).forwarded.unwrap();
    let why = forwarded.error.unwrap();
    assert!(why.starts_with("cannot be reached: Connection refused"), "{why}");
    assert_eq!(body, format!("{{\"error\":\"`{url}a`: {why}\"}}\n"));
}

#[tokio::test]
async fn a_far_side_that_says_nothing_is_504() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (listener, recording) =
        forward_to(&format!("http://{}/", socket.local_addr().unwrap())).await;
    let answer = say(&listener, "GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(status(&answer), 504);
    let forwarded = exchanges(&recording, 1).await.remove(0).forwarded.unwrap();
    assert_eq!(forwarded.error.as_deref(), Some("no whole reply within 200ms"));
}

#[tokio::test]
async fn a_reply_that_breaks_off_or_is_none_is_502() {
    let check = async |says: &'static [u8], why: &str| {
        let (url, far) = far_side(says).await;
        let (listener, recording) = forward_to(&url).await;
        assert_eq!(status(&say(&listener, "GET / HTTP/1.1\r\n\r\n").await), 502);
        let exchange = exchanges(&recording, 1).await.remove(0);
        let error = exchange.forwarded.unwrap().error.unwrap();
        assert_eq!(error, why);
        far.await.unwrap();
    };
    check(
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        "its reply cannot be used: the body broke off after 3 bytes",
    )
    .await;
    check(b"garbage\r\n\r\n", "gave no reply: invalid HTTP version parsed").await;
    check(b"", "gave no reply: connection closed before message completed").await;
}

#[tokio::test]
async fn a_redirect_is_passed_on_and_not_followed() {
    let (url, far) = far_side(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\n\r\n").await;
    let (listener, _) = forward_to(&url).await;
    let answer = say(&listener, "GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(answer, "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n");
    far.await.unwrap();
}

#[tokio::test]
async fn lengths_without_a_body_are_passed_on_to_head_only() {
    let (url, far) = far_side(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n").await;
    let (listener, recording) = forward_to(&url).await;
    let answer = say(&listener, "HEAD / HTTP/1.1\r\n\r\n").await;
    assert_eq!(answer, "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n");
    let reply = exchanges(&recording, 1).await.remove(0).reply.unwrap();
    assert_eq!(reply.headers, Headers::from_iter([("content-length", "7")]));
    far.await.unwrap();

    let (url, far) = far_side(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n").await;
    let (listener, _) = forward_to(&url).await;
    let answer = say(&listener, "GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(answer, "HTTP/1.1 304 Not Modified\r\n\r\n");
    far.await.unwrap();
}

#[tokio::test]
async fn a_reply_with_an_odd_framing_leaves_with_a_plain_one() {
    let check = async |says: &'static [u8]| {
        let (url, far) = far_side(says).await;
        let (listener, _) = forward_to(&url).await;
        let answer = say(&listener, "GET / HTTP/1.1\r\n\r\n").await;
        assert_eq!(answer, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde");
        far.await.unwrap();
    };
    check(b"HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\nabcde").await;
    check(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n").await;
    check(
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n\
          5\r\nabcde\r\n0\r\n\r\n",
    )
    .await;
    // Ended by the end of the connection.
    check(b"HTTP/1.0 200 OK\r\n\r\nabcde").await;
}

#[tokio::test]
async fn forwarding_to_ourselves_ends() {
    // Each forwards to the other.
    let [here, there] = ["127.77.1.2:4011", "127.77.1.3:4011"];
    let config = |addr: &str, to: &str| Config {
        addr: addr.parse().unwrap(),
        answer: forward(&format!("http://{to}/")),
        ..config()
    };
    let (listener, recording) = record(config(here, there)).await;
    let (_other, other) = record(config(there, here)).await;
    let answer = say(&listener, "POST /a HTTP/1.1\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(status(&answer), 508);
    let kept = exchanges(&recording, 1).await;
    assert_eq!(kept[0].reply.as_ref().unwrap().status, 508);
    assert!(kept[0].forwarded.is_some());
    let kept = exchanges(&other, 1).await;
    assert_eq!(kept[0].request.headers.get("ringback-hop"), Some("1"));
    assert!(kept[0].forwarded.is_none(), "the second was not sent on");
}

#[tokio::test]
async fn what_only_the_first_server_can_mean_is_not_forwarded() {
    let (listener, _) = forward_to("http://127.0.0.1:1/").await;
    for line in ["CONNECT example.com:443", "OPTIONS *"] {
        let answer = say(&listener, format!("{line} HTTP/1.1\r\n\r\n")).await;
        assert_eq!(status(&answer), 501, "{line}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_cut_the_record() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    let answer = forward(&url);
    let (listener, recording) = record(Config { answer, ..config() }).await;
    let mut client = crate::support::connect(&listener).await;
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let (mut far, _) = timeout(SOON, socket.accept()).await.unwrap().unwrap();
    read_head(&mut far).await;
    drop(client);
    far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    let exchange = exchanges(&recording, 1).await.remove(0);
    assert_eq!(exchange.reply.unwrap().body, Content::from("ok"));
}

#[tokio::test]
async fn codings_that_cannot_be_undone_are_not_passed_on() {
    let says = b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let (url, far) = far_side(says).await;
    let (listener, recording) = forward_to(&url).await;
    assert_eq!(status(&say(&listener, "GET / HTTP/1.1\r\n\r\n").await), 502);
    let error = exchanges(&recording, 1).await.remove(0).forwarded.unwrap().error.unwrap();
    assert_eq!(error, "its reply has the transfer coding `gzip, chunked`, which cannot be undone");
    far.await.unwrap();

    let (receiver, received) = record(config()).await;
    let (listener, _) = forward_to(&receiver.url()).await;
    let request =
        "POST / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(status(&say(&listener, request).await), 501);
    assert!(received.exchanges().is_empty());
}

#[tokio::test]
async fn no_protocol_is_switched() {
    let says = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n";
    let (url, far) = far_side(says).await;
    let (listener, _) = forward_to(&url).await;
    let request = "GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    let answer = say(&listener, request).await;
    assert_eq!(status(&answer), 502);
    assert!(answer.contains("it switches to another protocol"), "{answer}");
    let head = far.await.unwrap();
    assert!(!head.contains("upgrade"), "{head}");
}

#[tokio::test]
async fn a_client_that_expects_to_go_on_is_told_so_and_the_far_side_is_not_asked() {
    let (receiver, received) = record(config()).await;
    let (listener, _) = forward_to(&receiver.url()).await;
    let mut stream = crate::support::connect(&listener).await;
    let head = "POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_head(&mut stream).await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hi").await.unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200"));
    let far = exchanges(&received, 1).await.remove(0);
    assert_eq!((far.request.headers.get("expect"), far.request.body), (None, "hi".into()));
}

#[tokio::test]
async fn connections_go_where_the_name_led_at_the_start() {
    let (receiver, received) = record(config()).await;
    // No name server knows this name, and none is asked.
    let url = format!("http://receiver.invalid:{}/", receiver.addr().port()).parse().unwrap();
    let upstream = Upstream { url, addresses: vec![receiver.addr()] };
    let answer = ringback_recorder::Answer::Forward(upstream);
    let (listener, _) = record(Config { answer, ..config() }).await;
    for n in 1..=2 {
        assert_eq!(status(&say(&listener, "GET / HTTP/1.1\r\n\r\n").await), 200);
        let far = exchanges(&received, n).await.remove(n - 1);
        let host = format!("receiver.invalid:{}", receiver.addr().port());
        assert_eq!(far.request.headers.get("host"), Some(host.as_str()));
    }
}

#[tokio::test]
async fn a_listener_does_not_forward_to_itself() {
    let config = Config {
        addr: "127.77.1.1:4011".parse().unwrap(),
        answer: forward("http://127.77.1.1:4011/"),
        ..config()
    };
    let error = Listener::start(config).await.unwrap_err();
    assert!(matches!(error, StartError::Target { .. }), "{error}");
    assert!(error.to_string().ends_with("the listener itself is there"), "{error}");
}

#[tokio::test]
async fn an_old_client_gets_a_length_and_no_chunks() {
    let says = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let (url, far) = far_side(says).await;
    let (listener, _) = forward_to(&url).await;
    let answer = say(&listener, "POST / HTTP/1.0\r\ncontent-length: 2\r\n\r\nhi").await;
    assert_eq!(answer, "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nabc");
    assert!(far.await.unwrap().contains("HTTP/1.1\r\n"));

    let (url, far) = far_side(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").await;
    let (listener, _) = forward_to(&url).await;
    let answer = say(&listener, "DELETE /a HTTP/1.1\r\n\r\n").await;
    assert_eq!(answer, "HTTP/1.1 204 No Content\r\n\r\n");
    far.await.unwrap();
}
