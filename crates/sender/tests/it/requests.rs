//! What is sent, byte for byte.

use ringback_exchange::Headers;
use ringback_sender::{Delivery, Engine, Options, Target, send_once};

use crate::receiver::{OK, Receiver, event, options, reply};

/// Splits a request into its lines and its body.
fn split(request: &[u8]) -> (Vec<String>, &[u8]) {
    let head = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let text = String::from_utf8_lossy(&request[..head]);
    (text.split("\r\n").map(str::to_owned).collect(), &request[head + 4..])
}

async fn sent(receiver: &Receiver, options: &Options, delivery: Delivery) -> Vec<u8> {
    let target = Target::new(&receiver.url(), options).await.unwrap();
    let attempt = send_once(&target, delivery).await;
    assert_eq!(reply(&attempt).status, 200);
    let request = receiver.requests().pop().unwrap();

    // The record tells what was on the wire, line for line.
    let (lines, body) = split(&request);
    let recorded = &attempt.request;
    let mut told = vec![format!("{} {} HTTP/1.1", recorded.method, recorded.target)];
    told.extend(
        recorded.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_text())),
    );
    assert_eq!(told, lines);
    assert_eq!(recorded.body.as_ref(), body);
    assert_eq!(attempt.url, receiver.url());
    request
}

async fn nothing_is_sent_that_was_not_decided(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let request = sent(&receiver, &options(engine), event()).await;
    let (lines, body) = split(&request);
    assert_eq!(
        lines,
        [
            "POST /hooks?a=1 HTTP/1.1".to_owned(),
            format!("host: 127.0.0.1:{}", receiver.port),
            "content-type: application/json".to_owned(),
            format!("user-agent: ringback/{}", env!("CARGO_PKG_VERSION")),
            "accept: */*".to_owned(),
            "content-length: 2".to_owned(),
        ]
    );
    assert_eq!(body, b"{}");
}

async fn a_body_is_sent_byte_for_byte(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let every_byte: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    for body in [every_byte, b"\xef\xbb\xbf{ } \r\n".to_vec(), Vec::new()] {
        let request = sent(&receiver, &options(engine), Delivery::new(0, body.clone())).await;
        assert_eq!(split(&request).1, body);
    }
}

async fn the_users_lines_keep_order_and_duplicates_and_replace_our_own(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let headers = Headers::from_iter([
        ("X-Second", "1, 2"),
        ("x-first", ""),
        ("X-Second", "3"),
        ("User-Agent", "mine"),
        ("content-type", "text/plain; charset=\u{e9}"),
        ("Host", "receiver.test"),
    ]);
    let request = sent(&receiver, &Options { headers, ..options(engine) }, event()).await;
    let expected = match engine {
        Engine::Wire => [
            "accept: */*",
            "X-Second: 1, 2",
            "x-first: ",
            "X-Second: 3",
            "User-Agent: mine",
            "content-type: text/plain; charset=\u{e9}",
            "Host: receiver.test",
            "content-length: 2",
        ],
        // Names in lower case, and lines of one name together.
        Engine::Reqwest => [
            "accept: */*",
            "x-second: 1, 2",
            "x-second: 3",
            "x-first: ",
            "user-agent: mine",
            "content-type: text/plain; charset=\u{e9}",
            "host: receiver.test",
            "content-length: 2",
        ],
    };
    assert_eq!(split(&request).0[1..], expected);
}

async fn the_lines_of_a_delivery_replace_those_of_its_target(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let headers = Headers::from_iter([("Webhook-ID", "all"), ("x", "1"), ("accept", "a/b")]);
    let own = Headers::from_iter([("webhook-id", "one"), ("webhook-timestamp", "7")]);
    let delivery = event().with_headers(&own).unwrap();
    let request = sent(&receiver, &Options { headers, ..options(engine) }, delivery).await;
    assert_eq!(
        split(&request).0[4..],
        ["x: 1", "accept: a/b", "webhook-id: one", "webhook-timestamp: 7", "content-length: 2"]
    );
}

async fn a_delivery_can_be_as_it_once_was(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let target = Target::new(&receiver.url(), &options(engine)).await.unwrap();
    let host = format!("host: 127.0.0.1:{}", receiver.port);
    let headers = Headers::from_iter([("x-a", "1"), ("user-agent", "once")]);
    let asked = Delivery::new(0, "")
        .with_headers(&headers)
        .unwrap()
        .without_defaults()
        .with_method("GET".parse().unwrap())
        .with_path_and_query("//8.8.8.8/a b?c=\r\nd");
    let attempt = send_once(&target, asked).await;
    assert_eq!(reply(&attempt).status, 200);
    let request = receiver.requests().pop().unwrap();
    let mut expected =
        vec!["GET //8.8.8.8/a%20b?c=d HTTP/1.1", &host, "x-a: 1", "user-agent: once"];
    if engine == Engine::Reqwest {
        expected.insert(2, "accept: */*");
    }
    assert_eq!(split(&request).0, expected);
    assert_eq!(attempt.url, format!("http://127.0.0.1:{}//8.8.8.8/a%20b?c=d", receiver.port));

    // A method that comes with a body says that there is none.
    let posted = Delivery::new(0, "").without_defaults();
    assert_eq!(reply(&send_once(&target, posted).await).status, 200);
    let request = receiver.requests().pop().unwrap();
    assert_eq!(split(&request).0.last().unwrap(), "content-length: 0");
}

async fn a_fragment_stays_at_home(engine: Engine) {
    let receiver = Receiver::answering(OK).await;
    let url = format!("{}#secret", receiver.url());
    let target = Target::new(&url, &options(engine)).await.unwrap();
    let attempt = send_once(&target, event()).await;
    assert_eq!((attempt.url, attempt.request.target.as_str()), (receiver.url(), "/hooks?a=1"));
}

by_each_engine! {
    nothing_is_sent_that_was_not_decided,
    a_body_is_sent_byte_for_byte,
    the_users_lines_keep_order_and_duplicates_and_replace_our_own,
    the_lines_of_a_delivery_replace_those_of_its_target,
    a_delivery_can_be_as_it_once_was,
    a_fragment_stays_at_home,
}
