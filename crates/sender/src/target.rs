//! Where deliveries go: an address that the guard permits, and how it is reached.
//!
//! A URL and options come in. The host is resolved once, every address is judged, and connections are
//! made to those addresses alone: nothing is looked up again that could answer differently.

use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use ringback_exchange::{Headers, Outcome};
use rustls::pki_types::ServerName;
use tokio::time::Instant;
use url::{Host, Position, Url};

use crate::allowance::Allowance;
use crate::breaker::Breaker;
use crate::client::{self, client};
use crate::consent;
use crate::delivery::Delivery;
use crate::engine::{Engine, EngineError, choose};
use crate::fault::Faults;
use crate::guard::{GuardError, Permissions, caps, permit, permit_plan};
use crate::headers::{HeaderError, check, overlay};
use crate::options::{CONNECT_TIMEOUT, Options, Resolve};
use crate::plan::Plan;
use crate::reach::Reach;
use crate::style::Style;
use crate::tls::{TlsError, config};
use crate::wire::{Place, Wire};

/// The time after which an idle connection is not used again. Servers close theirs after two seconds
/// or more, and a delivery that meets such a close fails though nothing is wrong with the receiver.
pub const IDLE_MAX: Duration = Duration::from_secs(1);

/// An address that deliveries may go to. Clones share connections and what is left of the allowance.
#[derive(Debug, Clone)]
pub struct Target(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: Url,
    headers: Headers,
    /// Those of them that every request has, or somebody asked for.
    bare_headers: Headers,
    style: Style,
    faults: Faults,
    timeout: Duration,
    connect_timeout: Duration,
    first_byte_timeout: Option<Duration>,
    in_flight_max: usize,
    reach: Reach,
    allowance: Allowance,
    breaker: Breaker,
    engine: (Engine, Option<&'static str>),
    link: Link,
}

/// How the target is reached, if at all.
#[derive(Debug)]
pub(crate) enum Link {
    /// By this engine, which connects to the judged addresses alone.
    Up(Line),
    /// The host has no address, for this reason.
    NoAddress(String),
}

/// An engine that is set up.
#[derive(Debug)]
pub(crate) enum Line {
    Reqwest(Client),
    Wire(Wire),
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
    /// No engine does all that is wanted.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A certificate or a key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The guard does not permit the address.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The client could not be made.
    #[error("the client for the target cannot be set up")]
    Client(#[source] reqwest::Error),
}

impl Target {
    /// Makes a target of a URL. The addresses of a name are asked of the system.
    ///
    /// A name that has none is a target too: each attempt at it fails with `dns`, and opens no socket.
    ///
    /// # Errors
    ///
    /// When the URL or an option cannot be used, or the guard does not permit an address.
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
        check(&options.headers)?;
        let engine = choose(options)?;
        let connect_timeout = options.connect_timeout.min(options.timeout);
        let found = match &options.unix_socket {
            // A socket in the file system is on this machine, whoever the URL speaks of.
            Some(path) => Ok((Reach::Loopback, Place::Unix(path.clone()))),
            None => match find_addresses(&url, &options.resolve, connect_timeout, lookup).await {
                Ok(addresses) => {
                    let permissions =
                        Permissions { allowed: &options.allow_hosts, owned: &options.owned_hosts };
                    let reach = permit(&url, &addresses, permissions)?;
                    let port = url.port_or_known_default().unwrap_or_default();
                    let addresses = addresses.iter().map(|ip| SocketAddr::new(*ip, port));
                    Ok((reach, Place::Tcp(addresses.collect())))
                }
                Err(why) => Err(why),
            },
        };
        let (reach, link) = match found {
            Ok((reach, place)) => (reach, Link::Up(line(engine.0, &url, place, options)?)),
            Err(why) => (Reach::Loopback, Link::NoAddress(why)),
        };
        let ours = base_headers(&url, options, reach);
        let target = Self(Arc::new(Inner {
            headers: overlay(&ours, &options.headers),
            bare_headers: overlay(&bare(ours, engine.0, reach), &options.headers),
            url,
            style: options.style.clone(),
            faults: options.faults.clone(),
            timeout: options.timeout,
            connect_timeout,
            first_byte_timeout: options.first_byte_timeout,
            in_flight_max: options.in_flight_max.max(1),
            reach,
            allowance: Allowance::new(caps(reach, options.max_rate)),
            breaker: Breaker::new(),
            engine,
            link,
        }));
        if reach == Reach::Public && options.max_rate.is_some() {
            consent::ask(&target, &options.run_id).await?;
        }
        Ok(target)
    }

    /// Returns the URL, without its fragment.
    pub fn url(&self) -> &str {
        self.0.url.as_str()
    }

    /// Returns the engine that sends, and what made it this one when nobody asked for it.
    pub fn engine(&self) -> (Engine, Option<&'static str>) {
        self.0.engine
    }

    /// Comes when the target is to be left alone: it is beyond this machine, and for ten seconds more than
    /// half of the attempts had no answer, or one of 429 or of 500 to 599. Nothing is sent to it any more.
    pub async fn left_alone(&self) {
        self.0.breaker.opened().await;
    }

    /// Tells whether it is.
    pub fn is_left_alone(&self) -> bool {
        self.0.breaker.is_open()
    }

    pub(crate) fn parsed_url(&self) -> &Url {
        &self.0.url
    }

    /// Returns the URL that a delivery goes to.
    pub(crate) fn url_for(&self, delivery: &Delivery) -> Cow<'_, Url> {
        let Some(path_and_query) = &delivery.path_and_query else {
            return Cow::Borrowed(&self.0.url);
        };
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query.as_str(), None),
        };
        let mut url = self.0.url.clone();
        url.set_path(path);
        url.set_query(query);
        Cow::Owned(url)
    }

    pub(crate) fn style(&self) -> &Style {
        &self.0.style
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.0.faults
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.0.timeout
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        self.0.connect_timeout
    }

    pub(crate) fn first_byte_timeout(&self) -> Option<Duration> {
        self.0.first_byte_timeout
    }

    pub(crate) fn in_flight_max(&self) -> usize {
        self.0.in_flight_max
    }

    pub(crate) fn link(&self) -> &Link {
        &self.0.link
    }

    pub(crate) fn base_headers(&self) -> &Headers {
        &self.0.headers
    }

    /// Takes one attempt of what is left for this target. Returns when it may begin, when that is not at
    /// once.
    ///
    /// # Errors
    ///
    /// When there is to be none, with the reason for people.
    pub(crate) fn turn(&self) -> Result<Option<Instant>, String> {
        if self.0.breaker.is_open() {
            return Err("more than half of the attempts failed for ten seconds: it is left alone"
                .to_owned());
        }
        self.0.allowance.take().map_err(|most| {
            format!("a target on the public internet gets at most {most} deliveries")
        })
    }

    /// Counts what came of an attempt, for a target that is to be spared.
    pub(crate) fn count(&self, outcome: &Outcome) {
        if self.0.reach == Reach::Loopback {
            return;
        }
        let is_error = match outcome {
            Outcome::Answered(reply) => reply.status == 429 || reply.status >= 500,
            Outcome::Failed(_) => true,
        };
        self.0.breaker.count(Instant::now(), is_error);
    }

    pub(crate) fn permit(&self, plan: &Plan) -> Result<(), GuardError> {
        permit_plan(self.0.allowance.caps(), plan)
    }

    /// Returns every line of the request for a delivery, in the order in which they are sent. What frames
    /// the body is written here, and not left to an engine, so that the record of the request is complete.
    pub(crate) fn headers_for(&self, delivery: &Delivery) -> Headers {
        let base = if delivery.is_bare { &self.0.bare_headers } else { &self.0.headers };
        let mut headers = overlay(base, &delivery.headers);
        // RFC 9110 section 8.6: where no body is expected, none needs no length.
        let is_bodiless = || {
            let method = delivery.method.as_ref().unwrap_or(&self.0.style.method).as_str();
            delivery.body.is_empty() && !["POST", "PUT", "PATCH"].contains(&method)
        };
        if delivery.is_bare && is_bodiless() {
            return headers;
        }
        if self.0.style.chunked.is_some() {
            headers.push("transfer-encoding", "chunked");
        } else {
            headers.push("content-length", delivery.body.len().to_string());
        }
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

/// The lines of every request that are our own.
fn base_headers(url: &Url, options: &Options, reach: Reach) -> Headers {
    let authority = &url[Position::BeforeHost..Position::AfterPort];
    let mut user_agent = concat!("ringback/", env!("CARGO_PKG_VERSION")).to_owned();
    if reach != Reach::Loopback && !options.run_id.is_empty() {
        // Whoever is sent to from elsewhere should be able to say which run it was.
        user_agent = format!("{user_agent} run={}", options.run_id);
    }
    let mut ours = Headers::from_iter([
        (HOST.as_str(), authority),
        (CONTENT_TYPE.as_str(), "application/json"),
        (USER_AGENT.as_str(), &user_agent),
        // The client would add it anyway; here it can be replaced, and is on record.
        (ACCEPT.as_str(), "*/*"),
    ]);
    if options.http2 {
        // HTTP/2 has it in front of the header lines, as `:authority`.
        ours.0.remove(0);
    }
    if options.style.gzip {
        ours.push("content-encoding", "gzip");
    }
    if options.style.expect_continue.is_some() {
        ours.push("expect", "100-continue");
    }
    ours
}

/// Leaves out the lines that nobody needs or asked for.
fn bare(mut ours: Headers, engine: Engine, reach: Reach) -> Headers {
    ours.0.retain(|line| match line.0.as_str() {
        "content-type" => false,
        // The client would add it, and it would be missing in the record of the request.
        "accept" => engine == Engine::Reqwest,
        // It says which run it was to whoever is sent to from elsewhere.
        "user-agent" => reach != Reach::Loopback,
        _ => true,
    });
    ours
}

/// Sets up the engine.
fn line(engine: Engine, url: &Url, place: Place, options: &Options) -> Result<Line, TargetError> {
    let is_https = url.scheme() == "https";
    let protocols: &[&[u8]] = if options.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    let tls = if is_https { Some(config(&options.tls, protocols)?) } else { None };
    let connect_timeout = options.connect_timeout.min(options.timeout);
    let idle_max = options.in_flight_max.max(1);
    match engine {
        Engine::Reqwest => {
            let http2 = options.http2;
            let setup = client::Setup { place: &place, tls, http2, connect_timeout, idle_max };
            client(setup).map(Line::Reqwest).map_err(TargetError::Client)
        }
        Engine::Wire => {
            let name = || match url.host() {
                Some(Host::Ipv4(v4)) => Ok(ServerName::from(IpAddr::V4(v4))),
                Some(Host::Ipv6(v6)) => Ok(ServerName::from(IpAddr::V6(v6))),
                host => ServerName::try_from(host.map(|it| it.to_string()).unwrap_or_default())
                    .map_err(|_| TargetError::Url(url::ParseError::InvalidDomainCharacter)),
            };
            let tls = match tls {
                Some(config) => Some((Arc::new(config), name()?)),
                None => None,
            };
            let continue_timeout = options.style.expect_continue.unwrap_or_default();
            Ok(Line::Wire(Wire {
                place,
                tls,
                connect_timeout,
                continue_timeout,
                idle_max,
                idle: Mutex::default(),
            }))
        }
    }
}

/// Returns the addresses of the host, or why there are none.
async fn find_addresses<F, L>(
    url: &Url,
    resolve: &[Resolve],
    time_limit: Duration,
    lookup: F,
) -> Result<Vec<IpAddr>, String>
where
    F: FnOnce(String, u16) -> L,
    L: Future<Output = io::Result<Vec<IpAddr>>>,
{
    if let Some(addresses) = resolve.iter().find_map(|resolve| resolve.of(url)) {
        return Ok(addresses.to_vec());
    }
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
    let found = find_addresses(url, &[], CONNECT_TIMEOUT, |host, port| async move {
        let found = tokio::net::lookup_host((host, port)).await?;
        Ok(found.map(|address| address.ip()).collect())
    });
    let addresses = found.await.map_err(UpstreamError::NoAddress)?;
    if let Err(error @ GuardError::Never { .. }) = permit(url, &addresses, Permissions::default()) {
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
