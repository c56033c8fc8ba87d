//! The store when things go wrong: kills, disks that are full, disks that fail.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::{Folder, Server, exchange, finish, has_peer};

const LISTEN: [&str; 5] = ["listen", "--addr", "127.0.0.1:0", "--store", "a.db"];

fn post(addr: SocketAddr, body: &[u8]) -> String {
    let head = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    exchange(addr, &[head.as_bytes(), body].concat())
}

/// What is in a store, asked with SQLite's own tool.
fn sqlite(path: &Path, query: &str) -> String {
    let mut sqlite = Command::new("sqlite3");
    finish(sqlite.arg(path), query.as_bytes()).expect(0).stdout
}

/// Posts bodies over one connection until it breaks, counts and returns those that were acknowledged.
fn load(addr: SocketAddr, client: usize, count: &AtomicUsize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let Ok(mut stream) = TcpStream::connect(addr) else { return acknowledged };
    for turn in 0.. {
        // Bodies of every length up to some pages, each with its own content.
        let body = format!("{client}/{turn}/").repeat(1 + (turn * 37 + client) % 900);
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
            break;
        }
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
            answer.push(byte[0]);
        }
        if !answer.ends_with(b"\r\n\r\n") {
            break;
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        acknowledged.push(body);
        count.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

/// How often a listener is killed; the environment may ask for more.
fn kills() -> usize {
    std::env::var("RINGBACK_TEST_KILLS").map_or(5, |kills| kills.parse().unwrap())
}

#[test]
fn every_event_that_was_acknowledged_under_load_is_there_after_each_kill() {
    for durability in ["disk", "process"] {
        let folder = Folder::new();
        let mut acknowledged = BTreeMap::<String, usize>::new();
        for round in 0..kills() {
            let mut server = folder.start(&[&LISTEN[..], &["--durability", durability]].concat());
            let (addr, count) = (server.addr(), Arc::new(AtomicUsize::new(0)));
            let clients: Vec<_> = (0..8)
                .map(|client| {
                    let count = Arc::clone(&count);
                    std::thread::spawn(move || load(addr, client, &count))
                })
                .collect();
            // Killed while they send, after another number of exchanges each time.
            while count.load(Ordering::Relaxed) < 50 + 40 * (round % 7) {
                std::thread::yield_now();
            }
            server.signal("KILL");
            server.wait();
            for client in clients {
                for body in client.join().unwrap() {
                    *acknowledged.entry(body).or_default() += 1;
                }
            }
        }
        let mut stored = BTreeMap::<String, usize>::new();
        let mut without_reply = 0;
        for (n, line) in
            (1..).zip(folder.run(&["export", "a.db", "--exact"]).expect(0).json_lines())
        {
            assert_eq!(line["number"], n, "no gap");
            without_reply += usize::from(line["reply"].is_null());
            *stored.entry(line["request"]["body"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        assert_eq!(without_reply, 0, "a request and its reply are kept as one");
        let count: usize = acknowledged.values().sum();
        assert!(count >= 50 * kills(), "{count}");
        for (body, times) in &acknowledged {
            let found = stored.get(body).copied().unwrap_or_default();
            assert!(
                found >= *times,
                "{durability}: acknowledged {times} times, there {found}: {body:.40}"
            );
        }
        let kept: usize = stored.values().sum();
        // Each client may have had one under way that was stored and not acknowledged any more.
        assert!(kept <= count + 8 * kills(), "{kept} of {count}");
        println!("{durability}: {} kills, {count} acknowledged, {kept} stored", kills());
    }
}

#[test]
fn opening_after_a_kill_says_what_was_found() {
    let folder = Folder::new();
    let mut server = folder.start(&LISTEN);
    for _ in 0..3 {
        assert!(post(server.addr(), b"x").starts_with("HTTP/1.1 200"));
    }
    server.signal("KILL");
    server.wait();
    let said = folder.start(&LISTEN).end().expect(0).stderr;
    let repaired = "store: it was not closed, or is open elsewhere: ";
    assert!(said.starts_with(repaired), "{said}");
    assert!(
        said.contains("pages came back from its log; 3 exchanges are whole, 0 of them without")
    );
    let said = folder.start(&LISTEN).end().expect(0).stderr;
    assert!(!said.contains(repaired), "closed, there is nothing to say: {said}");
}

/// A small disk of its own; none where that needs a privilege.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&path);
        finish(&mut mount, b"").code.filter(|code| *code == 0).map(|_| Self(path))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_and_left_again_without_a_restart() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(folder.path("small"), "2m") else {
        // The same is done with an injected fault below, which needs no privilege.
        eprintln!("passed over: who runs the tests may not mount");
        return;
    };
    let server = folder.start(&["listen", "--addr", "127.0.0.1:0", "--store", "small/a.db"]);
    std::fs::write(disk.0.join("filler"), vec![0; 1 << 20]).unwrap();
    let body = vec![7; 50_000];
    let mut kept = 0;
    let refused = loop {
        let answer = post(server.addr(), &body);
        if !answer.starts_with("HTTP/1.1 200") {
            break answer;
        }
        kept += 1;
    };
    assert!(kept > 3, "{kept}");
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(
        refused.contains("\r\nretry-after: 1\r\n") && refused.contains("disk is full"),
        "{refused}"
    );
    assert!(post(server.addr(), &body).starts_with("HTTP/1.1 503"), "and again");

    std::fs::remove_file(disk.0.join("filler")).unwrap();
    for _ in 0..4 {
        let answer = post(server.addr(), &body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let output = server.end().expect(0);
    let said = output.stderr;
    assert!(
        said.contains("store: requests are answered 503: the store cannot be written:"),
        "{said}"
    );
    assert!(said.contains("store: requests are taken again; 2 were answered 503"), "{said}");
    let lines = folder.run(&["export", "small/a.db"]).expect(0).json_lines();
    assert_eq!(lines.len(), kept + 4, "what was refused is not there");
}

/// Fails calls on the store's files as a mark file says: which (`w`rite or `s`ync), from the how many-th
/// on since the mark is there, with which error, and how often.
const FAULTY_DISK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int counted;
static int fails(int fd, char call) {
    char link[64], path[4096], kind;
    int nth, error, times;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (!strstr(path, "/a.db")) return 0;
    FILE *mark = fopen(getenv("FAULT"), "r");
    if (!mark) return 0;
    int found = fscanf(mark, "%c %d %d %d", &kind, &nth, &error, &times);
    fclose(mark);
    if (found != 4 || kind != call) return 0;
    int now = __sync_add_and_fetch(&counted, 1);
    if (now < nth || now >= nth + times) return 0;
    errno = error;
    return 1;
}
int fsync(int fd) {
    if (fails(fd, 's')) return -1;
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int fdatasync(int fd) {
    if (fails(fd, 's')) return -1;
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
ssize_t write(int fd, const void *bytes, size_t count) {
    if (fails(fd, 'w')) return -1;
    return ((ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write"))(fd, bytes, count);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    if (fails(fd, 'w')) return -1;
    return ((ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite"))(fd, bytes, count, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    if (fails(fd, 'w')) return -1;
    return ((ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64"))(fd, bytes, count, at);
}
"#;

/// A listener whose disk has faults when its folder has a file that says which.
struct Faulty {
    folder: Folder,
    shim: PathBuf,
}

impl Faulty {
    /// Compiles the faults; none where there is no compiler.
    fn new() -> Option<Self> {
        if !has_peer("cc", &["--version"]) {
            return None;
        }
        let folder = Folder::new();
        let (source, shim) = (folder.write("shim.c", FAULTY_DISK), folder.path("shim.so"));
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-o"]).arg(&shim).arg(source).arg("-ldl");
        finish(&mut cc, b"").expect(0);
        Some(Self { folder, shim })
    }

    fn start(&self) -> Server {
        let mut listen = self.folder.ringback();
        listen.args(LISTEN).env("LD_PRELOAD", &self.shim).env("FAULT", self.folder.path("fault"));
        Server::start(&mut listen)
    }

    fn fail(&self, how: &str) {
        // As one step, so that nobody reads half of it.
        std::fs::rename(self.folder.write("next", how), self.folder.path("fault")).unwrap();
    }

    fn heal(&self) {
        std::fs::remove_file(self.folder.path("fault")).unwrap();
    }
}

/// Wherever a call fails: what was acknowledged is there afterwards, and after a failed sync there is no
/// acknowledgement any more.
#[cfg(target_os = "linux")]
#[test]
fn whichever_call_of_the_disk_fails_nothing_acknowledged_is_lost() {
    const EIO: i32 = 5;
    const ENOSPC: i32 = 28;
    let Some(faulty) = Faulty::new() else { return };
    let mut refused = 0;
    for (kind, error, nths) in [('s', EIO, 1..6), ('w', EIO, 1..20), ('w', ENOSPC, 1..20)] {
        for nth in nths.step_by(if kind == 's' { 1 } else { 3 }) {
            let mut server = faulty.start();
            faulty.fail(&format!("{kind} {nth} {error} 1"));
            let answers: Vec<_> = (0..6)
                .map(|n| {
                    let body = format!("{kind}/{nth}/{error}/{n}/{}", "x".repeat(9000));
                    let answer = post(server.addr(), body.as_bytes());
                    (body, answer)
                })
                .collect();
            // Without the time to close it: what is on the disk is all there is.
            server.signal("KILL");
            server.wait();
            faulty.heal();
            let stored: Vec<String> = faulty
                .folder
                .run(&["export", "a.db", "--exact"])
                .expect(0)
                .json_lines()
                .iter()
                .map(|line| line["request"]["body"].as_str().unwrap().to_owned())
                .collect();
            let mut has_failed = false;
            for (body, answer) in answers {
                if answer.starts_with("HTTP/1.1 200") {
                    assert!(stored.contains(&body), "{body:.20} was acknowledged and is gone");
                    assert!(!(has_failed && kind == 's'), "{body:.20} after a failed sync");
                } else {
                    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
                    (has_failed, refused) = (true, refused + 1);
                }
            }
        }
    }
    assert!(refused > 20, "{refused}: the faults are not felt");
}

#[cfg(target_os = "linux")]
#[test]
fn after_a_failed_sync_nothing_is_acknowledged_until_a_restart() {
    let Some(faulty) = Faulty::new().filter(|_| has_peer("sqlite3", &["--version"])) else {
        return;
    };
    let server = faulty.start();
    assert!(post(server.addr(), b"before").starts_with("HTTP/1.1 200"));
    faulty.fail("s 1 5 1");
    let refused = post(server.addr(), b"failed");
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    let why = "the store is closed until the recorder starts again: disk I/O error";
    assert!(refused.contains(why), "{refused}");
    // The disk says that it is well again. It may have dropped what it was given.
    faulty.heal();
    for _ in 0..3 {
        let answer = post(server.addr(), b"after");
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains(why), "{answer}");
    }
    let output = server.end().expect(3);
    assert_eq!(output.stderr.matches("store: every request is answered 503: ").count(), 1, "once");
    assert!(output.stderr.contains(&format!("error: {why}")), "{}", output.stderr);

    let server = faulty.start();
    assert!(post(server.addr(), b"again").starts_with("HTTP/1.1 200"));
    server.end().expect(0);
    let bodies = sqlite(
        &faulty.folder.path("a.db"),
        "SELECT CAST(request_body AS TEXT) FROM exchange WHERE status IS NOT NULL; \
         PRAGMA integrity_check;",
    );
    // What failed may be there or not; what was acknowledged is.
    assert_eq!(bodies.replace("failed\n", ""), "before\nagain\nok\n");
}

#[test]
fn a_store_stays_as_small_as_it_is_told_and_counts_what_goes() {
    let folder = Folder::new();
    let args = [&LISTEN[..], &["--max-bytes", "1MiB"]].concat();
    let server = folder.start(&args);
    let body = vec![7; 100_000];
    for _ in 0..100 {
        assert!(post(server.addr(), &body).starts_with("HTTP/1.1 200"));
    }
    let output = server.end().expect(0);
    // Ten times the cap has gone through it, and it holds less than the cap and a batch.
    let length = folder.path("a.db").metadata().unwrap().len();
    assert!(length < 2 << 20, "{length} bytes");
    let held = folder.run(&["export", "a.db"]).expect(0).json_lines();
    let dropped = 100 - held.len();
    assert!(
        output.stderr.contains(&format!("{dropped} exchanges dropped, the oldest first")),
        "{output:?}"
    );
    let numbers: Vec<u64> = held.iter().map(|line| line["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, Vec::from_iter(dropped as u64 + 1..=100), "the oldest have gone");

    let server = folder.start(&[&args[..], &["--json"]].concat());
    post(server.addr(), b"x");
    let output = server.end().expect(0);
    assert_eq!(output.json_lines()[0]["number"], 101);
    let news = format!("store: {dropped} of 100 exchanges have been dropped");
    assert!(output.stderr.contains(&news), "{}", output.stderr);
}

#[test]
fn what_is_older_than_it_may_be_goes() {
    if !has_peer("sqlite3", &["--version"]) {
        return;
    }
    let folder = Folder::new();
    let server = folder.start(&LISTEN);
    for _ in 0..3 {
        assert!(post(server.addr(), b"x").starts_with("HTTP/1.1 200"));
    }
    server.end().expect(0);
    let age = "UPDATE request SET received_at = '2001-01-01T00:00:00.000000Z' WHERE number <= 2;";
    sqlite(&folder.path("a.db"), age);
    let server = folder.start(&[&LISTEN[..], &["--max-age", "1h"]].concat());
    assert!(server.end().expect(0).stderr.contains("2 exchanges dropped, the oldest first"));
    let held = sqlite(
        &folder.path("a.db"),
        "SELECT number FROM exchange; SELECT exchanges, last_number FROM dropped;",
    );
    assert_eq!(held, "3\n2|2\n");
}

#[test]
fn what_is_only_in_memory_goes_into_the_file_at_the_end() {
    let folder = Folder::new();
    let args = [&LISTEN[..], &["--durability", "memory"]].concat();
    for round in 1..=2 {
        let server = folder.start(&args);
        for _ in 0..3 {
            assert!(post(server.addr(), b"x").starts_with("HTTP/1.1 200"));
        }
        let before = folder.run(&["export", "a.db"]).expect(0).json_lines();
        assert_eq!(before.len(), 3 * (round - 1), "not yet");
        assert!(server.end().expect(0).stderr.ends_with("3 exchanges stored in a.db"));
        let numbers: Vec<u64> = folder
            .run(&["export", "a.db"])
            .expect(0)
            .json_lines()
            .iter()
            .map(|line| line["number"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, Vec::from_iter(1..=3 * round as u64));
    }
    let said = folder.run(&["listen", "--durability", "disk"]).expect(2).stderr;
    insta::assert_snapshot!(said, @"
    error: `--durability` asks for a file, and there is none
    hint: name one with `--store FILE`
    ");
    let help = folder.run(&["listen", "--help"]).expect(0).stdout;
    for level in ["memory:", "process:", "disk:"] {
        assert!(help.contains(level), "{help}");
    }
}
