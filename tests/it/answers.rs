//! `ringback listen` as a stand-in: replies and faults as curl, Python and Node see them.

use std::io::Write as _;
use std::process::Command;

use crate::harness::{Folder, Output, Server, exchange, finish, has_peer, raw_receiver, root};

fn listen(folder: &Folder, args: &[&str]) -> Server {
    folder.start(&[&["listen", "--addr", "127.0.0.1:0"], args].concat())
}

/// Sends a request and returns status and body.
fn ask(server: &Server, request: &str, headers: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    let answer = exchange(server.addr(), text.as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn curl(url: &str) -> Output {
    finish(Command::new("curl").args(["-sS", "-m", "1", "-w", " %{http_code}", url]), b"")
}

const LINE: &str = "503x2(retry-after=1) \"no\", timeout, reset, reset-after-head 200 \"x\", empty, garbage, \
                    truncate(3) 200 \"abcdef\", length(+5) 200 \"ab\", drip(50/s) 200 \"0123456789\", 201 {\"a\": 1}";

#[test]
fn curl_sees_each_fault_as_the_network_would_make_it() {
    if !has_peer("curl", &["--version"]) {
        return;
    }
    let folder = Folder::new();
    let server = listen(&folder, &["--reply", LINE]);
    // curl's codes: 28 no answer in time, 56 reset, 52 nothing came, 1 no HTTP, 18 cut.
    let seen: Vec<(Option<i32>, String)> = (0..12)
        .map(|_| {
            let output = curl(&server.url);
            (output.code, output.stdout)
        })
        .collect();
    let expected = [
        (0, "no 503"),
        (0, "no 503"),
        (28, " 000"),
        (56, " 000"),
        (56, " 200"),
        (52, " 000"),
        (1, " 000"),
        (18, "abc 200"),
        (18, "ab 200"),
        (0, "0123456789 200"),
        (0, "{\"a\":1} 201"),
        (0, "{\"a\":1} 201"),
    ];
    let expected = expected.map(|(code, text)| (Some(code), text.to_owned()));
    assert_eq!(seen, expected);
    let output = server.end().expect(0);
    let faults: Vec<_> =
        output.stdout.lines().filter_map(|line| line.split("; fault: ").nth(1)).collect();
    assert_eq!(
        faults,
        [
            "timeout",
            "reset",
            "reset-after-head",
            "empty",
            "garbage",
            "truncate(3) of 6 bytes",
            "length(+5)",
            "drip(50/s)"
        ]
    );
    assert!(
        output.stderr.ends_with("12 exchanges captured: 4× 200, 2× 201, 2× 503, 4× unanswered; 8 with a fault on purpose"),
        "{}",
        output.stderr
    );
}

#[test]
fn python_and_node_see_the_same_faults() {
    const PYTHON: &str = r"
import http.client, sys
for _ in range(8):
    connection = http.client.HTTPConnection(sys.argv[1], timeout=1)
    try:
        connection.request('GET', '/')
        answer = connection.getresponse()
        print(answer.status, answer.read().decode())
    except Exception as error: print(type(error).__name__)
";
    const NODE: &str = r"
const http = require('node:http');
const once = () => new Promise((done) => {
  const request = http.get(process.argv[1], { timeout: 1000, agent: false }, (answer) => {
    let body = '';
    answer.on('data', (data) => { body += data; });
    answer.on('end', () => done(`${answer.statusCode} ${body}`));
    answer.on('error', (error) => done(error.code));
  });
  request.on('timeout', () => request.destroy(new Error('timeout')));
  request.on('error', (error) => done(error.code || error.message));
});
(async () => { for (let n = 0; n < 8; n += 1) console.log(await once()); })();
";
    let line = "timeout, reset, empty, garbage, truncate(3) 200 \"abcdef\", length(+5) 200 \"ab\", drip(50/s) 200 \"0123456789\", 200";
    let folder = Folder::new();
    if has_peer("python3", &["--version"]) {
        let server = listen(&folder, &["--reply", line]);
        let addr = server.addr().to_string();
        let seen =
            finish(Command::new("python3").args(["-c", PYTHON, &addr]), b"").expect(0).stdout;
        insta::assert_snapshot!(seen, @"
        TimeoutError
        ConnectionResetError
        RemoteDisconnected
        BadStatusLine
        IncompleteRead
        IncompleteRead
        200 0123456789
        200
        ");
    }
    if has_peer("node", &["--version"]) {
        let server = listen(&folder, &["--reply", line]);
        let seen =
            finish(Command::new("node").args(["-e", NODE, &server.url]), b"").expect(0).stdout;
        insta::assert_snapshot!(seen, @"
        timeout
        ECONNRESET
        ECONNRESET
        HPE_INVALID_CONSTANT
        ECONNRESET
        ECONNRESET
        200 0123456789
        200
        ");
    }
}

/// The example of the guide, as it stands there.
#[test]
fn the_guide_tells_the_truth() {
    let guide = std::fs::read_to_string(root().join("docs/guides/stand-in.md")).unwrap();
    let example =
        guide.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = Folder::new();
    folder.write("routes.yaml", example);
    folder.write("bodies/logo.png", "\u{89}PNG");
    let server = listen(&folder, &["--routes", "routes.yaml"]);

    let json = "content-type: application/json\r\n";
    let note = |event: &str| {
        let headers = format!("{json}webhook-id: {event}\r\n");
        ask(&server, "POST /customers/42/notes", &headers, r#"{"kind": "call", "text": "a\"b"}"#)
    };
    assert_eq!([note("a").0, note("b").0, note("a").0], [503, 503, 503]);
    assert_eq!(note("a"), (201, r#"{"id": "n_42_3", "text": "a\"b"}"#.to_owned()));
    let other = r#"{"kind": "chat", "text": ""}"#;
    assert_eq!(
        ask(&server, "POST /customers/42/notes", json, other),
        (404, "no such thing".to_owned())
    );

    let full = ask(&server, "GET /customers/42?view=full", "", "");
    assert_eq!(full, (200, r#"{"name":"Ada","notes":[]}"#.to_owned()));
    let fate =
        |event: u32| ask(&server, "GET /customers/42", &format!("webhook-id: {event}\r\n"), "").0;
    let fates: Vec<u16> = (0..20).map(fate).collect();
    assert_eq!(fates, (0..20).map(fate).collect::<Vec<_>>(), "the same the second time");
    assert!(fates.contains(&500) && fates.contains(&200), "{fates:?}");
    let flaky: Vec<_> = (0..20).map(|_| ask(&server, "GET /flaky", "", "")).collect();
    assert!(flaky.contains(&(200, "cut ".to_owned())) && flaky.contains(&(500, String::new())));
    assert_eq!(ask(&server, "GET /logo", "", "").1, "\u{89}PNG");
    server.end().expect(0);

    // Each line of the table of faults, and each of parts, can be given.
    for row in guide.lines().filter(|row| row.starts_with("| `")) {
        let Some(cell) = row.split(" | ").next() else { continue };
        let lines = cell.split('`').skip(1).step_by(2);
        for line in lines
            .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()) || line.contains("("))
        {
            if !line.starts_with("random") && !line.starts_with("hex") {
                line.parse::<ringback_recorder::Script>()
                    .unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
    }
}

#[test]
fn signatures_are_judged_as_they_come() {
    let folder = Folder::new();
    folder.write("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    let verify = ["--verify", "standard-webhooks", "--secret", "file:secret", "--reject-unsigned"];
    let server = listen(&folder, &[&verify[..], &["--reply", "202", "--store", "a.db"]].concat());
    let secret = ["--secret", "file:secret"];
    folder.run(&[&["send", &server.url], &secret[..]].concat()).expect(0);
    let unsigned = folder.run(&["send", &server.url]).expect(1);
    assert!(unsigned.stdout.contains("401"), "{unsigned:?}");
    let output = server.end().expect(0);
    let lines: Vec<_> = output.stdout.lines().collect();
    assert!(lines[0].contains("→ 202") && lines[0].ends_with("; signature valid"), "{output:?}");
    assert!(
        lines[1].contains("→ 401")
            && lines[1].ends_with("; signature NOT valid: the header `webhook-id` is missing"),
        "{output:?}"
    );
    assert!(
        output.stderr.contains("1× 202, 1× 401; 1 without a valid signature"),
        "{}",
        output.stderr
    );
}

#[test]
fn what_is_logged_is_data_and_cannot_pretend() {
    let folder = Folder::new();
    let (addr, _requests) = raw_receiver(|stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
    let to = addr.to_string();
    let server = listen(&folder, &["--forward-to", &to, "--log", "json"]);
    assert_eq!(
        ask(&server, "POST /a\u{9b}31m?s=1", "authorization: Bearer s3cret\r\n", "hush").0,
        200
    );
    let output = server.end().expect(0);
    let events: Vec<serde_json::Value> =
        output.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["forwarding", "exchange", "ending", "ended"], "`listening` was read before");
    assert_eq!(events[1]["status"], 200);
    assert!(events[1]["forwardedMs"].as_f64().unwrap() > 0.0 && events[1]["time"].is_string());
    assert_eq!(events[3]["statuses"]["200"], 1);
    for hidden in ["s3cret", "hush", "\u{9b}"] {
        assert!(!output.stderr.contains(hidden), "{}", output.stderr);
    }
    assert!(output.stdout.contains(" of it there"), "{}", output.stdout);

    let server = listen(&folder, &["--quiet"]);
    ask(&server, "GET /", "", "");
    let output = server.end().expect(0);
    assert_eq!(output.stdout, "");
    assert!(output.stderr.ends_with("1 exchange captured: 1× 200"), "{}", output.stderr);
}

#[test]
fn what_cannot_be_played_is_told_before_the_start() {
    let folder = Folder::new();
    folder.write("routes.yaml", "routes:\n  - path: /a\n    repyl: 200\n");
    folder.write("default.yaml", "otherwise: 200\n");
    let said = |args: &[&str]| {
        let output = folder.run(&[&["listen", "--addr", "127.0.0.1:0"], args].concat());
        output.expect(2).stderr.lines().next().unwrap().to_owned()
    };
    insta::assert_snapshot!(said(&["--reply", "503x2, timout"]), @"error: invalid value '503x2, timout' for '--reply <REPLIES>': column 8: `timout` is not a reply; did you mean `timeout`?");
    insta::assert_snapshot!(said(&["--reply", "204 \"x\""]), @"error: cannot listen: route `otherwise` cannot be played: a reply with status 204 has no body");
    insta::assert_snapshot!(said(&["--routes", "routes.yaml"]), @"error: cannot play the routes: routes.yaml:3:5: unknown field `repyl`, expected one of method, path, headers, query, body, by, cycle, reply");
    insta::assert_snapshot!(said(&["--routes", "none.yaml"]), @"error: cannot play the routes: none.yaml: it cannot be read: No such file or directory (os error 2)");
    insta::assert_snapshot!(said(&["--routes", "default.yaml", "--reply", "200"]), @"error: both `--reply` and the file's `otherwise` are for what fits no route");
    insta::assert_snapshot!(said(&["--forward-to", "3000", "--reply", "200"]), @"error: the argument '--forward-to <URL>' cannot be used with '--reply <REPLIES>'");
    insta::assert_snapshot!(said(&["--reject-unsigned"]), @"error: the following required arguments were not provided:");
    let never =
        folder.run(&["listen", "--addr", "127.0.0.1:0", "-f", "http://169.254.169.254/"]).expect(3);
    insta::assert_snapshot!(never.stderr, @"error: cannot forward: `169.254.169.254` is 169.254.169.254, a cloud's metadata service: deliveries never go there, so send to another address");
    let unknown =
        folder.run(&["listen", "--addr", "127.0.0.1:0", "-f", "http://nobody.invalid/"]).expect(3);
    assert!(
        unknown.stderr.starts_with("error: cannot forward: `nobody.invalid` has no address"),
        "{unknown:?}"
    );
}
