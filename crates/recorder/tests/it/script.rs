//! Replies as told.

use std::time::Duration;

use ringback_exchange::Headers;
use ringback_recorder::{Config, Delay, Ended, ScriptedReply};
use tokio::time::Instant;

use crate::support::{SOON, config, parts, record, reply, route, say, script, status};

#[tokio::test]
async fn routes_play_their_replies_in_turn() {
    let headers =
        Headers::from_iter([("content-type", "application/json"), ("x", "1"), ("x", "2")]);
    let created = ScriptedReply { headers, ..reply(201, "{\"id\":1}") };
    let failing = ScriptedReply { times: 2, ..reply(503, "") };
    let answer = script(vec![
        route("POST", "/customers/{id}/notes", vec![failing, created]),
        route("GET", "/customers/*", vec![reply(204, "")]),
    ]);
    let (listener, recording) = record(Config { answer, keep_alive: false, ..config() }).await;
    let request = "POST /customers/42/notes?x HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(status(&say(&listener, request).await), 503);
    // Another route has its own turn.
    assert_eq!(status(&say(&listener, "GET /customers/42 HTTP/1.1\r\n\r\n").await), 204);
    assert_eq!(status(&say(&listener, request).await), 503);
    for _ in 0..2 {
        assert_eq!(
            say(&listener, request).await,
            "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nx: 1\r\nx: 2\r\n\
             connection: close\r\ncontent-length: 8\r\n\r\n{\"id\":1}"
        );
    }
    let is_201 = |status: Option<u16>| status == Some(201);
    let waited = recording
        .wait(|it| is_201(it.reply.as_ref().map(|reply| reply.status)), 2..=2, SOON, Duration::ZERO)
        .await;
    assert_eq!(waited.ended, Ended::Quiet);
    assert_eq!(waited.matched.iter().map(|it| it.number).collect::<Vec<_>>(), [4, 5]);
}

#[tokio::test]
async fn what_has_no_route_is_told_which_there_are() {
    let any = route("", "/b/{x}", vec![reply(200, "")]);
    let answer = script(vec![route("POST", "/a", vec![reply(200, "")]), any]);
    let (listener, _) = record(Config { answer, ..config() }).await;
    let answer = say(&listener, "GET /a?q HTTP/1.1\r\n\r\n").await;
    let (status, body) = parts(&answer);
    assert_eq!(status, 404);
    assert_eq!(
        body,
        "{\"error\":\"no route fits\",\"method\":\"GET\",\"path\":\"/a\",\
         \"near\":[\"POST /a: the method is GET\"],\"routes\":[\"POST /a\",\"* /b/{x}\"]}\n"
    );
    assert!(answer.contains("content-type: application/json\r\n"));
}

#[tokio::test]
async fn a_reply_is_held_back_for_its_delay() {
    let delay = Duration::from_millis(150);
    let late = ScriptedReply { delay: Delay::Fixed(delay), ..reply(200, "late") };
    let answer = script(vec![route("GET", "/", vec![late])]);
    let (listener, recording) = record(Config { answer, ..config() }).await;
    let begun = Instant::now();
    assert_eq!(parts(&say(&listener, "GET / HTTP/1.1\r\n\r\n").await), (200, "late"));
    assert!(begun.elapsed() >= delay);
    assert!(recording.exchanges()[0].duration_ms.unwrap() >= 150.0);
}
