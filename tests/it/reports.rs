//! What `send` tells of a load: a table at the end, and reports in files that other tools read.

use std::fs;
use std::process::Command;

use crate::harness::{Folder, finish, has_peer, raw_receiver};

/// A receiver that refuses every tenth event.
fn every_tenth_fails() -> std::net::SocketAddr {
    let answered = std::sync::atomic::AtomicU32::new(0);
    let (addr, requests) = raw_receiver(move |stream| {
        use std::io::Write as _;
        let n = answered.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let status = if n % 10 == 9 { "503 Busy" } else { "200 OK" };
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
    });
    std::thread::spawn(move || for _ in requests {});
    addr
}

#[test]
fn many_are_told_by_a_table_and_in_files() {
    let folder = Folder::new();
    let url = every_tenth_fails().to_string();
    let args = [
        "send",
        &url,
        "-c",
        "150",
        "--report",
        "html=page.html",
        "--report",
        "attempts=a.jsonl",
        "--report",
        "hdr=a.hlog",
        "--report",
        "prometheus=a.prom",
    ];
    let output = folder.run(&args).expect(1);
    for told in [
        "150 attempts in ",
        "90.0% answered 2xx",
        "  HTTP 503                     15   10.0%",
        "latency, from the planned time",
        "report: page.html",
    ] {
        assert!(output.stderr.contains(told), "no `{told}` in {}", output.stderr);
    }
    assert_eq!(output.stdout.lines().count(), 15, "the failures are printed");

    assert_eq!(folder.read("a.jsonl").lines().count(), 150);
    let prometheus = folder.read("a.prom");
    assert!(prometheus.contains("ringback_attempts_total{outcome=\"answered\",status=\"503\"} 15"));
    assert!(folder.read("a.hlog").contains("Tag=latency,"));
    let page = folder.read("page.html");
    assert!(page.contains("<td>HTTP 503</td><td>15</td><td>10.0 %</td>"));
    assert!(page.contains("Latency over time") && !page.contains("<script"));
    let names: Vec<_> =
        fs::read_dir(folder.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 4, "nothing is left behind: {names:?}");
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_is_sent() {
    let folder = Folder::new();
    let args = ["send", "localhost:1", "--report", "html=missing/page.html"];
    let output = folder.run(&args).expect(3);
    assert!(
        output.stderr.starts_with("error: cannot write the report `missing/page.html`: "),
        "{}",
        output.stderr
    );
    assert!(output.stdout.is_empty());
    let wrong = folder.run(&["send", "localhost:1", "--report", "pdf=a"]).expect(2);
    assert!(wrong.stderr.contains("write it as `html=FILE`"), "{}", wrong.stderr);
}

#[test]
fn a_browser_shows_the_page_without_a_network() {
    const BROWSER: &str = "chromium";
    if !has_peer(BROWSER, &["--version"]) {
        return;
    }
    let folder = Folder::new();
    let url = every_tenth_fails().to_string();
    folder
        .run(&["send", &url, "-c", "20", "--print", "none", "--report", "html=page.html"])
        .expect(1);
    let mut browser = Command::new(BROWSER);
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]);
    browser.args(["--disable-background-networking", "--disable-component-update"]);
    browser.arg(format!("--user-data-dir={}", folder.path("profile").display()));
    browser.arg("--dump-dom").arg(format!("file://{}", folder.path("page.html").display()));
    let dom = finish(&mut browser, b"").expect(0).stdout;
    assert_eq!(dom.matches("role=\"img\"").count(), 5, "{dom}");
    assert!(dom.contains("<td>HTTP 503</td><td>2</td>"), "{dom}");
}

#[test]
fn the_trace_of_an_attempt_is_known_before_anything_is_sent() {
    let folder = Folder::new();
    let (addr, requests) = raw_receiver(|stream| {
        use std::io::Write as _;
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
    let addr = addr.to_string();
    let send = ["send", &addr, "--traceparent", "--run-id", "r1", "--json"];
    let planned = folder.run(&[&send[..], &["--dry-run"]].concat()).expect(0);
    let known = planned.json_lines()[0]["traceparent"].as_str().unwrap().to_owned();
    folder.run(&send).expect(0);
    let request = String::from_utf8(requests.recv().unwrap()).unwrap();
    assert!(request.contains(&format!("traceparent: {known}\r\n")), "{known}: {request}");
}
