//! What every place for exchanges has to do: one suite, run against each of them.
//!
//! A place is made by a function that is given the retention, and is opened again by the same function
//! where it outlives its process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use ringback_exchange::{Exchange, Forwarded, Headers, Reply, Request, Wire};
use rusqlite::ffi;

use super::file::Durability;
use super::sqlite::Sqlite;
use super::storage::{Entry, Refusal, Retention, Storage};
use super::writer::Notice;
use crate::keep::Arrival;
use crate::recording::{Recording, Room};

/// Bytes that a place under test may hold, where it is bounded.
const CAP: u64 = 1 << 20;

fn arrival(second: i64, body: &[u8]) -> Arrival {
    Arrival {
        received_at: Timestamp::from_second(second).unwrap(),
        peer: "127.0.0.1:40000".to_owned(),
        version: "HTTP/1.1".to_owned(),
        request: Request {
            method: "POST".to_owned(),
            target: "/hooks?a=1".to_owned(),
            headers: Headers::from_iter([("X-A", "1"), ("x-a", "é")]),
            body: body.to_vec().into(),
        },
        fault: None,
        wire: None,
        signature: None,
    }
}

fn exchange(number: u64, arrival: Arrival) -> Exchange {
    let Arrival { received_at, peer, version, request, fault, wire, signature } = arrival;
    Exchange {
        number,
        received_at,
        peer,
        version,
        request,
        reply: Some(Reply { status: 200, headers: Headers::default(), body: "ok".into() }),
        duration_ms: Some(1.5),
        forwarded: None,
        fault,
        wire,
        signature,
        injected: None,
    }
}

fn whole(second: i64, body: &[u8]) -> Entry {
    Entry::Whole(Arc::new(exchange(0, arrival(second, body))))
}

fn numbers(place: &dyn Storage) -> Vec<u64> {
    let all = place.page(0, usize::MAX >> 1).unwrap();
    all.iter().map(|exchange| exchange.number).collect()
}

/// The suite: `open` makes a place, or opens it again when `outlives`.
fn suite(outlives: bool, open: &dyn Fn(Retention) -> Box<dyn Storage>) {
    let mut place = open(Retention::default());

    // What is kept comes back as it was, byte for byte, kept at once or in two steps.
    let mut full = arrival(1, b"\0\xFF\r\n");
    full.fault = Some("cut".to_owned());
    full.signature = Some("valid".to_owned());
    full.wire = Some(Wire {
        connection: 7,
        head: b"POST /hooks?a=1 HTTP/1.1\nX-A:1\r\n\xFF\r\n\r\n".to_vec().into(),
        trailers: Headers::from_iter([("t", vec![0xFF])]),
        notes: vec!["bare LF".to_owned()],
    });
    let request = Entry::Request(Arc::new(full.clone()));
    assert_eq!(place.append(&[whole(1, b"{}"), request]), Ok(vec![1, 2]));
    let mut second = exchange(2, full);
    second.forwarded =
        Some(Forwarded { url: "http://h/".to_owned(), duration_ms: 1.0, error: None });
    assert_eq!(place.append(&[Entry::Reply(Arc::new(second.clone()))]), Ok(vec![2]));
    let first = exchange(1, arrival(1, b"{}"));
    assert_eq!(place.page(0, 10).unwrap(), [first, second.clone()]);
    assert_eq!(place.page(1, 10).unwrap(), [second]);
    assert_eq!(place.page(2, 10).unwrap(), []);

    // Numbers rise by one, also when a place is opened again; pages are as long as they are asked for.
    assert_eq!(place.append(&[whole(2, b"a"), whole(2, b"b")]), Ok(vec![3, 4]));
    assert_eq!(place.append(&[]), Ok(vec![]));
    place.tidy().unwrap();
    assert_eq!(place.page(1, 2).unwrap().len(), 2);
    if outlives {
        drop(place);
        place = open(Retention::default());
        assert_eq!(numbers(&*place), [1, 2, 3, 4]);
        assert_eq!(place.append(&[whole(2, b"c")]), Ok(vec![5]));
    }
    assert_eq!(place.dropped(), 0);
    drop(place);

    // Age: what is older than the newest by more than the limit goes, and its number with it for good.
    let age = Some(Duration::from_secs(100));
    let mut place = open(Retention { max_bytes: None, max_age: age });
    let last = *place.append(&[whole(1000, b"x"), whole(1050, b"y")]).unwrap().last().unwrap();
    assert_eq!(place.append(&[whole(1101, b"z")]), Ok(vec![last + 1]));
    assert_eq!(numbers(&*place), [last, last + 1]);
    assert!(place.dropped() >= 1);
    assert_eq!(place.append(&[whole(9000, b"z")]), Ok(vec![last + 2]));
    assert_eq!(numbers(&*place), [last + 2], "what has just come stays");
    drop(place);

    // Bytes: many times the cap pass through, and what is there stays below it, the newest of all.
    let mut place = open(Retention { max_bytes: Some(CAP), max_age: None });
    let mut given = Vec::new();
    for turn in 0..64 {
        let batch: Vec<Entry> = (0..8).map(|_| whole(9000 + turn, &[7; 32 << 10])).collect();
        given.extend(place.append(&batch).unwrap());
        place.tidy().unwrap();
    }
    let held = place.page(0, 10_000).unwrap();
    let bytes: usize = held.iter().map(|exchange| exchange.request.body.0.len()).sum();
    assert!(bytes as u64 <= CAP && bytes as u64 > CAP / 2, "{bytes} bytes");
    let newest = &given[given.len() - held.len()..];
    assert_eq!(numbers(&*place), newest);
    assert!(place.dropped() >= (given.len() - held.len()) as u64);
    // One that is more than the cap all by itself is kept until the next comes.
    let number = place.append(&[whole(9999, &vec![1; 2 << 20])]).unwrap()[0];
    assert!(numbers(&*place).contains(&number));
    let next = place.append(&[whole(9999, b"next")]).unwrap()[0];
    assert_eq!((next, numbers(&*place)), (number + 1, vec![number + 1]));
    // The reply to one that has gone in the meantime is no error, and brings nothing back.
    let late = Entry::Reply(Arc::new(exchange(1, arrival(1, b"late"))));
    if outlives {
        assert_eq!(place.append(&[late]), Ok(vec![1]));
        drop(place);
        place = open(Retention { max_bytes: None, max_age: age });
        assert_eq!(place.append(&[whole(9999, b"")]), Ok(vec![number + 2]), "never given twice");
    }
}

#[test]
fn a_recording_in_memory_keeps_what_it_is_given() {
    suite(false, &|Retention { max_bytes, max_age }| {
        let bytes = max_bytes.map_or(64 << 20, |max| usize::try_from(max).unwrap());
        Box::new(Recording::ring(Room { exchanges: 10_000, bytes }, max_age, 0))
    });
}

#[test]
fn a_file_keeps_what_it_is_given() {
    for durability in [Durability::Process, Durability::Disk] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.db");
        suite(true, &|retention| Box::new(Sqlite::open(&path, durability, retention).unwrap().0));
        // 80 times the cap have gone through it.
        let length = path.metadata().unwrap().len();
        assert!(length < 4 * CAP, "{length} bytes");
    }
}

#[test]
fn the_log_of_a_file_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let retention = Retention { max_bytes: Some(CAP), max_age: None };
    let mut place = Sqlite::open(&path, Durability::Process, retention).unwrap().0;
    for _ in 0..64 {
        let batch: Vec<Entry> = (0..8).map(|_| whole(1, &[7; 128 << 10])).collect();
        place.append(&batch).unwrap();
        place.tidy().unwrap();
        let length = folder.path().join("s-wal").metadata().unwrap().len();
        assert!(length < 32 << 20, "{length} bytes");
    }
    let length = path.metadata().unwrap().len();
    assert!(length < 4 * CAP, "64 MiB have gone through {length} bytes");
}

#[test]
fn a_cap_that_was_lowered_is_reached_when_a_file_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = file(folder.path());
    for _ in 0..40 {
        place.append(&[whole(1, &[7; 64 << 10])]).unwrap();
    }
    drop(place);
    let retention = Retention { max_bytes: Some(CAP), max_age: None };
    let place = Sqlite::open(&folder.path().join("s"), Durability::Disk, retention).unwrap().0;
    let numbers = numbers(&place);
    assert!(numbers.len() < 16 && numbers.ends_with(&[39, 40]), "{numbers:?}");
    assert_eq!(place.dropped(), 40 - numbers.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_is_kept_comes_back(bodies: Vec<Vec<u8>>, head: Vec<u8>, value: Vec<u8>, note: String) {
        let folder = tempfile::tempdir().unwrap();
        let mut place = file(folder.path());
        let mut expected = Vec::new();
        for (n, body) in (1..).zip(&bodies) {
            let mut arrival = arrival(n, body);
            arrival.request.headers.push(note.clone(), value.clone());
            arrival.wire = Some(Wire {
                connection: 1,
                head: head.clone().into(),
                trailers: Headers::default(),
                notes: vec![note.clone()],
            });
            place.append(&[Entry::Whole(Arc::new(exchange(0, arrival.clone())))]).unwrap();
            expected.push(exchange(n.unsigned_abs(), arrival));
        }
        prop_assert_eq!(place.page(0, 1000).unwrap(), expected);
    }
}

fn file(folder: &Path) -> Sqlite {
    Sqlite::open(&folder.join("s"), Durability::Disk, Retention::default()).unwrap().0
}

#[test]
fn a_full_disk_refuses_and_room_is_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = file(folder.path());
    assert_eq!(place.append(&[whole(1, b"a"), whole(1, b"b")]), Ok(vec![1, 2]));
    let pages = place.page_count();
    // The file may not grow, which SQLite treats as it does a full disk.
    place.let_grow_to(pages);
    let full = Refusal::for_now("the store cannot be written: database or disk is full");
    assert_eq!(place.append(&[whole(1, b"c"), whole(1, &[0; 1 << 20])]), Err(full));
    assert!(place.append(&[whole(1, &[0; 1 << 20])]).is_err(), "still full");
    place.let_grow_to(1 << 20);
    assert_eq!(
        place.append(&[whole(1, &[0; 1 << 20])]),
        Ok(vec![3]),
        "nothing of the refused is left"
    );
}

#[test]
fn what_is_told_is_a_line_each() {
    let notices = [Notice::Refuses("full".into()), Notice::Keeps(2), Notice::Closed("sync".into())];
    assert_eq!(
        notices.map(|notice| notice.to_string()),
        [
            "requests are answered 503: full",
            "requests are taken again; 2 were answered 503",
            "every request is answered 503: sync"
        ]
    );
}

#[test]
fn what_a_failed_sync_may_have_lost_is_never_acknowledged() {
    let error = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
    for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC, ffi::SQLITE_CORRUPT] {
        assert!(super::sqlite::is_final(&error(code)), "{code}");
    }
    for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY, ffi::SQLITE_IOERR_WRITE] {
        assert!(!super::sqlite::is_final(&error(code)), "{code}");
    }
}

#[test]
fn sqlite_is_new_enough_to_be_safe_with_a_log_and_several_connections() {
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
}
