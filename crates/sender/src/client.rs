//! The reqwest engine: HTTP/1.1 and HTTP/2 by hyper, with nothing done that was not asked for.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use ringback_exchange::{FailureDetail, Outcome, Reply};
use tokio::time::Instant;
use tower_service::Service;
use url::Url;

use crate::attempt::{Ended, REPLY_BYTES_MAX};
use crate::classify::{Stage, classify};
use crate::headers::from_map;
use crate::phases::{Phases, Written};
use crate::style::Method;
use crate::target::IDLE_MAX;
use crate::wire::Place;

/// How many bytes of a body are handed over at once.
const PIECE_BYTES: usize = 64 * 1024;

/// What a client is made of.
pub(crate) struct Setup<'a> {
    pub(crate) place: &'a Place,
    pub(crate) tls: Option<rustls::ClientConfig>,
    pub(crate) http2: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_max: usize,
}

/// Makes a client that does nothing on its own.
pub(crate) fn client(setup: Setup<'_>) -> Result<Client, reqwest::Error> {
    // The client wants one for the process, and panics without. When somebody else has installed
    // another before, that one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(setup.connect_timeout)
        .connector_layer(tower_layer::layer_fn(Timed))
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(setup.idle_max);
    let builder = match setup.place {
        Place::Tcp(addresses) => {
            // Port 0 stands for the port of the URL.
            let addresses = addresses.iter().map(|it| (it.ip(), 0).into()).collect();
            builder.dns_resolver(Pinned(addresses))
        }
        #[cfg(unix)]
        Place::Unix(path) => builder.unix_socket(path.as_path()),
    };
    let builder = match (setup.http2, &setup.tls) {
        (false, _) => builder.http1_only(),
        // Without TLS there is nothing to agree on a version by.
        (true, None) => builder.http2_prior_knowledge(),
        (true, Some(_)) => builder,
    };
    match setup.tls {
        Some(config) => builder.tls_backend_preconfigured(config),
        // The system's certificates take time to load, and a container may have none.
        None => builder.tls_certs_only([]),
    }
    .build()
}

/// Answers with the judged addresses, whatever is asked.
struct Pinned(Vec<std::net::SocketAddr>);

impl Resolve for Pinned {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses = self.0.clone();
        Box::pin(async { Ok(Box::new(addresses.into_iter()) as Addrs) })
    }
}

tokio::task_local! {
    /// How long the connection took that was made for this request.
    static CONNECT: Mutex<Option<Duration>>;
}

/// Measures a connector. The client itself does not say how long it took to connect.
#[derive(Debug, Clone)]
struct Timed<S>(S);

impl<S, R> Service<R> for Timed<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
    S::Response: 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, to: R) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async move {
            let begin = Instant::now();
            let connected = connecting.await?;
            // A connection that another request has outrun is finished by a task of its own.
            let _ = CONNECT.try_with(|connect| {
                *connect.lock().unwrap_or_else(PoisonError::into_inner) = Some(begin.elapsed());
            });
            Ok(connected)
        })
    }
}

/// One request of the engine.
pub(crate) struct Message {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The size of its chunks, when its length is not told before.
    pub(crate) chunked: Option<usize>,
}

/// Sends the request and reads the reply.
pub(crate) async fn exchange(client: &Client, message: Message, phases: &Arc<Phases>) -> Ended {
    let mut request = reqwest::Request::new(message.method.as_http().clone(), message.url);
    *request.headers_mut() = message.headers;
    let body = Watched { bytes: message.body, chunked: message.chunked, phases: phases.clone() };
    *request.body_mut() = Some(reqwest::Body::wrap(body));

    let sending = CONNECT.scope(Mutex::new(None), async {
        let sent = client.execute(request).await;
        let connect = CONNECT.with(|it| *it.lock().unwrap_or_else(PoisonError::into_inner));
        (sent, connect)
    });
    let (sent, connect) = sending.await;
    if let Some(took) = connect {
        phases.connected(took);
    }
    let failed = |error: &reqwest::Error, stage, status| {
        let (kind, detail) = classify(error, stage);
        let detail = FailureDetail { kind, detail, status };
        Ended { outcome: Outcome::Failed(detail), cut_at: None }
    };
    let mut response = match sent {
        Ok(response) => response,
        Err(error) => return failed(&error, Stage::Head, None),
    };
    phases.came();
    let status = response.status().as_u16();
    phases.answers_with(status);
    let headers = from_map(response.headers());
    let mut body = BytesMut::new();
    let mut cut_at = None;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = REPLY_BYTES_MAX - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    // The rest is left unread, and the connection is closed with it.
                    cut_at = Some(REPLY_BYTES_MAX as u64);
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => return failed(&error, Stage::Body, Some(status)),
        }
    }
    let reply = Reply { status, headers, body: body.freeze().into() };
    Ended { outcome: Outcome::Answered(reply), cut_at }
}

/// A body that tells when a connection takes it.
struct Watched {
    bytes: Bytes,
    chunked: Option<usize>,
    phases: Arc<Phases>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let most = this.chunked.unwrap_or(PIECE_BYTES);
        let piece = this.bytes.split_to(this.bytes.len().min(most));
        if this.bytes.is_empty() {
            this.phases.wrote(Written::All);
        }
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    /// The connection asks this when it writes the head, and of an empty body nothing else.
    fn is_end_stream(&self) -> bool {
        self.phases.wrote(if self.bytes.is_empty() { Written::All } else { Written::Something });
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.chunked {
            None => SizeHint::with_exact(self.bytes.len() as u64),
            Some(_) => SizeHint::default(),
        }
    }
}
