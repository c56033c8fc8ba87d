//! Reads a store, one exchange at a time.

use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ringback_exchange::{Content, Exchange, Forwarded, Headers, Reply, Request, Wire};
use rusqlite::{Connection, Row};

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
    /// The form of its tables.
    form: i64,
    /// The number that was read last.
    last: u64,
    /// The number to end at; later ones belong to the next reading.
    end: u64,
}

impl Exchanges {
    pub(super) fn new(path: &Path) -> Result<Self, StoreError> {
        let connection = file::open_for_reading(path)?;
        let looked = file::numbers(&connection).and_then(|(_, form)| {
            // An empty file is a store that nobody has written to yet.
            if form == 0 {
                return Ok((form, 0));
            }
            const LAST: &str = "SELECT coalesce(max(number), 0) FROM request";
            Ok((form, connection.query_row(LAST, (), |row| row.get(0))?))
        });
        let (form, end) = looked.map_err(file::database(path, "read"))?;
        Ok(Self { connection, path: path.to_owned(), form, last: 0, end })
    }

    /// Leaves out all up to a number.
    #[must_use]
    pub fn after(mut self, number: u64) -> Self {
        self.last = number;
        self
    }

    /// Returns the number of the newest exchange, at which the reading ends; 0 when there is none.
    pub const fn newest(&self) -> u64 {
        self.end
    }
}

impl Iterator for Exchanges {
    type Item = Result<Exchange, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.last >= self.end {
            return None;
        }
        let page = page(&self.connection, &self.path, self.form, self.last..self.end, 1);
        match page.map(|mut page| page.pop()) {
            Ok(Some(exchange)) => {
                self.last = exchange.number;
                Some(Ok(exchange))
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

/// Reads at most `most` exchanges whose numbers are above the begin of a range and not above its end.
pub(super) fn page(
    connection: &Connection,
    path: &Path,
    form: i64,
    numbers: Range<u64>,
    most: usize,
) -> Result<Vec<Exchange>, StoreError> {
    const HERE: &str = "SELECT * FROM exchange WHERE number > ?1 AND number <= ?2 LIMIT ?3";
    const FORM_1: &str = "SELECT *, NULL AS connection, NULL AS head, NULL AS trailers, \
                          NULL AS notes, NULL AS signature, NULL AS injected \
                          FROM exchange WHERE number > ?1 AND number <= ?2 LIMIT ?3";
    let failed = file::database(path, "read");
    // SQLite's numbers end where those with a sign do.
    let last = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let range = (last(numbers.start), last(numbers.end), most);
    let select = if form == 1 { FORM_1 } else { HERE };
    let mut rows = connection.prepare_cached(select).map_err(&failed)?;
    let rows =
        rows.query_map(range, |row| Ok((row.get("number")?, exchange(row)?))).map_err(&failed)?;
    rows.map(|row| {
        let (number, exchange) = row.map_err(&failed)?;
        exchange.map_err(|why| StoreError::Row { path: path.to_owned(), number, why })
    })
    .collect()
}

/// Turns a row into an exchange; an error of the inner kind is one of what the columns hold.
fn exchange(row: &Row<'_>) -> rusqlite::Result<Result<Exchange, String>> {
    let received_at: String = row.get("received_at")?;
    let request_headers: String = row.get("request_headers")?;
    let reply_headers: Option<String> = row.get("reply_headers")?;
    let number = row.get("number")?;
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
    let signature = row.get("signature")?;
    let connection: Option<u64> = row.get("connection")?;
    let head: Option<Vec<u8>> = row.get("head")?;
    let trailers: Option<String> = row.get("trailers")?;
    let notes: Option<String> = row.get("notes")?;
    let injected = row.get("injected")?;
    Ok((|| {
        let wire = match (connection, head) {
            (Some(connection), Some(head)) => Some(Wire {
                connection,
                head: head.into(),
                trailers: trailers.as_deref().map(headers).transpose()?.unwrap_or_default(),
                notes: notes
                    .map(|notes| serde_json::from_str(&notes))
                    .transpose()
                    .map_err(|error| format!("`notes`: {error}"))?
                    .unwrap_or_default(),
            }),
            _ => None,
        };
        let reply = match (status, reply_headers, reply_body) {
            (Some(status), Some(lines), Some(body)) => {
                Some(Reply { status, headers: headers(&lines)?, body: body.into() })
            }
            _ => None,
        };
        let received_at: Timestamp =
            received_at.parse().map_err(|error| format!("`received_at`: {error}"))?;
        Ok(Exchange {
            number,
            received_at,
            peer,
            version,
            request: Request { method, target, headers: headers(&request_headers)?, body },
            reply,
            duration_ms,
            fault,
            wire,
            signature,
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
