//! Who is at the other end: a TCP address, somebody on this machine, or whom a proxy speaks for;
//! and how many connections each address has.
//!
//! A proxy is believed only if it is trusted, and only about the one who asked it. Everybody
//! appends to `X-Forwarded-For` on its right side, so that is where the reading begins: the first
//! address from the right that is no trusted proxy's is the client's, and whatever stands left of
//! it is only what that client said of itself.
//! Absent: sockets, HTTP, the log.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::config::{Config, Networks};
use crate::model::Origin;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peer {
    /// A TCP address and port.
    Tcp(IpAddr, u16),
    /// Somebody on this machine.
    Unix,
    /// The address for which a trusted proxy speaks.
    Forwarded(IpAddr),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address, port) => SocketAddr::new(*address, *port).fmt(f),
            Self::Unix => f.write_str("unix"),
            Self::Forwarded(address) => write!(f, "{address}"),
        }
    }
}

/// Whose word is believed, and how many WebSocket connections each address has.
///
/// An address takes memory only while it has connections, so there are at most as many of them.
#[derive(Debug)]
pub struct Crowd {
    trusted: Networks,
    /// `--max-per-address`; 0 is without limit.
    each_max: usize,
    counts: BTreeMap<Origin, Count>,
}

/// How many connections an address has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    /// Those that speak WebSocket, however they came.
    open: usize,
    /// All that it opened to us itself, whatever they say or do not say.
    direct: usize,
}

/// How many connections an address may have beyond `--max-per-address`, for requests that are
/// answered and for those that say nothing.
const SPARE: usize = 16;

impl Crowd {
    /// Nobody is here, and nobody is trusted or counted.
    pub const EMPTY: Self = Self {
        trusted: Networks::NONE,
        each_max: 0,
        counts: BTreeMap::new(),
    };

    /// Nobody is here yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            trusted: config.trusted_proxies.clone(),
            each_max: config.max_per_address,
            ..Self::EMPTY
        }
    }

    /// Whose request it is that came from `peer`; `forwarded` are the items of all its
    /// `X-Forwarded-For` fields, from the right.
    ///
    /// Without such a field, or with an unreadable one, it is the proxy's own.
    pub fn find_client<'a>(&self, peer: Peer, forwarded: impl Iterator<Item = &'a str>) -> Peer {
        let mut client = peer;
        for item in forwarded {
            if !self.is_trusted(client) {
                break;
            }
            // A proxy that does not know it says "unknown": then it is nobody's but the proxy's.
            let Some(address) = address_in(item) else {
                break;
            };
            client = Peer::Forwarded(address);
        }
        client
    }

    /// Whether as many connections as allowed come from where this peer is.
    #[must_use]
    pub fn is_full_for(&self, peer: Peer) -> bool {
        self.place_of(peer)
            .is_some_and(|place| self.each_max <= self.count(place).open)
    }

    /// The address that has to give something up before one more connection of this peer's is
    /// kept: it has as many as allowed, and those for requests besides.
    pub(crate) fn crowded(&self, peer: Peer) -> Option<Origin> {
        let most = self.each_max.saturating_add(SPARE);
        self.direct_place_of(peer)
            .filter(|&place| most <= self.count(place).direct)
    }

    /// Counts one that was accepted.
    pub(crate) fn arrive(&mut self, peer: Peer) {
        if let Some(place) = self.direct_place_of(peer) {
            self.counts.entry(place).or_default().direct += 1;
        }
    }

    /// Forgets one that was accepted.
    pub(crate) fn depart(&mut self, peer: Peer) {
        if let Some(place) = self.direct_place_of(peer) {
            self.lessen(place, |count| &mut count.direct);
        }
    }

    /// Counts one that opened.
    pub(crate) fn count_opened(&mut self, peer: Peer) {
        if let Some(place) = self.place_of(peer) {
            self.counts.entry(place).or_default().open += 1;
        }
    }

    /// Forgets one that was counted.
    pub(crate) fn count_closed(&mut self, peer: Peer) {
        if let Some(place) = self.place_of(peer) {
            self.lessen(place, |count| &mut count.open);
        }
    }

    fn count(&self, place: Origin) -> Count {
        self.counts.get(&place).copied().unwrap_or_default()
    }

    fn lessen(&mut self, place: Origin, which: impl FnOnce(&mut Count) -> &mut usize) {
        if let Some(count) = self.counts.get_mut(&place) {
            *which(count) -= 1;
            if *count == Count::default() {
                self.counts.remove(&place);
            }
        }
    }

    /// Under which origin it is counted from its first moment on; nobody's whom a proxy speaks for,
    /// which is known only later, and which opens no connections of its own.
    pub(crate) fn direct_place_of(&self, peer: Peer) -> Option<Origin> {
        match peer {
            Peer::Tcp(..) => self.place_of(peer),
            Peer::Unix | Peer::Forwarded(_) => None,
        }
    }

    /// Under which origin whatever it does is counted; `None` for trusted ones, who may be anybody.
    #[must_use]
    pub fn origin_of(&self, peer: Peer) -> Option<Origin> {
        match peer {
            Peer::Tcp(address, _) | Peer::Forwarded(address) if !self.is_trusted(peer) => {
                Some(origin(address))
            }
            Peer::Unix | Peer::Tcp(..) | Peer::Forwarded(_) => None,
        }
    }

    /// Under which origin its connections are counted, if they are.
    fn place_of(&self, peer: Peer) -> Option<Origin> {
        self.origin_of(peer).filter(|_| self.each_max != 0)
    }

    /// Only those who may open it reach a unix socket: that is trust enough.
    fn is_trusted(&self, peer: Peer) -> bool {
        match peer {
            Peer::Unix => true,
            Peer::Tcp(address, _) | Peer::Forwarded(address) => self.trusted.contains(address),
        }
    }
}

/// An IPv4 address is one; so is an IPv6 network of /64, for one household or server has all of it.
///
/// IPv4 has the numbers of 0:ffff::/32, where no IPv6 address lies that could ask us (RFC 4291,
/// section 2.4).
fn origin(address: IpAddr) -> Origin {
    Origin::from_bits(match address.to_canonical() {
        IpAddr::V4(address) => 0xffff << 32 | u64::from(address.to_bits()),
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    })
}

/// An item of `X-Forwarded-For`: an address, with a port behind it from some proxies.
fn address_in(item: &str) -> Option<IpAddr> {
    let item = item.trim();
    let bare = item
        .strip_prefix('[')
        .and_then(|item| item.strip_suffix(']'));
    let address = bare.unwrap_or(item).parse().ok();
    let with_port = || item.parse::<SocketAddr>().ok().map(|address| address.ip());
    address
        .or_else(with_port)
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(flags: &[&str]) -> Crowd {
        let args = flags.iter().map(Into::into);
        match Config::load(args, |_| None) {
            Ok(crate::config::Command::Run(config)) => Crowd::new(&config),
            other => panic!("{flags:?}: {other:?}"),
        }
    }

    fn tcp(address: &str) -> Peer {
        let address: SocketAddr = address.parse().expect("the row's address");
        Peer::Tcp(address.ip(), address.port())
    }

    #[test]
    fn a_trusted_proxy_is_believed_from_the_right() {
        const LOOPBACK: &str = "127.0.0.1:5000";
        const MANY: &str = "127.0.0.0/8,10.0.0.0/8,::1";
        // Trusted, from where, X-Forwarded-For, for whom.
        let rows = [
            ("127.0.0.1", LOOPBACK, "203.0.113.7", "203.0.113.7"),
            ("127.0.0.1", "unix", "203.0.113.7", "203.0.113.7"),
            ("none", "unix", "203.0.113.7", "203.0.113.7"),
            // Nothing is said, or nothing that can be read.
            ("127.0.0.1", LOOPBACK, "", LOOPBACK),
            ("127.0.0.1", "unix", "", "unix"),
            ("127.0.0.1", LOOPBACK, "unknown", LOOPBACK),
            ("127.0.0.1", LOOPBACK, "203.0.113.7, ", LOOPBACK),
            ("127.0.0.1", LOOPBACK, "203.0.113.7.9", LOOPBACK),
            // Somebody else's word is worth nothing.
            ("127.0.0.1", "127.0.0.2:1", "203.0.113.7", "127.0.0.2:1"),
            ("127.0.0.1", "203.0.113.9:1", "203.0.113.7", "203.0.113.9:1"),
            ("none", LOOPBACK, "203.0.113.7", LOOPBACK),
            // What the client put there itself stands on the left.
            (
                "127.0.0.1",
                LOOPBACK,
                "198.51.100.1, 203.0.113.7",
                "203.0.113.7",
            ),
            (
                "127.0.0.1",
                LOOPBACK,
                "127.0.0.1, 203.0.113.7",
                "203.0.113.7",
            ),
            ("127.0.0.1", LOOPBACK, "x\"y, ,, 203.0.113.7", "203.0.113.7"),
            // A chain of proxies.
            (
                MANY,
                LOOPBACK,
                "198.51.100.1,203.0.113.7,10.0.0.1",
                "203.0.113.7",
            ),
            (
                MANY,
                "[::1]:1",
                "203.0.113.7,10.0.0.1, 10.9.9.9",
                "203.0.113.7",
            ),
            (MANY, LOOPBACK, "10.0.0.2,10.0.0.1", "10.0.0.2"),
            (MANY, LOOPBACK, "unknown,10.0.0.1", "10.0.0.1"),
            // Every way to write an address.
            ("::1", "[::1]:1", "2001:db8::1", "2001:db8::1"),
            ("::1", "[::1]:1", "[2001:db8::1]", "2001:db8::1"),
            ("::1", "[::1]:1", "[2001:db8::1]:443", "2001:db8::1"),
            ("::1", "[::1]:1", "203.0.113.7:443", "203.0.113.7"),
            ("::1", "[::1]:1", "::ffff:203.0.113.7", "203.0.113.7"),
            (
                "127.0.0.1",
                "[::ffff:127.0.0.1]:1",
                "203.0.113.7",
                "203.0.113.7",
            ),
        ];
        for (trusted, from, field, want) in rows {
            let crowd = crowd(&["--trusted-proxy", trusted]);
            let peer = if from == "unix" {
                Peer::Unix
            } else {
                tcp(from)
            };
            let items = (!field.is_empty()).then(|| field.rsplit(','));
            let found = crowd.find_client(peer, items.into_iter().flatten());
            assert_eq!(found.to_string(), want, "{trusted} {from} {field:?}");
        }
    }

    #[test]
    fn each_address_has_its_share_and_proxies_are_nobody() {
        let forwarded = |text: &str| Peer::Forwarded(text.parse().expect("the row's address"));
        let mut crowd = crowd(&["--max-per-address", "2"]);
        // Who comes, and whether there is room.
        let rows = [
            (tcp("203.0.113.7:1"), true),
            (tcp("203.0.113.7:2"), true),
            (tcp("203.0.113.7:3"), false),
            (tcp("[::ffff:203.0.113.7]:4"), false),
            (forwarded("203.0.113.7"), false),
            (forwarded("203.0.113.8"), true),
            (forwarded("2001:db8:1:1::1"), true),
            (forwarded("2001:db8:1:1:ffff::1"), true),
            (forwarded("2001:db8:1:1::2"), false),
            (forwarded("2001:db8:1:2::1"), true),
            (tcp("127.0.0.1:1"), true),
            (tcp("127.0.0.1:2"), true),
            (tcp("127.0.0.1:3"), true),
            (forwarded("127.0.0.9"), true),
            (Peer::Unix, true),
            (Peer::Unix, true),
            (Peer::Unix, true),
        ];
        for (peer, room) in rows {
            assert_eq!(!crowd.is_full_for(peer), room, "{peer}");
            if room {
                crowd.count_opened(peer);
            }
        }
        assert_eq!(crowd.counts.len(), 4, "an entry per address that counts");
        crowd.count_closed(tcp("203.0.113.7:1"));
        assert!(!crowd.is_full_for(forwarded("203.0.113.7")));
        for (peer, _) in rows.iter().filter(|(_, room)| *room).skip(1) {
            crowd.count_closed(*peer);
        }
        assert_eq!(
            crowd.counts,
            BTreeMap::new(),
            "nothing is kept of those who left"
        );
    }

    #[test]
    fn an_address_is_one_origin_and_trusted_ones_have_none() {
        // Whether connections are counted or not: other limits are, all the same.
        for each_max in ["256", "0"] {
            let flags = ["--max-per-address", each_max];
            let crowd = crowd(&[&flags, ["--trusted-proxy", "10.0.0.1"].as_slice()].concat());
            let rows = [
                ("203.0.113.7:1", "203.0.113.7:2", true),
                ("203.0.113.7:1", "[::ffff:203.0.113.7]:1", true),
                ("203.0.113.7:1", "203.0.113.8:1", false),
                ("203.0.113.7:1", "[0:ffff:cb00:7108::1]:1", false),
                ("[2001:db8:1:1::1]:1", "[2001:db8:1:1:ffff::2]:1", true),
                ("[2001:db8:1:1::1]:1", "[2001:db8:1:2::1]:1", false),
                ("[::1]:1", "[::2]:1", true),
            ];
            for (one, other, same) in rows {
                let origins = [one, other].map(|address| crowd.origin_of(tcp(address)));
                assert!(origins.iter().all(Option::is_some), "{one} {other}");
                assert_eq!(origins[0] == origins[1], same, "{one} {other}");
            }
            assert_eq!(crowd.origin_of(tcp("10.0.0.1:1")), None);
            assert_eq!(crowd.origin_of(Peer::Unix), None);
        }
    }

    #[test]
    fn an_address_has_its_share_of_connections_whatever_they_say() {
        let mut crowd = crowd(&["--max-per-address", "2"]);
        let ann = tcp("203.0.113.7:1");
        for _ in 0..2 + SPARE {
            assert_eq!(crowd.crowded(ann), None);
            crowd.arrive(ann);
        }
        assert_eq!(crowd.crowded(tcp("203.0.113.7:2")), crowd.place_of(ann));
        // It is no limit of players, and not one for others, least of all for proxies.
        assert!(!crowd.is_full_for(ann));
        let proxy = tcp("127.0.0.1:1");
        for peer in [tcp("203.0.113.8:1"), proxy, Peer::Unix] {
            assert_eq!(crowd.crowded(peer), None, "{peer}");
        }
        // A proxy's connection becomes a player's, and ends as one that was never counted here.
        crowd.arrive(proxy);
        crowd.depart(Peer::Forwarded("203.0.113.7".parse().expect("an address")));
        crowd.depart(ann);
        assert_eq!(crowd.crowded(ann), None);
        for _ in 1..2 + SPARE {
            crowd.depart(ann);
        }
        assert_eq!(crowd.counts, BTreeMap::new());
    }

    #[test]
    fn without_a_limit_nothing_is_kept() {
        let mut crowd = crowd(&["--max-per-address", "0"]);
        for _ in 0..1_000 {
            assert!(!crowd.is_full_for(tcp("203.0.113.7:1")));
            crowd.count_opened(tcp("203.0.113.7:1"));
        }
        assert_eq!(crowd.counts, BTreeMap::new());
        crowd.count_closed(tcp("203.0.113.7:1"));
    }
}
