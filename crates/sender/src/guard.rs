//! Where deliveries may go: pure. A host and the addresses it has come in, a reach or a refusal that
//! says what to do goes out.
//!
//! A tool that sends on command must not become one that attacks on command. This machine is free; a
//! private network has to be named; the internet has to be named, gets https only, and little of it.
//! Some addresses get nothing, whatever is allowed. The worst address of a host decides: a name with a
//! harmless and a harmful address is how a guard is got round.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

use crate::plan::{Pace, Plan};
use crate::rate::Rate;
use crate::reach::{Reach, reach};

/// How many deliveries one [`Target`](crate::Target) on the public internet gets.
pub const PUBLIC_DELIVERIES_MAX: u64 = 1_000;

/// How many deliveries a second a target on the public internet gets.
pub const PUBLIC_PER_SECOND_MAX: u32 = 10;

/// A host that deliveries may go to, written `HOST` or `HOST:PORT`. Without a port it is every port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowHost {
    host: Host,
    port: Option<u16>,
}

/// A text that is no host to allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no host to allow: write `HOST` or `HOST:PORT`, with an IPv6 address in brackets"
)]
pub struct AllowHostError {
    /// What was given.
    pub text: String,
}

/// Why deliveries may not go somewhere, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// Nothing goes there, whatever is allowed.
    #[error("`{host}` is {address}, {why}: deliveries never go there, so send to another address")]
    Never {
        /// The host.
        host: String,
        /// The address that decides.
        address: IpAddr,
        /// What is there.
        why: &'static str,
    },
    /// The host is in a private network and was not allowed.
    #[error(
        "`{host}` is {address}, on a private network: if its owner agrees, allow it with `--allow-host {host}`"
    )]
    Private {
        /// The host.
        host: String,
        /// The address that decides.
        address: IpAddr,
    },
    /// The host is on the internet and was not allowed.
    #[error(
        "`{host}` is {address}, on the public internet: if its owner agrees, allow it with `--allow-host {host}`"
    )]
    Public {
        /// The host.
        host: String,
        /// The address that decides.
        address: IpAddr,
    },
    /// The host is on the internet and allowed, and the URL is not https.
    #[error(
        "`{host}` is {address}, on the public internet: events go there by https only, so use https"
    )]
    PlainHttp {
        /// The host.
        host: String,
        /// The address that decides.
        address: IpAddr,
    },
    /// The plan is faster than a target on the internet gets.
    #[error(
        "the plan sends at {rate}, and a target on the public internet gets at most {PUBLIC_PER_SECOND_MAX}/s: lower the rate"
    )]
    TooFast {
        /// The rate of the plan.
        rate: Rate,
    },
    /// The plan has more deliveries than a target on the internet gets.
    #[error(
        "the plan has {count} deliveries, and a target on the public internet gets at most {PUBLIC_DELIVERIES_MAX}: send fewer"
    )]
    TooMany {
        /// How many the plan has.
        count: u64,
    },
}

/// Judges a target by all the addresses of its host, and returns the reach of the farthest. A host
/// without any is not reached at all.
pub(crate) fn permit(
    url: &Url,
    addresses: &[IpAddr],
    allowed: &[AllowHost],
) -> Result<Reach, GuardError> {
    let worst = addresses.iter().map(|address| (reach(*address), *address)).max();
    let Some((reach, address)) = worst else { return Ok(Reach::Loopback) };
    let host = url.host_str().unwrap_or_default().to_owned();
    let is_allowed = || allowed.iter().any(|allow| allow.covers(url));
    match reach {
        Reach::Loopback => Ok(reach),
        Reach::Private if is_allowed() => Ok(reach),
        Reach::Private => Err(GuardError::Private { host, address }),
        Reach::Public if !is_allowed() => Err(GuardError::Public { host, address }),
        Reach::Public if url.scheme() == "https" => Ok(reach),
        Reach::Public => Err(GuardError::PlainHttp { host, address }),
        Reach::Never(why) => Err(GuardError::Never { host, address, why }),
    }
}

/// Judges a plan by where it goes.
pub(crate) fn permit_plan(reach: Reach, plan: &Plan) -> Result<(), GuardError> {
    if reach != Reach::Public {
        return Ok(());
    }
    // One more than are permitted is enough to know.
    let count = plan.turns().zip(0..=PUBLIC_DELIVERIES_MAX).count() as u64;
    if count > PUBLIC_DELIVERIES_MAX {
        return Err(GuardError::TooMany { count: plan.total().unwrap_or(count) });
    }
    match plan.pace {
        Pace::Rate(rate) if rate.exceeds_per_second(PUBLIC_PER_SECOND_MAX) => {
            Err(GuardError::TooFast { rate })
        }
        // What comes faster in other ways waits for its turn.
        _ => Ok(()),
    }
}

impl AllowHost {
    fn covers(&self, url: &Url) -> bool {
        let host = url.host().map(|host| without_final_dot(host.to_owned()));
        let port_matches = self.port.is_none() || self.port == url.port_or_known_default();
        host.as_ref() == Some(&self.host) && port_matches
    }
}

impl FromStr for AllowHost {
    type Err = AllowHostError;

    fn from_str(text: &str) -> Result<Self, AllowHostError> {
        let refused = || AllowHostError { text: text.to_owned() };
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if host.ends_with(']') || !host.contains(':') => {
                (host, Some(port.parse().map_err(|_| refused())?))
            }
            // `[::1]` has its last colon inside, and more than one says that brackets are missing.
            Some(_) if !text.ends_with(']') => return Err(refused()),
            _ => (text, None),
        };
        let host = Host::parse(host).map_err(|_| refused())?;
        Ok(Self { host: without_final_dot(host), port })
    }
}

impl fmt::Display for AllowHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// `example.com.` and `example.com` are one host.
fn without_final_dot(host: Host) -> Host {
    match host {
        Host::Domain(name) => Host::Domain(name.trim_end_matches('.').to_owned()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(url: &str, addresses: &[&str], allowed: &[&str]) -> Result<Reach, GuardError> {
        let addresses: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let allowed: Vec<_> = allowed.iter().map(|text| text.parse().unwrap()).collect();
        permit(&url.parse().unwrap(), &addresses, &allowed)
    }

    fn refusal(url: &str, addresses: &[&str], allowed: &[&str]) -> String {
        check(url, addresses, allowed).unwrap_err().to_string()
    }

    #[test]
    fn this_machine_is_free() {
        assert_eq!(check("http://localhost:1/", &["127.0.0.1", "::1"], &[]), Ok(Reach::Loopback));
        assert_eq!(check("https://a.test/", &["::ffff:127.0.0.1"], &[]), Ok(Reach::Loopback));
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        insta::assert_snapshot!(refusal("http://nas:80/", &["10.0.0.1"], &[]), @"`nas` is 10.0.0.1, on a private network: if its owner agrees, allow it with `--allow-host nas`");
        insta::assert_snapshot!(refusal("https://a.test/", &["8.8.8.8"], &["b.test"]), @"`a.test` is 8.8.8.8, on the public internet: if its owner agrees, allow it with `--allow-host a.test`");
        insta::assert_snapshot!(refusal("http://a.test/", &["8.8.8.8"], &["a.test"]), @"`a.test` is 8.8.8.8, on the public internet: events go there by https only, so use https");
        insta::assert_snapshot!(refusal("http://169.254.169.254/", &["169.254.169.254"], &["169.254.169.254"]), @"`169.254.169.254` is 169.254.169.254, a cloud's metadata service: deliveries never go there, so send to another address");
    }

    #[test]
    fn the_worst_address_decides() {
        let refused = check("http://a.test/", &["127.0.0.1", "10.0.0.1", "::1"], &[]);
        assert!(matches!(refused, Err(GuardError::Private { .. })), "{refused:?}");
        let refused = check("https://a.test/", &["8.8.8.8", "169.254.169.254"], &["a.test"]);
        assert!(matches!(refused, Err(GuardError::Never { .. })), "{refused:?}");
        assert_eq!(
            check("https://a.test/", &["8.8.8.8", "10.0.0.1"], &["a.test"]),
            Ok(Reach::Public),
            "the caps of the farthest hold"
        );
    }

    #[test]
    fn a_host_is_allowed_by_name_and_port() {
        for (allow, url, is_allowed) in [
            ("nas", "http://nas/", true),
            ("nas", "http://nas:8080/", true),
            ("NAS", "http://nas/", true),
            ("nas.", "http://nas/", true),
            ("nas", "http://nas./", true),
            ("nas:80", "http://nas/", true),
            ("nas:443", "https://nas/", true),
            ("nas:443", "http://nas/", false),
            ("nas:8080", "http://nas/", false),
            ("nas", "http://nas.evil/", false),
            ("nas", "http://a.nas/", false),
            ("10.0.0.1:81", "http://10.0.0.1:81/", true),
            ("10.1", "http://10.0.0.1/", true),
            ("10.0.0.2", "http://10.0.0.1/", false),
            ("[fd00::1]", "http://[fd00::1]:9/", true),
            ("[fd00::1]:9", "http://[fd00:0::1]:9/", true),
            ("[fd00::1]:9", "http://[fd00::1]/", false),
            ("bücher", "http://xn--bcher-kva/", true),
        ] {
            let result = check(url, &["10.0.0.1"], &[allow]);
            assert_eq!(result.is_ok(), is_allowed, "{allow} {url}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in
            ["", ":80", "a b", "a:", "a:x", "a:65536", "::1", "[::1", "[::1]x", "a/b", "http://a"]
        {
            assert_eq!(
                text.parse::<AllowHost>(),
                Err(AllowHostError { text: text.to_owned() }),
                "{text}"
            );
        }
        for text in ["a.test", "a.test:80", "[::1]:80", "10.0.0.1"] {
            assert_eq!(text.parse::<AllowHost>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_plan_to_the_internet_is_small_and_slow() {
        let plan = |count, rate: &str| Plan::new(count, Pace::Rate(rate.parse().unwrap()));
        let one_by_one = |count| Plan::new(count, Pace::OneByOne);
        for reach in [Reach::Loopback, Reach::Private] {
            assert_eq!(permit_plan(reach, &plan(1_000_000, "1000/s")), Ok(()));
        }
        assert_eq!(permit_plan(Reach::Public, &plan(1_000, "10/s")), Ok(()));
        assert_eq!(permit_plan(Reach::Public, &one_by_one(1_000)), Ok(()));
        let too_many = permit_plan(Reach::Public, &one_by_one(1_001)).unwrap_err();
        insta::assert_snapshot!(too_many, @"the plan has 1001 deliveries, and a target on the public internet gets at most 1000: send fewer");
        let too_fast = permit_plan(Reach::Public, &plan(10, "601/m")).unwrap_err();
        insta::assert_snapshot!(too_fast, @"the plan sends at 601/m, and a target on the public internet gets at most 10/s: lower the rate");
    }

    proptest! {
        /// Without a permission only this machine is reached.
        #[test]
        fn nothing_but_loopback_is_free(bits: Vec<(bool, u128)>, scheme in "https?") {
            let addresses: Vec<IpAddr> = bits
                .into_iter()
                .map(|(v4, bits)| if v4 { IpAddr::V4(((bits >> 96) as u32).into()) } else { IpAddr::V6(bits.into()) })
                .collect();
            let url = format!("{scheme}://a.test/").parse().unwrap();
            let is_free = permit(&url, &addresses, &[]).is_ok();
            prop_assert_eq!(is_free, addresses.iter().all(|a| a.to_canonical().is_loopback()));
        }

        #[test]
        fn no_text_panics(text in ".{0,30}") {
            let _ = text.parse::<AllowHost>();
        }
    }
}
