//! Where deliveries may go: pure. A host and the addresses it has come in, a reach or a refusal that
//! says what to do goes out.
//!
//! A tool that sends on command must not become one that attacks on command. This machine is free; a
//! private network has to be named; the internet has to be named and confirmed, gets https only, and
//! little of it unless it consents to more. Some addresses get nothing, whatever is allowed. The worst
//! address of a host decides: a name with a harmless and a harmful address is how a guard is got round.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;

use url::{Host, Url};

use crate::plan::{Pace, Plan};
use crate::rate::Rate;
use crate::reach::{Reach, reach};

/// How many deliveries one [`Target`](crate::Target) on the public internet gets.
pub const PUBLIC_DELIVERIES_MAX: u64 = 1_000;

/// How many deliveries a second a target on the public internet gets.
pub const PUBLIC_PER_SECOND_MAX: NonZeroU32 = NonZeroU32::new(10).expect("it is more than 0");

/// How many deliveries a second a target on a private network gets.
pub const PRIVATE_PER_SECOND_MAX: NonZeroU32 = NonZeroU32::new(1_000).expect("it is more than 0");

/// How much a target gets. The default is as much as it can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Caps {
    pub(crate) per_second: Option<NonZeroU32>,
    pub(crate) attempts: Option<u64>,
}

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
    /// The host is on the internet and allowed, and nobody has confirmed that it may be sent to.
    #[error(
        "`{host}` is {address}, on the public internet: confirm that you may send to it by typing its name on a terminal, or with `--i-own {host}`"
    )]
    Unconfirmed {
        /// The host.
        host: String,
        /// The address that decides.
        address: IpAddr,
    },
    /// The host is on the internet, and was asked in vain whether it takes more than it gets unasked.
    #[error(
        "`{host}` does not consent to more than {PUBLIC_PER_SECOND_MAX}/s: {why}; leave `--max-rate` out, or let `GET {path}` answer with the nonce of its query"
    )]
    NoConsent {
        /// The host.
        host: String,
        /// What it was asked.
        path: &'static str,
        /// What came of it.
        why: String,
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
    /// The plan is faster than its target permits.
    #[error(
        "the plan sends at {rate}, and its target gets at most {most}/s: lower the rate, or raise the limit with `--max-rate`"
    )]
    TooFast {
        /// The rate of the plan.
        rate: Rate,
        /// The highest.
        most: NonZeroU32,
    },
    /// The plan has more deliveries than its target gets.
    #[error(
        "the plan has {count} deliveries, and a target on the public internet gets at most {most}: send fewer"
    )]
    TooMany {
        /// How many the plan has.
        count: u64,
        /// How many it may have.
        most: u64,
    },
}

/// What somebody has permitted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Permissions<'a> {
    pub(crate) allowed: &'a [AllowHost],
    pub(crate) owned: &'a [AllowHost],
}

/// Judges a target by all the addresses of its host, and returns the reach of the farthest. A host
/// without any is not reached at all.
pub(crate) fn permit(
    url: &Url,
    addresses: &[IpAddr],
    permissions: Permissions<'_>,
) -> Result<Reach, GuardError> {
    let worst = addresses.iter().map(|address| (reach(*address), *address)).max();
    let Some((reach, address)) = worst else { return Ok(Reach::Loopback) };
    let host = url.host_str().unwrap_or_default().to_owned();
    let is_allowed = || permissions.allowed.iter().any(|allow| allow.covers(url));
    let is_owned = || permissions.owned.iter().any(|allow| allow.covers(url));
    match reach {
        Reach::Loopback => Ok(reach),
        Reach::Private if is_allowed() => Ok(reach),
        Reach::Private => Err(GuardError::Private { host, address }),
        Reach::Public if !is_allowed() => Err(GuardError::Public { host, address }),
        Reach::Public if url.scheme() != "https" => Err(GuardError::PlainHttp { host, address }),
        Reach::Public if !is_owned() => Err(GuardError::Unconfirmed { host, address }),
        Reach::Public => Ok(reach),
        Reach::Never(why) => Err(GuardError::Never { host, address, why }),
    }
}

/// Returns how much a target gets. What is on the internet was asked before it gets more.
pub(crate) fn caps(reach: Reach, max_rate: Option<NonZeroU32>) -> Caps {
    match (reach, max_rate) {
        (Reach::Loopback, max_rate) => Caps { per_second: max_rate, attempts: None },
        (Reach::Private, max_rate) => {
            Caps { per_second: max_rate.or(Some(PRIVATE_PER_SECOND_MAX)), attempts: None }
        }
        (_, Some(max_rate)) => Caps { per_second: Some(max_rate), attempts: None },
        (_, None) => {
            Caps { per_second: Some(PUBLIC_PER_SECOND_MAX), attempts: Some(PUBLIC_DELIVERIES_MAX) }
        }
    }
}

/// Judges a plan by how much its target gets.
pub(crate) fn permit_plan(caps: &Caps, plan: &Plan) -> Result<(), GuardError> {
    if let Some(most) = caps.attempts {
        // One more than are permitted is enough to know.
        let count = plan.turns().zip(0..=most).count() as u64;
        if count > most {
            return Err(GuardError::TooMany { count: plan.total().unwrap_or(count), most });
        }
    }
    match (&plan.pace, caps.per_second) {
        (Pace::Rate(rate), Some(most)) if rate.exceeds_per_second(most.get()) => {
            Err(GuardError::TooFast { rate: *rate, most })
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
        let permissions = Permissions { allowed: &allowed, owned: &allowed };
        permit(&url.parse().unwrap(), &addresses, permissions)
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
        let allowed = ["a.test".parse().unwrap()];
        let unconfirmed = Permissions { allowed: &allowed, owned: &[] };
        let refused =
            permit(&"https://a.test/".parse().unwrap(), &["8.8.8.8".parse().unwrap()], unconfirmed);
        insta::assert_snapshot!(refused.unwrap_err(), @"`a.test` is 8.8.8.8, on the public internet: confirm that you may send to it by typing its name on a terminal, or with `--i-own a.test`");
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
        let permit = |reach, plan: &Plan| permit_plan(&caps(reach, None), plan);
        assert_eq!(permit(Reach::Loopback, &plan(1_000_000, "100000/s")), Ok(()));
        assert_eq!(permit(Reach::Private, &plan(1_000_000, "1000/s")), Ok(()));
        assert_eq!(permit(Reach::Public, &plan(1_000, "10/s")), Ok(()));
        assert_eq!(permit(Reach::Public, &one_by_one(1_000)), Ok(()));
        insta::assert_snapshot!(permit(Reach::Public, &one_by_one(1_001)).unwrap_err(), @"the plan has 1001 deliveries, and a target on the public internet gets at most 1000: send fewer");
        insta::assert_snapshot!(permit(Reach::Public, &plan(10, "601/m")).unwrap_err(), @"the plan sends at 601/m, and its target gets at most 10/s: lower the rate, or raise the limit with `--max-rate`");
        insta::assert_snapshot!(permit(Reach::Private, &plan(10, "1001/s")).unwrap_err(), @"the plan sends at 1001/s, and its target gets at most 1000/s: lower the rate, or raise the limit with `--max-rate`");
        let raised = caps(Reach::Public, NonZeroU32::new(50));
        assert_eq!(permit_plan(&raised, &plan(100_000, "50/s")), Ok(()));
        assert!(permit_plan(&raised, &plan(10, "51/s")).is_err());
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
            let is_free = permit(&url, &addresses, Permissions::default()).is_ok();
            prop_assert_eq!(is_free, addresses.iter().all(|a| a.to_canonical().is_loopback()));
        }

        /// What is reached was permitted in full, whatever the addresses and the flags.
        #[test]
        fn nothing_is_reached_that_was_not_permitted(
            bits in prop::collection::vec((any::<bool>(), any::<u128>(), 0_usize..4), 1..4),
            scheme in "https?",
            is_allowed: bool,
            is_owned: bool,
        ) {
            // Most of all addresses are public: the special ones get their share.
            let special: [IpAddr; 4] = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "fd00::1"]
                .map(|text| text.parse().unwrap());
            let addresses: Vec<IpAddr> = bits
                .into_iter()
                .map(|(is_special, bits, n)| if is_special { special[n] } else { IpAddr::V4(((bits >> 96) as u32).into()) })
                .collect();
            let named = ["a.test".parse().unwrap()];
            let given = |is: bool| if is { &named[..] } else { &[] };
            let permissions = Permissions { allowed: given(is_allowed), owned: given(is_owned) };
            let url = format!("{scheme}://a.test/").parse().unwrap();
            let may_be = |address: &IpAddr| match reach(*address) {
                Reach::Loopback => true,
                Reach::Private => is_allowed,
                Reach::Public => is_allowed && is_owned && scheme == "https",
                Reach::Never(_) => false,
            };
            let is_reached = permit(&url, &addresses, permissions).is_ok();
            prop_assert!(!is_reached || addresses.iter().all(may_be), "{:?}", addresses);
        }

        #[test]
        fn no_text_panics(text in ".{0,30}") {
            let _ = text.parse::<AllowHost>();
        }
    }
}
