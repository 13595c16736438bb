//! Values of information elements that have an inner structure.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Capability;

/// The APPARENT_ADDR element: a socket address structure as the sender's machine lays it out (RFC 5456 §8.6.17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApparentAddr(pub SocketAddr);

impl ApparentAddr {
    /// Reads the element's value: 16 octets are IPv4, 28 are IPv6, anything else is refused.
    ///
    /// The length tells the family, since the family number's byte order and its value for IPv6 vary by system.
    pub fn parse(value: &[u8]) -> Option<Self> {
        match value.len() {
            16 => {
                let (&[_, _, p0, p1, a, b, c, d], _) = value.split_first_chunk()?;
                let ip = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
                Some(Self(SocketAddr::new(ip, u16::from_be_bytes([p0, p1]))))
            }
            28 => {
                let (&[_, _, p0, p1, _, _, _, _], rest) = value.split_first_chunk()?;
                let (octets, _) = rest.split_first_chunk::<16>()?;
                let ip = IpAddr::V6(Ipv6Addr::from(*octets));
                Some(Self(SocketAddr::new(ip, u16::from_be_bytes([p0, p1]))))
            }
            _ => None,
        }
    }

    /// The element's value in a buffer, and how much of the buffer it takes.
    ///
    /// The family number is little-endian, 2 or 10, as a Linux PC lays it out.
    pub fn emit(&self) -> ([u8; 28], usize) {
        let mut out = [0; 28];
        let [p0, p1] = self.0.port().to_be_bytes();
        match self.0.ip() {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                if let Some(head) = out.first_chunk_mut() {
                    *head = [2, 0, p0, p1, a, b, c, d];
                }
                (out, 16)
            }
            IpAddr::V6(ip) => {
                if let Some((head, rest)) = out.split_first_chunk_mut() {
                    *head = [10, 0, p0, p1, 0, 0, 0, 0];
                    if let Some(address) = rest.first_chunk_mut() {
                        *address = ip.octets();
                    }
                }
                (out, 28)
            }
        }
    }
}

/// The DATETIME element (RFC 5456 §8.6.28), in UTC.
///
/// The five bits of seconds hold half the seconds, as Asterisk packs them; the RFC's plain seconds do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// Full year, 2000..=2127.
    pub year: u16,
    /// 1..=12.
    pub month: u8,
    /// 1..=31.
    pub day: u8,
    /// 0..=23.
    pub hour: u8,
    /// 0..=59.
    pub minute: u8,
    /// 0..=59; odd seconds are rounded down on the wire.
    pub second: u8,
}

impl DateTime {
    /// The moment `seconds` after 1970-01-01 00:00 UTC. Years outside 2000..=2127 are clamped into them on the wire.
    pub fn from_unix(seconds: u64) -> Self {
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        // Civil date from a day count, with years that begin in March so that the leap day comes last.
        let z = days + 719_468;
        let (era, day_of_era) = (z / 146_097, z % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        Self {
            year: u16::try_from(year).unwrap_or(u16::MAX),
            month: month as u8,
            day: (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8,
            hour: (rest / 3600) as u8,
            minute: (rest / 60 % 60) as u8,
            second: (rest % 60) as u8,
        }
    }

    /// The element's 32 bits.
    pub fn to_wire(self) -> u32 {
        let year = u32::from(self.year.clamp(2000, 2127) - 2000);
        year << 25
            | u32::from(self.month & 0x0f) << 21
            | u32::from(self.day & 0x1f) << 16
            | u32::from(self.hour & 0x1f) << 11
            | u32::from(self.minute & 0x3f) << 5
            | u32::from((self.second / 2) & 0x1f)
    }
}

/// Reads the value of CAPABILITY2 or FORMAT2: a version octet, 0, and 64 bits. `None` for other versions or lengths.
pub fn versioned_mask(value: &[u8]) -> Option<Capability> {
    match value {
        [0, mask @ ..] => Some(Capability(u64::from_be_bytes(mask.try_into().ok()?))),
        _ => None,
    }
}
