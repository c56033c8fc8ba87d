//! Whose network an address is in: pure, by the registries of special addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far away an address is, from the most harmless to what is never sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// This machine.
    Loopback,
    /// A network behind a router: somebody's home, office or cluster.
    Private,
    /// The internet.
    Public,
    /// No webhook receiver can be there, and what can be there must not get one. With the reason.
    Never(&'static str),
}

use Reach::{Loopback, Never, Private, Public};

/// Network, length of its prefix, reach. The first that holds the address decides.
const V4: &[(Ipv4Addr, u32, Reach)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, Never("an unspecified address")),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Private),
    (Ipv4Addr::new(100, 100, 100, 200), 32, Never("a cloud's metadata service")),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Private),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Loopback),
    (Ipv4Addr::new(168, 63, 129, 16), 32, Never("a cloud's metadata service")),
    (Ipv4Addr::new(169, 254, 169, 254), 32, Never("a cloud's metadata service")),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Never("a link-local address")),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Never("reserved for protocols")),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Never("reserved for documentation")),
    (Ipv4Addr::new(192, 88, 99, 0), 24, Never("a retired relay")),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Private),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Never("reserved for documentation")),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Never("reserved for documentation")),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Never("a multicast address")),
    (Ipv4Addr::new(255, 255, 255, 255), 32, Never("the broadcast address")),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Never("reserved")),
];

/// The same for IPv6, for addresses that carry no IPv4 address in them.
const V6: &[(Ipv6Addr, u32, Reach)] = &[
    (Ipv6Addr::LOCALHOST, 128, Loopback),
    (Ipv6Addr::UNSPECIFIED, 128, Never("an unspecified address")),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, Never("a cloud's metadata service")),
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128, Never("a cloud's metadata service")),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Private),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, Never("a link-local address")),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, Private),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, Never("a multicast address")),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, Never("a Teredo tunnel")),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Never("reserved for documentation")),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Never("reserved for documentation")),
    (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, Public),
    // What is left is assigned to nobody, or to translation inside a network (64:ff9b:1::/48), where the
    // far end cannot be known.
    (Ipv6Addr::UNSPECIFIED, 0, Never("not assigned to anybody")),
];

/// Returns the reach of an address.
pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            // The system itself takes `::ffff:127.0.0.1` for 127.0.0.1.
            Some(v4) => reach_v4(v4),
            None => reach_v6(v6),
        },
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    let holds = |net: u32, bits: u32| (address.to_bits() ^ net).leading_zeros() >= bits;
    V4.iter().find(|row| holds(row.0.to_bits(), row.1)).map_or(Public, |row| row.2)
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if let Some(v4) = translated(address) {
        return match reach_v4(v4) {
            // Not this machine: the translator's own loopback.
            Loopback => Never("the loopback of a translator"),
            reach => reach,
        };
    }
    let holds = |net: u128, bits: u32| (address.to_bits() ^ net).leading_zeros() >= bits;
    V6.iter().find(|row| holds(row.0.to_bits(), row.1)).map_or(Public, |row| row.2)
}

/// Returns the IPv4 address to which a router turns this one: NAT64 (RFC 6052) has it at the end, 6to4
/// (RFC 3056) after the first sixteen bits.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        [0x64, 0xff9b, 0, 0, 0, 0] => Some(join(g, h)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word(address: &str) -> &'static str {
        match reach(address.parse().unwrap()) {
            Loopback => "loopback",
            Private => "private",
            Public => "public",
            Never(why) => why,
        }
    }

    #[test]
    fn each_kind_of_address_has_its_reach() {
        for (address, expected) in [
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("10.0.0.0", "private"),
            ("10.255.255.255", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("100.64.0.1", "private"),
            ("100.127.255.255", "private"),
            ("198.18.0.1", "private"),
            ("198.19.255.255", "private"),
            ("fc00::1", "private"),
            ("fdff::1", "private"),
            ("fec0::1", "private"),
            ("::ffff:192.168.1.1", "private"),
            ("64:ff9b::10.0.0.1", "private"),
            ("2002:c0a8:101::1", "private"),
            ("9.255.255.255", "public"),
            ("11.0.0.0", "public"),
            ("126.255.255.255", "public"),
            ("128.0.0.0", "public"),
            ("172.15.255.255", "public"),
            ("172.32.0.0", "public"),
            ("100.63.255.255", "public"),
            ("100.128.0.0", "public"),
            ("8.8.8.8", "public"),
            ("223.255.255.255", "public"),
            ("2606:4700::1111", "public"),
            ("2001:1::1", "public"),
            ("::ffff:8.8.8.8", "public"),
            ("64:ff9b::8.8.8.8", "public"),
            ("2002:808:808::1", "public"),
            ("0.0.0.0", "an unspecified address"),
            ("0.1.2.3", "an unspecified address"),
            ("::", "an unspecified address"),
            ("::ffff:0.0.0.0", "an unspecified address"),
            ("169.254.1.1", "a link-local address"),
            ("fe80::1", "a link-local address"),
            ("febf::1", "a link-local address"),
            ("169.254.169.254", "a cloud's metadata service"),
            ("::ffff:169.254.169.254", "a cloud's metadata service"),
            ("64:ff9b::169.254.169.254", "a cloud's metadata service"),
            ("2002:a9fe:a9fe::", "a cloud's metadata service"),
            ("100.100.100.200", "a cloud's metadata service"),
            ("168.63.129.16", "a cloud's metadata service"),
            ("fd00:ec2::254", "a cloud's metadata service"),
            ("fd20:ce::254", "a cloud's metadata service"),
            ("224.0.0.1", "a multicast address"),
            ("239.255.255.255", "a multicast address"),
            ("ff02::1", "a multicast address"),
            ("255.255.255.255", "the broadcast address"),
            ("240.0.0.1", "reserved"),
            ("192.0.0.192", "reserved for protocols"),
            ("192.88.99.1", "a retired relay"),
            ("192.0.2.1", "reserved for documentation"),
            ("198.51.100.1", "reserved for documentation"),
            ("203.0.113.1", "reserved for documentation"),
            ("2001:db8::1", "reserved for documentation"),
            ("3fff::1", "reserved for documentation"),
            ("2001::1", "a Teredo tunnel"),
            ("64:ff9b::127.0.0.1", "the loopback of a translator"),
            ("2002:7f00:1::", "the loopback of a translator"),
            ("64:ff9b:1::8.8.8.8", "not assigned to anybody"),
            ("::8.8.8.8", "not assigned to anybody"),
            ("::ffff:0:8.8.8.8", "not assigned to anybody"),
            ("100::1", "not assigned to anybody"),
            ("5f00::1", "not assigned to anybody"),
        ] {
            assert_eq!(word(address), expected, "{address}");
        }
    }

    proptest! {
        /// An IPv6 dress never takes an address nearer than it is.
        #[test]
        fn no_form_of_an_address_is_nearer_than_the_address(bits: u32, low: u64, form in 0..3) {
            let v4 = Ipv4Addr::from_bits(bits);
            let wide = u128::from(bits);
            let v6 = Ipv6Addr::from_bits(match form {
                0 => 0xffff << 32 | wide,
                1 => 0x0064_ff9b << 96 | wide,
                _ => 0x2002 << 112 | wide << 80 | u128::from(low),
            });
            prop_assert!(reach(v6.into()) >= reach(v4.into()), "{v6} {v4}");
        }

        /// The standard library knows some of the kinds too.
        #[test]
        fn what_the_standard_library_calls_local_is_never_public(bits: u128, v4: bool) {
            let address = if v4 {
                IpAddr::V4(Ipv4Addr::from_bits((bits >> 96) as u32))
            } else {
                IpAddr::V6(Ipv6Addr::from_bits(bits))
            };
            let is_local = match address {
                IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_broadcast()
                    || v4.is_documentation() || v4.is_multicast() || v4.is_loopback(),
                IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local()
                    || v6.is_multicast() || v6.is_loopback(),
            };
            prop_assert!(!(is_local && reach(address) == Public), "{address}");
            prop_assert_eq!(reach(address) == Loopback, address.to_canonical().is_loopback());
        }
    }
}
