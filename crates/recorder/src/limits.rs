//! Every limit of a listener, in one table.

use std::time::Duration;

use crate::body::{Least, Pace};

/// How long, how much and how many. Reaching a limit ends one request or one connection, never the
/// listener, and is told to the client wherever HTTP can still tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// From accepting a connection to its first byte; then it is closed without a word.
    pub first_byte: Duration,
    /// From the first byte of a request to the end of its head, and between two requests on one
    /// connection; then the connection is closed without a word.
    pub head: Duration,
    /// From the end of the head to the end of the body; then 408.
    pub body: Duration,
    /// For which a body may be slower than `body_rate` at its beginning; then 408.
    pub body_grace: Duration,
    /// For a client to take the whole of a reply; then the connection is reset.
    pub reply: Duration,
    /// For the store to commit; then 503.
    pub store: Duration,
    /// For the far side of a forwarded request, from connecting to the last byte of its reply; then 504.
    pub forward: Duration,
    /// For which a fault is played that has no end of its own, a `timeout` or a `drip`; then the
    /// connection is closed, or reset.
    pub fault: Duration,
    /// For which the rest of a refused request is still read and thrown away: closing at once would
    /// reset the connection, and the client might lose the reply that tells it why.
    pub linger: Duration,
    /// For requests under way to end after the listener was told to finish; then they are cut.
    pub drain: Duration,
    /// Bytes of a head, request line included; above it 431.
    pub head_bytes: usize,
    /// Header lines of a request; above it 431.
    pub header_lines: usize,
    /// Bytes of a request's body, and of a forwarded request's reply; above it 413, or 502.
    pub body_bytes: usize,
    /// Bytes a second that a body must have at the least, after `body_grace`; below it 408.
    pub body_rate: usize,
    /// Requests at a time on one connection of HTTP/2; above it they are refused, to be sent again.
    pub streams: usize,
    /// Bytes of a head of HTTP/2, each line with 32 more (RFC 9113 section 6.5.2); above it 431.
    pub stream_head_bytes: usize,
    /// Bytes that a client may send ahead on one request of HTTP/2; above it the connection is ended.
    pub stream_window: usize,
    /// Bytes that a client may send ahead on a connection of HTTP/2; above it the connection is ended.
    pub connection_window: usize,
    /// For a connection of HTTP/2 to be silent before it is asked for a sign of life.
    pub ping: Duration,
    /// For that sign to come; then the connection is closed.
    pub ping_answer: Duration,
    /// Requests that a client of HTTP/2 may have begun and taken back before anybody looked at them;
    /// above it the connection is ended.
    pub resets: usize,
    /// Connections at a time; above it clients wait in the system's queue. The listener lowers it to
    /// what the process may open, less 128 files for everything else.
    pub connections: usize,
    /// Bytes of all bodies that are held at a time, requests and replies; above it 503.
    pub bytes_in_flight: usize,
}

impl Limits {
    /// For a machine on which other things run too.
    pub const STANDARD: Self = Self {
        first_byte: Duration::from_secs(5),
        head: Duration::from_secs(10),
        body: Duration::from_secs(30),
        body_grace: Duration::from_secs(5),
        reply: Duration::from_secs(30),
        store: Duration::from_secs(10),
        forward: Duration::from_secs(30),
        fault: Duration::from_secs(300),
        linger: Duration::from_secs(1),
        // A program that is told to end has ended within ten: closing the store takes some of them.
        drain: Duration::from_secs(8),
        head_bytes: 64 << 10,
        header_lines: 100,
        body_bytes: 10 << 20,
        body_rate: 1 << 10,
        streams: 100,
        stream_head_bytes: 32 << 10,
        stream_window: 64 << 10,
        connection_window: 1 << 20,
        ping: Duration::from_secs(20),
        ping_answer: Duration::from_secs(10),
        resets: 20,
        connections: 10_000,
        bytes_in_flight: 256 << 20,
    };
}

impl Limits {
    /// Returns the limits as this process can keep them: with no more connections than it may open files.
    #[must_use]
    pub fn here(self) -> Self {
        Self { connections: lower_to_system(self.connections), ..self }
    }

    /// Returns how long the body of a request may take.
    pub(crate) const fn pace(&self) -> Pace {
        let least = Least { bytes_per_second: self.body_rate, grace: self.body_grace };
        Pace { within: self.body, least: Some(least) }
    }
}

/// Files that are not connections: the store, the runtime, the far side's sockets when all is quiet.
const FILES_FOR_OTHERS: usize = 128;

/// Lowers a number of connections to what the process may open. Without this the limit of the system
/// would be met inside `accept`, where the only thing left to do is to let clients hang.
fn lower_to_system(connections: usize) -> usize {
    let table = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    lower(connections, open_files(&table))
}

fn lower(connections: usize, open_files: Option<usize>) -> usize {
    let possible = open_files.map_or(connections, |files| files.saturating_sub(FILES_FOR_OTHERS));
    // More permits than this and tokio's semaphore panics.
    connections.min(possible).clamp(1, tokio::sync::Semaphore::MAX_PERMITS)
}

/// Returns the soft limit of open files from the kernel's table; none when it is unlimited.
fn open_files(table: &str) -> Option<usize> {
    let line = table.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_stay_below_what_the_process_may_open() {
        let table = "Limit                     Soft Limit           Hard Limit           Units     \n\
                     Max open files            1024                 1048576              files     \n";
        assert_eq!(open_files(table), Some(1024));
        assert_eq!(open_files("Max open files            unlimited  unlimited  files\n"), None);
        assert_eq!(open_files(""), None);

        assert_eq!(lower(10_000, Some(1024)), 896);
        assert_eq!(lower(10, Some(1024)), 10);
        assert_eq!(lower(10_000, None), 10_000);
        assert_eq!(lower(10_000, Some(64)), 1, "never none at all");
        assert_eq!(lower(0, None), 1);
    }
}
