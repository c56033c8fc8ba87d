//! `ringback listen --tls` and `--h2c`, with curl on the other side.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::harness::{Folder, Output, Server, finish, has_peer};

fn has_curl() -> bool {
    has_peer("curl", &["--version"])
}

/// Posts with curl and returns the status and the HTTP version that it saw.
fn curl(server: &Server, args: &[&str]) -> Output {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "-d", "{\"a\":1}"]);
    // What this machine has set for its own sake is not for these.
    curl.args(["--noproxy", "*", "-H", "X-Odd: 1"]).args(args);
    finish(curl.arg(format!("{}/hooks", server.url)), b"")
}

#[test]
fn curl_trusts_the_authority_that_it_is_given_and_no_other() {
    if !has_curl() {
        return;
    }
    let folder = Folder::new();
    let args = ["listen", "--addr", "127.0.0.1:0", "--json", "--tls", "--tls-dir", "data/tls"];
    let server = folder.start(&args);
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let authority = folder.path("data/tls/authority.pem");
    let trust = ["--cacert", authority.to_str().unwrap()];
    assert_eq!(curl(&server, &trust).expect(0).stdout, "200 2", "chosen by ALPN");
    let http1 = [&trust[..], &["--http1.1"]].concat();
    assert_eq!(curl(&server, &http1).expect(0).stdout, "200 1.1");
    let refused = curl(&server, &[]).expect(60);
    assert!(refused.stderr.contains("certificate"), "{}", refused.stderr);

    let output = server.end().expect(0);
    let lines = output.json_lines();
    assert_eq!(
        (&lines[0]["version"], &lines[1]["version"]),
        (&"HTTP/2.0".into(), &"HTTP/1.1".into())
    );
    assert!(lines[0]["request"]["headers"].to_string().contains(r#"["x-odd","1"]"#));
    assert!(lines[1]["request"]["headers"].to_string().contains(r#"["X-Odd","1"]"#));
    assert!(
        lines[1]["wire"]["head"].as_str().unwrap().starts_with("POST /hooks HTTP/1.1\r\nHost: ")
    );
    let why = lines[2]["fault"].as_str().unwrap();
    assert!(why.starts_with("the client and this side did not agree on TLS: "), "{why}");
    assert!(output.stderr.contains("curl --cacert data/tls/authority.pem"), "{}", output.stderr);

    // The second start has the same authority, and the key is nobody else's.
    for name in ["authority.pem", "authority-key.pem"] {
        let mode = fs::metadata(folder.path("data/tls").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let again = folder.start(&args);
    assert_eq!(curl(&again, &trust).expect(0).stdout, "200 2");
    drop(again);
    let key = folder.path("data/tls/authority-key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = folder.run(&args).expect(2);
    assert!(refused.stderr.contains("others can read the key"), "{}", refused.stderr);
}

#[test]
fn the_authority_is_kept_among_the_users_data() {
    let folder = Folder::new();
    let mut command = folder.ringback();
    command.env("XDG_DATA_HOME", folder.path("share")).args([
        "listen",
        "--addr",
        "127.0.0.1:0",
        "--tls",
    ]);
    let server = Server::start(&mut command);
    assert!(folder.read("share/ringback/tls/authority.pem").starts_with("-----BEGIN CERTIFICATE"));
    server.end().expect(0);
}

#[test]
fn a_certificate_of_ones_own_is_shown() {
    if !has_curl() || !has_peer("openssl", &["version"]) {
        return;
    }
    let folder = Folder::new();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args([
        "-nodes", "-days", "2", "-subj", "/CN=own", "-keyout", "key.pem", "-out", "own.pem",
    ]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1"]);
    finish(openssl.current_dir(folder.path("")), b"").expect(0);
    let args = ["listen", "--addr", "127.0.0.1:0", "--tls-cert", "own.pem", "--tls-key", "key.pem"];
    let server = folder.start(&args);
    let own = folder.path("own.pem");
    assert_eq!(curl(&server, &["--cacert", own.to_str().unwrap()]).expect(0).stdout, "200 2");

    folder.write("none.pem", "none");
    let refused =
        folder.run(&["listen", "--tls-cert", "none.pem", "--tls-key", "key.pem"]).expect(2);
    assert!(refused.stderr.contains("there is no certificate in PEM"), "{}", refused.stderr);
    folder.run(&["listen", "--tls-cert", "own.pem"]).expect(2);
    folder.run(&["listen", "--tls-cert", "own.pem", "--tls-key", "key.pem", "--tls"]).expect(2);
}

#[test]
fn curl_speaks_http2_without_tls_where_it_may() {
    if !has_curl() {
        return;
    }
    let folder = Folder::new();
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--json", "--h2c"]);
    assert_eq!(curl(&server, &["--http2-prior-knowledge"]).expect(0).stdout, "200 2");
    assert_eq!(curl(&server, &["--http1.1"]).expect(0).stdout, "200 1.1");
    let lines = server.end().expect(0).json_lines();
    assert_eq!(lines[0]["version"], "HTTP/2.0");
    assert_eq!(lines[0]["request"]["body"], "{\"a\":1}");

    let without = folder.start(&["listen", "--addr", "127.0.0.1:0", "--json"]);
    assert_ne!(curl(&without, &["--http2-prior-knowledge"]).code, Some(0));
    let lines = without.end().expect(0).json_lines();
    let why = "the client speaks HTTP/2, which is not switched on here";
    assert_eq!(lines[0]["fault"], why);
}
