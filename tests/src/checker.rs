//! The strict checker: judges from a capture every datagram that the switch has sent.
//!
//! It follows both sides of each leg as RFC 5456 §7 describes them and asks of the switch what a
//! robust receiver would forgive. What peers send is taken as it comes.

mod elements;
mod leg;
#[cfg(test)]
mod trials;
mod voice;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::frames::{self, Datagram, Full, iax, kind};
use crate::pcap::{self, Packet};
use leg::Leg;
use voice::TrunkClock;

/// One rule broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The frame's number in the capture, as tshark counts.
    pub frame: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {}: {}", self.frame, self.what)
    }
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Datagrams of the switch that were judged.
    pub judged: usize,
    /// All broken rules in the order of the frames.
    pub violations: Vec<Violation>,
}

/// Judges a capture file; `ours` are the switch's addresses.
///
/// # Errors
/// The file cannot be read.
pub fn check_pcap(path: &Path, ours: &[SocketAddr]) -> Result<Report, String> {
    Ok(check(&pcap::read(path)?, ours))
}

/// Judges datagrams in the order captured.
pub fn check(packets: &[Packet], ours: &[SocketAddr]) -> Report {
    let mut checker = Checker::default();
    for packet in packets {
        if ours.contains(&packet.source) {
            checker.report.judged += 1;
            checker.sent(packet);
        } else if ours.contains(&packet.destination) {
            checker.heard(packet);
        }
    }
    let end = packets.last().map_or(Duration::ZERO, |packet| packet.time);
    for leg in checker.legs.values_mut() {
        leg.close(end, &mut checker.report.violations);
    }
    checker.report.violations.sort();
    checker.report
}

/// The two transport addresses of a leg: ours, the peer's.
type Path2 = (SocketAddr, SocketAddr);

#[derive(Debug, Default)]
struct Checker {
    /// By path and our call number.
    legs: BTreeMap<(Path2, u16), Leg>,
    /// First frames of peers that no leg answers yet, by path and their call number.
    openers: HashMap<(Path2, u16), Opener>,
    trunks: HashMap<Path2, TrunkClock>,
    report: Report,
}

/// The last frame with which a peer asked for a leg.
#[derive(Debug, Clone, Copy)]
struct Opener {
    time: Duration,
    timestamp: u32,
    oseqno: u8,
    iseqno: u8,
    subclass: u8,
}

impl Checker {
    fn complain(&mut self, packet: &Packet, what: impl Into<String>) {
        self.report.violations.push(Violation { frame: packet.number, what: what.into() });
    }

    fn sent(&mut self, packet: &Packet) {
        let path = (packet.source, packet.destination);
        match frames::parse(&packet.payload) {
            Err(what) => self.complain(packet, what),
            Ok(Datagram::Video(_)) => self.complain(packet, "video, which nobody asked for"),
            Ok(Datagram::Full(full)) => self.sent_full(packet, path, &full),
            Ok(Datagram::Mini(voice)) => {
                let wrong = match self.legs.get_mut(&(path, voice.source)) {
                    Some(leg) => leg.sent_voice(&voice, false),
                    None => Some("a mini frame of a call that is not".to_owned()),
                };
                wrong.into_iter().for_each(|what| self.complain(packet, what));
            }
            Ok(Datagram::Trunk(trunk)) => {
                let clock = self.trunks.entry(path).or_default();
                let mut wrong = clock.check(&trunk, packet.payload.len());
                for entry in &trunk.entries {
                    wrong.extend(match self.legs.get_mut(&(path, entry.source)) {
                        Some(leg) => leg.sent_voice(entry, true),
                        None => Some(format!("an entry of call {} that is not", entry.source)),
                    });
                }
                wrong.into_iter().for_each(|what| self.complain(packet, what));
            }
        }
    }

    fn sent_full(&mut self, packet: &Packet, path: Path2, full: &Full<'_>) {
        for what in elements::check(full, path.1) {
            self.complain(packet, format!("{full}: {what}"));
        }
        match full.source {
            0 => self.complain(packet, format!("{full}: from call number 0")),
            1 => self.sent_stateless(packet, path, full),
            _ if full.is_iax(iax::INVAL) => {}
            number => {
                if let Some(leg) = self.open_leg(path, number, full) {
                    let wrong = leg.sent(packet, full);
                    wrong
                        .into_iter()
                        .for_each(|what| self.complain(packet, format!("{full}: {what}")));
                } else {
                    self.complain(packet, format!("{full}: for a leg that is not"));
                }
            }
        }
    }

    /// The leg that a frame of ours belongs to; made if the frame opens or answers one.
    fn open_leg(&mut self, path: Path2, number: u16, full: &Full<'_>) -> Option<&mut Leg> {
        let key = (path, number);
        let begins = full.oseqno == 0 && !full.again;
        let fresh = self.legs.get(&key).is_none_or(|leg| leg.is_over() && begins);
        if fresh && full.destination == 0 && leg::opens(full) {
            self.legs.insert(key, Leg::outgoing());
        } else if let Some(opener) = self.openers.get(&(path, full.destination)).copied()
            && self.legs.get(&key).is_none_or(|leg| leg.is_over() && !leg.is_with(full.destination))
        {
            self.openers.remove(&(path, full.destination));
            self.legs.insert(key, Leg::incoming(full.destination, &opener));
        }
        self.legs.get_mut(&key)
    }

    /// A reply behind which no leg stands (RFC 5456 has none; every implementation does).
    fn sent_stateless(&mut self, packet: &Packet, path: Path2, full: &Full<'_>) {
        let known = full.kind == kind::IAX
            && matches!(full.subclass, iax::PONG | iax::CALLTOKEN | iax::REJECT | iax::REGREJ);
        if !known || full.again {
            self.complain(packet, format!("{full}: call number 1 says what needs a leg"));
        }
        let opener = self.openers.get(&(path, full.destination)).copied();
        match opener {
            None => self.complain(packet, format!("{full}: answers nothing")),
            Some(asked) => {
                if full.timestamp != asked.timestamp {
                    let what = format!("{full}: does not copy the time-stamp {}", asked.timestamp);
                    self.complain(packet, what);
                }
                if (full.oseqno, full.iseqno) != (0, asked.oseqno.wrapping_add(1)) {
                    self.complain(packet, format!("{full}: sequence numbers of a stateless reply"));
                }
                if full.subclass == iax::PONG && asked.subclass != iax::POKE {
                    self.complain(packet, format!("{full}: a PONG to no POKE"));
                }
            }
        }
    }

    fn heard(&mut self, packet: &Packet) {
        let path = (packet.destination, packet.source);
        let Ok(Datagram::Full(full)) = frames::parse(&packet.payload) else { return };
        if let Some(leg) = self.legs.get_mut(&(path, full.destination))
            && leg.accepts(&full)
        {
            leg.heard(packet, &full);
        } else if full.destination == 0 && leg::opens(&full) {
            let opener = Opener {
                time: packet.time,
                timestamp: full.timestamp,
                oseqno: full.oseqno,
                iseqno: full.iseqno,
                subclass: full.subclass,
            };
            let repeated = |leg: &Leg| leg.is_with(full.source) && !leg.is_over();
            let mut legs = self.legs.iter_mut().filter(|((p, _), _)| *p == path);
            match legs.find(|(_, leg)| repeated(leg)).filter(|_| full.again) {
                Some((_, leg)) => leg.heard(packet, &full),
                None => {
                    self.openers.insert((path, full.source), opener);
                }
            }
        }
    }
}
