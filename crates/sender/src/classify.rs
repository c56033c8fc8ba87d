//! What went wrong, told by the errors at the bottom of an engine's.
//!
//! The client's own questions (`is_decode`, `is_request` …) do not tell a reply that broke off from one
//! that was never HTTP, so the chain of sources is walked down to the system's and the parser's errors.

use std::error::Error;
use std::io;

use ringback_exchange::Failure;
use rustls::CertificateError;

/// How far the attempt had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The reply had not begun.
    Head,
    /// The head of the reply had come.
    Body,
}

type AnyError = dyn Error + 'static;

/// Returns the kind of failure of the reqwest engine, and what the deepest error says, for people.
pub(crate) fn classify(error: &reqwest::Error, stage: Stage) -> (Failure, String) {
    let kind = if is_connect(error) {
        // The client's own time limit shows in this way alone: its type is private.
        if error.is_timeout() {
            Failure::ConnectTimedOut
        } else {
            of_connecting(error, error.url().is_some_and(|url| url.scheme() == "https"))
        }
    } else {
        of_talking(error, stage)
    };
    (kind, deepest(error))
}

/// Returns what the deepest error says, for people.
pub(crate) fn deepest(error: &AnyError) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// Walks from an error to its deepest source.
fn chain(error: &AnyError) -> impl Iterator<Item = &AnyError> {
    std::iter::successors(Some(error), |error| below(*error))
}

/// An [`io::Error`] is stepped into: its own source is that of the error inside it, which would be
/// passed over.
fn below(error: &AnyError) -> Option<&AnyError> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn find<E: Error + 'static>(error: &AnyError) -> impl Iterator<Item = &E> {
    chain(error).filter_map(|error| error.downcast_ref())
}

fn is_connect(error: &AnyError) -> bool {
    find::<hyper_util::client::legacy::Error>(error)
        .any(hyper_util::client::legacy::Error::is_connect)
}

/// Tells whether somebody hung up, in order or by reset.
fn is_hung_up(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof
    )
}

/// No connection was made, so no byte of the request can have left: every kind is one of those of a
/// target that was not reached.
pub(crate) fn of_connecting(error: &AnyError, is_tls: bool) -> Failure {
    if let Some(error) = find::<rustls::Error>(error).next() {
        return of_tls(error);
    }
    for error in find::<io::Error>(error) {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => return Failure::Refused,
            io::ErrorKind::TimedOut => return Failure::ConnectTimedOut,
            // Nobody has made the socket there.
            io::ErrorKind::NotFound => return Failure::Refused,
            // TCP answered, and then somebody hung up during the handshake.
            kind if is_tls && is_hung_up(kind) => return Failure::TlsHungUp,
            _ => {}
        }
    }
    Failure::Unreachable
}

/// The reasons for which a handshake fails.
fn of_tls(error: &rustls::Error) -> Failure {
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Failure::TlsExpired,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Failure::TlsWrongName
            }
            // Somebody else has signed under the name of one who is trusted.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Failure::TlsUntrusted
            }
            _ => Failure::Tls,
        },
        rustls::Error::InvalidMessage(_) => Failure::TlsNotSpoken,
        rustls::Error::AlertReceived(_) => Failure::TlsRefused,
        _ => Failure::Tls,
    }
}

/// A connection was made, so bytes may have left.
pub(crate) fn of_talking(error: &AnyError, stage: Stage) -> Failure {
    // A server may refuse the client's certificate after the handshake is over on this side (RFC 8446
    // section 4.4.2.4), before it has read a byte of the request.
    if stage == Stage::Head
        && find::<rustls::Error>(error).any(|error| of_tls(error) == Failure::TlsRefused)
    {
        return Failure::TlsRefused;
    }
    for error in find::<io::Error>(error) {
        match (error.kind(), stage) {
            // Chunks that are none.
            (io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput, _) => {
                return Failure::BadHttp;
            }
            // The system gave up on a peer that acknowledges nothing.
            (io::ErrorKind::TimedOut, _) => return Failure::TimedOut,
            (kind, Stage::Head) if is_hung_up(kind) => return Failure::Reset,
            (io::ErrorKind::UnexpectedEof, Stage::Body) => return Failure::Truncated,
            (kind, Stage::Body) if is_hung_up(kind) => return Failure::ResetMidway,
            _ => {}
        }
    }
    let of_http2 = find::<h2::Error>(error).next();
    if let Some(error) = of_http2 {
        return match stage {
            // What our own side complains of is what came.
            _ if !error.is_remote() => Failure::BadHttp,
            Stage::Head => Failure::Reset,
            Stage::Body => Failure::ResetMidway,
        };
    }
    let is_closed = |error: &hyper::Error| {
        error.is_incomplete_message() || error.is_canceled() || error.is_closed()
    };
    match chain(error).last().and_then(|error| error.downcast_ref::<hyper::Error>()) {
        Some(error) if is_closed(error) => match stage {
            Stage::Head => Failure::Reset,
            Stage::Body => Failure::Truncated,
        },
        Some(error) if error.is_user() => Failure::Other,
        // What is left has no cause below it: what came could not be parsed, or came before anything was
        // asked, as from a mail or an SSH server. The latter has no question of its own to be told by.
        Some(_) => Failure::BadHttp,
        None => Failure::Other,
    }
}
