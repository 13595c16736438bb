//! Capture files of every kind the checker reads lead to the same datagrams.

use std::net::SocketAddr;
use std::time::Duration;

use tests::checker::{Options, check_pcap};
use tests::pcap;

use crate::captured::{Captured, SWITCH};

const PAYLOAD: [u8; 6] = [0x0a, 0xbc, 0x05, 0x14, 0xd5, 0xd5];

/// A UDP header from 4569 to 4570 that claims `len` octets of payload, and [`PAYLOAD`].
fn udp(len: u16) -> Vec<u8> {
    let mut udp = vec![0x11, 0xd9, 0x11, 0xda];
    udp.extend_from_slice(&(len + 8).to_be_bytes());
    udp.extend_from_slice(&[0, 0]);
    udp.extend_from_slice(&PAYLOAD);
    udp
}

fn ipv4(fragment: [u8; 2], transport: &[u8]) -> Vec<u8> {
    let total = u8::try_from(20 + transport.len()).expect("short");
    let mut ip = vec![0x45, 0, 0, total, 0, 0, fragment[0], fragment[1], 64, 17, 0, 0];
    ip.extend_from_slice(&[192, 0, 2, 1, 192, 0, 2, 2]);
    ip.extend_from_slice(transport);
    ip
}

fn ipv6(next: u8, transport: &[u8]) -> Vec<u8> {
    let len = u8::try_from(transport.len()).expect("short");
    let mut ip = vec![0x60, 0, 0, 0, 0, len, next, 64];
    for last in [1, 2] {
        ip.extend_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    ip.extend_from_slice(transport);
    ip
}

/// A file of one record, 7.25 s after the epoch.
fn file(words: fn(u32) -> [u8; 4], nanos: bool, link: u32, record: &[u8]) -> Vec<u8> {
    let (magic, fraction) = if nanos { (0xa1b2_3c4d, 250_000_000) } else { (0xa1b2_c3d4, 250_000) };
    let len = u32::try_from(record.len()).expect("short");
    let head = [magic, 0x0004_0002, 0, 0, 65_535, link, 7, fraction, len, len];
    let mut file: Vec<u8> = head.into_iter().flat_map(words).collect();
    file.extend_from_slice(record);
    file
}

/// What stands before the IP header on each link type.
fn links(ip: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let protocol: &[u8] = if ip[0] >> 4 == 4 { &[8, 0] } else { &[0x86, 0xdd] };
    vec![
        (1, [&[2; 12], protocol, ip].concat()),
        (101, ip.to_vec()),
        (113, [&[0; 14], protocol, ip].concat()),
        (276, [protocol, &[0; 18], ip].concat()),
    ]
}

#[test]
fn every_link_type_clock_and_byte_order_leads_to_the_same_datagram() {
    for (ip, from, to) in [
        (ipv4([0, 0], &udp(6)), "192.0.2.1:4569", "192.0.2.2:4570"),
        (ipv6(17, &udp(6)), "[2001:db8::1]:4569", "[2001:db8::2]:4570"),
    ] {
        for (link, record) in links(&ip) {
            for (words, nanos) in [
                (u32::to_le_bytes as fn(u32) -> [u8; 4], false),
                (u32::to_le_bytes, true),
                (u32::to_be_bytes, false),
                (u32::to_be_bytes, true),
            ] {
                let capture = pcap::parse(&file(words, nanos, link, &record)).expect("a capture");
                let expected = pcap::Packet {
                    frame_no: 1,
                    time: Duration::new(7, 250_000_000),
                    source: from.parse().expect("an address"),
                    destination: to.parse().expect("an address"),
                    len: 6,
                    payload: PAYLOAD.to_vec(),
                };
                assert_eq!((capture.packets, capture.other), (vec![expected], 0), "link {link}");
            }
        }
    }
}

#[test]
fn a_first_fragment_is_partial_and_later_ones_are_not_read() {
    let read = |ip: &[u8]| {
        let capture = pcap::parse(&file(u32::to_le_bytes, false, 101, ip)).expect("a capture");
        (capture.packets.first().map(|packet| (packet.len, packet.payload.len())), capture.other)
    };
    assert_eq!(read(&ipv4([0x20, 0], &udp(2000))), (Some((2000, 6)), 0));
    assert_eq!(read(&ipv4([0, 185], &udp(2000))), (None, 1));
    let behind = |offset: u8| ipv6(44, &[&[17, 0, 0, offset, 0, 0, 0, 1][..], &udp(2000)].concat());
    assert_eq!(read(&behind(1)), (Some((2000, 6)), 0));
    assert_eq!(read(&behind(9)), (None, 1));
    let mut icmp = ipv4([0, 0], &udp(6));
    icmp[9] = 1;
    assert_eq!(read(&icmp), (None, 1));
}

#[test]
fn a_cut_file_yields_the_records_that_are_whole() {
    let whole = file(u32::to_le_bytes, false, 101, &ipv4([0, 0], &udp(6)));
    for cut in 24..whole.len() {
        let capture = pcap::parse(&whole[..cut]).expect("a capture");
        assert_eq!(capture, pcap::Capture::default(), "cut at {cut}");
    }
    assert!(pcap::parse(&whole[..23]).is_err());
    assert!(pcap::parse(&[0; 24]).is_err());
    assert!(pcap::parse(&file(u32::to_le_bytes, false, 105, &[])).is_err(), "a link not known");
}

#[test]
fn a_file_is_judged_as_its_octets_are() {
    let call = Captured::talking();
    let path = std::env::temp_dir().join(format!("checker-{}.pcap", std::process::id()));
    std::fs::write(&path, call.file()).expect("a temporary file");
    let report = check_pcap(&path, SocketAddr::from(SWITCH), &Options::default());
    std::fs::remove_file(&path).expect("the same file");
    assert_eq!(report.expect("a capture"), call.judged());
    assert!(check_pcap(&path, SocketAddr::from(SWITCH), &Options::default()).is_err());
}
