//! Reads the libpcap files that tcpdump writes, down to the IAX2 datagrams in them.
//!
//! Owns the container: file header, record headers, link, IP and UDP headers. It never looks into a
//! datagram. Frame numbers are those tshark shows, so that a finding here can be looked up there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// One UDP datagram with 4569 as one of its ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Place in the file, from 1, counting every record as tshark does.
    pub number: usize,
    /// When it was captured, since the epoch.
    pub time: Duration,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it is for.
    pub destination: SocketAddr,
    /// The UDP payload.
    pub payload: Vec<u8>,
}

/// Reads a capture file. A record cut by the end of the file is left out: tcpdump may be writing.
///
/// # Errors
/// The file cannot be read, or is no libpcap file of a link type known here.
pub fn read(path: &Path) -> Result<Vec<Packet>, String> {
    let octets = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&octets).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads a capture from memory; see [`read`].
///
/// # Errors
/// As [`read`].
pub fn parse(octets: &[u8]) -> Result<Vec<Packet>, String> {
    let mut cursor = Cursor { rest: octets };
    let nanos = match cursor.word() {
        Some(0xa1b2_c3d4) => false,
        Some(0xa1b2_3c4d) => true,
        Some(0xd4c3_b2a1 | 0x4d3c_b2a1) => return Err("written on a big-endian host".to_owned()),
        _ => return Err("no libpcap file".to_owned()),
    };
    let _versions_zone_accuracy_and_length = cursor.take(16).ok_or("cut in its header")?;
    let link = Link::from_number(cursor.word().ok_or("cut in its header")? & 0x0fff_ffff)?;
    let mut packets = Vec::new();
    for number in 1.. {
        let Some((time, record)) = cursor.record(nanos) else { break };
        if let Some((source, destination, payload)) = link.network(record).and_then(udp) {
            let payload = payload.to_vec();
            packets.push(Packet { number, time, source, destination, payload });
        }
    }
    Ok(packets)
}

/// The IAX2 port: a datagram without it on either end is somebody else's.
const IAX_PORT: u16 = 4569;

/// What stands before the IP header.
#[derive(Debug, Clone, Copy)]
enum Link {
    Ethernet,
    Cooked,
    CookedTwo,
    Raw,
}

impl Link {
    fn from_number(number: u32) -> Result<Self, String> {
        match number {
            1 => Ok(Self::Ethernet),
            113 => Ok(Self::Cooked),
            276 => Ok(Self::CookedTwo),
            101 => Ok(Self::Raw),
            other => Err(format!("link type {other} is not known here")),
        }
    }

    /// The network-layer octets of one record.
    fn network(self, record: &[u8]) -> Option<&[u8]> {
        record.get(match self {
            Self::Ethernet => 14..,
            Self::Cooked => 16..,
            Self::CookedTwo => 20..,
            Self::Raw => 0..,
        })
    }
}

/// Source, destination and payload of an unfragmented UDP datagram on the IAX2 port.
fn udp(network: &[u8]) -> Option<(SocketAddr, SocketAddr, &[u8])> {
    let (source, destination, transport) = match network.first()? >> 4 {
        4 => ipv4(network)?,
        6 => ipv6(network)?,
        _ => return None,
    };
    let (header, rest) = transport.split_at_checked(8)?;
    let from = u16::from_be_bytes([header[0], header[1]]);
    let to = u16::from_be_bytes([header[2], header[3]]);
    if from != IAX_PORT && to != IAX_PORT {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([header[4], header[5]])).checked_sub(8)?;
    Some((SocketAddr::new(source, from), SocketAddr::new(destination, to), rest.get(..length)?))
}

const PROTOCOL_UDP: u8 = 17;

fn ipv4(octets: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let header: &[u8; 20] = octets.first_chunk()?;
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff;
    if header[9] != PROTOCOL_UDP || fragment != 0 {
        return None;
    }
    let address = |at: usize| {
        IpAddr::V4(Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]))
    };
    Some((address(12), address(16), octets.get(usize::from(header[0] & 0x0f) * 4..)?))
}

fn ipv6(octets: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let header: &[u8; 40] = octets.first_chunk()?;
    if header[6] != PROTOCOL_UDP {
        return None;
    }
    let address = |at: usize| {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&header[at..at + 16]);
        IpAddr::V6(Ipv6Addr::from(bytes))
    };
    Some((address(8), address(24), &octets[40..]))
}

/// The rest of the file; all its numbers are little-endian.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn word(&mut self) -> Option<u32> {
        let octets: [u8; 4] = self.take(4)?.try_into().ok()?;
        Some(u32::from_le_bytes(octets))
    }

    /// The next record's time and octets.
    fn record(&mut self, nanos: bool) -> Option<(Duration, &'a [u8])> {
        let seconds = self.word()?;
        let fraction = self.word()?;
        let length = self.word()?;
        let _length_on_the_wire = self.word()?;
        let nanos = if nanos { fraction } else { fraction.checked_mul(1000)? };
        let time = Duration::new(u64::from(seconds), nanos);
        Some((time, self.take(usize::try_from(length).ok()?)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One record: a mini frame of two octets of audio from 192.0.2.1 to 192.0.2.2, cooked link.
    fn one_mini(link: u32, link_header: usize) -> Vec<u8> {
        let payload = [0x0a, 0xbc, 0x05, 0x14, 0xd5, 0xd5];
        let mut frame = vec![0; link_header];
        frame.extend([0x45, 0, 0, 34, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        frame.extend([0x11, 0xd9, 0x11, 0xd9, 0, 14, 0, 0]);
        frame.extend(payload);
        let length = u32::try_from(frame.len()).unwrap();
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, link, 7, 250, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
        file
    }

    #[test]
    fn every_link_type_leads_to_the_same_datagram() {
        for (link, header) in [(1, 14), (113, 16), (276, 20), (101, 0)] {
            let packets = parse(&one_mini(link, header)).unwrap();
            assert_eq!(packets.len(), 1, "link type {link}");
            assert_eq!(packets[0].number, 1);
            assert_eq!(packets[0].time, Duration::new(7, 250_000));
            assert_eq!(packets[0].source, "192.0.2.1:4569".parse().unwrap());
            assert_eq!(packets[0].payload, [0x0a, 0xbc, 0x05, 0x14, 0xd5, 0xd5]);
        }
    }

    #[test]
    fn a_cut_file_yields_the_records_that_are_whole() {
        let file = one_mini(113, 16);
        for cut in 24..file.len() {
            assert_eq!(parse(&file[..cut]).unwrap(), []);
        }
        assert!(parse(&file[..20]).is_err());
    }
}
