//! Reads libpcap files down to the UDP datagrams in them; never looks into a datagram.
//!
//! Link types Ethernet, Linux cooked (both) and raw IP; either byte order, microseconds or nanoseconds. Fragments
//! are not put together again: the first one yields its datagram marked as partial, the others nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// One UDP datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Place in the file, from 1, counting every record.
    pub frame_no: usize,
    /// When it was captured, since the epoch.
    pub time: Duration,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it is for.
    pub destination: SocketAddr,
    /// Octets of UDP payload sent, as the UDP header says.
    pub len: usize,
    /// The UDP payload, shorter than `len` if the record holds only its start.
    pub payload: Vec<u8>,
}

/// A capture's datagrams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capture {
    /// In the order captured.
    pub packets: Vec<Packet>,
    /// Records that are no UDP datagram, later fragments among them.
    pub other: usize,
}

/// Reads a capture file. A record cut by the end of the file is left out: the writer may not have finished.
///
/// # Errors
/// The file cannot be read, is no libpcap file, or of a link type not known here.
pub fn read(path: &Path) -> io::Result<Capture> {
    parse(&std::fs::read(path)?)
}

/// Reads a capture from memory; see [`read`].
///
/// # Errors
/// As [`read`].
pub fn parse(octets: &[u8]) -> io::Result<Capture> {
    let (header, mut rest) =
        octets.split_first_chunk::<24>().ok_or_else(|| bad("no file header"))?;
    let magic = word(header, 0, false);
    let (big_endian, nanos) = match magic {
        0xa1b2_c3d4 => (false, false),
        0xa1b2_3c4d => (false, true),
        0xd4c3_b2a1 => (true, false),
        0x4d3c_b2a1 => (true, true),
        _ => return Err(bad("no libpcap file")),
    };
    let link = Link::from_number(word(header, 20, big_endian) & 0x0fff_ffff)?;
    let mut capture = Capture::default();
    for frame_no in 1.. {
        let Some((record, after)) = rest.split_first_chunk::<16>() else { break };
        let field = |at| word(record, at, big_endian);
        let Some((octets, after)) = after.split_at_checked(field(8) as usize) else { break };
        rest = after;
        let fraction = if nanos { field(4) } else { field(4).wrapping_mul(1000) };
        let time = Duration::new(u64::from(field(0)), fraction);
        match link.ip(octets).and_then(udp) {
            Some((source, destination, len, payload)) => {
                let payload = payload.to_vec();
                capture.packets.push(Packet { frame_no, time, source, destination, len, payload });
            }
            None => capture.other += 1,
        }
    }
    Ok(capture)
}

/// What stands before the IP header.
#[derive(Debug, Clone, Copy)]
enum Link {
    Ethernet,
    Raw,
    Cooked,
    CookedTwo,
}

impl Link {
    fn from_number(number: u32) -> io::Result<Self> {
        match number {
            1 => Ok(Self::Ethernet),
            101 => Ok(Self::Raw),
            113 => Ok(Self::Cooked),
            276 => Ok(Self::CookedTwo),
            other => Err(bad(&format!("link type {other} is not known here"))),
        }
    }

    /// The IP packet in a record; `None` for other protocols.
    fn ip(self, record: &[u8]) -> Option<&[u8]> {
        let (kind_at, ip_at) = match self {
            Self::Ethernet => (12, 14),
            Self::Raw => return Some(record),
            Self::Cooked => (14, 16),
            Self::CookedTwo => (0, 20),
        };
        match record.get(kind_at..kind_at + 2)? {
            [0x08, 0x00] | [0x86, 0xdd] => record.get(ip_at..),
            _ => None,
        }
    }
}

const UDP: u8 = 17;
const IPV6_FRAGMENT: u8 = 44;

/// Source, destination, length sent and octets captured of the UDP datagram in an IP packet.
fn udp(ip: &[u8]) -> Option<(SocketAddr, SocketAddr, usize, &[u8])> {
    let (source, destination, transport) = match ip.first()? >> 4 {
        4 => ipv4(ip)?,
        6 => ipv6(ip)?,
        _ => return None,
    };
    let (&[s0, s1, d0, d1, l0, l1, _, _], payload) = transport.split_first_chunk()?;
    let len = usize::from(u16::from_be_bytes([l0, l1])).checked_sub(8)?;
    let source = SocketAddr::new(source, u16::from_be_bytes([s0, s1]));
    let destination = SocketAddr::new(destination, u16::from_be_bytes([d0, d1]));
    Some((source, destination, len, payload.get(..len).unwrap_or(payload)))
}

fn ipv4(ip: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let header: &[u8; 20] = ip.first_chunk()?;
    let fragment_offset = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    if header[9] != UDP || fragment_offset != 0 {
        return None;
    }
    let address = |at: usize| Some(IpAddr::from(*header[at..].first_chunk::<4>()?));
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let ip = ip.get(..total).unwrap_or(ip); // short Ethernet frames are padded
    Some((address(12)?, address(16)?, ip.get(usize::from(header[0] & 0x0f) * 4..)?))
}

fn ipv6(ip: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let (header, rest) = ip.split_first_chunk::<40>()?;
    let address = |at: usize| Some(IpAddr::from(*header[at..].first_chunk::<16>()?));
    let transport = match header[6] {
        UDP => rest,
        IPV6_FRAGMENT => {
            let (&[next, _, o0, o1, ..], after) = rest.split_first_chunk::<8>()?;
            let offset = u16::from_be_bytes([o0, o1]) >> 3;
            if next != UDP || offset != 0 {
                return None;
            }
            after
        }
        _ => return None,
    };
    Some((address(8)?, address(24)?, transport))
}

/// Four octets of a header; the offset is a constant inside it.
fn word(header: &[u8], at: usize, big_endian: bool) -> u32 {
    let octets = [header[at], header[at + 1], header[at + 2], header[at + 3]];
    if big_endian { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) }
}

fn bad(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
