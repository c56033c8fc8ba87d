//! What was found in a store when it was opened for writing.

use std::fmt;
use std::path::Path;

use rusqlite::Connection;

/// A file above this is not searched after a crash: reading it all would keep the listener from
/// starting for many seconds.
const SEARCHED_BYTES: u64 = 1 << 30;

/// What was found in a store when it was opened for writing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// The arrival number that was given last; 0 in a new store.
    pub last_number: u64,
    /// Exchanges that retention has dropped, ever.
    pub dropped: u64,
    /// The form that the file had, when it was an older one and was brought to this one.
    pub older_form: Option<i64>,
    /// What was found, when whoever wrote last did not close the store.
    pub repaired: Option<Repaired>,
}

/// What was found in a store whose writer was killed or lost its power.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Pages of committed exchanges that were only in the log, and are in the file again.
    pub pages: u64,
    /// What was found by reading all; none when the file is too big for that.
    pub searched: Option<Searched>,
}

/// What reading all of a store has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Searched {
    /// Exchanges.
    pub exchanges: u64,
    /// Requests without a reply, which were under way when a recorder ended.
    pub without_reply: u64,
    /// Arrival numbers between the oldest and the newest that are not there.
    pub missing: u64,
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "it was not closed, or is open elsewhere: {} pages came back from its log; ",
            self.pages
        )?;
        let Some(Searched { exchanges, without_reply, missing }) = self.searched else {
            let limit = SEARCHED_BYTES >> 30;
            return write!(
                f,
                "not searched, being larger than {limit} GiB: `PRAGMA quick_check` does it"
            );
        };
        write!(f, "{exchanges} exchanges are whole, {without_reply} of them without a reply")?;
        if missing > 0 {
            write!(f, "; missing arrival numbers between them: {missing}")?;
        }
        Ok(())
    }
}

/// Reads all of a file that is not too big for it. The inner error says what is damaged.
pub(super) fn search(
    connection: &Connection,
    path: &Path,
) -> rusqlite::Result<Result<Option<Searched>, String>> {
    const COUNTS: &str = "SELECT count(*), coalesce(max(number) - min(number) + 1 - count(*), 0), \
                          (SELECT count(*) FROM request WHERE number NOT IN \
                          (SELECT number FROM reply)) FROM request";
    if path.metadata().is_ok_and(|metadata| metadata.len() > SEARCHED_BYTES) {
        return Ok(Ok(None));
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
    if verdict != "ok" {
        return Ok(Err(verdict));
    }
    connection.query_row(COUNTS, (), |row| {
        Ok(Ok(Some(Searched {
            exchanges: row.get(0)?,
            missing: row.get(1)?,
            without_reply: row.get(2)?,
        })))
    })
}
