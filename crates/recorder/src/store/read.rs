//! Reads a store, one exchange at a time.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ringback_exchange::{Content, Exchange, Forwarded, Headers, Reply, Request};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::file;
use crate::error::StoreError;

/// The exchanges of a store, by arrival number.
///
/// Each is read by itself, so that no more than one is in memory and the listener that writes is never
/// kept from tidying its log. After an error there is no more.
#[derive(Debug)]
pub struct Exchanges {
    connection: Connection,
    path: PathBuf,
    /// The number that was read last.
    last: i64,
    /// The number to end at; later ones belong to the next reading.
    end: i64,
}

impl Exchanges {
    pub(super) fn new(path: &Path) -> Result<Self, StoreError> {
        let connection = file::open_for_reading(path)?;
        // An empty file is a store that nobody has written to yet.
        let has_table = connection.table_exists(None, "request");
        let end = has_table.and_then(|has_table| {
            if !has_table {
                return Ok(0);
            }
            connection
                .query_row("SELECT coalesce(max(number), 0) FROM request", (), |row| row.get(0))
        });
        let end = end.map_err(file::database(path, "read"))?;
        Ok(Self { connection, path: path.to_owned(), last: 0, end })
    }

    fn read_next(&self) -> rusqlite::Result<Option<(i64, Result<Exchange, String>)>> {
        const NEXT: &str = "SELECT * FROM exchange WHERE number > ?1 AND number <= ?2 LIMIT 1";
        self.connection
            .query_row(NEXT, (self.last, self.end), |row| Ok((row.get("number")?, exchange(row)?)))
            .optional()
    }
}

impl Iterator for Exchanges {
    type Item = Result<Exchange, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.last >= self.end {
            return None;
        }
        let read = self.read_next().map_err(file::database(&self.path, "read"));
        match read {
            Ok(Some((number, Ok(exchange)))) => {
                self.last = number;
                Some(Ok(exchange))
            }
            Ok(Some((number, Err(why)))) => {
                self.last = self.end;
                let number = u64::try_from(number).unwrap_or_default();
                Some(Err(StoreError::Row { path: self.path.clone(), number, why }))
            }
            Ok(None) => {
                self.last = self.end;
                None
            }
            Err(error) => {
                self.last = self.end;
                Some(Err(error))
            }
        }
    }
}

/// Turns a row into an exchange; an error of the inner kind is one of what the columns hold.
fn exchange(row: &Row<'_>) -> rusqlite::Result<Result<Exchange, String>> {
    let received_at: String = row.get("received_at")?;
    let request_headers: String = row.get("request_headers")?;
    let reply_headers: Option<String> = row.get("reply_headers")?;
    let number: i64 = row.get("number")?;
    let peer = row.get("peer")?;
    let version = row.get("version")?;
    let method = row.get("method")?;
    let target = row.get("target")?;
    let body = Content::from(row.get::<_, Vec<u8>>("request_body")?);
    let status: Option<u16> = row.get("status")?;
    let reply_body: Option<Vec<u8>> = row.get("reply_body")?;
    let duration_ms = row.get("duration_ms")?;
    let forwarded_url: Option<String> = row.get("forwarded_url")?;
    let forwarded_ms: Option<f64> = row.get("forwarded_ms")?;
    let forwarded_error = row.get("forwarded_error")?;
    let fault = row.get("fault")?;
    let injected = row.get("injected")?;
    Ok((|| {
        let reply = match (status, reply_headers, reply_body) {
            (Some(status), Some(lines), Some(body)) => {
                Some(Reply { status, headers: headers(&lines)?, body: body.into() })
            }
            _ => None,
        };
        let received_at: Timestamp =
            received_at.parse().map_err(|error| format!("`received_at`: {error}"))?;
        Ok(Exchange {
            number: u64::try_from(number).map_err(|error| format!("`number`: {error}"))?,
            received_at,
            peer,
            version,
            request: Request { method, target, headers: headers(&request_headers)?, body },
            reply,
            duration_ms,
            fault,
            wire: None,
            signature: None,
            injected,
            forwarded: forwarded_url.map(|url| Forwarded {
                url,
                duration_ms: forwarded_ms.unwrap_or_default(),
                error: forwarded_error,
            }),
        })
    })())
}

fn headers(text: &str) -> Result<Headers, String> {
    serde_json::from_str(text).map_err(|error| format!("headers: {error}"))
}
