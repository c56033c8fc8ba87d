//! The wire engine: HTTP/1.1 written and read by this crate itself, byte for byte.
//!
//! A script comes in, and what came of it goes out. Connections are kept between requests, the last used
//! one first. A request is written as one piece, and never a second time once a byte of it was taken:
//! what may have arrived is reported and not repeated.

mod connection;
mod reply;
mod script;
mod stream;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ringback_exchange::{Failure, FailureDetail, Outcome};
use rustls::pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use self::connection::{Connection, Written};
use self::reply::pieces;
use self::script::Step;
pub(crate) use self::script::{Script, script};
use self::stream::{Socket, Stream};
use crate::attempt::Ended;
use crate::classify::{Stage, deepest, of_connecting, of_talking};
use crate::phases::{self, Phases};
use crate::target::IDLE_MAX;

/// How much the system keeps of an answer that is read slowly, in bytes; it takes twice of it.
const SMALL_WINDOW_BYTES: u32 = 4 * 1024;

/// Where the engine connects to.
#[derive(Debug)]
pub(crate) enum Place {
    /// One of these, tried in order.
    Tcp(Vec<SocketAddr>),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// The engine for one target.
pub(crate) struct Wire {
    pub(crate) place: Place,
    pub(crate) tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)>,
    pub(crate) connect_timeout: Duration,
    /// How long the body waits for 100.
    pub(crate) continue_timeout: Duration,
    /// The most connections that are kept.
    pub(crate) idle_max: usize,
    pub(crate) idle: Mutex<VecDeque<(Connection, Instant)>>,
}

/// How far a script was played.
enum Played {
    /// As far as the receiver let it; an answer is to be read.
    Read { is_whole: bool },
    /// To a reset: there is nothing to be read.
    Reset,
}

impl Wire {
    /// Plays a script on a connection and reads the answer.
    pub(crate) async fn exchange(&self, script: Script, phases: &Phases) -> Ended {
        let mut may_reuse = script.shares_connection;
        loop {
            let kept = if may_reuse { self.take_kept() } else { None };
            let mut connection = match kept {
                Some(connection) => connection,
                None => match self.connect(&script, phases).await {
                    Ok(connection) => connection,
                    Err(failed) => return failed,
                },
            };
            let was_used = std::mem::replace(&mut connection.is_used, true);
            phases.wrote(phases::Written::Something);
            let mut n_written = 0;
            let played = self.play(&script.steps, &mut connection, &mut n_written, phases).await;
            let broken = match played {
                Ok(Played::Reset) => {
                    connection.stream.reset();
                    return Ended::failed(Failure::Cut, "the sender reset the connection");
                }
                Ok(Played::Read { is_whole }) => Ok(is_whole),
                // It was closed while nobody looked, and took nothing: nothing is sent twice.
                Err(_) if was_used && n_written == 0 => {
                    may_reuse = false;
                    continue;
                }
                Err(error) => Err(error),
            };
            if broken.is_ok() {
                phases.wrote(phases::Written::All);
            }
            // A receiver that hangs up on a request may have answered first.
            let read = reply::read(&mut connection, script.reading, phases).await;
            return match (broken, read.ended) {
                (
                    Err(error),
                    Ended { outcome: Outcome::Failed(FailureDetail { status: None, .. }), .. },
                ) => {
                    let kind = of_talking(&error, Stage::Head);
                    let how = if was_used {
                        "on a connection used before"
                    } else {
                        "while it took the request"
                    };
                    Ended::failed(
                        kind,
                        format!("{} ({how}, {n_written} bytes gone)", deepest(&error)),
                    )
                }
                (broken, ended) => {
                    if matches!(broken, Ok(true)) && read.keeps && script.shares_connection {
                        self.keep(connection);
                    }
                    ended
                }
            };
        }
    }

    /// Plays the steps until one ends them.
    async fn play(
        &self,
        steps: &[Step],
        connection: &mut Connection,
        n_written: &mut u64,
        phases: &Phases,
    ) -> io::Result<Played> {
        let interrupted = Ok(Played::Read { is_whole: false });
        for step in steps {
            let written = match step {
                Step::Send(head, body) => connection.write([head, body], n_written).await?,
                Step::Drip(bytes, rate) => drip(connection, bytes, *rate, n_written).await?,
                Step::AwaitContinue => {
                    let waiting = reply::may_continue(connection, phases);
                    // A receiver that does not know the question gets the body all the same.
                    let answered = tokio::time::timeout(self.continue_timeout, waiting).await;
                    if answered.is_ok_and(|may| matches!(may, Ok(false))) {
                        return interrupted;
                    }
                    Written::All
                }
                Step::Finish => {
                    connection.finish().await?;
                    Written::All
                }
                Step::Reset => return Ok(Played::Reset),
            };
            if written == Written::Interrupted {
                return interrupted;
            }
        }
        Ok(Played::Read { is_whole: true })
    }

    async fn connect(&self, script: &Script, phases: &Phases) -> Result<Connection, Ended> {
        let begin = Instant::now();
        let is_tls = self.tls.is_some();
        let connecting = tokio::time::timeout(self.connect_timeout, self.open(script)).await;
        let stream = match connecting {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(Ended::failed(of_connecting(&error, is_tls), deepest(&error)));
            }
            Err(_) => return Err(Ended::failed(Failure::ConnectTimedOut, "")),
        };
        phases.connected(begin.elapsed());
        Ok(Connection::new(stream))
    }

    async fn open(&self, script: &Script) -> io::Result<Stream> {
        let socket = match &self.place {
            Place::Tcp(addresses) => {
                Socket::Tcp(connect_any(addresses, script, self.connect_timeout).await?)
            }
            Place::Unix(path) => Socket::Unix(UnixStream::connect(path).await?),
        };
        match &self.tls {
            None => Ok(Stream::Plain(socket)),
            Some((config, name)) => {
                let connector = TlsConnector::from(config.clone());
                let stream = connector.connect(name.clone(), socket).await?;
                Ok(Stream::Tls(Box::new(stream)))
            }
        }
    }

    /// Takes the connection that was used last, if one is there that can be used again.
    fn take_kept(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((connection, since)) = idle.pop_back() {
            if since.elapsed() > IDLE_MAX {
                // Those below it are older.
                idle.clear();
                return None;
            }
            if connection.stream.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    fn keep(&self, connection: Connection) {
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push_back((connection, now));
        while idle.len() > self.idle_max
            || idle.front().is_some_and(|(_, since)| now.duration_since(*since) > IDLE_MAX)
        {
            idle.pop_front();
        }
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("place", &self.place).finish_non_exhaustive()
    }
}

/// Connects to the first address that lets it. None gets so much of the time that the others get none.
async fn connect_any(
    addresses: &[SocketAddr],
    script: &Script,
    timeout: Duration,
) -> io::Result<TcpStream> {
    let share = timeout / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "there is no address");
    for address in addresses {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if script.has_small_window {
            socket.set_recv_buffer_size(SMALL_WINDOW_BYTES)?;
        }
        match tokio::time::timeout(share, socket.connect(*address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// Writes slowly, unless something comes from the other side.
async fn drip(
    connection: &mut Connection,
    bytes: &Bytes,
    rate: u32,
    n_written: &mut u64,
) -> io::Result<Written> {
    let (size, pause) = pieces(rate);
    for piece in bytes.chunks(size) {
        // Whatever comes while nothing is written ends the writing.
        if let Ok(came) = tokio::time::timeout(pause, connection.fill(usize::MAX)).await {
            came?;
            return Ok(Written::Interrupted);
        }
        if connection.write([piece, &[]], n_written).await? == Written::Interrupted {
            return Ok(Written::Interrupted);
        }
    }
    Ok(Written::All)
}
