//! `ringback replay`: what was recorded is sent again.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::mpsc::Receiver;

use serde_json::Value;

use crate::harness::{Folder, PATIENCE, exchange, raw_receiver};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver that answers 200 and hands over what it was sent.
fn receiver() -> (SocketAddr, Receiver<Vec<u8>>) {
    raw_receiver(|stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    })
}

/// Header lines and body of the next request that a receiver was sent, without its host, which is the
/// receiver's own.
fn next(requests: &Receiver<Vec<u8>>) -> (Vec<String>, Vec<u8>) {
    let request = requests.recv_timeout(PATIENCE).unwrap();
    let head = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let text = String::from_utf8_lossy(&request[..head]).into_owned();
    let lines = text.split("\r\n").filter(|line| !line.starts_with("host: "));
    (lines.map(str::to_owned).collect(), request[head + 4..].to_vec())
}

/// An event with all that a parser would lose: white space, a number's form, a key that comes twice.
const EVENT: &[u8] =
    b"{ \"eventId\" : \"evt_1\", \"eventType\": \"conversation.completed\",\r\n \"n\": 1.0, \"n\": 1e2 } \n";

/// A store with an event, bytes that are no text, a health check and an analysis, as they came.
fn recorded() -> Folder {
    let folder = Folder::new();
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--store", "a.db"]);
    let send = |head: &str, body: &[u8]| {
        let end = format!("Host: recorded.test\r\nContent-Length: {}\r\n\r\n", body.len());
        let request = [head.as_bytes(), b"\r\nConnection: close, X-Hop\r\n", end.as_bytes(), body];
        let answer = exchange(server.addr(), &request.concat());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    send(
        "POST /hooks/a?x=1 HTTP/1.1\r\nX-CaSe: kept\r\nx-twice: 1\r\nUser-Agent: Oration/1\r\nX-Twice: 2\r\n\
         X-Hop: 1\r\nAuthorization: Bearer s3cret\r\nWebhook-Id: old\r\nWebhook-Signature: v1,old\r\n\
         Content-Type: application/json",
        EVENT,
    );
    send("PUT /bytes HTTP/1.1", b"\x00\xFF\r\n\x1b");
    send("GET /health HTTP/1.1", b"");
    let analysis =
        br#"{"eventId":"evt_2","eventType":"conversation.analysisCompleted","payload":{"a":[1]}}"#;
    send("POST /hooks/b HTTP/1.1\r\nContent-Type: application/json", analysis);
    server.end().expect(0);
    folder
}

#[test]
fn a_store_is_sent_again_byte_for_byte() {
    let folder = recorded();
    let (addr, requests) = receiver();
    let args = ["replay", "a.db", &addr.to_string(), "--keep-path", "--speed", "1000x"];
    let output = folder.run(&args).expect(0);
    assert!(output.stderr.starts_with("at their own pace: 4 requests over "), "{}", output.stderr);
    let (lines, body) = next(&requests);
    insta::assert_snapshot!(lines.join("\n"), @"
    POST /hooks/a?x=1 HTTP/1.1
    X-CaSe: kept
    x-twice: 1
    User-Agent: Oration/1
    X-Twice: 2
    Authorization: Bearer s3cret
    Webhook-Id: old
    Webhook-Signature: v1,old
    Content-Type: application/json
    content-length: 86
    ");
    assert_eq!(body, EVENT);
    let (lines, body) = next(&requests);
    assert_eq!(lines, ["PUT /bytes HTTP/1.1", "content-length: 5"]);
    assert_eq!(body, b"\x00\xFF\r\n\x1b");
    assert_eq!(next(&requests), (vec!["GET /health HTTP/1.1".to_owned()], Vec::new()));
    assert!(next(&requests).0[0].starts_with("POST /hooks/b"));
}

#[test]
fn the_url_is_the_target_of_all_and_flags_win_over_what_was_recorded() {
    let folder = recorded();
    let (addr, requests) = receiver();
    let url = format!("http://{addr}/base?k=v");
    let args = ["replay", "a.db", &url, "--concurrency", "1", "--numbers", "1,3"];
    let flags = ["-X", "PATCH", "-H", "authorization: Bearer mine", "--content-type", "text/plain"];
    folder.run(&[&args[..], &flags].concat()).expect(0);
    let (lines, body) = next(&requests);
    assert_eq!(lines[0], "PATCH /base?k=v HTTP/1.1");
    let named = |name: &str| -> Vec<&String> {
        lines.iter().filter(|line| line.to_ascii_lowercase().starts_with(name)).collect()
    };
    assert_eq!(named("authorization:"), ["authorization: Bearer mine"]);
    assert_eq!(named("content-type:"), ["content-type: text/plain"]);
    assert_eq!(body, EVENT);
    assert_eq!(next(&requests).0[0], "PATCH /base?k=v HTTP/1.1");
}

/// Whatever form the recording has, the same goes out.
#[test]
fn every_form_of_a_recording_is_the_same_recording() {
    let folder = recorded();
    let sent = |file: &str| -> Vec<(Vec<String>, Vec<u8>)> {
        let (addr, requests) = receiver();
        let url = addr.to_string();
        folder.run(&["replay", file, &url, "--keep-path", "--concurrency", "1"]).expect(0);
        (0..4).map(|_| next(&requests)).collect()
    };
    let store = sent("a.db");
    for (format, file) in [("har", "a.har"), ("jsonl", "a.jsonl")] {
        let args = ["export", "a.db", "--exact", "--format", format];
        folder.write(file, folder.run(&args).expect(0).stdout);
        assert_eq!(sent(file), store, "{format}");
    }
    let laid_out: Value = serde_json::from_str(&folder.read("a.har")).unwrap();
    let laid_out = format!("\u{feff}{}", serde_json::to_string_pretty(&laid_out).unwrap());
    folder.write("pretty.har", laid_out);
    assert_eq!(sent("pretty.har"), store);
}

#[test]
fn attempts_are_sent_again_as_they_were_sent() {
    let folder = Folder::new();
    let (addr, requests) = receiver();
    let url = format!("http://{addr}/a");
    let args = ["send", &url, "-c", "2", "-X", "PUT", "-H", "X-A: 1", "--engine", "wire", "--json"];
    let attempts = folder.run(&args).expect(0).stdout;
    folder.write("attempts.jsonl", &attempts);
    let first = [next(&requests), next(&requests)];
    folder.run(&["replay", "attempts.jsonl", &url]).expect(0);
    let mut again = [next(&requests), next(&requests)];
    for (lines, _) in &mut again {
        assert_eq!(lines[0], "PUT /a HTTP/1.1");
    }
    let sorted = |mut request: (Vec<String>, Vec<u8>)| {
        request.0.sort();
        request
    };
    assert_eq!(again.map(sorted), first.map(sorted));
}

#[test]
fn events_alone_are_sent_as_events_are() {
    let folder = Folder::new();
    let events = folder.run(&["generate", "-c", "2", "--seed", "7"]).expect(0).stdout;
    let lines: Vec<&str> = events.lines().collect();
    let array = format!("[{},\n {}]", lines[0], lines[1]);
    let (addr, requests) = receiver();
    for input in [events.as_bytes(), array.as_bytes()] {
        folder.run_with(&["replay", "-", &addr.to_string()], input).expect(0);
        for line in &lines {
            let (head, body) = next(&requests);
            assert_eq!(head[0], "POST / HTTP/1.1");
            assert!(head.contains(&"content-type: application/json".to_owned()), "{head:?}");
            assert_eq!(body, line.as_bytes());
        }
    }
    let said =
        folder.run_with(&["replay", "-", ":1", "--speed", "2x"], events.as_bytes()).expect(2);
    insta::assert_snapshot!(said.stderr, @"
    error: `--speed` is about recorded times, and there are none
    hint: bare events are sent one by one, or as `--rate` and the like say
    ");
}

#[test]
fn what_was_redacted_is_left_out_and_told() {
    let folder = recorded();
    let (addr, requests) = receiver();
    let jsonl = folder.run(&["export", "a.db", "--numbers", "1"]).expect(0).stdout;
    let output = folder.run_with(&["replay", "-", &addr.to_string()], jsonl.as_bytes()).expect(0);
    insta::assert_snapshot!(output.stderr.lines().next().unwrap(), @"left out: header lines whose values were redacted (authorization, webhook-signature); give them with `-H`, or record them with `export --exact`");
    let (lines, _) = next(&requests);
    assert!(lines.iter().all(|line| !line.contains("redacted")), "{lines:?}");

    let event = folder.run(&["generate"]).expect(0).stdout;
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--store", "b.db"]);
    folder.write("event.json", event);
    folder.run(&["replay", "event.json", &server.url]).expect(0);
    server.end().expect(0);
    let har = folder.run(&["export", "b.db", "--format", "har"]).expect(0).stdout;
    let output = folder.run_with(&["replay", "-", &addr.to_string()], har.as_bytes()).expect(0);
    insta::assert_snapshot!(output.stderr.lines().next().unwrap(), @"1 body holds marks such as `[redacted sha256:…]` in place of personal data, and sent so; `export --exact` keeps it");
    assert!(String::from_utf8_lossy(&next(&requests).1).contains("[redacted sha256:"));
}

/// Requests that were recorded 1.5 and 4 seconds after the first, out of order in the file.
fn spaced() -> String {
    let line = |number: u32, at: &str| {
        format!(
            r#"{{"number":{number},"receivedAt":"2026-01-02T03:04:{at}Z","peer":"127.0.0.1:1","version":"HTTP/1.1","request":{{"method":"POST","target":"/hooks","headers":[],"body":"{{\"eventId\":\"e{number}\"}}"}},"reply":{{"status":{},"headers":[],"body":""}}}}"#,
            if number == 8 { 503 } else { 200 }
        )
    };
    [line(9, "09.000000"), line(7, "05.000000"), line(8, "06.500000")].join("\n")
}

#[test]
fn it_keeps_the_recorded_pace_or_another() {
    let folder = Folder::new();
    folder.write("a.jsonl", spaced());
    let plan = |args: &[&str]| -> Vec<(f64, String)> {
        let args = [&["replay", "a.jsonl", ":1", "--dry-run", "--json"], args].concat();
        let rows = folder.run(&args).expect(0).json_lines();
        let row = |row: &Value| {
            let planned = row["plannedMs"].as_f64().unwrap_or(-1.0);
            (planned, row["eventId"].as_str().unwrap().to_owned())
        };
        rows.iter().map(row).collect()
    };
    let due = |times: &[f64]| -> Vec<(f64, String)> {
        let ids = ["e7", "e8", "e9"].iter().cycle();
        times.iter().copied().zip(ids.map(|id| (*id).to_owned())).collect()
    };
    assert_eq!(plan(&[]), due(&[0.0, 1500.0, 4000.0]));
    assert_eq!(plan(&["--speed", "10x"]), due(&[0.0, 150.0, 400.0]));
    assert_eq!(plan(&["--speed", "0.5"]), due(&[0.0, 3000.0, 8000.0]));
    assert_eq!(plan(&["-c", "2"]), due(&[0.0, 1500.0]));
    assert_eq!(plan(&["--duration", "2s"]), due(&[0.0, 1500.0]));
    assert_eq!(plan(&["--time-scale", "2"]), due(&[0.0, 750.0, 2000.0]));
    assert_eq!(plan(&["--rate", "10/s"]), due(&[0.0, 100.0, 200.0]));
    // After the last of them comes the first again.
    assert_eq!(plan(&["--rate", "10/s", "-c", "5"]), due(&[0.0, 100.0, 200.0, 300.0, 400.0]));
    assert_eq!(plan(&["--concurrency", "2"]), due(&[-1.0, -1.0, -1.0]));
    assert_eq!(plan(&["--simultaneous", "2", "--speed", "10x"]).len(), 6);
}

#[test]
fn only_what_is_asked_for_is_sent_again() {
    let folder = recorded();
    folder.write("b.jsonl", spaced());
    let numbers = |file: &str, args: &[&str]| -> Vec<u64> {
        let args = [&["replay", file, ":1", "--dry-run", "--json"], args].concat();
        let rows = folder.run(&args).expect(0).json_lines();
        rows.iter().map(|row| row["number"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers("a.db", &[]), [1, 2, 3, 4]);
    assert_eq!(numbers("a.db", &["--numbers", "2..3,4"]), [2, 3, 4]);
    assert_eq!(numbers("a.db", &["--since", "3"]), [4]);
    assert_eq!(numbers("a.db", &["--path", "/hooks/{x}"]), [1, 4]);
    assert_eq!(numbers("a.db", &["--event-type", "conversation.analysisCompleted"]), [4]);
    assert_eq!(numbers("b.jsonl", &["--status", "5xx"]), [8]);
    assert_eq!(numbers("b.jsonl", &["--numbers", "8..9"]), [8, 9]);
}

#[test]
fn it_is_edited_on_its_way() {
    let folder = recorded();
    let (addr, requests) = receiver();
    let url = addr.to_string();
    let args = ["replay", "a.db", &url, "--numbers", "1", "--override", "/eventId=other"];
    folder.run(&[&args[..], &["--add", "/new=[1]"]].concat()).expect(0);
    let (lines, body) = next(&requests);
    let text = String::from_utf8(body).unwrap();
    assert!(text.starts_with("{ \"eventId\" : \"other\", \"eventType\": "), "{text}");
    assert!(text.contains("\"n\": 1.0, \"n\": 1e2") && text.contains("\"new\":[1]"), "{text}");
    assert_eq!(lines.last().unwrap(), &format!("content-length: {}", text.len()));
    folder.run(&["replay", "a.db", &url, "--numbers", "4", "--remove", "$.payload.a"]).expect(0);
    assert!(String::from_utf8(next(&requests).1).unwrap().ends_with(r#""payload":{}}"#));
}

#[test]
fn events_get_fresh_ids_where_they_are_to_be_new() {
    let folder = recorded();
    let ids = |args: &[&str]| -> Vec<String> {
        let args = [&["replay", "a.db", ":1", "--dry-run", "--json", "--fresh-id"], args].concat();
        let rows = folder.run(&args).expect(0).json_lines();
        rows.iter().filter_map(|row| row["eventId"].as_str().map(str::to_owned)).collect()
    };
    let first = ids(&["--seed", "3"]);
    assert_eq!((first.len(), &first), (2, &ids(&["--seed", "3"])));
    assert!(first[0] != first[1] && first.iter().all(|id| !id.starts_with("evt_")), "{first:?}");
    assert_ne!(ids(&[]), ids(&[]), "each replay is another one");
    let mut again = ids(&["--seed", "3", "--rate", "10/s", "-c", "8"]);
    again.sort();
    again.dedup();
    assert_eq!(again.len(), 4, "each time that the recording begins again");

    let (addr, requests) = receiver();
    let args = ["replay", "a.db", &addr.to_string(), "--numbers", "1", "--fresh-id", "--seed", "3"];
    folder.run(&args).expect(0);
    let body = String::from_utf8(next(&requests).1).unwrap();
    let expected = String::from_utf8(EVENT.to_vec()).unwrap().replace("evt_1", &first[0]);
    assert_eq!(body, expected, "nothing else is changed");
}

#[test]
fn it_is_signed_anew_and_the_old_signature_stays_away() {
    let folder = recorded();
    let (addr, requests) = receiver();
    let args = ["replay", "a.db", &addr.to_string(), "--numbers", "1", "--secret", SECRET];
    folder.run(&[&args[..], &["--override", "/n=2"]].concat()).expect(0);
    let (lines, body) = next(&requests);
    assert!(
        lines.iter().all(|line| !line.contains("v1,old") && !line.ends_with(": old")),
        "{lines:?}"
    );
    folder.write("lines", lines[1..].join("\n"));
    folder.write("body.json", body);
    let args = ["verify", "body.json", "--secret", SECRET, "--headers", "lines"];
    let said = folder.run(&args).expect(0).stdout;
    assert!(said.starts_with("valid, id evt_1, signed at "), "{said}");

    // Of another scheme, too, nothing stays that the old one wrote.
    let args = ["replay", "a.db", &addr.to_string(), "--numbers", "1", "--secret", "k"];
    folder.run(&[&args[..], &["--sign", "github"]].concat()).expect(0);
    let (lines, _) = next(&requests);
    let names: Vec<&str> = lines[1..].iter().map(|line| line.split(':').next().unwrap()).collect();
    assert!(names.contains(&"x-hub-signature-256"), "{names:?}");
    assert!(names.iter().all(|name| !name.starts_with("Webhook-")), "{names:?}");
}

#[test]
fn each_type_of_event_goes_to_its_own_target() {
    let folder = recorded();
    let args = ["replay", "a.db", ":1/all", "--route", "conversation.analysisCompleted=:2/b"];
    let rows = folder.run(&[&args[..], &["--dry-run", "--json"]].concat()).expect(0).json_lines();
    let shown: Vec<_> =
        rows.iter().map(|row| (row["part"].as_str(), row["url"].as_str())).collect();
    let all = Some("http://127.0.0.1:1/all");
    assert_eq!(
        shown,
        [
            (Some("completed"), all),
            (Some("other"), all),
            (Some("other"), all),
            (Some("analysis"), Some("http://127.0.0.1:2/b"))
        ]
    );
}

#[test]
fn a_replay_that_was_stopped_goes_on_where_it_was() {
    let folder = recorded();
    let (addr, requests) = receiver();
    let url = addr.to_string();
    let replay = |args: &[&str]| {
        folder.run(&[&["replay", "a.db", &url, "--concurrency", "1", "--json"], args].concat())
    };
    let all = replay(&["--run", "run.jsonl"]).expect(0).json_lines();
    let parts: Vec<_> = all.iter().map(|attempt| attempt["place"]["part"].as_str()).collect();
    assert_eq!(parts, [Some("completed"), Some("other"), Some("other"), Some("analysis")]);
    // As if it had been killed after the second.
    let begun: Vec<String> = folder.read("run.jsonl").lines().take(3).map(str::to_owned).collect();
    folder.write("run.jsonl", begun.join("\n") + "\n");
    assert_eq!(replay(&["--resume", "run.jsonl"]).expect(0).json_lines().len(), 2);
    let other = replay(&["--resume", "run.jsonl", "--numbers", "1..4", "--remove", "/eventId"]);
    assert_eq!(other.code, Some(2), "{other:?}");
    let other = replay(&["--resume", "run.jsonl", "-X", "PATCH"]).expect(2);
    assert!(other.stderr.contains("its first event is another"), "{}", other.stderr);
    assert_eq!(requests.try_iter().count(), 6);
}

#[test]
fn what_cannot_be_sent_again_is_told() {
    let folder = recorded();
    let said = |args: &[&str], input: &str| {
        let output = folder.run_with(&[&["replay"], args].concat(), input.as_bytes()).expect(2);
        output.stderr.lines().next().unwrap().to_owned()
    };
    let piped = |input: &str| said(&["-", ":1"], input);
    insta::assert_snapshot!(said(&["none.db", ":1"], ""), @"error: cannot read `none.db`: No such file or directory (os error 2)");
    insta::assert_snapshot!(said(&["a.db"], ""), @"error: there is no target for `conversation.completed`");
    insta::assert_snapshot!(piped(""), @"error: `-` holds nothing that could be sent again");
    insta::assert_snapshot!(piped("POST / HTTP/1.1\n\n{}"), @"error: `-` is no recording that could be sent again: line 1: expected value");
    insta::assert_snapshot!(piped("{\"eventId\":\"1\"}\n{\"a\":1}"), @"error: `-` is no recording that could be sent again: line 2: its keys are those of no exchange, attempt, archive or event");
    insta::assert_snapshot!(piped("{\"eventId\":\"1\"}\n{\"receivedAt\":1,\"request\":{}}"), @"error: `-` is no recording that could be sent again: line 2: invalid type: integer `1`, expected a string");
    insta::assert_snapshot!(piped(r#"{"log":{"entries":[{}]}}"#), @"error: `-` is no recording that could be sent again: line 1: it is not an HTTP archive: missing field `startedDateTime` at line 1 column 21");
    insta::assert_snapshot!(said(&["a.db", ":1", "--numbers", "77"], ""), @"error: none of what `a.db` holds is to be sent again");
    insta::assert_snapshot!(said(&["a.db", ":1", "-c", "9"], ""), @"error: `--count 9` is more than 4 recorded requests, and beyond them there are no times");
    insta::assert_snapshot!(said(&["a.db", ":1", "--override", "/eventId=1"], ""), @"error: request 2: cannot apply `--override /eventId=1`: the event is not JSON (invalid utf-8 sequence of 1 bytes from index 1)");
    insta::assert_snapshot!(said(&["a.db", ":1", "--numbers", "1", "--override", "/eventIt=1"], ""), @"error: request 1: cannot apply `--override /eventIt=1`: the event has no `eventIt`; did you mean `eventId`? It has eventId, eventType, n, n");
    insta::assert_snapshot!(said(&["a.db", ":1", "--secret", SECRET], ""), @"error: request 2: the scheme signs an id, and the body has no `eventId`");
    insta::assert_snapshot!(said(&["a.db", ":1", "--speed", "2x", "--rate", "1/s"], ""), @"error: the argument '--speed <FACTOR>' cannot be used with:");
    insta::assert_snapshot!(said(&["a.db", ":1", "--pair-order", "simultaneous"], ""), @"error: unexpected argument '--pair-order' found");
}

#[test]
fn what_did_not_arrive_whole_or_is_compressed_is_not_made_up() {
    let folder = Folder::new();
    let request = |more: &str, rest: &str| {
        format!(
            r#"{{"number":1,"receivedAt":"2026-01-02T03:04:05Z","peer":"127.0.0.1:1","version":"HTTP/1.1","request":{{"method":"POST","target":"/","headers":[{more}],"body":"{{\"eventId\":\"1\"}}"}}{rest}}}"#
        )
    };
    let said = |line: &str, args: &[&str]| {
        let args = [&["replay", "-", ":1", "--dry-run"], args].concat();
        let output = folder.run_with(&args, line.as_bytes());
        (output.code, output.stderr.lines().next().unwrap().to_owned())
    };
    let (code, line) = said(&request("", r#","fault":"the client broke off""#), &[]);
    insta::assert_snapshot!(line, @"left out: 1 request (number 1): it did not arrive whole: the client broke off");
    assert_eq!(code, Some(2));
    let packed = request(r#"["content-encoding","gzip"]"#, "");
    assert_eq!(said(&packed, &[]).0, Some(0));
    for edit in [&["--gzip"][..], &["--fresh-id"], &["--secret", SECRET], &["--remove", "/eventId"]]
    {
        let (code, line) = said(&packed, edit);
        assert_eq!(code, Some(2), "{edit:?}");
        assert_eq!(
            line,
            "error: request 1 is compressed (`gzip`): it can be sent as it is, but not be edited, signed or compressed again"
        );
    }
    // A line that HTTP does not permit was captured all the same.
    let (code, line) = said(&request(r#"["x y","1"]"#, ""), &[]);
    insta::assert_snapshot!(line, @"left out: 1 request (number 1): `x y` is no header name: it takes ASCII letters, digits and !#$%&'*+-.^_`|~ only");
    assert_eq!(code, Some(2));
}

#[test]
fn archives_of_others_are_sent_again() {
    let folder = Folder::new();
    folder.write(
        "browser.har",
        r#"{ "log": { "version": "1.2", "creator": {"name": "b", "version": "1"}, "entries": [
            { "startedDateTime": "2026-01-02T03:04:05.678+01:00", "time": 1,
              "request": { "method": "POST", "url": "https://api.example/p?q=1", "httpVersion": "h2",
                "headers": [{"name": ":authority", "value": "api.example"}, {"name": "X-A", "value": "b"}],
                "postData": {"mimeType": "application/json", "text": "{\"a\": \"é\"}"} },
              "response": { "status": 200 } } ] } }"#,
    );
    let (addr, requests) = receiver();
    folder.run(&["replay", "browser.har", &addr.to_string(), "--keep-path"]).expect(0);
    let (lines, body) = next(&requests);
    assert_eq!(lines, ["POST /p?q=1 HTTP/1.1", "X-A: b", "content-length: 11"]);
    assert_eq!(body, "{\"a\": \"é\"}".as_bytes());
}
