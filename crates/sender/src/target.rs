//! Where deliveries go: an address that the guard permits, and how it is reached.
//!
//! A URL and options come in. The host is resolved once, every address is judged, and connections are
//! made to those addresses alone: nothing is looked up again that could answer differently.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT,
};
use ringback_exchange::Headers;
use url::{Host, Position, Url};

use crate::allowance::Allowance;
use crate::delivery::Delivery;
use crate::guard::{AllowHost, GuardError, permit, permit_plan};
use crate::headers::{HeaderError, overlay, to_map};
use crate::plan::Plan;
use crate::reach::Reach;

/// The time that a receiver has by Oration's documents, from the connection to the end of the reply.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// The time that a name and a connection may take, unless something else is wanted.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The time after which an idle connection is not used again. Servers close theirs after two seconds
/// or more, and a delivery that meets such a close fails though nothing is wrong with the receiver.
pub const IDLE_MAX: Duration = Duration::from_secs(1);

/// How a target is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// From the begin of an attempt to the end of its reply. Usually [`TIMEOUT`].
    pub timeout: Duration,
    /// From the begin of an attempt to its connection, TLS included; also for the name's addresses.
    /// Usually [`CONNECT_TIMEOUT`]. The shorter of the two times wins.
    pub connect_timeout: Duration,
    /// Lines for every request, in this order, duplicates kept. They replace what would be sent under
    /// the same name: `host`, `content-type: application/json`, `user-agent: ringback/VERSION`,
    /// `accept: */*`.
    pub headers: Headers,
    /// Hosts beyond this machine that deliveries may go to.
    pub allow_hosts: Vec<AllowHost>,
    /// How many attempts of a run may be in flight at once, from 1; 0 is taken for 1. Usually
    /// [`IN_FLIGHT_MAX`](crate::IN_FLIGHT_MAX).
    pub in_flight_max: usize,
}

/// An address that deliveries may go to. Clones share connections and what is left of the allowance.
#[derive(Debug, Clone)]
pub struct Target(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: Url,
    headers: HeaderMap,
    timeout: Duration,
    connect_timeout: Duration,
    in_flight_max: usize,
    reach: Reach,
    allowance: Allowance,
    link: Link,
}

/// How the target is reached, if at all.
#[derive(Debug)]
pub(crate) enum Link {
    /// By this client, which connects to the judged addresses alone.
    Up(Client),
    /// The host has no address, for this reason.
    NoAddress(String),
}

/// Why there is no target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The text is no URL. It is not repeated, because it may hold credentials.
    #[error("the target is no URL: {0}; write it as `http://localhost:3000/hooks`")]
    Url(url::ParseError),
    /// The scheme is neither `http` nor `https`.
    #[error("the target's scheme is `{scheme}`: use `http` or `https`")]
    Scheme {
        /// What it is.
        scheme: String,
    },
    /// The URL has a user name or a password in it, which would end up in reports.
    #[error(
        "the target has credentials in its URL: send them as an `authorization` header instead"
    )]
    Credentials,
    /// A header line cannot be sent.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The guard does not permit the address.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The client could not be made: for https, mostly because the system has no certificates.
    #[error("the client for the target cannot be set up; has the system root certificates?")]
    Client(#[source] reqwest::Error),
}

impl Target {
    /// Makes a target of a URL. The addresses of a name are asked of the system.
    ///
    /// A name that has none is a target too: each attempt at it fails with `dns`, and opens no socket.
    ///
    /// # Errors
    ///
    /// When the URL or a header line cannot be used, or the guard does not permit an address.
    pub async fn new(url: &str, options: &Options) -> Result<Self, TargetError> {
        Self::with_lookup(url, options, |host, port| async move {
            let found = tokio::net::lookup_host((host, port)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
        .await
    }

    /// Makes a target of a URL, with `lookup` for the addresses of a name. It is called at most once, and
    /// not for an address.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub async fn with_lookup<F, L>(
        url: &str,
        options: &Options,
        lookup: F,
    ) -> Result<Self, TargetError>
    where
        F: FnOnce(String, u16) -> L,
        L: Future<Output = io::Result<Vec<IpAddr>>>,
    {
        let url = parse(url)?;
        let headers = base_headers(&url, &options.headers)?;
        let connect_timeout = options.connect_timeout.min(options.timeout);
        let in_flight_max = options.in_flight_max.max(1);
        let found = find_addresses(&url, connect_timeout, lookup).await;
        let (reach, link) = match found {
            Ok(addresses) => {
                let reach = permit(&url, &addresses, &options.allow_hosts)?;
                let client = client(&url, addresses, connect_timeout, in_flight_max)
                    .map_err(TargetError::Client)?;
                (reach, Link::Up(client))
            }
            Err(why) => (Reach::Loopback, Link::NoAddress(why)),
        };
        Ok(Self(Arc::new(Inner {
            url,
            headers,
            timeout: options.timeout,
            connect_timeout,
            in_flight_max,
            reach,
            allowance: Allowance::new(),
            link,
        })))
    }

    /// Returns the URL, without its fragment.
    pub fn url(&self) -> &str {
        self.0.url.as_str()
    }

    pub(crate) fn parsed_url(&self) -> &Url {
        &self.0.url
    }

    /// Returns path and query, as they are sent.
    pub(crate) fn request_target(&self) -> &str {
        &self.0.url[Position::BeforePath..]
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.0.timeout
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        self.0.connect_timeout
    }

    pub(crate) fn in_flight_max(&self) -> usize {
        self.0.in_flight_max
    }

    pub(crate) fn link(&self) -> &Link {
        &self.0.link
    }

    /// Returns what is left for this target, when there is a limit.
    pub(crate) fn allowance(&self) -> Option<&Allowance> {
        (self.0.reach == Reach::Public).then_some(&self.0.allowance)
    }

    pub(crate) fn permit(&self, plan: &Plan) -> Result<(), GuardError> {
        permit_plan(self.0.reach, plan)
    }

    /// Returns every line of the request for a delivery, in the order in which they are sent.
    pub(crate) fn headers_for(&self, delivery: &Delivery) -> HeaderMap {
        let mut headers = overlay(&self.0.headers, &delivery.headers);
        // Written here, and not left to the client, so that the record of the request is complete.
        let _ = headers.try_insert(CONTENT_LENGTH, HeaderValue::from(delivery.body.len()));
        headers
    }
}

fn parse(text: &str) -> Result<Url, TargetError> {
    let mut url = Url::parse(text).map_err(TargetError::Url)?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(TargetError::Scheme { scheme: url.scheme().to_owned() });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetError::Credentials);
    }
    url.set_fragment(None);
    Ok(url)
}

/// The lines of every request, the user's over our own.
fn base_headers(url: &Url, users: &Headers) -> Result<HeaderMap, HeaderError> {
    let authority = &url[Position::BeforeHost..Position::AfterPort];
    let user_agent = concat!("ringback/", env!("CARGO_PKG_VERSION"));
    let ours = Headers::from_iter([
        (HOST.as_str(), authority),
        (CONTENT_TYPE.as_str(), "application/json"),
        (USER_AGENT.as_str(), user_agent),
        // The client would add it anyway; here it can be replaced, and is on record.
        (ACCEPT.as_str(), "*/*"),
    ]);
    Ok(overlay(&to_map(&ours)?, &to_map(users)?))
}

/// Returns the addresses of the host, or why there are none.
async fn find_addresses<F, L>(
    url: &Url,
    time_limit: Duration,
    lookup: F,
) -> Result<Vec<IpAddr>, String>
where
    F: FnOnce(String, u16) -> L,
    L: Future<Output = io::Result<Vec<IpAddr>>>,
{
    let name = match url.host() {
        Some(Host::Ipv4(v4)) => return Ok(vec![v4.into()]),
        Some(Host::Ipv6(v6)) => return Ok(vec![v6.into()]),
        Some(Host::Domain(name)) => name,
        None => return Err("the URL has no host".to_owned()),
    };
    let port = url.port_or_known_default().unwrap_or_default();
    match tokio::time::timeout(time_limit, lookup(name.to_owned(), port)).await {
        Ok(Ok(addresses)) if addresses.is_empty() => Err(format!("`{name}` has no address")),
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(format!("`{name}` has no address: {error}")),
        Err(_) => Err(format!("no address of `{name}` came within {time_limit:?}")),
    }
}

/// Returns where a server is that requests are forwarded to, for a proxy that its operator has pointed
/// there: every address of the host, looked up once.
///
/// # Errors
///
/// When the host has no address, or any of them is one that nothing is ever sent to, as a cloud's metadata
/// service. Whatever else is beyond this machine is the operator's choice.
pub async fn upstream_addresses(url: &Url) -> Result<Vec<SocketAddr>, UpstreamError> {
    let found = find_addresses(url, CONNECT_TIMEOUT, |host, port| async move {
        let found = tokio::net::lookup_host((host, port)).await?;
        Ok(found.map(|address| address.ip()).collect())
    });
    let addresses = found.await.map_err(UpstreamError::NoAddress)?;
    if let Err(error @ GuardError::Never { .. }) = permit(url, &addresses, &[]) {
        return Err(UpstreamError::Guard(error));
    }
    let port = url.port_or_known_default().unwrap_or_default();
    Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

/// Why requests cannot be forwarded to a server.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The host has none, for this reason.
    #[error("{0}")]
    NoAddress(String),
    /// Nothing is ever sent to it.
    #[error(transparent)]
    Guard(GuardError),
}

/// Makes a client that does nothing on its own.
fn client(
    url: &Url,
    addresses: Vec<IpAddr>,
    connect_timeout: Duration,
    in_flight_max: usize,
) -> Result<Client, reqwest::Error> {
    // The client wants one for the process, and panics without. When somebody else has installed
    // another before, that one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only()
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(in_flight_max)
        .dns_resolver(Pinned(addresses));
    // The system's certificates take time to load, and a container may have none.
    let builder = if url.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
    builder.build()
}

/// Answers with the judged addresses, whatever is asked.
struct Pinned(Vec<IpAddr>);

impl Resolve for Pinned {
    fn resolve(&self, _: Name) -> Resolving {
        // Port 0 stands for the port of the URL.
        let addresses: Vec<_> = self.0.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
        Box::pin(async { Ok(Box::new(addresses.into_iter()) as Addrs) })
    }
}
