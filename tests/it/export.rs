//! `ringback export`: what was captured, for other programs and other people.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Folder, exchange, finish, has_peer};

/// Sends a request with a body of its own and returns nothing but that it was answered.
fn send(server: &crate::harness::Server, head: &str, body: &[u8]) {
    let head =
        format!("{head}\r\nhost: h\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    let answer = exchange(server.addr(), &[head.as_bytes(), body].concat());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// A store with an event, a body that is no text, and a form.
fn recorded() -> (Folder, String) {
    let folder = Folder::new();
    let event = folder.run(&["generate", "--seed", "7"]).expect(0).stdout;
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--store", "a.db"]);
    let json = "content-type: application/json";
    send(
        &server,
        &format!("POST /hooks?token=t0ken&x=1 HTTP/1.1\r\n{json}\r\nAuthorization: Bearer s3cret"),
        event.trim_end().as_bytes(),
    );
    send(&server, "PUT /bytes/1 HTTP/1.1", b"\x00\xFF'\r\n\x1b$(x)`y`\\");
    send(
        &server,
        "POST /quote HTTP/1.1\r\nx-a: it's; $HOME",
        "{\"a\":\"it's `$HOME` é\"}".as_bytes(),
    );
    send(&server, "GET /bytes/2 HTTP/1.1", b"");
    server.end().expect(0);
    (folder, event.trim_end().to_owned())
}

/// The lines of an export as JSON.
fn lines(folder: &Folder, args: &[&str]) -> Vec<Value> {
    folder.run(&[&["export", "a.db"], args].concat()).expect(0).json_lines()
}

/// A personal value of an event, found by a JSON pointer.
fn at<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn personal_data_and_secrets_stay_here_unless_every_byte_is_wanted() {
    let (folder, event) = recorded();
    let typed: Value = serde_json::from_str(&event).unwrap();
    let personal = [
        "/payload/customer/name",
        "/payload/customer/email",
        "/payload/customer/phoneNumber",
        "/payload/toPhoneNumber",
        "/payload/transcript",
        "/payload/recordingUrl",
    ];
    let personal: Vec<&str> =
        personal.iter().map(|at_| at(&typed, at_)).filter(|value| !value.is_empty()).collect();
    assert!(personal.len() >= 4, "{personal:?}");
    // The longest piece that stands in JSON and between a shell's quotes as it is.
    let is_told = |text: &str, value: &str| {
        let pieces = value.split(['\'', '"', '\n', '\\', '&']);
        text.contains(pieces.max_by_key(|piece| piece.len()).unwrap())
    };
    for format in ["jsonl", "har", "curl"] {
        let open = folder.run(&["export", "a.db", "--format", format]).expect(0).stdout;
        let exact = folder.run(&["export", "a.db", "--format", format, "--exact"]).expect(0).stdout;
        for value in personal.iter().chain(&["s3cret", "t0ken"]) {
            assert!(!is_told(&open, value), "{format}: {value}");
            assert!(is_told(&exact, value), "{format}: {value}");
        }
    }
    let listed = &lines(&folder, &[])[0];
    let shown: Value = serde_json::from_str(listed["request"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(shown["eventId"], typed["eventId"], "what is nobody's secret stays");
    let mark = at(&shown, "/payload/customer/phoneNumber");
    assert!(mark.starts_with("[redacted sha256:") && mark.chars().count() == 23, "{mark}");
    assert_eq!(mark, at(&shown, "/payload/toPhoneNumber"), "one value, one mark");
}

#[test]
fn only_what_is_asked_for_is_written() {
    let (folder, _) = recorded();
    let numbers = |args: &[&str]| -> Vec<u64> {
        lines(&folder, args).iter().map(|line| line["number"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers(&[]), [1, 2, 3, 4]);
    assert_eq!(numbers(&["--since", "2"]), [3, 4]);
    assert_eq!(numbers(&["--path", "/bytes/{n}"]), [2, 4]);
    assert_eq!(numbers(&["--path", "/bytes/{n}", "--since", "2"]), [4]);
    assert_eq!(numbers(&["--status", "2xx"]), [1, 2, 3, 4]);
    assert_eq!(numbers(&["--status", "503"]), [0; 0]);
    assert_eq!(numbers(&["--status", "none"]), [0; 0]);
    assert_eq!(numbers(&["--event-type", "conversation.completed"]), [1]);
    let said = folder.run(&["export"]).expect(2).stderr;
    assert!(said.contains("<FILE>"), "{said}");
}

#[test]
fn a_curl_script_sends_the_same_bytes_again() {
    if !has_peer("curl", &["--version"]) {
        return;
    }
    let (folder, _) = recorded();
    folder
        .run(&["export", "a.db", "--format", "curl", "--exact", "--output", "again.sh"])
        .expect(0);
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--store", "b.db"]);
    let mut sh = Command::new("sh");
    sh.arg(folder.path("again.sh")).arg(&server.url);
    let said = finish(&mut sh, b"").expect(0);
    assert_eq!(said.stdout.matches("HTTP/1.1 200 OK").count(), 4, "{said:?}");
    server.end().expect(0);

    let again = folder.run(&["export", "b.db", "--exact"]).expect(0).json_lines();
    let before = lines(&folder, &["--exact"]);
    assert_eq!(again.len(), before.len());
    for (again, before) in again.iter().zip(&before) {
        for what in ["method", "target", "body"] {
            assert_eq!(again["request"][what], before["request"][what]);
        }
    }
    let headers = again[2]["request"]["headers"].to_string();
    assert!(headers.contains(r#"["x-a","it's; $HOME"]"#), "{headers}");
    let mut without = Command::new("sh");
    let said = finish(without.arg(folder.path("again.sh")), b"").expect(2).stderr;
    assert!(said.contains("usage: sh "), "{said}");
}

/// What HAR 1.2 requires of an entry, after http://www.softwareishard.com/blog/har-12-spec/.
const HAR: &str = r#"
.log | .version == "1.2" and (.creator | has("name", "version")) and (.entries | length == 4 and all(
  (.startedDateTime | test("^[0-9-]{10}T[0-9:.]+Z$")) and (.time | type == "number" and . >= 0)
  and (.cache | type == "object") and (.timings | [.send, .wait, .receive] | all(type == "number"))
  and (.request | (.method | length > 0) and (.url | test("^http://h/")) and .httpVersion == "HTTP/1.1"
    and ([.cookies, .headers, .queryString] | all(type == "array"))
    and (.headers | all((.name | type == "string") and (.value | type == "string")))
    and ([.headersSize, .bodySize] | all(type == "number"))
    and (if has("postData") then .postData | (.mimeType | type == "string") and (.text | type == "string") else true end))
  and (.response | (.status | type == "number") and ([.statusText, .httpVersion, .redirectURL] | all(type == "string"))
    and ([.cookies, .headers] | all(type == "array")) and (.content | (.size | type == "number") and (.mimeType | type == "string"))
    and ([.headersSize, .bodySize] | all(type == "number")))))
"#;

#[test]
fn an_archive_is_what_har_says() {
    if !has_peer("jq", &["--version"]) {
        return;
    }
    let (folder, event) = recorded();
    folder.run(&["export", "a.db", "--format", "har", "--exact", "-o", "a.har"]).expect(0);
    let text = folder.read("a.har");
    let har = HAR.replace("has(\"name\", \"version\")", "has(\"name\") and has(\"version\")");
    let said = finish(Command::new("jq").arg(har), text.as_bytes()).expect(0);
    assert_eq!(said.stdout, "true\n");
    let archive: Value = serde_json::from_str(&text).unwrap();
    let entry = &archive["log"]["entries"][0];
    assert_eq!(entry["request"]["url"], "http://h/hooks?token=t0ken&x=1");
    assert_eq!(entry["request"]["queryString"][1]["value"], "1");
    assert_eq!(entry["request"]["postData"]["text"], event.as_str());
    // Another program takes the query of the second entry for what it is.
    let bytes = &archive["log"]["entries"][1]["request"]["postData"];
    assert_eq!(
        (&bytes["text"], &bytes["_encoding"]),
        (&"AP8nDQobJCh4KWB5YFw=".into(), &"base64".into())
    );
}

#[test]
fn each_body_is_a_file_that_only_its_owner_may_read() {
    let (folder, event) = recorded();
    let args = ["export", "a.db", "--format", "files", "--exact"];
    assert!(folder.run(&args).expect(2).stderr.contains("--output"));
    let said = folder.run(&[&args[..], &["--output", "bodies"]].concat()).expect(0);
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str()),
        ("", "4 exchanges written to bodies\n")
    );
    let mut names: Vec<String> = std::fs::read_dir(folder.path("bodies"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["00000001.json", "00000002.bin", "00000003.json", "00000004.bin"]);
    assert_eq!(folder.read("bodies/00000001.json"), event);
    assert_eq!(std::fs::read(folder.path("bodies/00000004.bin")).unwrap(), b"");
    // The validator takes them as they are.
    folder.run(&["validate", "bodies/00000001.json"]).expect(0);

    let said = folder.run(&[&args[..], &["--output", "bodies"]].concat()).expect(2).stderr;
    assert!(said.starts_with("error: cannot make `bodies`: File exists"), "{said}");
    folder.run(&["export", "a.db", "--output", "a.jsonl"]).expect(0);
    folder.run(&["export", "a.db", "--output", "a.jsonl"]).expect(2);
    for (name, mode) in [("bodies", 0o700), ("bodies/00000001.json", 0o600), ("a.jsonl", 0o600)] {
        check_mode(&folder.path(name), mode);
    }
}

#[cfg(unix)]
fn check_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: u32) {}
