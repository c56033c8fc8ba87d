//! The server that requests are forwarded to: where it is, and how a request's target is put behind it.
//!
//! A URL and the addresses of its host come in; what is no place to forward to is refused.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;
use url::Url;

use crate::error::StartError;

/// The one server that requests are forwarded to.
///
/// Its name is not looked up here: whoever runs the listener does that once, judges what is found, and
/// every connection goes to these addresses. A name that leads elsewhere tomorrow changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its address: the path and query of each request are appended to those of the URL, and the host is
    /// what the far side is told that it is called, also in TLS.
    pub url: Url,
    /// Where it is; the first that takes a connection gets it.
    pub addresses: Vec<SocketAddr>,
}

impl Upstream {
    /// Refuses an upstream that is the listener itself.
    pub(crate) fn is_elsewhere(&self, listener: SocketAddr) -> Result<(), StartError> {
        let is_here = |address: &SocketAddr| {
            let ip = address.ip().to_canonical();
            let is_ours = ip == listener.ip().to_canonical()
                || listener.ip().is_unspecified() && ip.is_loopback();
            address.port() == listener.port() && is_ours
        };
        match self.addresses.iter().any(is_here) {
            true => Err(refuse(&self.url, "the listener itself is there")),
            false => Ok(()),
        }
    }
}

/// Answers each question for the addresses of a name with those that were judged.
#[derive(Debug, Clone)]
pub(crate) struct Pinned(pub(crate) Arc<[SocketAddr]>);

impl Service<Name> for Pinned {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(Vec::from(&*self.0).into_iter()))
    }
}

/// Where requests go: the parts of its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) scheme: Scheme,
    pub(crate) authority: String,
    path: String,
    query: Option<String>,
}

impl Target {
    pub(crate) fn new(url: &Url) -> Result<Self, StartError> {
        let scheme = match url.scheme() {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            _ => return Err(refuse(url, "only `http` and `https` can be forwarded to")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse(url, "credentials do not belong in an address"));
        }
        let Some(host) = url.host_str() else { return Err(refuse(url, "it has no host")) };
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let target = Self {
            scheme,
            authority,
            path: url.path().to_owned(),
            query: url.query().map(str::to_owned),
        };
        match target.uri("/") {
            Some(_) => Ok(target),
            None => Err(refuse(url, "it is no address that HTTP can carry")),
        }
    }

    /// Appends the path and query of a request's target, which may be a whole address.
    ///
    /// The root of the listener is the target itself: `/` behind `http://h/hooks` is `/hooks`, and not
    /// `/hooks/`, which is another resource.
    pub(crate) fn uri(&self, request_target: &str) -> Option<Uri> {
        let asked: Uri = request_target.parse().ok()?;
        let asked = asked.path_and_query()?;
        let rest = asked.path().strip_prefix('/')?;
        let mut path = self.path.clone();
        if !rest.is_empty() {
            if !path.ends_with('/') {
                path.push('/');
            }
            path.push_str(rest);
        }
        let mut mark = '?';
        for query in [self.query.as_deref(), asked.query()].into_iter().flatten() {
            let _ = write!(path, "{mark}{query}");
            mark = '&';
        }
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.as_str())
            .path_and_query(path.parse::<PathAndQuery>().ok()?)
            .build()
            .ok()
    }
}

/// Says what is wrong with a place to forward to, without its credentials.
pub(crate) fn refuse(url: &Url, why: &str) -> StartError {
    let mut url = url.clone();
    // Where these fail there are no credentials to be taken away.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    StartError::Target { url: url.to_string(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::new(&url.parse().unwrap()).unwrap()
    }

    #[test]
    fn paths_and_queries_are_appended_to_the_target() {
        let check = |target_url: &str, asked: &str, sent: &str| {
            let uri = target(target_url).uri(asked).map(|uri| uri.to_string());
            assert_eq!(uri.as_deref(), Some(sent), "{target_url} and {asked}");
        };
        check("http://h", "/", "http://h/");
        check("http://h:3000", "/a?b=1", "http://h:3000/a?b=1");
        check("http://h:80/", "/a", "http://h/a");
        check("http://h/hooks", "/", "http://h/hooks");
        check("http://h/hooks", "/?b=1", "http://h/hooks?b=1");
        check("http://h/hooks", "/a", "http://h/hooks/a");
        check("http://h/hooks/", "/a/", "http://h/hooks/a/");
        check("http://h/hooks/", "/", "http://h/hooks/");
        check("http://h/?t=1", "/a?b=%20", "http://h/a?t=1&b=%20");
        check("http://h/", "/a//../%2e%2e/b", "http://h/a//../%2e%2e/b");
        check("http://[::1]:3000/", "/a", "http://[::1]:3000/a");
        check("http://h/", "http://evil/a?b", "http://h/a?b");
        assert_eq!(target("http://h/").uri("*"), None);
        assert_eq!(target("http://h/").uri("evil:443"), None);
    }

    #[test]
    fn targets_that_are_none_are_refused() {
        let why = |url: &str| Target::new(&url.parse().unwrap()).unwrap_err().to_string();
        assert_eq!(
            why("ftp://h/"),
            "requests cannot be forwarded to `ftp://h/`: only `http` and `https` can be forwarded to"
        );
        assert_eq!(
            why("http://u:p4ss@h/"),
            "requests cannot be forwarded to `http://h/`: credentials do not belong in an address"
        );
    }
}
