//! Routes in a file: what they answer, and how their mistakes are told.

use ringback_exchange::Content;
use ringback_recorder::{Answer, Config, Listener, Recording, Script};

use crate::support::{config, parts, record, say, status};

fn read(text: &str) -> Result<Script, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("bodies")).unwrap();
    std::fs::write(folder.path().join("bodies/note.bin"), b"\0\xFFnote").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link")).unwrap();
    std::os::unix::fs::symlink("/etc", folder.path().join("links")).unwrap();
    let path = folder.path().join("routes.yaml");
    std::fs::write(&path, text).unwrap();
    let prefix = format!("{}/", folder.path().display());
    Script::read(&path).map_err(|error| error.to_string().replace(&prefix, ""))
}

async fn playing(text: &str) -> (Listener, Recording) {
    let script = read(text).unwrap_or_else(|error| panic!("{error}"));
    record(Config { answer: Answer::Script(script), ..config() }).await
}

async fn get(listener: &Listener, target: &str) -> String {
    say(listener, format!("GET {target} HTTP/1.1\r\n\r\n")).await
}

async fn post(listener: &Listener, target: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    say(
        listener,
        format!("POST {target} HTTP/1.1\r\n{headers}content-length: {length}\r\n\r\n{body}"),
    )
    .await
}

#[tokio::test]
async fn a_request_goes_to_the_first_route_that_fits() {
    let (listener, recording) = playing(
        r#"
routes:
  - method: POST
    path: /calls/{id}
    headers: { x-kind: a, x-debug: { absent: true } }
    query: { dry: "1" }
    body: { $.note.text: hello, $.tags: [1, 2], $.extra: { absent: false }, $.none: { absent: true } }
    reply: { status: 201, text: all }
  - { method: POST, path: "/calls/{id}", query: { dry: { absent: false } }, reply: 202 }
  - path: /calls/*
    reply: { status: 200, headers: { x-a: [b, c], retry-after: 3 }, json: { z: 1, a: [] } }
  - { path: /file, reply: { file: bodies/note.bin } }
otherwise: 418 "tea"
"#,
    )
    .await;
    let all = r#"{"note": {"text": "hello"}, "tags": [1, 2], "extra": null}"#;
    assert_eq!(parts(&post(&listener, "/calls/7?dry=1", "X-Kind: a\r\n", all).await), (201, "all"));
    for (target, headers, body) in [
        ("/calls/7?dry=%31", "x-kind: b\r\n", all),
        ("/calls/7?dry", "x-kind: a\r\n", all),
        ("/calls/7?dry=1", "x-kind: a\r\nx-debug: 1\r\n", all),
        ("/calls/7?dry=1", "x-kind: a\r\n", "no JSON"),
        ("/calls/7?dry=1", "x-kind: a\r\n", &all.replace("hello", "bye")),
        ("/calls/7?dry=1", "x-kind: a\r\n", &all.replace("1, 2", "2, 1")),
        ("/calls/7?dry=1", "x-kind: a\r\n", &all.replace("note", "none")),
    ] {
        assert_eq!(
            status(&post(&listener, target, headers, body).await),
            202,
            "{target} {headers} {body}"
        );
    }
    let answer = get(&listener, "/calls/7?dry=1").await;
    assert_eq!(parts(&answer), (200, "{\"z\":1,\"a\":[]}"));
    assert!(
        answer.contains("x-a: b\r\nx-a: c\r\nretry-after: 3\r\ncontent-type: application/json")
    );
    assert_eq!(parts(&get(&listener, "/elsewhere").await), (418, "tea"));
    let _ = recording;
    say_bytes(&listener).await;
}

async fn say_bytes(listener: &Listener) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = crate::support::connect(listener).await;
    stream.write_all(b"GET /file HTTP/1.0\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    assert!(bytes.ends_with(b"\r\n\r\n\0\xFFnote"), "{bytes:?}");
}

#[tokio::test]
async fn templates_answer_with_what_was_asked() {
    let (listener, _) = playing(
        r#"
seed: 7
routes:
  - path: /calls/{id}
    reply:
      status: 201
      headers: { content-type: application/json }
      template: >-
        {"id": "n_{{ path.id }}_{{ number }}", "of": {{ body.name | default("nobody") | tojson }},
        "agent": "{{ headers['user-agent'] }}", "at": {{ unix }}, "dice": {{ random(1, 6) }}}
  - { path: /broken, reply: { template: "{{ body.a.b }}" } }
"#,
    )
    .await;
    let first = post(&listener, "/calls/7?x", "user-agent: t\r\n", "{\"name\": \"a\\\"b\"}").await;
    insta::assert_snapshot!(parts(&first).1, @r#"{"id": "n_7_1", "of": "a\"b", "agent": "t", "at": 1767323045, "dice": 5}"#);
    let second = post(&listener, "/calls/8", "user-agent: t\r\n", "no JSON").await;
    assert!(second.contains("\"id\": \"n_8_2\", \"of\": \"nobody\""), "{second}");
    assert_eq!(
        parts(&get(&listener, "/broken").await),
        (500, "{\"error\":\"the template of the reply fails in line 1: undefined value\"}\n")
    );
}

#[tokio::test]
async fn an_event_has_its_own_attempts_and_its_own_fate() {
    let (listener, recording) = playing(
        r#"
event_id: [{ header: x-id }, { body: $.id }]
routes:
  - { path: /attempts, by: attempt, reply: "503x2, 200" }
  - { path: /events, by: event, reply: "503, 200x3" }
"#,
    )
    .await;
    let attempt = async |headers: &str, body: &str| {
        status(&post(&listener, "/attempts", headers, body).await)
    };
    assert_eq!(attempt("x-id: a\r\n", "").await, 503);
    assert_eq!(attempt("", "{\"id\": \"a\"}").await, 503, "the same id from another place");
    assert_eq!(attempt("", "{\"id\": \"b\"}").await, 503);
    assert_eq!(attempt("x-id: a\r\n", "").await, 200);
    assert_eq!(attempt("x-id: a\r\n", "").await, 200);
    assert_eq!(attempt("", "{\"id\": 5}").await, 503);
    assert_eq!(attempt("", "").await, 503, "without an id each is a first attempt");
    assert_eq!(attempt("", "").await, 503);

    let mut failed = 0;
    for n in 0..40 {
        let event =
            async || status(&post(&listener, "/events", &format!("x-id: {n}\r\n"), "").await);
        let fate = event().await;
        assert_eq!(event().await, fate, "event {n} has the same fate each time");
        failed += usize::from(fate == 503);
    }
    assert!(
        (4..=16).contains(&failed),
        "a quarter of 40, and the same ones in every run: {failed}"
    );
    assert_eq!(recording.exchanges().len(), 88);
}

#[tokio::test]
async fn chance_is_the_same_under_one_seed() {
    let statuses = async |seed: u64| {
        let text =
            format!("{{ seed: {seed}, routes: [{{ reply: '20% 500, 10% 502, 201, 202' }}] }}");
        let (listener, _) = playing(&text).await;
        let mut statuses = Vec::new();
        for _ in 0..100 {
            statuses.push(status(&get(&listener, "/").await));
        }
        statuses
    };
    let first = statuses(1).await;
    assert_eq!(first, statuses(1).await);
    assert_ne!(first, statuses(2).await);
    let count = |wanted: u16| first.iter().filter(|status| **status == wanted).count();
    assert!((10..=30).contains(&count(500)) && (4..=18).contains(&count(502)), "{first:?}");
    assert!(count(201) <= 1, "it had one turn, unless chance took it");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let why = |text: &str| read(text).unwrap_err();
    insta::assert_snapshot!(why("routes:\n  - pth: /a\n    reply: 200\n"), @"routes.yaml:2:5: unknown field `pth`, expected one of method, path, headers, query, body, by, cycle, reply");
    insta::assert_snapshot!(why("routes:\n  - path: a\n    reply: 200\n"), @"routes.yaml:2:11: `a` is no path pattern: it does not begin with `/`");
    insta::assert_snapshot!(why("routes:\n  - path: /a\n    path: /b\n    reply: 200\n"), @"routes.yaml:3:5: duplicate mapping key: path");
    insta::assert_snapshot!(why("routes:\n  - path: /a\n"), @"routes.yaml:2:5: missing field `reply`");
    insta::assert_snapshot!(why("routes:\n  - path: /a\n    reply: 503x2, timout\n"), @"routes.yaml:3:12: column 8: `timout` is not a reply; did you mean `timeout`?");
    insta::assert_snapshot!(why("routes:\n  - path: /a\n    reply: []\n"), @"routes.yaml:3:12: it has no replies");
    insta::assert_snapshot!(why("routes:\n  - path: /a\n    reply:\n      - { status: 99 }\n"), @"routes.yaml:4:7: status 99 is not between 200 and 599");
    insta::assert_snapshot!(why("routes:\n  - path: /a\n    reply: { stauts: 200 }\n"), @"routes.yaml:3:14: unknown field `stauts`, expected one of status, headers, json, text, template, file, delay, times, chance, fault");
    insta::assert_snapshot!(why("routes:\n  - path: /a\n    reply: { text: a, json: 1 }\n"), @"routes.yaml:3:12: a reply has one of `json`, `text`, `template` and `file`");
    insta::assert_snapshot!(why("routes:\n  - path: /a\n    reply:\n      template: '{{ x'\n"), @"routes.yaml:4:17: the template is wrong in its line 1: unexpected end of input, expected end of variable block");
    insta::assert_snapshot!(why("routes:\n  - path: /a\n    reply: { delay: 5 }\n"), @"routes.yaml:3:21: `5` is no delay: write it as `250ms`, `2s`, `1s..3s` or `100ms~2s`");
    insta::assert_snapshot!(why("routes:\n  - path: /a\n    reply: { fault: explode }\n"), @"routes.yaml:3:21: `explode` is not a fault");
    insta::assert_snapshot!(why("routes:\n  - path: /a\n    reply: { chance: 0.5 }\n"), @"routes.yaml:3:22: `0.5` is no chance: write it as `5%`");
    insta::assert_snapshot!(why("routes:\n  - body: { a: 1 }\n    reply: 200\n"), @"routes.yaml:2:16: `a` is no JSONPath: at position 0, parser error");
    insta::assert_snapshot!(why("routes:\n  - headers:\n      a: { matches: 1 }\n    reply: 200\n"), @"routes.yaml:3:10: a map here is `{ equals: VALUE }`, `{ absent: true }` or `{ absent: false }`");
    insta::assert_snapshot!(why("routes:\n  - by: luck\n    reply: 200\n"), @"routes.yaml:2:9: unknown variant `luck`, expected one of arrival, attempt, event");
    insta::assert_snapshot!(why("routes: [\n"), @"routes.yaml:1:9: unclosed bracket '['");
}

#[test]
fn a_body_is_read_from_the_folder_and_from_nowhere_else() {
    let why = |file: &str| read(&format!("otherwise:\n  file: {file}\n")).unwrap_err();
    insta::assert_snapshot!(why("../x"), @"routes.yaml:2:9: the body `../x`: only files in the folder of the routes, or below it, are read");
    insta::assert_snapshot!(why("/etc/hostname"), @"routes.yaml:2:9: the body `/etc/hostname`: only files in the folder of the routes, or below it, are read");
    insta::assert_snapshot!(why("bodies/../../x"), @"routes.yaml:2:9: the body `bodies/../../x`: only files in the folder of the routes, or below it, are read");
    insta::assert_snapshot!(why("link"), @"routes.yaml:2:9: the body `link`: symbolic links are not followed");
    insta::assert_snapshot!(why("links/hostname"), @"routes.yaml:2:9: the body `links/hostname`: symbolic links are not followed");
    insta::assert_snapshot!(why("bodies"), @"routes.yaml:2:9: the body `bodies`: it is not a file");
    insta::assert_snapshot!(why("missing"), @"routes.yaml:2:9: the body `missing`: it cannot be read: No such file or directory (os error 2)");
    let script = read("otherwise: { file: ./bodies/note.bin }").map(|it| it.otherwise.unwrap());
    let body = &script.unwrap().list[0].body;
    assert_eq!(*body, ringback_recorder::Body::Bytes(Content::from(b"\0\xFFnote".to_vec())));
}

#[tokio::test]
async fn a_large_body_is_not_taken_apart() {
    let (listener, recording) =
        playing("routes: [{ body: { $.a: 1 }, reply: 201 }, { reply: 202 }]").await;
    assert_eq!(status(&post(&listener, "/", "", "{\"a\": 1}").await), 201);
    let large = format!("{{\"a\": 1{}}}", " ".repeat(1 << 20));
    assert_eq!(status(&post(&listener, "/", "", &large).await), 202);
    assert_eq!(recording.exchanges()[1].request.body.0.len(), large.len(), "kept all the same");
}
