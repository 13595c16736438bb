//! What may stand in a full frame: types, subclasses, and for each message its elements.

use std::net::{IpAddr, SocketAddr};

use crate::frames::{Full, control, iax, ie, kind};

/// Everything wrong with the contents of a full frame sent to `peer`.
pub(super) fn check(full: &Full<'_>, peer: SocketAddr) -> Vec<String> {
    match full.kind {
        kind::DTMF_BEGIN | kind::DTMF_END => digit(full.subclass).into_iter().collect(),
        kind::CONTROL if !CONTROLS.contains(&full.subclass) => {
            vec![format!("control subclass {} is not for the wire", full.subclass)]
        }
        kind::IAX => message(full, peer),
        1..=12 => Vec::new(),
        other => vec![format!("frame type {other} is unknown")],
    }
}

/// Control subclasses that peers let in.
const CONTROLS: [u8; 25] = [
    0xff,
    1,
    2,
    control::RINGING,
    control::ANSWER,
    control::BUSY,
    6,
    7,
    control::CONGESTION,
    9,
    10,
    11,
    12,
    13,
    control::PROGRESS,
    control::PROCEEDING,
    control::HOLD,
    control::UNHOLD,
    18,
    22,
    23,
    24,
    28,
    30,
    31,
];

fn digit(subclass: u8) -> Option<String> {
    let known = matches!(subclass, b'0'..=b'9' | b'A'..=b'D' | b'*' | b'#');
    (!known).then(|| format!("digit {subclass:#04x}"))
}

fn message(full: &Full<'_>, peer: SocketAddr) -> Vec<String> {
    if !(iax::NEW..=iax::CALLTOKEN).contains(&full.subclass) {
        return vec![format!("IAX subclass {} is unknown", full.subclass)];
    }
    let elements = match full.ies() {
        Ok(elements) => elements,
        Err(what) => return vec![what],
    };
    let mut wrong = Vec::new();
    for (index, &(kind, value)) in elements.iter().enumerate() {
        wrong.extend(size(kind, value));
        let repeated = elements[..index].iter().any(|&(before, _)| before == kind);
        if repeated && kind != VARIABLE {
            wrong.push(format!("element {kind} twice"));
        }
        if kind == ie::CALLTOKEN && index + 1 != elements.len() {
            wrong.push("CALLTOKEN is not the last element".to_owned());
        }
    }
    wrong.extend(of_the_message(full, &elements));
    if let Some(address) = full.ie(APPARENT_ADDR).filter(|address| *address != sockaddr(peer)) {
        wrong.push(format!("APPARENT_ADDR {address:02x?} is not {peer}"));
    }
    wrong
}

/// What that message must or must not carry.
fn of_the_message(full: &Full<'_>, elements: &[(u8, &[u8])]) -> Vec<String> {
    let has = |kind: u8| elements.iter().any(|&(found, _)| found == kind);
    let needs = |kinds: &[u8]| {
        let missing = kinds.iter().filter(|&&kind| !has(kind));
        missing.map(|kind| format!("element {kind} is missing")).collect::<Vec<_>>()
    };
    let stateless = full.source == 1;
    match full.subclass {
        iax::NEW => {
            let mut wrong = needs(&[VERSION, ie::CALLED_NUMBER, ie::FORMAT, CAPABILITY]);
            if elements.first().is_none_or(|&(kind, _)| kind != VERSION) {
                wrong.push("VERSION is not the first element".to_owned());
            }
            wrong.extend(pair(full, ie::FORMAT, FORMAT2));
            wrong.extend(pair(full, CAPABILITY, CAPABILITY2));
            wrong
        }
        iax::ACCEPT => {
            let mut wrong = needs(&[ie::FORMAT]);
            wrong.extend(pair(full, ie::FORMAT, FORMAT2));
            let bits: u32 = full
                .ie(ie::FORMAT)
                .map_or(0, |mask| mask.iter().map(|octet| octet.count_ones()).sum());
            if bits != 1 {
                wrong.push(format!("ACCEPT with {bits} formats"));
            }
            wrong
        }
        iax::AUTHREQ | iax::REGAUTH => needs(&[ie::AUTHMETHODS, ie::USERNAME]),
        iax::REGREQ | iax::REGREL => needs(&[ie::USERNAME]),
        iax::REGACK => needs(&[ie::USERNAME, DATETIME]),
        iax::HANGUP => needs(&[ie::CAUSECODE]),
        iax::REJECT | iax::REGREJ if !stateless => needs(&[ie::CAUSE, ie::CAUSECODE]),
        iax::CALLTOKEN => needs(&[ie::CALLTOKEN]),
        iax::PING | iax::ACK | iax::INVAL | iax::VNAK | LAGRQ | iax::LAGRP
            if !elements.is_empty() =>
        {
            vec!["has elements".to_owned()]
        }
        _ => Vec::new(),
    }
}

/// The 32-bit and the 64-bit element of a mask must agree where both are given.
fn pair(full: &Full<'_>, narrow: u8, wide: u8) -> Option<String> {
    let (narrow_value, wide_value) = (full.ie(narrow)?, full.ie(wide)?);
    let agrees = wide_value.len() == 9 && wide_value[0] == 0 && wide_value[5..] == *narrow_value;
    (!agrees).then(|| format!("elements {narrow} and {wide} differ"))
}

/// The element is known and of the right length.
fn size(kind: u8, value: &[u8]) -> Option<String> {
    let fits = match kind {
        1..=7 | 10 | 13 | 15..=17 | 22 | 26 | 28 | 32 | 45 | 54 => !value.contains(&0),
        25 => value.is_empty(),
        23 | 38 | 39 | 42 => value.len() == 1,
        11 | 12 | 14 | 19 | 20 | 21 | 24 | 34 | 40 | 43 | 49 => value.len() == 2,
        8 | 9 | 27 | 31 | 35 | 37 | 46 | 47 | 48 | 50 | 51 | 57 => value.len() == 4,
        APPARENT_ADDR => matches!(value.len(), 16 | 28),
        CAPABILITY2 | FORMAT2 => value.len() == 9 && value[0] == 0,
        VARIABLE | 53 => true,
        other => return Some(format!("element {other} should not be sent")),
    };
    (!fits).then(|| format!("element {kind} with the value {value:02x?}"))
}

/// A socket address as Linux keeps it.
fn sockaddr(address: SocketAddr) -> Vec<u8> {
    let port = address.port().to_be_bytes();
    match address.ip() {
        IpAddr::V4(ip) => [&[2, 0], &port[..], &ip.octets(), &[0; 8]].concat(),
        IpAddr::V6(ip) => [&[10, 0], &port[..], &[0; 4], &ip.octets(), &[0; 4]].concat(),
    }
}

const CAPABILITY: u8 = 8;
const VERSION: u8 = 11;
const APPARENT_ADDR: u8 = 18;
const DATETIME: u8 = 31;
const VARIABLE: u8 = 52;
const CAPABILITY2: u8 = 55;
const FORMAT2: u8 = 56;
const LAGRQ: u8 = 11;
