//! `ringback listen` and `export`: every byte kept, and kept before it is acknowledged.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;

use crate::harness::{Folder, PATIENCE, exchange, finish, has_peer, nobody, raw_receiver};

const CLOSE: &str = "connection: close\r\n";

#[test]
fn every_method_path_and_body_is_captured_byte_for_byte() {
    let folder = Folder::new();
    let args = ["listen", "--addr", "127.0.0.1:0", "--store", "a.db", "--ready-file", "ready"];
    let server = folder.start(&args);
    assert_eq!(folder.read("ready"), format!("{}\n", server.url));

    let send = |head: &str, body: &[u8]| {
        let head = format!("{head}\r\nhost: x\r\n{CLOSE}content-length: {}\r\n\r\n", body.len());
        exchange(server.addr(), &[head.as_bytes(), body].concat())
    };
    assert!(
        send("POST /hooks?a=1&a=2 HTTP/1.1\r\nx-a: 1\r\nx-a: 2", b"{\"a\": 1.0}")
            .starts_with("HTTP/1.1 200")
    );
    assert!(send("BREW /%2e%2e//pot HTTP/1.1", b"\x00\xFF\r\n").starts_with("HTTP/1.1 200"));
    assert!(
        send("GET / HTTP/1.1\r\nauthorization: Bearer s3cret", b"").starts_with("HTTP/1.1 200")
    );
    let chunked =
        format!("PUT /c HTTP/1.1\r\nhost: x\r\n{CLOSE}transfer-encoding: chunked\r\n\r\n");
    let answer = exchange(
        server.addr(),
        format!("{chunked}3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").as_bytes(),
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    // A client that breaks off is kept as far as it came, and never as if that were all.
    let broken = b"POST /broken HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf";
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    stream.write_all(broken).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");

    let output = server.end().expect(0);
    assert_eq!(output.stdout.lines().count(), 5, "{output:?}");
    assert!(
        output.stdout.starts_with("#1 POST /hooks?a=1&a=2 (10 bytes) → 200 in "),
        "{}",
        output.stdout
    );

    let exported = folder.run(&["export", "--store", "a.db", "--format", "jsonl"]).expect(0);
    let lines = exported.json_lines();
    let requests: Vec<_> = lines.iter().map(|line| &line["request"]).collect();
    assert_eq!(requests[0]["body"], "{\"a\": 1.0}");
    assert_eq!(requests[0]["target"], "/hooks?a=1&a=2");
    let headers = requests[0]["headers"].to_string();
    assert!(headers.contains(r#"["x-a","1"],["x-a","2"]"#), "{headers}");
    assert_eq!(requests[1]["method"], "BREW");
    assert_eq!(requests[1]["target"], "/%2e%2e//pot");
    // What cannot be searched for personal data stays here unless every byte is wanted.
    assert!(
        requests[1]["body"].as_str().unwrap().starts_with("[redacted sha256:"),
        "{}",
        requests[1]
    );
    assert_eq!(requests[3]["body"], "abcde");
    assert_eq!(lines[3]["number"], 4);
    assert_eq!(requests[4]["body"], "half");
    assert!(lines[4]["fault"].is_string() && lines[3]["fault"].is_null(), "{}", lines[4]);

    assert!(!exported.stdout.contains("s3cret"), "secrets are not shown");
    let exact = folder.run(&["export", "--store", "a.db", "--exact"]).expect(0);
    assert!(exact.stdout.contains("Bearer s3cret"));
    assert_eq!(exact.json_lines()[1]["request"]["body"]["base64"], "AP8NCg==");
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    if !has_peer("curl", &["--version"]) || !has_peer("sqlite3", &["--version"]) {
        return;
    }
    let folder = Folder::new();
    let mut server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--store", "a.db"]);
    for n in 1..=20 {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-f", "--data-binary", &format!("event {n}"), &server.url]);
        finish(&mut curl, b"").expect(0);
    }
    server.signal("KILL");
    server.wait();

    let mut sqlite = Command::new("sqlite3");
    sqlite.arg(folder.path("a.db"));
    let query =
        b"SELECT group_concat(CAST(request_body AS TEXT)) FROM exchange; PRAGMA integrity_check;";
    let all: Vec<String> = (1..=20).map(|n| format!("event {n}")).collect();
    assert_eq!(finish(&mut sqlite, query).expect(0).stdout, format!("{}\nok\n", all.join(",")));

    // The next listener goes on counting where the last one was killed.
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--store", "a.db", "--json"]);
    exchange(server.addr(), format!("GET / HTTP/1.1\r\nhost: x\r\n{CLOSE}\r\n").as_bytes());
    let output = server.end().expect(0);
    assert_eq!(output.json_lines()[0]["number"], 21);
}

#[test]
fn as_a_proxy_it_forwards_and_keeps_both_sides() {
    let folder = Folder::new();
    let (addr, requests) = raw_receiver(|stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 418 Teapot\r\nx-up: 1\r\ncontent-length: 5\r\nconnection: close\r\n\r\nshort",
        );
    });
    let to = format!("{addr}/base");
    let args = ["listen", "--addr", "127.0.0.1:0", "--store", "a.db", "--forward-to", &to];
    let server = folder.start(&args);
    let request = format!(
        "POST /hooks?x=1 HTTP/1.1\r\nhost: me\r\nx-a: b\r\n{CLOSE}content-length: 2\r\n\r\nhi"
    );
    let answer = exchange(server.addr(), request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 418"), "{answer}");
    assert!(answer.contains("x-up: 1") && answer.ends_with("\r\n\r\nshort"), "{answer}");
    server.end().expect(0);

    let forwarded = String::from_utf8(requests.recv_timeout(PATIENCE).unwrap()).unwrap();
    assert!(forwarded.starts_with("POST /base/hooks?x=1 HTTP/1.1\r\n"), "{forwarded}");
    assert!(forwarded.contains("x-a: b") && forwarded.ends_with("\r\n\r\nhi"), "{forwarded}");
    let lines = folder.run(&["export", "--store", "a.db"]).expect(0).json_lines();
    assert_eq!(lines[0]["request"]["body"], "hi");
    assert_eq!(lines[0]["reply"]["status"], 418);
    assert_eq!(lines[0]["reply"]["body"], "short");
    assert_eq!(lines[0]["forwarded"]["url"], format!("http://{addr}/base/hooks?x=1"));
}

#[test]
fn a_receiver_that_is_down_is_a_bad_gateway_with_a_reason() {
    let folder = Folder::new();
    let to = nobody().to_string();
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0", "-f", &to, "--json"]);
    let request = format!("POST / HTTP/1.1\r\nhost: me\r\n{CLOSE}content-length: 0\r\n\r\n");
    let answer = exchange(server.addr(), request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    let line = &server.end().expect(0).json_lines()[0];
    let error = line["forwarded"]["error"].as_str().unwrap();
    assert!(error.contains("refused"), "{error}");
}

#[test]
fn what_prevents_listening_is_told_clearly() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    folder.write("text.db", "this is no database, whatever its name says");
    std::fs::create_dir(folder.path("folder")).unwrap();
    let said = |args: &[&str], code: i32| {
        let output = folder.run(&[&["listen", "--addr", "127.0.0.1:0"], args].concat());
        output.expect(code).stderr.replace(&addr, "[addr]")
    };
    let in_use = folder.run(&["listen", "--addr", &addr]).expect(3).stderr.replace(&addr, "[addr]");
    insta::assert_snapshot!(in_use, @"
    error: cannot listen: address `[addr]` is in use: Address already in use (os error 98)
    hint: end the program that listens there, or let the system choose with port 0
    ");
    insta::assert_snapshot!(said(&["--store", "text.db"], 2), @"
    error: cannot use the store: `text.db` is not a store of ringback: it is not a SQLite file
    hint: name a file that does not exist yet, or an earlier store
    ");
    insta::assert_snapshot!(said(&["--store", "folder"], 2), @"
    error: cannot use the store: `folder` is not a file
    hint: name a file that does not exist yet, or an earlier store
    ");
    insta::assert_snapshot!(said(&["--store", "missing/a.db"], 2), @"
    error: cannot use the store: cannot make the store `missing/a.db`: No such file or directory (os error 2)
    hint: name a file in a folder that exists and that you may write to
    ");
    insta::assert_snapshot!(said(&["--forward-to", "ftp://x"], 2).lines().next().unwrap(), @"error: invalid value 'ftp://x' for '--forward-to <URL>': the scheme is `ftp`: use `http` or `https`");
    assert_eq!(folder.read("text.db"), "this is no database, whatever its name says");
    insta::assert_snapshot!(folder.run(&["export", "--store", "none.db"]).expect(2).stderr, @"
    error: cannot use the store: there is no store at `none.db`
    hint: `ringback listen --store FILE` makes one
    ");
}

#[test]
fn a_signal_lets_what_is_under_way_end_and_a_second_does_not() {
    let folder = Folder::new();
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0"]);
    // Half a request is under way for as long as its client likes, up to the limit.
    let mut half = TcpStream::connect(server.addr()).unwrap();
    half.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab").unwrap();
    let mut server = server;
    server.signal("INT");
    // The listener is closed first; only then is it known that the signal has come.
    while TcpStream::connect(server.addr()).is_ok() {
        std::thread::yield_now();
    }
    server.signal("INT");
    assert_eq!(server.wait().code, Some(130));
}

#[test]
fn what_would_go_into_a_removed_file_is_not_acknowledged() {
    let folder = Folder::new();
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--store", "a.db"]);
    let request = format!("GET / HTTP/1.1\r\nhost: x\r\n{CLOSE}\r\n");
    assert!(exchange(server.addr(), request.as_bytes()).starts_with("HTTP/1.1 200"));
    std::fs::remove_file(folder.path("a.db")).unwrap();
    let answer = exchange(server.addr(), request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("was removed or replaced"), "{answer}");
    server.end().expect(0);
}

#[test]
fn a_signal_is_heard_when_nobody_reads_what_is_printed() {
    let folder = Folder::new();
    let mut server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--json"]);
    // More than a pipe holds, which this test does not read before the end.
    let body = "x".repeat(100_000);
    let head =
        format!("POST / HTTP/1.1\r\nhost: x\r\n{CLOSE}content-length: {}\r\n\r\n", body.len());
    for _ in 0..3 {
        exchange(server.addr(), format!("{head}{body}").as_bytes());
    }
    server.signal("TERM");
    let code = server.wait_unread();
    assert_eq!(code, Some(0));
}
