//! `ringback listen` under those who want too much: limits by name, and memory that stays where it is.

use std::io::Write as _;
use std::net::TcpStream;

use crate::harness::{Folder, PATIENCE, exchange};

#[test]
fn every_limit_is_shown_with_its_value_and_what_happens() {
    let folder = Folder::new();
    let shown = folder.run(&["listen", "--show-limits", "--limit", "connections=100"]).expect(0);
    insta::assert_snapshot!(shown.stdout, @"
    connections           100  at a time; above it clients wait to be accepted
    first-byte             5s  from accepting a connection to its first byte; then it is closed
    head                  10s  for a head, for agreeing on TLS, and between two requests; then the connection is closed
    head-bytes          64KiB  of a head, and of the trailers; above it 431, of trailers 400
    header-lines          100  of a head, and of the trailers; above it 431, of trailers 400
    body                  30s  for a whole body; then 408
    body-rate            1KiB  of a body a second, at the least; below it 408
    body-grace             5s  for which a body may be slower at its beginning
    body-bytes          10MiB  of a body, and of a forwarded request's reply; above it 413, or 502
    bytes-in-flight    256MiB  of all bodies at a time; above 95 % 503, above 98 % no connection is accepted
    store                 10s  for the store to keep something; then 503
    forward               30s  for the far side to reply as a whole; then 504
    reply                 30s  for a client to take a whole reply; then the connection is cut
    fault                300s  for which a `timeout` or a `drip` is played; then the connection ends
    linger                 1s  for which the rest of a refused request is read and thrown away
    drain                  8s  for requests under way when the listener ends; then they are cut
    streams               100  of HTTP/2 on a connection at a time; above it they are refused
    stream-head-bytes   32KiB  of a head of HTTP/2; above it 431
    stream-window       64KiB  of a body of HTTP/2 that may be sent ahead; above it the stream is reset
    connection-window    1MiB  of all bodies on a connection of HTTP/2 that may be sent ahead; above it GOAWAY
    ping                  20s  of silence on a connection of HTTP/2 before it is asked for a sign of life
    ping-answer           10s  for that sign to come; then the connection is closed
    resets                 20  of HTTP/2 requests begun and taken back at once; above it GOAWAY
    ");
    assert_eq!(shown.stderr, "");
}

#[test]
fn a_limit_is_changed_by_its_name() {
    let folder = Folder::new();
    let args = [
        "listen",
        "--addr",
        "127.0.0.1:0",
        "--limit",
        "body-bytes=3",
        "--limit",
        "head-bytes=1KiB",
    ];
    let server = folder.start(&args);
    let post = |body: &str| {
        let length = body.len();
        let head =
            format!("POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {length}");
        exchange(server.addr(), format!("{head}\r\n\r\n{body}").as_bytes())
    };
    assert!(post("abc").starts_with("HTTP/1.1 200 "));
    assert!(post("abcd").starts_with("HTTP/1.1 413 "));
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1024));
    assert!(exchange(server.addr(), long.as_bytes()).starts_with("HTTP/1.1 431 "));
    let output = server.end().expect(0);
    let last = output.stdout.lines().last().unwrap();
    assert!(last.ends_with(": the head has more than 100 lines or 1024 bytes"), "{last}");

    for (limit, why) in [
        ("body=x", "`x` is no value for `body`: a time from `1ms` to `86400s`"),
        ("boddy=1s", "there is no limit `boddy`; there are connections, first-byte, "),
        ("body", "write it as `NAME=VALUE`"),
    ] {
        let refused = folder.run(&["listen", "--limit", limit]).expect(2);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
}

#[test]
fn strict_is_a_flag() {
    let folder = Folder::new();
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--strict"]);
    let answer = exchange(server.addr(), b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n");
    assert!(answer.contains("the request can be read in two ways: no Host"), "{answer}");
}

#[test]
fn a_body_without_an_end_takes_no_more_memory_than_its_limit() {
    let folder = Folder::new();
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--limit", "body-bytes=8MiB"]);
    let before = server.peak_kib();
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    let chunk = [b"100000\r\n".as_slice(), &[b'x'; 0x10_0000], b"\r\n"].concat();
    // A gigabyte, or as much as anybody takes: what is refused is still read for a second.
    let _ = (0..1024).try_for_each(|_| stream.write_all(&chunk));
    let grown = server.peak_kib() - before;
    assert!(grown < (8 + 64) << 10, "{grown} KiB");
    assert!(server.end().expect(0).stdout.contains("the body is longer than 8388608 bytes"));
}

#[test]
fn connections_that_say_nothing_cost_little() {
    let folder = Folder::new();
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0"]);
    let get = || exchange(server.addr(), b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n");
    assert!(get().contains(" 200 "));
    let before = server.peak_kib();
    let idle: Vec<_> = (0..500).map(|_| TcpStream::connect(server.addr()).unwrap()).collect();
    // By then all of them have been accepted: they came before.
    assert!(get().contains(" 200 "));
    let each = (server.peak_kib() - before) / idle.len() as u64;
    assert!(each < 10, "{each} KiB for each: 10,000 of them would take more than 100 MiB");
}
