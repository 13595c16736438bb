//! Walks a capture and hands each datagram to the leg it belongs to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use dataplane::wire::{CallNumber, Frame, FullFrame, IaxSubclass as Iax, TrunkEntry, TrunkFrame};

use super::Options;
use super::content;
use super::finding::{Log, Report, Stats};
use super::leg::Leg;
use super::media::Carried;
use super::stateless::Stateless;
use super::trunk::Trunks;
use crate::pcap::{Capture, Packet};
use crate::unseal::unseal;

/// Judges every datagram that `switch` sent in a capture.
pub fn check_capture(capture: &Capture, switch: SocketAddr, options: &Options) -> Report {
    let mut judge = Judge {
        switch,
        options,
        log: Log::default(),
        stats: Stats { other: capture.other, ..Stats::default() },
        legs: BTreeMap::new(),
        stateless: Stateless::default(),
        trunks: Trunks::default(),
    };
    if options.secrets.is_empty() {
        capture.packets.iter().for_each(|packet| judge.packet(packet));
        return judge.finish();
    }
    let mut packets = capture.packets.clone();
    let found = unseal(&mut packets, &options.secrets);
    for fault in found.faults.into_iter().filter(|fault| fault.from == switch) {
        judge.log.wrong_at(fault.frame_no, fault.time, fault.text);
    }
    packets.retain(|packet| !found.unread.contains(&packet.frame_no));
    packets.iter().for_each(|packet| judge.packet(packet));
    judge.finish()
}

/// How soon a frame without an acknowledgement must have been sent again, whatever the round trip.
const RESEND_WITHIN: Duration = Duration::from_secs(5);

struct Judge<'a> {
    switch: SocketAddr,
    options: &'a Options,
    log: Log,
    stats: Stats,
    /// By the peer's address and the switch's number; ordered, so that findings are.
    legs: BTreeMap<(SocketAddr, CallNumber), Leg>,
    stateless: Stateless,
    trunks: Trunks,
}

impl Judge<'_> {
    fn packet(&mut self, packet: &Packet) {
        (self.log.frame_no, self.log.now) = (packet.frame_no, packet.time.max(self.log.now));
        self.stats.partial += usize::from(packet.payload.len() < packet.len);
        if packet.source == self.switch {
            self.stats.sent += 1;
            self.sent(packet);
        } else if packet.destination == self.switch {
            self.stats.heard += 1;
            self.heard(packet);
        } else {
            self.stats.other += 1;
        }
    }

    fn heard(&mut self, packet: &Packet) {
        let peer = packet.source;
        let whole = packet.payload.len() == packet.len;
        let frame = match Frame::parse(&packet.payload) {
            Ok(Frame::Full(frame)) => frame,
            Ok(_) => return,
            Err(_) => return self.stats.malformed_heard += 1,
        };
        if whole && frame.ies().any(|ie| ie.is_err()) {
            return self.stats.malformed_heard += 1; // dropped unacknowledged by everybody
        }
        let header = frame.header();
        let leg = match header.destination {
            Some(CallNumber::NO_CALL) => return,
            Some(ours) => self.legs.get_mut(&(peer, ours)),
            None => self
                .legs
                .range_mut((peer, CallNumber::NO_CALL)..=(peer, CallNumber::MAX))
                .map(|(_, leg)| leg)
                .find(|leg| leg.is_meant_by(&frame)),
        };
        match leg {
            Some(leg) => leg.hear(&frame, self.options, &self.log),
            None if content::is_opener(content::iax(&frame)) => {
                self.stateless.hear(peer, &frame, &self.log);
            }
            None => {}
        }
    }

    fn sent(&mut self, packet: &Packet) {
        let peer = packet.destination;
        match Frame::parse(&packet.payload) {
            Ok(Frame::Full(frame)) => {
                self.stats.full += 1;
                content::check(&frame, peer, packet.payload.len() == packet.len, &mut self.log);
                self.full(peer, &frame);
            }
            Ok(Frame::Mini(mini)) => {
                self.stats.mini += 1;
                let (source, timestamp) = (Some(mini.source()), Some(mini.timestamp()));
                let entry = TrunkEntry { source, timestamp, payload: mini.payload() };
                self.voice(peer, Carried::Mini, &entry);
            }
            Ok(Frame::Video(video)) => {
                self.stats.mini += 1;
                match self.legs.get_mut(&(peer, video.source())) {
                    Some(leg) => leg.check_carries_voice("video mini frame", &mut self.log),
                    None => self.log.wrong("video mini frame of no call"),
                }
            }
            Ok(Frame::Trunk(trunk)) => self.trunk(peer, &trunk, packet),
            Err(error) => self.log.wrong(format!("no IAX2 frame: {error}")),
        }
    }

    fn trunk(&mut self, peer: SocketAddr, trunk: &TrunkFrame<'_>, packet: &Packet) {
        self.stats.trunk += 1;
        let (octets, len) = (&packet.payload, packet.len);
        for entry in self.trunks.send(peer, trunk, octets, len, self.options, &mut self.log) {
            self.stats.entries += 1;
            self.voice(peer, Carried::Entry, &entry);
        }
    }

    fn voice(
        &mut self,
        peer: SocketAddr,
        carried: Carried,
        TrunkEntry { source, timestamp, payload }: &TrunkEntry<'_>,
    ) {
        let number = source.map_or(0, CallNumber::get);
        match source.and_then(|source| self.legs.get_mut(&(peer, source))) {
            Some(leg) => {
                leg.send_voice(carried, *timestamp, payload, self.options.wrap_grace, &mut self.log)
            }
            None => self.log.wrong(format!("{} of call {number}, which is none", carried.name())),
        }
    }

    fn full(&mut self, peer: SocketAddr, frame: &FullFrame<'_>) {
        let header = frame.header();
        let subclass = content::iax(frame);
        if subclass == Some(Iax::Pong) {
            self.stateless.pay(peer, frame, self.options.answer_within, &mut self.log);
        }
        if header.source == CallNumber::NO_CALL {
            return self.stateless.send(peer, frame, &mut self.log);
        }
        let key = (peer, header.source);
        if subclass == Some(Iax::Inval) {
            let leg = self.legs.get_mut(&key).filter(|leg| {
                leg.closed.is_none() && !leg.ending && leg.theirs == header.destination
            });
            let Some(leg) = leg else { return };
            let cancelled = leg.originating && leg.sent.len() <= 1; // before the first answer came
            if !cancelled && !self.options.peers_vanish {
                self.log.wrong(format!("INVAL for call {}, which lives", header.source));
            }
            return leg.close(self.log.now);
        }
        if self.starts_a_leg(key, frame) {
            self.start(key, frame);
        }
        if let Some(leg) = self.legs.get_mut(&key) {
            leg.send(frame, self.options, &mut self.log, &mut self.stats);
        }
    }

    /// Whether a full frame is the first of its leg, and not one more of the leg that has the number.
    fn starts_a_leg(&self, key: (SocketAddr, CallNumber), frame: &FullFrame<'_>) -> bool {
        let Some(leg) = self.legs.get(&key) else { return true };
        match frame.header().destination {
            None => {
                let opens =
                    content::is_opener(content::iax(frame)) && !frame.header().retransmission;
                let mine = leg.originating && leg.theirs.is_none() && leg.closed.is_none();
                let unanswered = leg
                    .sent
                    .front()
                    .is_none_or(|first| self.log.now - first.last <= self.options.rest);
                opens && !(mine && unanswered)
            }
            Some(theirs) => {
                let since = leg.closed.unwrap_or(Duration::MAX);
                self.stateless.has_fresh(key.0, theirs, since)
            }
        }
    }

    fn start(&mut self, key: (SocketAddr, CallNumber), frame: &FullFrame<'_>) {
        let (peer, ours) = key;
        let now = self.log.now;
        if let Some(mut old) = self.legs.remove(&key) {
            if old.closed.is_none() && old.sent.iter().all(|sent| sent.acked.is_some()) {
                self.log.wrong(format!(
                    "call number {ours} serves a second call while the first is up"
                ));
            }
            let rested = now - old.closed.unwrap_or(old.active);
            if rested < self.options.rest {
                self.log.wrong(format!("call number {ours} rested {} ms", rested.as_millis()));
            }
            if !self.options.peers_vanish {
                old.finish(now, RESEND_WITHIN, &mut self.log);
            }
        }
        self.stats.legs += 1;
        let header = frame.header();
        let leg = match header.destination {
            None if content::is_opener(content::iax(frame)) => Leg::opened_by_switch(ours, now),
            None => {
                self.log.wrong(format!("{} opens a call", content::name(frame)));
                Leg::opened_by_switch(ours, now)
            }
            Some(theirs) => match self.stateless.claim(peer, theirs) {
                Some(opener) => Leg::opened_by_peer(ours, theirs, opener, now),
                None => {
                    self.log.wrong(format!("{} of a call nobody opened", content::name(frame)));
                    let mut leg = Leg::opened_by_switch(ours, now);
                    leg.theirs = Some(theirs);
                    (leg.next, leg.expected, leg.accepted) = (header.oseqno, header.iseqno, true);
                    leg
                }
            },
        };
        self.legs.insert(key, leg);
    }

    fn finish(mut self) -> Report {
        let now = self.log.now;
        for leg in self.legs.values_mut() {
            if !self.options.peers_vanish {
                leg.finish(now, RESEND_WITHIN, &mut self.log);
            }
        }
        self.stateless.finish(now, self.options.answer_within, &mut self.log);
        let mut violations = self.log.violations;
        violations.sort_by_key(|violation| violation.frame_no);
        Report { violations, stats: self.stats }
    }
}
