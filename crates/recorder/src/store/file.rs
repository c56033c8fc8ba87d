//! The file of a store: told apart from others, made, opened.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::opened::{self, Opened, Repaired};
use crate::error::StoreError;

/// Marks a SQLite file as ours: "Ring" in ASCII.
const APPLICATION_ID: i64 = 0x5269_6E67;

/// The form of the tables. A newer one is refused: what we would write into it might not fit.
pub(super) const FORM: i64 = 2;

const SCHEMA: &str = include_str!("schema.sql");

/// What brings a file from one form to the next, from form 1 on.
const STEPS: [&str; 1] = [include_str!("schema-2.sql")];

/// How long another program may hold the file before our transaction fails.
const BUSY: Duration = Duration::from_secs(1);

/// What is on disk when an exchange is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The system has its bytes: a crash of the process loses nothing that was acknowledged, a crash of
    /// the machine or a loss of power may lose the last seconds of it.
    Process,
    /// The disk has its bytes: a loss of power loses nothing that was acknowledged either.
    #[default]
    Disk,
}

/// Opens a store for appending, and makes it when there is none.
pub(super) fn open_for_writing(
    path: &Path,
    durability: Durability,
) -> Result<(Connection, Opened), StoreError> {
    make_file(path)?;
    check(path)?;
    // A log that has something in it is left by a writer that did not end, or that still runs.
    let was_open = log_of(path).metadata().is_ok_and(|metadata| metadata.len() > 0);
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let failed = database(path, "set up");
    // SQLite opens what it may not write to as well as it can, and would say so only at the first row.
    if connection.is_readonly("main").map_err(&failed)? {
        let source = io::ErrorKind::PermissionDenied.into();
        return Err(StoreError::File { path: path.to_owned(), doing: "write to", source });
    }
    check_open(&connection, path)?;
    let older_form = make_tables(&mut connection, path)?;
    // After the tables: until now the file has its head in itself and not in a log beside it, so that
    // a process killed here leaves a file that is known again.
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(&failed)?;
    if mode != "wal" {
        let source = format!("its folder permits no write-ahead log, but `{mode}`").into();
        return Err(StoreError::Database { path: path.to_owned(), doing: "set up", source });
    }
    let level = match durability {
        Durability::Process => "normal",
        Durability::Disk => "full",
    };
    connection.pragma_update(None, "synchronous", level).map_err(&failed)?;
    // The log is folded in by us, where a failure is seen.
    connection
        .pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
        .map_err(&failed)?;
    let repaired = if was_open { Some(repair(&connection, path)?) } else { None };
    const LAST: &str = "SELECT max(coalesce((SELECT max(number) FROM request), 0), last_number), \
                        exchanges FROM dropped";
    let (last_number, dropped) =
        connection.query_row(LAST, (), |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    Ok((connection, Opened { last_number, dropped, older_form, repaired }))
}

/// Folds in the log that a writer has left, and looks at all there is.
fn repair(connection: &Connection, path: &Path) -> Result<Repaired, StoreError> {
    let failed = database(path, "repair");
    let pages = fold(connection).map_err(&failed)?;
    match opened::search(connection, path).map_err(failed)? {
        Ok(searched) => Ok(Repaired { pages, searched }),
        Err(why) => Err(StoreError::Damaged { path: path.to_owned(), why }),
    }
}

/// Folds the log into the file as far as nobody reads in it, and returns how many pages it held.
pub(super) fn fold(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| row.get(1))
}

/// Returns where SQLite keeps the log of a file.
fn log_of(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Opens a store for reading.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        _ => check(path)?,
    }
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check_open(&connection, path)?;
    Ok(connection)
}

/// Checks a file that is open, log and all.
fn check_open(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let looked = numbers(connection).and_then(|(application_id, form)| {
        let tables =
            connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
        Ok((application_id, form, tables))
    });
    match looked.map_err(database(path, "read"))? {
        (0, 0, 0) => Ok(()),
        (application_id, form, _) => check_numbers(path, application_id, form),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let failed = database(path, "open");
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).map_err(&failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    Ok(connection)
}

/// Turns an error of SQLite into ours.
pub(super) fn database(path: &Path, doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| StoreError::Database { path: path.to_owned(), doing, source: Box::new(error) }
}

/// Makes an empty file that only its owner may read: what is captured may be secret. A file that is
/// there already keeps its mode.
fn make_file(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(StoreError::File { path: path.to_owned(), doing: "make", source }),
    }
}

/// Refuses what is not a file, not a store, or a newer one. A file without anything in it passes.
///
/// SQLite is asked, but as if the file could not change: it then takes no lock, and repairs nothing in
/// a file that is not ours. It must not be read here by other means: when a process closes any
/// descriptor of a file, the system drops all its locks on that file, also those of a store that is
/// open elsewhere in the process, and the next program to look in would fold away the log under it.
fn check(path: &Path) -> Result<(), StoreError> {
    let metadata = path.metadata().map_err(|source| StoreError::File {
        path: path.to_owned(),
        doing: "read",
        source,
    })?;
    if !metadata.is_file() {
        return Err(StoreError::NotAFile { path: path.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let looked = Connection::open_with_flags(unchanging(path), flags).and_then(|file| {
        let (application_id, form) = numbers(&file)?;
        let tables = file.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
        Ok((application_id, form, tables))
    });
    match looked {
        Ok((0, 0, 0)) => Ok(()),
        Ok((application_id, form, _)) => check_numbers(path, application_id, form),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(foreign(path, "it is not a SQLite file"))
        }
        // Without its log a file looks broken in the middle of a checkpoint, and after a kill there: it
        // is looked at again with its log, when it is open.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => Ok(()),
        Err(error) => Err(database(path, "read")(error)),
    }
}

/// Names a file for SQLite as one that cannot change.
fn unchanging(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri + "?immutable=1"
}

fn check_numbers(path: &Path, application_id: i64, form: i64) -> Result<(), StoreError> {
    match (application_id, form) {
        (APPLICATION_ID, 1..=FORM) => Ok(()),
        (APPLICATION_ID, found) if found > FORM => {
            Err(StoreError::Newer { path: path.to_owned(), found, known: FORM })
        }
        _ => Err(foreign(path, "it is a SQLite file of another program")),
    }
}

fn foreign(path: &Path, why: &'static str) -> StoreError {
    StoreError::Foreign { path: path.to_owned(), why }
}

/// Makes the tables in a file that has none, or brings them to our form, all or nothing. Returns the
/// form that they had, when it was an older one.
fn make_tables(connection: &mut Connection, path: &Path) -> Result<Option<i64>, StoreError> {
    let failed = database(path, "set up");
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
    let (application_id, form) = numbers(&transaction).map_err(&failed)?;
    if (application_id, form) == (0, 0) {
        // A file whose making was cut off has been rolled back to nothing by now.
        transaction.execute_batch(SCHEMA).map_err(&failed)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(&failed)?;
    } else {
        check_numbers(path, application_id, form)?;
        if form == FORM {
            return Ok(None);
        }
        for step in STEPS.iter().skip(usize::try_from(form - 1).unwrap_or_default()) {
            transaction.execute_batch(step).map_err(&failed)?;
        }
    }
    transaction.pragma_update(None, "user_version", FORM).map_err(&failed)?;
    transaction.commit().map_err(&failed)?;
    Ok((form > 0).then_some(form))
}

/// Returns what marks the file as ours, and the form of its tables.
pub(super) fn numbers(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let application_id = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let form = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((application_id, form))
}
