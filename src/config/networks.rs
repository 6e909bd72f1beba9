//! Lists of addresses and networks, such as `127.0.0.0/8,::1`: read, shown, and asked.
//!
//! Absent: names that would have to be resolved, and what the lists are for.

use std::fmt;
use std::net::IpAddr;

/// Most entries of a list: it is walked through for every request that a proxy forwards.
const NETWORKS_MAX: usize = 64;
/// How an empty list is typed.
const NONE: &str = "none";

/// A set of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

/// An address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u8,
}

impl Networks {
    /// No address at all.
    pub const NONE: Self = Self(Vec::new());

    /// Whether the address is in one of the networks; an IPv4 address inside of an IPv6 one counts
    /// as what it is (RFC 4291, section 2.5.5.2).
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| {
            network.address.is_ipv4() == address.is_ipv4()
                && first_bits(address, network.bits) == network.address
        })
    }

    /// Reads `ADDRESS[/BITS],…` or `none`; the error is the end of a sentence about the text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == NONE {
            return Ok(Self::NONE);
        }
        let networks: Vec<Network> = text.split(',').map(network).collect::<Result<_, _>>()?;
        match networks.len() {
            ..=NETWORKS_MAX => Ok(Self(networks)),
            count => Err(format!("has {count} entries: at most {NETWORKS_MAX}")),
        }
    }
}

impl fmt::Display for Networks {
    /// The shortest text that reads as this.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(NONE);
        }
        for (index, network) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", network.address)?;
            if network.bits != bits_of(network.address) {
                write!(f, "/{}", network.bits)?;
            }
        }
        Ok(())
    }
}

fn network(text: &str) -> Result<Network, String> {
    let text = text.trim();
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return Err(format!(
            "holds {text:?}, which is no address: 10.0.0.1, 10.0.0.0/8, ::1 or fd00::/8, with \
             commas between them, or none"
        ));
    };
    let all = bits_of(address);
    let bits = match bits.map(str::parse::<u8>) {
        None => all,
        Some(Ok(0)) => return Err(format!("trusts everybody with {text}")),
        Some(Ok(bits)) if bits <= all => bits,
        Some(_) => return Err(format!("holds {text}, whose bits are not 1 to {all}")),
    };
    match first_bits(address, bits) {
        first if first == address => Ok(Network { address, bits }),
        first => Err(format!(
            "holds {text}, which has bits behind its first {bits}: {first}/{bits} or {address}"
        )),
    }
}

fn bits_of(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with everything behind its first bits cleared.
fn first_bits(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32)));
            IpAddr::V4((address.to_bits() & mask.unwrap_or(0)).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128)));
            IpAddr::V6((address.to_bits() & mask.unwrap_or(0)).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(networks: &str, address: &str, want: bool) {
        let parsed = Networks::parse(networks).expect("the row's networks");
        assert_eq!(parsed.to_string(), networks);
        let address: IpAddr = address.parse().expect("the row's address");
        assert_eq!(parsed.contains(address), want, "{address} in {networks}");
    }

    #[test]
    fn who_is_in_a_network() {
        let rows = [
            ("127.0.0.0/8,::1", "127.0.0.1", true),
            ("127.0.0.0/8,::1", "127.255.255.255", true),
            ("127.0.0.0/8,::1", "128.0.0.0", false),
            ("127.0.0.0/8,::1", "126.255.255.255", false),
            ("127.0.0.0/8,::1", "::1", true),
            ("127.0.0.0/8,::1", "::2", false),
            ("127.0.0.0/8,::1", "::ffff:127.0.0.1", true),
            ("127.0.0.0/8,::1", "::127.0.0.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.2", false),
            ("10.1.2.2/31", "10.1.2.3", true),
            ("128.0.0.0/1", "255.255.255.255", true),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("8000::/1", "9000::", true),
            ("8000::/1", "200.0.0.1", false),
            ("none", "127.0.0.1", false),
            ("none", "::1", false),
        ];
        for (networks, address, want) in rows {
            check(networks, address, want);
        }
    }

    #[test]
    fn the_first_bits_of_an_address() {
        let rows = [
            ("255.255.255.255", 0, "0.0.0.0"),
            ("255.255.255.255", 32, "255.255.255.255"),
            ("255.255.255.255", 200, "255.255.255.255"),
            ("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"),
            ("2001:db8::1", 0, "::"),
            ("2001:db8::1", 128, "2001:db8::1"),
        ];
        for (address, bits, want) in rows {
            let address = address.parse().expect("the row's address");
            assert_eq!(first_bits(address, bits).to_string(), want);
        }
    }
}
