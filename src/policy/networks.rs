//! Sets of networks, as sorted ranges that are found by halving.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A set of networks: first and last address of each stretch, sorted, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Networks {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Networks {
    /// The set of all addresses in these networks.
    pub fn new(list: &[IpNet]) -> Self {
        let mut set = Networks::default();
        for net in list {
            match net {
                IpNet::V4(net) => set.v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => set.v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        merge(&mut set.v4, |last| last.checked_add(1));
        merge(&mut set.v6, |last| last.checked_add(1));
        set
    }

    /// Whether the address is in one of the networks.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => within(&self.v4, v4.to_bits()),
            IpAddr::V6(v6) => within(&self.v6, v6.to_bits()),
        }
    }

    /// Addresses at which something changes: the first of each stretch, and the first behind it.
    pub fn edges(&self) -> impl Iterator<Item = IpAddr> {
        let v4 = self.v4.iter().flat_map(|(first, last)| [Some(*first), last.checked_add(1)]);
        let v6 = self.v6.iter().flat_map(|(first, last)| [Some(*first), last.checked_add(1)]);
        let v4 = v4.flatten().map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)));
        v4.chain(v6.flatten().map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))))
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        self.v4.len() * size_of::<(u32, u32)>() + self.v6.len() * size_of::<(u128, u128)>()
    }
}

fn merge<N: Ord + Copy>(ranges: &mut Vec<(N, N)>, after: impl Fn(N) -> Option<N>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let touches = after(kept.1).is_none_or(|free| next.0 <= free);
        if touches {
            kept.1 = kept.1.max(next.1);
        }
        touches
    });
}

fn within<N: Ord + Copy>(ranges: &[(N, N)], address: N) -> bool {
    let before = ranges.partition_point(|(first, _)| *first <= address);
    before.checked_sub(1).and_then(|n| ranges.get(n)).is_some_and(|(_, last)| address <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(list: &[&str]) -> Networks {
        Networks::new(&list.iter().map(|n| n.parse().unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn an_address_is_in_the_set_when_it_is_in_a_network() {
        let set =
            set(&["10.20.0.0/16", "10.21.0.0/16", "10.20.3.0/24", "192.0.2.7/32", "2001:db8::/32", "255.0.0.0/8"]);
        for inside in ["10.20.0.0", "10.21.255.255", "192.0.2.7", "2001:db8:ffff::1", "255.255.255.255"] {
            assert!(set.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["10.19.255.255", "10.22.0.0", "192.0.2.6", "192.0.2.8", "2001:db9::", "::", "0.0.0.0"] {
            assert!(!set.contains(outside.parse().unwrap()), "{outside}");
        }
        assert!(set.contains("10.20.9.9".parse().unwrap()));
    }

    #[test]
    fn the_edges_hold_an_address_of_every_stretch_and_of_every_gap() {
        let edges: Vec<String> =
            set(&["10.20.0.0/16", "10.21.0.0/16", "::/0"]).edges().map(|a| a.to_string()).collect();
        assert_eq!(edges, ["10.20.0.0", "10.22.0.0", "::"]);
    }

    #[test]
    fn everything_is_one_stretch() {
        assert!(set(&["0.0.0.0/0", "10.0.0.0/8"]).contains("255.255.255.255".parse().unwrap()));
        assert_eq!(set(&["0.0.0.0/0", "10.0.0.0/8"]).v4.len(), 1);
    }
}
