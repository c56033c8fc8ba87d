//! `ringback send`: exact bytes, and every way to fail told apart.

use std::io::Write as _;
use std::net::Shutdown;

use crate::harness::{Folder, PATIENCE, Server, has_peer, nobody, raw_receiver, receiver};

#[test]
fn the_bytes_sent_are_those_that_generate_prints() {
    let folder = Folder::new();
    let (addr, requests) = raw_receiver(|stream| {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    });
    let url = format!("{addr}/hooks?a=1");
    let output =
        folder.run(&["send", &url, "-c", "3", "--seed", "7", "-H", "X-A: 1", "-H", "x-a: 2,3"]);
    let output = output.expect(0);
    assert_eq!(output.stdout.matches("HTTP 200").count(), 3, "{}", output.stdout);
    assert!(output.stdout.contains("\nok\n"), "the answer's body is shown: {}", output.stdout);
    assert!(output.stderr.contains("3 deliveries in"), "{}", output.stderr);

    let generated = folder.run(&["generate", "-c", "3", "--seed", "7"]).expect(0).stdout;
    for event in generated.lines() {
        let request = String::from_utf8(requests.recv_timeout(PATIENCE).unwrap()).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, event);
        assert!(head.starts_with("POST /hooks?a=1 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
        assert!(head.contains("x-a: 1\r\nx-a: 2,3"), "{head}");
        assert!(!head.contains("accept-encoding"), "{head}");
    }
}

#[test]
fn each_attempt_is_one_line_of_json_on_demand() {
    let folder = Folder::new();
    let addr = receiver("503 Service Unavailable", "later").to_string();
    let args = ["send", &addr, "--json", "-c", "2", "-H", "Authorization: Bearer s3cret"];
    let output = folder.run(&args).expect(1);
    let lines = output.json_lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["delivery"], 1);
    assert_eq!(lines[1]["answered"]["status"], 503);
    assert_eq!(lines[1]["answered"]["body"], "later");
    assert!(lines[1]["durationMs"].as_f64().unwrap() > 0.0);
    assert!(!output.stdout.contains("s3cret") && !output.stderr.contains("s3cret"));
    assert!(output.stderr.contains("reproduce the first: curl"), "{}", output.stderr);
}

#[test]
fn a_redirect_is_an_answer_and_not_followed() {
    let folder = Folder::new();
    let (addr, _requests) = raw_receiver(|stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 302 Found\r\nlocation: /else\r\ncontent-length: 0\r\n\r\n");
        let _ = stream.shutdown(Shutdown::Both);
    });
    let output = folder.run(&["send", &addr.to_string()]).expect(1);
    assert!(output.stdout.contains("HTTP 302 to /else (not followed)"), "{}", output.stdout);
}

#[test]
fn every_way_to_fail_has_its_name() {
    let folder = Folder::new();
    let said = |addr: std::net::SocketAddr, code: i32| {
        let output = folder.run(&["send", &addr.to_string(), "--timeout", "400ms"]).expect(code);
        output.stdout.split_whitespace().nth(1).unwrap().to_owned()
    };
    let answering = |bytes: &'static [u8]| {
        raw_receiver(move |stream| {
            let _ = stream.write_all(bytes);
            let _ = stream.shutdown(Shutdown::Both);
        })
    };
    assert_eq!(said(nobody(), 3), "refused");
    assert_eq!(said(answering(b"").0, 1), "reset");
    assert_eq!(
        said(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").0, 1),
        "truncated"
    );
    assert_eq!(said(answering(b"SSH-2.0-x\r\n\r\n").0, 1), "bad-http");
    // The connection is held until the sender gives up: it closes, and the read ends.
    let (addr, _requests) = raw_receiver(|stream| drop(std::io::Read::read(stream, &mut [0])));
    assert_eq!(said(addr, 1), "timed-out");
}

#[test]
fn what_cannot_be_sent_is_said_before_anything_is() {
    let folder = Folder::new();
    let said = |args: &[&str], code: i32| {
        let stderr = folder.run(args).expect(code).stderr;
        stderr.lines().next().unwrap().to_owned()
    };
    insta::assert_snapshot!(said(&["send", "http://10.1.2.3/hooks"], 3), @"error: cannot send: `10.1.2.3` is 10.1.2.3, on a private network: if its owner agrees, allow it with `--allow-host 10.1.2.3`");
    insta::assert_snapshot!(said(&["send", "http://169.254.169.254/", "--allow-host", "169.254.169.254"], 3), @"error: cannot send: `169.254.169.254` is 169.254.169.254, a cloud's metadata service: deliveries never go there, so send to another address");
    insta::assert_snapshot!(said(&["send", "http://8.8.8.8/", "--allow-host", "8.8.8.8"], 3), @"error: cannot send: `8.8.8.8` is 8.8.8.8, on the public internet: events go there by https only, so use https");
    insta::assert_snapshot!(said(&["send", "http://user:s3cret@localhost/"], 2), @"error: cannot send: the target has credentials in its URL: send them as an `authorization` header instead");
    insta::assert_snapshot!(said(&["send", "ftp://localhost/"], 2), @"error: invalid value 'ftp://localhost/' for '[URL]': the scheme is `ftp`: use `http` or `https`");
    insta::assert_snapshot!(said(&["send", "localhost", "--rate", "0"], 2), @"error: invalid value '0' for '--rate <RATE>': the rate `0` is not more than zero, so nothing would ever be sent");
    insta::assert_snapshot!(said(&["send", "localhost", "-H", "no colon"], 2), @"error: invalid value 'no colon' for '--header <NAME: VALUE>': write it as `Name: value`");
    insta::assert_snapshot!(said(&["send", "localhost", "--timeout", "10"], 2), @"error: invalid value '10' for '--timeout <TIME>': write it with its unit, such as `500ms`, `10s` or `1m`");
    insta::assert_snapshot!(said(&["send", "localhost", "--secret", "env:NOT_SET"], 2), @"error: the variable `NOT_SET` of `--secret` is not set");
    insta::assert_snapshot!(said(&["send", "localhost", "--secret", "my-s3cret"], 2), @"error: `--secret` cannot be used: a secret begins with `whsec_`, this one does not");
}

#[test]
fn a_fault_is_done_by_the_engine_that_can_and_nobody_is_blamed_for_it() {
    let folder = Folder::new();
    let addr = receiver("400 Bad Request", "what?").to_string();
    let output = folder.run(&["send", &addr, "--fault", "cut:10", "--json"]).expect(0);
    let line = &output.json_lines()[0];
    assert_eq!(line["fault"], serde_json::json!({"name": "cut:10", "expects": "refusal"}));
    assert_eq!(line["answered"]["status"], 400);
    assert!(line["connectMs"].as_f64().unwrap() <= line["firstByteMs"].as_f64().unwrap());
    assert!(
        output.stderr.starts_with("sent by the wire engine: the other one cannot do a fault\n"),
        "{}",
        output.stderr
    );
    let accepted = receiver("200 OK", "fine").to_string();
    folder.run(&["send", &accepted, "--fault", "cut:10"]).expect(1);
    folder.run(&["send", &accepted, "--fault", "reset", "-c", "3"]).expect(0);
    folder.run(&["send", &accepted, "--fault", "odd-case"]).expect(0);
}

#[test]
fn the_wire_engine_writes_headers_as_they_are_given() {
    let folder = Folder::new();
    let (addr, requests) = raw_receiver(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    let addr = addr.to_string();
    let lines = ["-H", "X-B: 1", "-H", "x-a: 2", "-H", "x-B: 3", "--content-type", "Text/X"];
    let args = ["send", &addr, "--engine", "wire"];
    folder.run(&[&args[..], &lines[..]].concat()).expect(0);
    let request = String::from_utf8(requests.recv_timeout(PATIENCE).unwrap()).unwrap();
    assert!(
        request.contains("\r\nX-B: 1\r\nx-a: 2\r\nx-B: 3\r\ncontent-type: Text/X\r\n"),
        "{request}"
    );
}

#[test]
fn what_does_not_go_together_is_said_before_anything_is_sent() {
    let folder = Folder::new();
    let said = |args: &[&str]| {
        let stderr = folder.run(&[&["send", "localhost:1"], args].concat()).expect(2).stderr;
        stderr.lines().next().unwrap().to_owned()
    };
    insta::assert_snapshot!(said(&["--engine", "reqwest", "--fault", "reset"]), @"error: cannot send: the reqwest engine cannot do a fault: leave `--engine` or that out");
    insta::assert_snapshot!(said(&["--http2", "--expect-continue"]), @"error: cannot send: HTTP/2 and waiting for 100-continue do not go together: leave one of them out");
    insta::assert_snapshot!(said(&["--fault", "explode"]), @"error: invalid value 'explode' for '--fault <FAULT>': there is no fault `explode`; there are: cut, reset, hold, slow-body, slow-read, length-too-long, length-too-short, two-lengths, length-and-chunked, no-length, bad-chunk, garbage, lf-only, odd-case, http-1.0, bad-version, no-host, two-hosts, folded-line, space-before-colon, nul-in-value, big-head, absolute-target");
    insta::assert_snapshot!(said(&["--engine", "curl"]), @"error: invalid value 'curl' for '--engine <NAME>': there is no engine `curl`: use `reqwest` or `wire`");
    insta::assert_snapshot!(said(&["--cacert", "none.pem"]), @"error: cannot read `none.pem`: No such file or directory (os error 2)");
    insta::assert_snapshot!(said(&["-X", "CONNECT"]), @"error: invalid value 'CONNECT' for '--request <METHOD>': `CONNECT` is no method to send an event with: write it as `POST` or `PUT`");
    insta::assert_snapshot!(said(&["--resolve", "a.test"]), @"error: invalid value 'a.test' for '--resolve <HOST:PORT:ADDRESS>': `a.test` gives no addresses to a host: write `HOST:PORT:ADDRESS`");
    let help = folder.run(&["send", "--help"]).expect(0).stdout;
    for fault in ["cut", "slow-read", "two-hosts"] {
        assert!(help.contains(&format!("\n            {fault} ")), "{help}");
    }
}

/// A server that nobody here has written, and that knows `Expect`.
#[test]
fn both_engines_are_understood_by_a_real_server() {
    if !has_peer("python3", &["--version"]) {
        return;
    }
    let folder = Folder::new();
    let script = folder.write(
        "server.py",
        r#"
import gzip, http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        if self.headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size); self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers()
        self.wfile.write(body)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("http://127.0.0.1:%d" % server.server_port, file=sys.stderr, flush=True)
server.serve_forever()
"#,
    );
    let server = Server::start(std::process::Command::new("python3").arg(script));
    let event = folder.run(&["generate"]).expect(0).stdout;
    for engine in ["reqwest", "wire"] {
        for style in ["--chunked=100", "--gzip", "--json"] {
            let args = ["send", &server.url, "--engine", engine, "-c", "2", "--json", style];
            let args = if style == "--json" { &args[..7] } else { &args[..] };
            let lines = folder.run(args).expect(0).json_lines();
            assert_eq!(
                lines[0]["answered"]["body"].as_str().unwrap(),
                event.trim_end(),
                "{args:?}"
            );
            assert!(lines[0]["connectMs"].is_f64() && lines[1]["connectMs"].is_null(), "{args:?}");
        }
    }
    let args = ["send", &server.url, "--expect-continue=30s", "--json"];
    let line = &folder.run(&args).expect(0).json_lines()[0];
    assert_eq!(line["answered"]["body"].as_str().unwrap(), event.trim_end());
}
