//! How a target is reached, and what is sent to it beside its deliveries.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ringback_exchange::Headers;
use url::{Host, Url};

use crate::engine::Engine;
use crate::fault::Faults;
use crate::guard::AllowHost;
use crate::run::IN_FLIGHT_MAX;
use crate::style::Style;
use crate::tls::Tls;

/// The time that a receiver has by Oration's documents, from the connection to the end of the reply.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// The time that a name and a connection may take, unless something else is wanted.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How a target is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// From the begin of an attempt to the end of its reply. Usually [`TIMEOUT`].
    pub timeout: Duration,
    /// From the begin of an attempt to its connection, TLS included; also for the name's addresses.
    /// Usually [`CONNECT_TIMEOUT`]. The shorter of the two times wins.
    pub connect_timeout: Duration,
    /// From the begin of an attempt to the first byte of its reply, when that has a limit of its own.
    pub first_byte_timeout: Option<Duration>,
    /// Lines for every request, in this order, duplicates kept. They replace what would be sent under
    /// the same name: `host`, `content-type: application/json`, `user-agent: ringback/VERSION`,
    /// `accept: */*`.
    pub headers: Headers,
    /// How requests are written.
    pub style: Style,
    /// What is done to them on purpose.
    pub faults: Faults,
    /// What sends them; the one that can, when none is asked for.
    pub engine: Option<Engine>,
    /// Sends by HTTP/2: agreed on by ALPN over https, known beforehand over http (RFC 9113 section 3.3).
    pub http2: bool,
    /// Who is trusted over https.
    pub tls: Tls,
    /// A socket in the file system of this machine to connect to, whatever the host of the URL.
    pub unix_socket: Option<PathBuf>,
    /// Addresses of names that are not asked of the system. They are judged like any others.
    pub resolve: Vec<Resolve>,
    /// Hosts beyond this machine that deliveries may go to.
    pub allow_hosts: Vec<AllowHost>,
    /// Hosts on the public internet of which somebody has confirmed that they may be sent to.
    pub owned_hosts: Vec<AllowHost>,
    /// The most attempts a second, in place of the guard's own limit. On the public internet the target
    /// has to consent to it.
    pub max_rate: Option<NonZeroU32>,
    /// What tells this run from others, for the user agent of targets beyond this machine and for asking
    /// for their consent: letters, digits, `-` and `_`.
    pub run_id: String,
    /// How many attempts of a run may be in flight at once, from 1; 0 is taken for 1. Usually
    /// [`IN_FLIGHT_MAX`].
    pub in_flight_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            first_byte_timeout: None,
            headers: Headers::default(),
            style: Style::default(),
            faults: Faults::default(),
            engine: None,
            http2: false,
            tls: Tls::default(),
            unix_socket: None,
            resolve: Vec::new(),
            allow_hosts: Vec::new(),
            owned_hosts: Vec::new(),
            max_rate: None,
            run_id: String::new(),
            in_flight_max: IN_FLIGHT_MAX,
        }
    }
}

/// The addresses of one name, written `HOST:PORT:ADDRESS`, with more addresses after commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    host: Host,
    port: u16,
    addresses: Vec<IpAddr>,
}

/// A text that names no host with its addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` gives no addresses to a host: write `HOST:PORT:ADDRESS`")]
pub struct ResolveError {
    /// What was given.
    pub text: String,
}

impl Resolve {
    /// Returns the addresses, when they are those of the URL's host and port.
    pub(crate) fn of(&self, url: &Url) -> Option<&[IpAddr]> {
        let is_it = url.host().is_some_and(|host| host.to_owned() == self.host)
            && url.port_or_known_default() == Some(self.port);
        is_it.then_some(self.addresses.as_slice())
    }
}

impl FromStr for Resolve {
    type Err = ResolveError;

    fn from_str(text: &str) -> Result<Self, ResolveError> {
        let refused = || ResolveError { text: text.to_owned() };
        let (host, rest) = text.split_once(':').ok_or_else(refused)?;
        let (port, addresses) = rest.split_once(':').ok_or_else(refused)?;
        let address = |text: &str| {
            let text = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
            text.parse().map_err(|_| refused())
        };
        Ok(Self {
            host: Host::parse(host).map_err(|_| refused())?,
            port: port.parse().map_err(|_| refused())?,
            addresses: addresses.split(',').map(address).collect::<Result<_, _>>()?,
        })
    }
}

impl fmt::Display for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.host, self.port)?;
        let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        f.write_str(&addresses.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_belong_to_one_host_and_port() {
        let resolve: Resolve = "A.test:8443:10.0.0.1,[::1]".parse().unwrap();
        assert_eq!(resolve.to_string(), "a.test:8443:10.0.0.1,::1");
        let of = |url: &str| resolve.of(&url.parse().unwrap()).map(<[IpAddr]>::len);
        assert_eq!(of("https://a.test:8443/x"), Some(2));
        assert_eq!(of("https://a.test/"), None);
        assert_eq!(of("https://b.test:8443/"), None);
        for text in
            ["", "a.test", "a.test:80", "a.test:80:", "a.test:x:1.1.1.1", "a.test:80:b.test"]
        {
            assert_eq!(text.parse::<Resolve>(), Err(ResolveError { text: text.to_owned() }));
        }
    }
}
