//! Socket addresses as the kernel lays them out (`sockaddr_in`, `sockaddr_in6`), written and read octet by octet.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Room for either family.
pub(crate) const RAW_LEN: usize = size_of::<libc::sockaddr_in6>();

const V4_LEN: usize = size_of::<libc::sockaddr_in>();

/// An address ready for a system call.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct RawAddr {
    pub(crate) octets: [u8; RAW_LEN],
    /// How many of the octets count.
    pub(crate) len: libc::socklen_t,
}

impl RawAddr {
    /// Nothing yet: room for the kernel to write into.
    pub(crate) const EMPTY: Self = Self { octets: [0; RAW_LEN], len: 0 };

    pub(crate) fn new(address: &SocketAddr) -> Self {
        let mut raw = Self::EMPTY;
        let (family, len) = match address {
            SocketAddr::V4(_) => (libc::AF_INET, V4_LEN),
            SocketAddr::V6(_) => (libc::AF_INET6, RAW_LEN),
        };
        raw.octets[..2].copy_from_slice(&(family as libc::sa_family_t).to_ne_bytes());
        raw.octets[2..4].copy_from_slice(&address.port().to_be_bytes());
        match address {
            SocketAddr::V4(v4) => raw.octets[4..8].copy_from_slice(&v4.ip().octets()),
            SocketAddr::V6(v6) => {
                raw.octets[8..24].copy_from_slice(&v6.ip().octets());
                raw.octets[24..28].copy_from_slice(&v6.scope_id().to_ne_bytes());
            }
        }
        raw.len = len as libc::socklen_t;
        raw
    }
}

/// Reads an address the kernel wrote. The flow label is left out: it is no part of who a peer is. `None`: neither
/// family, or cut short.
pub(crate) fn decode(octets: &[u8]) -> Option<SocketAddr> {
    let (&[f0, f1, p0, p1], rest) = octets.split_first_chunk()?;
    let port = u16::from_be_bytes([p0, p1]);
    match i32::from(libc::sa_family_t::from_ne_bytes([f0, f1])) {
        libc::AF_INET => {
            let ip = Ipv4Addr::from_octets(*rest.first_chunk()?);
            Some(SocketAddr::new(IpAddr::V4(ip), port))
        }
        libc::AF_INET6 => {
            let (ip, rest) = rest.get(4..)?.split_first_chunk()?;
            let scope = u32::from_ne_bytes(*rest.first_chunk()?);
            Some(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from_octets(*ip), port, 0, scope)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_and_cuts_are_refused() {
        for address in ["127.0.0.1:4569", "[::1]:4569", "[fe80::1%7]:1", "255.255.255.255:65535"] {
            let address: SocketAddr = address.parse().unwrap();
            let raw = RawAddr::new(&address);
            let octets = &raw.octets[..raw.len as usize];
            assert_eq!(decode(octets), Some(address));
            let needed = if address.is_ipv4() { 8 } else { RAW_LEN };
            assert!((0..needed).all(|cut| decode(&octets[..cut]).is_none()));
        }
        assert_eq!(decode(&[0; RAW_LEN]), None);
    }
}
