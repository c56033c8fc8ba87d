//! What went wrong, told by the errors at the bottom of the client's.
//!
//! The client's own questions (`is_decode`, `is_request` …) do not tell a reply that broke off from one
//! that was never HTTP, so the chain of sources is walked down to the system's and the parser's errors.

use std::error::Error;
use std::io;

use ringback_exchange::Failure;

/// How far the attempt had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The reply had not begun.
    Head,
    /// The head of the reply had come.
    Body,
}

/// Returns the kind of failure, and what the deepest error says, for people.
pub(crate) fn classify(error: &reqwest::Error, stage: Stage) -> (Failure, String) {
    let detail = chain(error).last().map(ToString::to_string).unwrap_or_default();
    let kind = if is_connect(error) { of_connecting(error) } else { of_talking(error, stage) };
    (kind, detail)
}

/// Walks from an error to its deepest source.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| below(*error))
}

/// An [`io::Error`] is stepped into: its own source is that of the error inside it, which would be
/// passed over.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a E> {
    chain(error).filter_map(|error| error.downcast_ref())
}

fn is_connect(error: &reqwest::Error) -> bool {
    find::<hyper_util::client::legacy::Error>(error)
        .any(hyper_util::client::legacy::Error::is_connect)
}

/// No connection was made, so no byte of the request can have left: every kind is one of those of a
/// target that was not reached.
fn of_connecting(error: &reqwest::Error) -> Failure {
    if find::<rustls::Error>(error).next().is_some() {
        return Failure::Tls;
    }
    // The client's own time limit shows in this way alone: its type is private.
    if error.is_timeout() {
        return Failure::ConnectTimedOut;
    }
    let is_https = error.url().is_some_and(|url| url.scheme() == "https");
    for error in find::<io::Error>(error) {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => return Failure::Refused,
            // TCP answered, and then somebody hung up during the handshake.
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
                if is_https =>
            {
                return Failure::Tls;
            }
            _ => {}
        }
    }
    Failure::Unreachable
}

/// A connection was made, so bytes may have left.
fn of_talking(error: &reqwest::Error, stage: Stage) -> Failure {
    let broken = match stage {
        Stage::Head => Failure::Reset,
        Stage::Body => Failure::Truncated,
    };
    for error in find::<io::Error>(error) {
        match error.kind() {
            // Chunks that are none.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => return Failure::BadHttp,
            // The system gave up on a peer that acknowledges nothing.
            io::ErrorKind::TimedOut => return Failure::TimedOut,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof => return broken,
            _ => {}
        }
    }
    let is_closed = |error: &hyper::Error| {
        error.is_incomplete_message() || error.is_canceled() || error.is_closed()
    };
    match chain(error).last().and_then(|error| error.downcast_ref::<hyper::Error>()) {
        Some(error) if is_closed(error) => broken,
        Some(error) if error.is_user() => Failure::Other,
        // What is left has no cause below it: what came could not be parsed, or came before anything was
        // asked, as from a mail or an SSH server. The latter has no question of its own to be told by.
        Some(_) => Failure::BadHttp,
        None => Failure::Other,
    }
}
