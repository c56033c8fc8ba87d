//! Who may ask: one check for every route, before any of them.
//!
//! The listener that captures takes anything from anyone; this one shows what was captured, so a page
//! of another site must not be able to read it, whatever name it has made its browser resolve.

use std::net::SocketAddr;

use hyper::http::{HeaderMap, Uri, header};
use subtle::ConstantTimeEq as _;

/// Who may ask.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// The address that is listened on.
    addr: SocketAddr,
    /// Names besides those of this machine that may stand in `Host`, in lower case, without port.
    hosts: Vec<String>,
    /// What has to be shown, when anything has.
    token: Option<String>,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It does not name this listener: 421.
    Host(&'static str),
    /// It was made for a page of another site: 403.
    Origin(&'static str),
    /// It shows no token, or a wrong one: 401.
    Token,
}

impl Guard {
    pub(super) fn new(addr: SocketAddr, hosts: &[String], token: Option<String>) -> Self {
        let hosts = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        Self { addr, hosts, token }
    }

    pub(super) fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
        self.admit_host(uri, headers)?;
        self.admit_origin(headers)?;
        self.admit_token(headers)
    }

    /// A name that an attacker's server resolves to this machine is not one of ours (DNS rebinding).
    fn admit_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().unwrap_or_default(),
            (None, _) => return Err(Refused::Host("the request has no Host")),
            (Some(_), Some(_)) => return Err(Refused::Host("the request has two Hosts")),
        };
        if !self.is_ours(host) {
            return Err(Refused::Host("Host does not name this listener"));
        }
        match uri.authority() {
            Some(authority) if !self.is_ours(authority.as_str()) => {
                Err(Refused::Host("the address asked for is not one of this listener"))
            }
            _ => Ok(()),
        }
    }

    fn is_ours(&self, authority: &str) -> bool {
        let port = self.addr.port();
        let (name, named_port) = match authority.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((name, digits)) if !digits.contains(']') => match digits.parse::<u16>() {
                Ok(port) => (name, port),
                Err(_) => return false,
            },
            _ => (authority, 80),
        };
        let name = name.to_ascii_lowercase();
        let ip = self.addr.ip();
        let is_bound = match ip {
            _ if ip.is_unspecified() => false,
            ip if ip.is_ipv6() => name == format!("[{ip}]"),
            ip => name == ip.to_string(),
        };
        let is_local = matches!(name.as_str(), "localhost" | "127.0.0.1" | "[::1]");
        // Behind a name that the operator has given, the port may be that of a proxy.
        self.hosts.contains(&name) || (port == named_port && (is_local || is_bound))
    }

    /// As `http.CrossOriginProtection` of Go and the browsers' own fetch metadata have it, but for
    /// reading too: what is read here is secret.
    fn admit_origin(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        match text("sec-fetch-site") {
            None | Some("same-origin" | "none") => {}
            Some(_) => return Err(Refused::Origin("the request comes from another site")),
        }
        let Some(origin) = text("origin") else { return Ok(()) };
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        let host = text("host").unwrap_or_default();
        if authority.eq_ignore_ascii_case(host) && self.is_ours(authority) {
            return Ok(());
        }
        Err(Refused::Origin("the request comes from a page of another site"))
    }

    fn admit_token(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let Some(token) = &self.token else { return Ok(()) };
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if bool::from(shown.as_bytes().ct_eq(token.as_bytes())) {
            Ok(())
        } else {
            Err(Refused::Token)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(guard: &Guard, target: &str, lines: &[(&'static str, &str)]) -> Result<(), Refused> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        guard.admit(&target.parse().unwrap(), &headers)
    }

    fn local() -> Guard {
        Guard::new("127.0.0.1:4041".parse().unwrap(), &["Hooks.Example".to_owned()], None)
    }

    #[test]
    fn only_names_of_this_listener_are_answered() {
        let host = |host: &str| admit(&local(), "/", &[("host", host)]).is_ok();
        for ours in
            ["127.0.0.1:4041", "localhost:4041", "[::1]:4041", "LOCALHOST:4041", "hooks.example"]
        {
            assert!(host(ours), "{ours}");
        }
        for other in [
            "evil.test:4041",
            "localhost",
            "localhost:80",
            "127.0.0.1:4040",
            "",
            ":4041",
            "localhost:x",
        ] {
            assert!(!host(other), "{other}");
        }
        assert!(admit(&local(), "/", &[]).is_err());
        let two = [("host", "localhost:4041"), ("host", "evil.test")];
        assert!(admit(&local(), "/", &two).is_err());
        let absolute = admit(&local(), "http://evil.test/", &[("host", "localhost:4041")]);
        assert!(absolute.is_err(), "the address asked for counts too");

        let six = Guard::new("[fd00::1]:80".parse().unwrap(), &[], None);
        assert!(admit(&six, "/", &[("host", "[fd00::1]")]).is_ok());
        assert!(admit(&six, "/", &[("host", "fd00::1")]).is_err());
    }

    #[test]
    fn a_page_of_another_site_is_not_answered() {
        let ask = |name, value| admit(&local(), "/", &[("host", "localhost:4041"), (name, value)]);
        assert!(ask("origin", "http://localhost:4041").is_ok());
        assert!(
            ask("sec-fetch-site", "same-origin").is_ok() && ask("sec-fetch-site", "none").is_ok()
        );
        for origin in ["http://evil.test", "null", "http://localhost:3000", "http://127.0.0.1:4041"]
        {
            assert!(matches!(ask("origin", origin), Err(Refused::Origin(_))), "{origin}");
        }
        for site in ["cross-site", "same-site", ""] {
            assert!(matches!(ask("sec-fetch-site", site), Err(Refused::Origin(_))), "{site}");
        }
    }

    #[test]
    fn a_token_is_shown_whole_or_not_at_all() {
        let guard = Guard::new("10.0.0.1:80".parse().unwrap(), &[], Some("abc".to_owned()));
        let ask =
            |value: &str| admit(&guard, "/", &[("host", "10.0.0.1"), ("authorization", value)]);
        assert_eq!(ask("Bearer abc"), Ok(()));
        for wrong in ["Bearer ab", "Bearer abcd", "Bearer ", "abc", "Basic abc"] {
            assert_eq!(ask(wrong), Err(Refused::Token), "{wrong}");
        }
        assert_eq!(admit(&guard, "/", &[("host", "10.0.0.1")]), Err(Refused::Token));
    }
}
