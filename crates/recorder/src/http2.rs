//! One connection of HTTP/2.
//!
//! A stream whose client has chosen HTTP/2 comes in; each of its requests becomes an exchange like any
//! other. Heads are compressed there, so names are in lower case and there are no bytes of a head to
//! keep. What breaks the protocol ends the connection with a GOAWAY that says why.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::capture::Capture;
use crate::limits::Limits;
use crate::line::Line;
use crate::replies::Replies;
use crate::stream::Stream;

/// Serves a connection until it ends, or until `stop` turns true and its requests are answered.
pub(crate) async fn serve(
    stream: Stream,
    line: Arc<Line>,
    replies: Replies,
    capture: Arc<Capture>,
    mut stop: watch::Receiver<bool>,
) {
    let service =
        service_fn(|request| Box::pin(Arc::clone(&capture).exchange(request, Arc::clone(&line))));
    // Dropped with this future, and all that runs in it with it.
    let streams = Streams::default();
    let connection = builder(&capture.limits, streams.clone());
    let mut connection = pin!(connection.serve_connection(TokioIo::new(stream), service));
    let mut overdue = pin!(replies.overdue(capture.limits.reply));
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            // Whatever ended it, the client was told as far as it can be told.
            _ = connection.as_mut() => break,
            () = overdue.as_mut() => break,
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn builder(limits: &Limits, streams: Streams) -> http2::Builder<Streams> {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(count(limits.streams))
        .max_header_list_size(count(limits.stream_head_bytes))
        .initial_stream_window_size(count(limits.stream_window))
        .initial_connection_window_size(count(limits.connection_window))
        .keep_alive_interval(limits.ping)
        .keep_alive_timeout(limits.ping_answer)
        .max_pending_accept_reset_streams(limits.resets);
    builder
}

/// The tasks of a connection: one for each request, of which there is a limited number at a time.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended are collected as new ones begin, or the set would grow for ever.
        while streams.try_join_next().is_some() {}
        streams.spawn(stream);
    }
}
