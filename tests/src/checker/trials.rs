//! A short call without a fault, and what happens to the verdict when one thing in it is wrong.

use std::net::SocketAddr;
use std::time::Duration;

use super::check;
use crate::frames::{control, iax, kind};
use crate::pcap::Packet;

const US: &str = "192.0.2.1:4569";
const THEM: &str = "192.0.2.2:4569";

/// One datagram of the call, to be altered before it is judged.
#[derive(Debug, Clone)]
struct Sent {
    by_us: bool,
    at_ms: u64,
    octets: Vec<u8>,
}

/// Source, destination, R, time-stamp, OSeqno, ISeqno, type, subclass, data.
type Fields<'a> = (u16, u16, bool, u32, u8, u8, u8, u8, &'a [u8]);

fn full(fields: Fields<'_>) -> Vec<u8> {
    let (source, destination, again, timestamp, oseqno, iseqno, kind, subclass, data) = fields;
    let mut octets = (0x8000 | source).to_be_bytes().to_vec();
    octets.extend((destination | if again { 0x8000 } else { 0 }).to_be_bytes());
    octets.extend(timestamp.to_be_bytes());
    octets.extend([oseqno, iseqno, kind, subclass]);
    octets.extend(data);
    octets
}

fn trunk(time: u32, call: u16, timestamp: u16) -> Vec<u8> {
    let mut octets = vec![0, 0, 1, 1];
    octets.extend(time.to_be_bytes());
    octets.extend([0, 2]);
    octets.extend(call.to_be_bytes());
    octets.extend(timestamp.to_be_bytes());
    octets.extend([1, 2]);
    octets
}

/// Where the call's datagrams stand in [`call`].
mod place {
    pub(super) const TOKEN: usize = 1;
    pub(super) const ACCEPT: usize = 3;
    pub(super) const ANSWER: usize = 5;
    pub(super) const VOICE: usize = 7;
    pub(super) const VOICE_ACK: usize = 8;
    pub(super) const ENTRY: usize = 9;
    pub(super) const PONG: usize = 12;
    pub(super) const LAST_ACK: usize = 14;
}

/// They call us with a token; we accept, answer, speak, and they hang up.
fn call() -> Vec<Sent> {
    let (us, them) = (5, 9);
    let new = [11, 2, 0, 2, 1, 1, b'7', 54, 0];
    let with_token = [11, 2, 0, 2, 1, 1, b'7', 54, 2, b'x', b'y'];
    let accept = [9, 4, 0, 0, 0, 4, 56, 9, 0, 0, 0, 0, 0, 0, 0, 0, 4];
    let frames = vec![
        (false, full((them, 0, false, 3, 0, 0, kind::IAX, iax::NEW, &new))),
        (true, full((1, them, false, 3, 0, 1, kind::IAX, iax::CALLTOKEN, &[54, 2, b'x', b'y']))),
        (false, full((them, 0, false, 6, 0, 0, kind::IAX, iax::NEW, &with_token))),
        (true, full((us, them, false, 10, 0, 1, kind::IAX, iax::ACCEPT, &accept))),
        (false, full((them, us, false, 10, 1, 1, kind::IAX, iax::ACK, &[]))),
        (true, full((us, them, false, 13, 1, 1, kind::CONTROL, control::ANSWER, &[]))),
        (false, full((them, us, false, 13, 1, 2, kind::IAX, iax::ACK, &[]))),
        (true, full((us, them, false, 40, 2, 1, kind::VOICE, 4, &[1, 2]))),
        (false, full((them, us, false, 40, 1, 3, kind::IAX, iax::ACK, &[]))),
        (true, trunk(0, us, 60)),
        (true, trunk(20, us, 80)),
        (false, full((them, us, false, 500, 1, 3, kind::IAX, iax::PING, &[]))),
        (true, full((us, them, false, 500, 3, 2, kind::IAX, iax::PONG, &[]))),
        (false, full((them, us, false, 600, 2, 4, kind::IAX, iax::HANGUP, &[42, 1, 16]))),
        (true, full((us, them, false, 600, 4, 3, kind::IAX, iax::ACK, &[]))),
    ];
    let sent = |(index, (by_us, octets))| Sent { by_us, at_ms: 20 * index as u64, octets };
    frames.into_iter().enumerate().map(sent).collect()
}

fn judge(call: &[Sent]) -> Vec<String> {
    let (us, them): (SocketAddr, SocketAddr) = (US.parse().unwrap(), THEM.parse().unwrap());
    let packets: Vec<Packet> = (1..)
        .zip(call)
        .map(|(number, sent)| Packet {
            number,
            time: Duration::from_millis(sent.at_ms),
            source: if sent.by_us { us } else { them },
            destination: if sent.by_us { them } else { us },
            payload: sent.octets.clone(),
        })
        .collect();
    check(&packets, &[us]).violations.iter().map(ToString::to_string).collect()
}

/// Alters the call and expects exactly this complaint among others that follow from it.
fn finds(complaint: &str, alter: impl FnOnce(&mut Vec<Sent>)) {
    let mut altered = call();
    alter(&mut altered);
    let found = judge(&altered);
    assert!(found.iter().any(|what| what.contains(complaint)), "'{complaint}' not in {found:?}");
}

#[test]
fn a_call_without_a_fault_has_none() {
    assert_eq!(judge(&call()), Vec::<String>::new());
}

#[test]
fn numbers_and_acknowledgements_are_followed() {
    finds("OSeqno should be 1", |call| call[place::ANSWER].octets[8] = 2);
    finds("ISeqno 3 is not within", |call| call[place::ANSWER].octets[9] = 3);
    finds("acknowledges no frame heard", |call| call[place::LAST_ACK].octets[8] = 7);
    finds("acknowledges no frame heard", |call| call[place::LAST_ACK].octets[7] ^= 1);
    finds("the R bit on a frame without a number", |call| call[place::LAST_ACK].octets[2] |= 0x80);
    finds("sent again, but never sent", |call| call[place::ANSWER].octets[2] |= 0x80);
    finds("for call number 8", |call| call[place::ANSWER].octets[3] = 8);
    finds("should copy the time-stamp", |call| call[place::PONG].octets[7] ^= 1);
    finds("not later than the signal", |call| call[place::ANSWER].octets[7] = 10);
    finds("time-stamp 0", |call| call[place::ACCEPT].octets[7] = 0);
    finds("never acknowledged", |call| {
        call.truncate(place::PONG); // the PING stays unanswered, long after
        let late = Sent { at_ms: 5000, ..call[place::VOICE_ACK].clone() };
        call.push(late);
    });
}

#[test]
fn repeats_must_be_wanted_and_the_same() {
    let repeated = |call: &mut Vec<Sent>, at_ms: u64| {
        let mut again = Sent { at_ms, ..call[place::ANSWER].clone() };
        again.octets[2] |= 0x80;
        call.insert(place::ANSWER + 1, again);
    };
    finds("sent again after only 5ms", |call| repeated(call, 105));
    finds("differs from the frame it repeats", |call| {
        repeated(call, 300);
        call[place::ANSWER + 1].octets[11] = control::RINGING;
    });
    finds("although it was acknowledged", |call| {
        let mut again = Sent { at_ms: 900, ..call[place::ANSWER].clone() };
        again.octets[2] |= 0x80;
        call.push(again);
    });
    finds("no VNAK asked for it", |call| {
        let again = Sent { at_ms: 300, ..call[place::ANSWER].clone() };
        call.insert(place::ANSWER + 1, again);
    });
}

#[test]
fn voice_waits_for_what_must_go_before() {
    finds("before its full VOICE was acknowledged", |call| {
        call.remove(place::VOICE_ACK);
    });
    finds("before its first full VOICE", |call| {
        call.drain(place::VOICE..=place::VOICE_ACK);
    });
    finds("voice before ACCEPT", |call| call[place::ACCEPT].octets[11] = iax::PING);
    finds("which is over", |call| {
        let late = call[place::ENTRY + 1].clone();
        call.push(late);
    });
    finds("of call 6 that is not", |call| call[place::ENTRY].octets[11] = 6);
    finds("trunk time goes back", |call| call.swap(place::ENTRY, place::ENTRY + 1));
    finds("without a full VOICE frame", |call| {
        let mut late = call[place::ENTRY + 1].clone();
        late.octets[12..14].copy_from_slice(&[0x60, 0]);
        let mut later = late.clone();
        later.octets[12..14].copy_from_slice(&[0xd0, 0]);
        let mut wrapped = late.clone();
        wrapped.octets[12..14].copy_from_slice(&[0, 20]);
        call.splice(place::PONG..place::PONG, [late, later, wrapped]);
    });
}

#[test]
fn elements_and_stateless_replies_are_read() {
    finds("runs past the end", |call| {
        call[place::ACCEPT].octets.pop();
    });
    finds("ACCEPT with 2 formats", |call| call[place::ACCEPT].octets[17] = 12);
    finds("elements 9 and 56 differ", |call| call[place::ACCEPT].octets[17] = 8);
    finds("does not copy the time-stamp 3", |call| call[place::TOKEN].octets[7] = 4);
    finds("sequence numbers of a stateless reply", |call| call[place::TOKEN].octets[9] = 0);
    finds("from call number 0", |call| call[place::ACCEPT].octets[1] = 0);
    finds("is unknown", |call| call[place::PONG].octets[11] = 77);
}
