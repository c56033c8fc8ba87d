//! The store: what was acknowledged is in it, whatever happens next.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ringback_exchange::{Content, Exchange};
use ringback_recorder::{
    Config, Delay, Drained, Keep, Listener, Opened, ScriptedReply, Searched, Store, StoreError,
};
use tempfile::TempDir;

use crate::support::{
    SOON, config, connect, forward, parts, reply, route, say, script, start, status,
};

const GET: &str = "GET / HTTP/1.1\r\n\r\n";

fn folder() -> (TempDir, PathBuf) {
    // Marks that mean something in a URI mean nothing in a path.
    let folder = tempfile::Builder::new().prefix("a?b#c%41 é").tempdir().unwrap();
    let path = folder.path().join("calls.ringback");
    (folder, path)
}

async fn listen(path: &Path) -> Listener {
    let keep = Keep::Store(Store::open(path).unwrap());
    start(Config { keep, ..config() }).await
}

fn read(path: &Path) -> Vec<Exchange> {
    Store::read(path).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn an_exchange_comes_back_as_it_was() {
    let (_folder, path) = folder();
    let (sender, mut view) = tokio::sync::mpsc::channel(10);
    let keep = Keep::Store(Store::open(&path).unwrap());
    let listener = start(Config { keep, on_exchange: Some(sender), ..config() }).await;
    let mut request =
        b"POST /h?\xC3\xA9 HTTP/1.1\r\nx: \xFF\r\nx: 2\r\ncontent-length: 5\r\n\r\n".to_vec();
    request.extend(b"\0\xFF\r\n\x01");
    assert_eq!(status(&say(&listener, request).await), 200);
    // Read while the listener still runs.
    let stored = read(&path);
    assert_eq!(stored, [view.recv().await.unwrap()]);
    assert_eq!(stored[0].request.body, Content::from(b"\0\xFF\r\n\x01".to_vec()));
    assert_eq!(listener.finish().await, Drained::default());
    assert_eq!(read(&path), stored, "and after it has closed the file");
}

#[tokio::test]
async fn numbers_go_on_when_a_store_is_opened_again() {
    let (_folder, path) = folder();
    for _ in 0..2 {
        let listener = listen(&path).await;
        assert_eq!(status(&say(&listener, GET).await), 200);
        assert_eq!(status(&say(&listener, GET).await), 200);
        assert_eq!(listener.finish().await, Drained::default());
    }
    let numbers: Vec<u64> = read(&path).iter().map(|it| it.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_come_together_are_all_stored() {
    let (_folder, path) = folder();
    let listener = std::sync::Arc::new(listen(&path).await);
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..50 {
        let listener = std::sync::Arc::clone(&listener);
        clients.spawn(async move {
            for turn in 0..4 {
                let request = format!("GET /{client}/{turn} HTTP/1.1\r\n\r\n");
                assert_eq!(status(&say(&listener, request).await), 200);
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let stored = read(&path);
    let numbers: Vec<u64> = stored.iter().map(|it| it.number).collect();
    assert_eq!(numbers, Vec::from_iter(1..=200));
    assert!(stored.iter().all(|it| it.reply.is_some()));
    let mut targets: Vec<_> = stored.iter().map(|it| it.request.target.clone()).collect();
    targets.sort();
    targets.dedup();
    assert_eq!(targets.len(), 200);
}

/// Not a test of its own: the process that `what_was_acknowledged_survives_kill` kills.
#[tokio::test]
#[ignore = "never ends by itself: `what_was_acknowledged_survives_kill` starts it as a process of its own and kills it"]
async fn process_that_is_killed() {
    let Some(path) = std::env::var_os("RINGBACK_TEST_STORE") else { return };
    let listener = listen(Path::new(&path)).await;
    println!("\n{}", listener.addr());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill() {
    let (_folder, path) = folder();
    for round in 1..=3 {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::process_that_is_killed", "--ignored", "--nocapture"])
            .env("RINGBACK_TEST_STORE", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let addr = lines.map_while(Result::ok).find(|line| line.starts_with("127.0.0.1:")).unwrap();
        for turn in 1..=5 {
            let mut stream = tokio::net::TcpStream::connect(&addr).await.unwrap();
            let request = format!("GET /{round}/{turn} HTTP/1.1\r\nconnection: close\r\n\r\n");
            tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
            assert_eq!(status(&crate::support::read_to_end(&mut stream).await), 200);
        }
        process.kill().unwrap();
        process.wait().unwrap();
        let stored = read(&path);
        assert_eq!(stored.len(), round * 5);
        assert!(stored.iter().all(|it| it.reply.is_some()));
        assert_eq!(stored.last().unwrap().request.target, format!("/{round}/5"));
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_written_acknowledges_nothing_until_it_can() {
    let (_folder, path) = folder();
    let listener = listen(&path).await;
    assert_eq!(status(&say(&listener, GET).await), 200);

    // Another program writes to the file and does not end.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = say(&listener, GET).await;
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    let body =
        "{\"error\":\"not acknowledged: the store cannot be written: database is locked\"}\n";
    assert_eq!(parts(&refused), (503, body));

    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(status(&say(&listener, GET).await), 200);
    let drained = listener.finish().await;
    assert_eq!(drained.refused, 1);
    let numbers: Vec<u64> = read(&path).iter().map(|it| it.number).collect();
    assert_eq!(numbers, [1, 2], "the refused one has left no gap");
}

#[tokio::test]
async fn a_request_is_stored_before_it_is_forwarded() {
    let (_folder, path) = folder();
    let far = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", far.local_addr().unwrap());
    let keep = Keep::Store(Store::open(&path).unwrap());
    let answer = forward(&url);
    let listener = start(Config { keep, answer, ..config() }).await;
    let far_side = async {
        let (mut stream, _) = far.accept().await.unwrap();
        let stored = read(&path);
        assert_eq!(stored.len(), 1);
        assert!(stored[0].reply.is_none(), "there is none yet");
        let reply = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok";
        tokio::io::AsyncWriteExt::write_all(&mut stream, reply).await.unwrap();
    };
    let (answer, ()) = tokio::join!(say(&listener, GET), far_side);
    assert_eq!(parts(&answer), (202, "ok"));
    let stored = read(&path).remove(0);
    assert_eq!(stored.reply.unwrap().status, 202);
    let forwarded = stored.forwarded.unwrap();
    assert_eq!((forwarded.url, forwarded.error), (url, None));
}

#[tokio::test]
async fn a_request_is_stored_before_its_reply_is_waited_for() {
    let (_folder, path) = folder();
    let keep = Keep::Store(Store::open(&path).unwrap());
    let late = ScriptedReply { delay: Delay::Fixed(10 * SOON), ..reply(200, "") };
    let answer = script(vec![route("GET", "/", vec![late])]);
    let listener = start(Config { keep, answer, ..config() }).await;
    let mut stream = connect(&listener).await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, GET.as_bytes()).await.unwrap();
    let stored = async {
        loop {
            if let Some(stored) = read(&path).pop() {
                return stored;
            }
            tokio::task::yield_now().await;
        }
    };
    let stored = tokio::time::timeout(SOON, stored).await.unwrap();
    assert_eq!((stored.number, stored.reply), (1, None));
}

#[tokio::test]
async fn the_file_makes_sense_to_sqlite_itself() {
    let (_folder, path) = folder();
    let listener = listen(&path).await;
    let request = "POST /h HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nabc";
    assert_eq!(status(&say(&listener, request).await), 400);
    let other = rusqlite::Connection::open(&path).unwrap();
    let row: (i64, String, String, String, String, u16) = other
        .query_row(
            "SELECT number, received_at, target, request_headers ->> '$[0][1]', fault, status \
             FROM exchange WHERE request_body = x'616263'",
            (),
            |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
            },
        )
        .unwrap();
    let (time, fault) = ("2026-01-02T03:04:05.000006Z", "the body broke off after 3 bytes");
    assert_eq!(row, (1, time.into(), "/h".into(), "h".into(), fault.into(), 400));
    let check: String = other.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_may_read_a_store() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = folder();
    let listener = listen(&path).await;
    assert_eq!(status(&say(&listener, GET).await), 200);
    for name in ["calls.ringback", "calls.ringback-wal"] {
        let mode = path.with_file_name(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// Older SQLites take themselves for the last one when they find no lock on a store, and remove the log
/// that the writer goes on writing to.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn looking_into_a_store_takes_its_locks_from_nobody() {
    use std::os::unix::fs::MetadataExt as _;
    let (_folder, path) = folder();
    let listener = listen(&path).await;
    assert_eq!(status(&say(&listener, GET).await), 200);
    let inode = path.metadata().unwrap().ino();
    let locks = || {
        let table = std::fs::read_to_string("/proc/locks").unwrap();
        table.lines().filter(|line| line.contains(&format!(":{inode} "))).count()
    };
    assert_eq!(locks(), 1);
    assert_eq!(read(&path).len(), 1);
    assert_eq!(locks(), 1, "after a reader in the same process");
    let _second = Store::open(&path).unwrap();
    assert_eq!(locks(), 1, "beside a second writer in the same process");
}

#[test]
fn files_of_others_are_refused_and_not_touched() {
    let (folder, path) = folder();
    let check = |path: &Path, message: &str| {
        let before = std::fs::read(path).unwrap();
        let opened = Store::open(path).unwrap_err();
        let read = Store::read(path).unwrap_err();
        assert_eq!(opened.to_string(), message);
        assert_eq!(read.to_string(), message);
        assert!(opened.hint().is_some());
        assert_eq!(std::fs::read(path).unwrap(), before);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing beside it");
        std::fs::remove_file(path).unwrap();
    };
    let shown = path.display();

    std::fs::write(&path, "{\"number\":1}\n").unwrap();
    check(&path, &format!("`{shown}` is not a store of ringback: it is not a SQLite file"));
    std::fs::write(&path, vec![0; 5000]).unwrap();
    check(&path, &format!("`{shown}` is not a store of ringback: it is not a SQLite file"));

    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA user_version = 1; CREATE TABLE request (x)").unwrap();
    other.close().unwrap();
    let message =
        format!("`{shown}` is not a store of ringback: it is a SQLite file of another program");
    check(&path, &message);

    Store::look(&path).unwrap();
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA journal_mode = delete; PRAGMA user_version = 3").unwrap();
    newer.close().unwrap();
    check(&path, &format!("`{shown}` has the form 3, and this ringback knows forms up to 2"));
}

#[test]
fn paths_that_are_no_file_are_told() {
    let (folder, path) = folder();
    let error = Store::read(&path).unwrap_err();
    assert_eq!(error.to_string(), format!("there is no store at `{}`", path.display()));
    assert!(!path.exists(), "reading makes none");

    let error = Store::open(folder.path()).unwrap_err();
    assert_eq!(error.to_string(), format!("`{}` is not a file", folder.path().display()));

    let inside = path.join("none");
    let error = Store::open(&inside).unwrap_err();
    assert!(matches!(error, StoreError::File { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot make the store `{}`", inside.display()));
}

/// Makes a store as the first version did, with two exchanges, of which one has no reply.
fn store_of_form_1(path: &Path) {
    let old = rusqlite::Connection::open(path).unwrap();
    old.execute_batch(include_str!("schema-1.sql")).unwrap();
    old.execute_batch(
        r#"PRAGMA application_id = 0x52696E67; PRAGMA user_version = 1;
        INSERT INTO request VALUES
          (1, '2026-01-02T03:04:05.000006Z', 'p', 'HTTP/1.1', 'GET', '/1', '[["a","b"]]', x'00FF', NULL),
          (2, '2026-01-02T03:04:05.000006Z', 'p', 'HTTP/1.1', 'GET', '/2', '[]', x'', 'cut');
        INSERT INTO reply VALUES (1, 200, '[]', x'6F6B', 1.5, NULL, NULL, NULL);"#,
    )
    .unwrap();
    old.close().unwrap();
}

#[tokio::test]
async fn a_store_of_the_first_form_is_read_and_brought_to_the_newest() {
    let (_folder, path) = folder();
    store_of_form_1(&path);
    let before = std::fs::read(&path).unwrap();
    let old = read(&path);
    assert_eq!(std::fs::read(&path).unwrap(), before, "reading changes nothing");
    let targets: Vec<_> = old.iter().map(|it| it.request.target.as_str()).collect();
    assert_eq!(targets, ["/1", "/2"]);
    assert_eq!(old[0].request.body, Content::from(vec![0, 0xFF]));
    assert_eq!((old[0].wire.clone(), old[1].fault.as_deref()), (None, Some("cut")));

    let store = Store::open(&path).unwrap();
    let opened = Opened { last_number: 2, older_form: Some(1), ..Opened::default() };
    assert_eq!(*store.opened(), opened);
    let listener = start(Config { keep: Keep::Store(store), ..config() }).await;
    assert_eq!(status(&say(&listener, GET).await), 200);
    assert_eq!(listener.finish().await, Drained::default());
    let now = read(&path);
    assert_eq!(now[..2], old);
    assert_eq!(now[2].number, 3);
    let opened = Opened { last_number: 3, ..Opened::default() };
    assert_eq!(Store::look(&path).unwrap(), opened, "and only once");
}

#[test]
fn a_store_brought_to_the_newest_form_is_as_one_made_so() {
    let columns = |path: &Path| {
        let store = rusqlite::Connection::open(path).unwrap();
        let mut columns = store
            .prepare(
                "SELECT m.name, c.name, c.type, c.\"notnull\" FROM sqlite_schema m, \
                 pragma_table_info(m.name) c ORDER BY m.name, c.cid",
            )
            .unwrap();
        let rows = columns.query_map((), |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, bool>(3)?,
            ))
        });
        rows.unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    let (folder, path) = folder();
    store_of_form_1(&path);
    Store::look(&path).unwrap();
    let new = folder.path().join("new");
    Store::look(&new).unwrap();
    assert_eq!(columns(&path), columns(&new));
}

#[tokio::test]
async fn what_a_crash_has_left_is_found_and_told() {
    let (folder, path) = folder();
    let listener = listen(&path).await;
    for _ in 0..3 {
        assert_eq!(status(&say(&listener, GET).await), 200);
    }
    // The files as a loss of power would leave them, with all that was acknowledged in the log.
    let left = folder.path().join("left");
    std::fs::copy(&path, &left).unwrap();
    let mut log = std::fs::read(path.with_file_name("calls.ringback-wal")).unwrap();
    log.extend([7; 1000]); // and a write that was torn
    std::fs::write(folder.path().join("left-wal"), log).unwrap();
    assert_eq!(listener.finish().await, Drained::default());

    let store = rusqlite::Connection::open(&left).unwrap();
    store
        .execute_batch("DELETE FROM reply WHERE number = 3; DELETE FROM reply WHERE number = 2")
        .unwrap();
    store.execute_batch("DELETE FROM request WHERE number = 2").unwrap();
    // Left open, as by one that is killed.
    let opened = Store::look(&left).unwrap();
    let repaired = opened.repaired.unwrap();
    assert!(repaired.pages > 0, "{repaired:?}");
    let searched = Searched { exchanges: 2, without_reply: 1, missing: 1 };
    assert_eq!(repaired.searched, Some(searched));
    let said = format!(
        "it was not closed, or is open elsewhere: {} pages came back from its log; 2 exchanges are whole, 1 of them without \
         a reply; missing arrival numbers between them: 1",
        repaired.pages
    );
    assert_eq!(repaired.to_string(), said);
    drop(store);
    assert_eq!(Store::look(&left).unwrap().repaired, None, "closed, there is nothing to repair");
}

#[test]
fn a_damaged_store_is_not_written_to() {
    let (_folder, path) = folder();
    store_of_form_1(&path);
    Store::look(&path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    // The second page is the first of a table; all behind its head is turned over.
    bytes[4096 + 200..2 * 4096].iter_mut().for_each(|byte| *byte = !*byte);
    std::fs::write(&path, bytes).unwrap();
    // Somebody was writing.
    std::fs::write(path.with_file_name("calls.ringback-wal"), [0; 64]).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains(".recover"));
}

#[test]
fn an_empty_file_is_a_store_to_be() {
    let (_folder, path) = folder();
    std::fs::write(&path, "").unwrap();
    assert_eq!(read(&path), []);
    Store::look(&path).unwrap();
    assert_eq!(read(&path), []);
}
