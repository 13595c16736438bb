//! Between datagrams and legs: finds the leg of a full frame, keeps its numbers, sends its frames and resends them.

use std::net::SocketAddr;

use dataplane::handoff::{CallKey, CoreId, PeerIndex, SocketId};
use dataplane::time::Instant;
use dataplane::wire::{
    CallNumber, FrameType, FullFrame, FullHeader, IaxSubclass, Subclass, Timestamp,
};

use crate::admission::Again;
use crate::association::{Found, LastKeys, Tombstone};
use crate::elements::Elements;
use crate::engine::Control;
use crate::leg::{Ending, Leg, Work, full_frame};
use crate::output::Output;
use crate::reliable::{Arrival, OnAck};
use crate::secrecy::{LegKeys, Opened, Secrecy, sealed};
use crate::slab::Key;

/// Where a frame came from, or goes to.
pub(crate) type Address = (SocketId, SocketAddr);

/// What a full frame is: its type and its subclass octet.
pub(crate) type Kind = (FrameType, Subclass);

/// The kind of an IAX message.
pub(crate) const fn iax(subclass: IaxSubclass) -> Kind {
    (FrameType::Iax, Subclass::iax(subclass))
}

/// A full frame heard, with its elements gathered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeardFrame<'a> {
    pub(crate) frame: FullFrame<'a>,
    pub(crate) elements: Elements<'a>,
}

impl HeardFrame<'_> {
    /// Which IAX message it is, if it is one.
    pub(crate) fn iax(&self) -> Option<IaxSubclass> {
        let header = self.frame.header();
        (header.frame_type == FrameType::Iax).then(|| header.subclass.as_iax())
    }

    /// Whether it is a message that opens a leg.
    pub(crate) fn opens(&self) -> bool {
        let iax = self.iax();
        matches!(iax, Some(IaxSubclass::New | IaxSubclass::RegReq | IaxSubclass::RegRel))
    }
}

/// A new leg's particulars.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) core: CoreId,
    pub(crate) address: Address,
    pub(crate) rtt: std::time::Duration,
}

impl Control {
    /// A full frame from anybody.
    pub(crate) fn handle_full(&mut self, now: Instant, core: CoreId, from: Address, octets: &[u8]) {
        let Some((found, header)) = self.found_for(now, from, octets) else { return };
        if self.may_wait(found, &header) && self.put_off(now, core, from, octets) {
            return;
        }
        self.handle_for(now, core, from, found, octets);
    }

    /// A full frame that has waited for its turn.
    pub(crate) fn handle_found(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        octets: &[u8],
    ) {
        if let Some((found, _)) = self.found_for(now, from, octets) {
            self.handle_for(now, core, from, found, octets);
        }
    }

    /// Whom a full frame is for. Of an encrypted one only the call numbers mean anything yet.
    fn found_for(
        &mut self,
        now: Instant,
        from: Address,
        octets: &[u8],
    ) -> Option<(Found, FullHeader)> {
        let Ok(frame) = FullFrame::parse(octets) else {
            self.stats.malformed += 1;
            return None;
        };
        let header = *frame.header();
        let found = match self.associations.find(from.0, from.1) {
            Some(pair) => self.associations.get(pair).find(now, header.destination, header.source),
            None => Found::Nothing,
        };
        Some((found, header))
    }

    fn handle_for(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        found: Found,
        octets: &[u8],
    ) {
        match self.open_for(now, found, octets) {
            Opened::AsItCame => self.handle_opened(now, core, from, found, octets),
            Opened::Decrypted(plain) => self.handle_opened(now, core, from, found, &plain),
            Opened::Undecryptable => self.stats.undecryptable += 1,
        }
    }

    /// What a frame is to the leg, or the memory of one, that it was found to be for.
    fn open_for(&mut self, now: Instant, found: Found, octets: &[u8]) -> Opened {
        match found {
            Found::Leg(key) => {
                let Some(leg) = self.legs.get_mut(key) else { return Opened::AsItCame };
                let opened = leg.secrecy.open(octets);
                if matches!(opened, Opened::Undecryptable) {
                    self.not_decrypted(now, key);
                }
                opened
            }
            Found::Tombstone(_, tombstone) => match tombstone.keys {
                LastKeys::Clear => Opened::AsItCame,
                LastKeys::Unproven => Secrecy::Awaited(Box::new([])).open(octets),
                LastKeys::Keyed(heard, _) => LegKeys::new(heard)
                    .open(octets)
                    .map_or(Opened::Undecryptable, Opened::Decrypted),
            },
            Found::Nothing => Opened::AsItCame,
        }
    }

    fn handle_opened(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        found: Found,
        octets: &[u8],
    ) {
        let Ok(frame) = FullFrame::parse(octets) else {
            self.stats.malformed += 1;
            return;
        };
        let Ok(elements) = Elements::gather(frame.ies()) else {
            self.stats.malformed += 1; // neither processed nor acknowledged, as in the field
            return;
        };
        let heard = HeardFrame { frame, elements };
        match found {
            Found::Leg(leg) if self.opens_again(now, leg, &heard) == Again::Anew => {
                self.begin_anew(now, core, from, leg, &heard);
            }
            Found::Leg(leg) if self.opens_again(now, leg, &heard) == Again::Late => {
                self.stats.strays += 1;
            }
            Found::Leg(leg) if self.belongs(leg, &heard) => self.handle_on_leg(now, leg, &heard),
            Found::Leg(leg) if self.legs.get(leg).is_some_and(|leg| leg.theirs.is_none()) => {
                self.stats.strays += 1;
            }
            // INVAL from a number that lives would end the call that has it, at a peer that looks for the source alone.
            Found::Leg(_) if !heard.opens() => self.stats.strays += 1,
            Found::Tombstone(ours, tombstone) => {
                self.answer_for_the_dead(now, core, from, (ours, tombstone), &heard);
            }
            _ => self.handle_without_leg(now, core, from, &heard),
        }
    }

    /// Whether a frame found by its numbers is the leg's: the peer's number must be the one we know; or the frame must
    /// acknowledge our first, as a first reply does and a late frame of a call that had our number before does not; or
    /// it comes from the number that belongs to no call, in a message that may.
    fn belongs(&self, leg: Key, heard: &HeardFrame<'_>) -> bool {
        let Some(leg) = self.legs.get(leg) else { return false };
        let header = heard.frame.header();
        match (leg.theirs, heard.iax()) {
            (Some(theirs), _) => theirs == header.source,
            (None, Some(IaxSubclass::CallToken)) => true,
            (None, subclass) if header.source == CallNumber::NO_CALL => {
                leg.work.is_answered_statelessly_by(subclass)
            }
            (None, _) => leg.reliable.is_acknowledged_by(header.iseqno),
        }
    }

    fn handle_on_leg(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let header = *heard.frame.header();
        let subclass = heard.iax();
        if subclass == Some(IaxSubclass::CallToken) {
            return self.token_received(now, key, heard);
        }
        let Some(leg) = self.legs.get_mut(key) else { return };
        if leg.theirs.is_none() && header.source != CallNumber::NO_CALL {
            leg.theirs = Some(header.source);
            self.associations.get_mut(leg.pair).learn_theirs(header.source, key);
        }
        if subclass == Some(IaxSubclass::Ack) && header.destination != Some(leg.ours) {
            return; // an ACK proves that the peer hears us only if it names our number
        }
        let numbered = subclass.is_none_or(IaxSubclass::is_numbered);
        match leg.reliable.arrive(&header, numbered) {
            Arrival::Fresh => {}
            Arrival::Repeat => return self.acknowledge_again(key, &header, subclass),
            Arrival::Gap => return self.ask_again(now, key),
        }
        leg.proven |= header.destination == Some(leg.ours);
        if subclass != Some(IaxSubclass::Inval) && self.take_acknowledgement(now, key, &header) {
            return;
        }
        self.dispatch(now, key, heard);
        self.finish_hearing(now, key, &header, numbered);
    }

    /// Retires what the frame acknowledges; `true` if that was the leg's last frame.
    fn take_acknowledgement(&mut self, now: Instant, key: Key, header: &FullHeader) -> bool {
        let Some(leg) = self.legs.get_mut(key) else { return true };
        let (mut ended, mut voiced) = (false, false);
        leg.reliable.acknowledge(header.iseqno, |on_ack| match on_ack {
            OnAck::Nothing => {}
            OnAck::Voice => voiced = true,
            OnAck::End => ended = true,
        });
        if voiced {
            self.voice_acknowledged(key);
        }
        if ended {
            let iax = header.frame_type == FrameType::Iax;
            if !iax || header.subclass.as_iax().is_numbered() {
                self.send_ack(key, header); // it hung up at the same time, or asks whether we are there
            }
            self.release(now, key, true);
        }
        ended
    }

    /// The explicit ACK, unless something sent meanwhile told the peer already, or the leg's end has yet to.
    fn finish_hearing(&mut self, now: Instant, key: Key, header: &FullHeader, numbered: bool) {
        let Some(leg) = self.legs.get(key) else { return };
        let waits = matches!(leg.ending, Some(Ending::Acknowledge(_)));
        if numbered && leg.reliable.owes_ack() && !waits {
            self.send_ack(key, header);
        }
        self.rearm(now, key);
    }

    fn acknowledge_again(&mut self, key: Key, header: &FullHeader, subclass: Option<IaxSubclass>) {
        let Some(leg) = self.legs.get(key) else { return };
        let waits = matches!(leg.ending, Some(Ending::Acknowledge(_)));
        if !waits && subclass != Some(IaxSubclass::Ack) && subclass != Some(IaxSubclass::Inval) {
            self.send_ack(key, header);
        }
    }

    /// Tells the peer which frame is missing.
    pub(crate) fn ask_again(&mut self, now: Instant, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        if leg.theirs.is_none() || !leg.reliable.may_vnak(now) {
            return;
        }
        let clock = Timestamp(now.millis_since(leg.started).max(1));
        let (_, iseqno) = leg.reliable.numbers();
        let octets = leg.octets(iax(IaxSubclass::Vnak), clock, (iseqno, iseqno), &[]);
        self.transmit(key, octets);
    }

    /// The ACK of a frame: its time-stamp, its ISeqno as our OSeqno (Yate matches by both), our ISeqno.
    pub(crate) fn send_ack(&mut self, key: Key, header: &FullHeader) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        let (_, iseqno) = leg.reliable.numbers();
        let octets =
            leg.octets(iax(IaxSubclass::Ack), header.timestamp, (header.iseqno, iseqno), &[]);
        self.transmit(key, octets);
    }

    /// What a leg that has ended heard before, and what ends it once more, is acknowledged as when it lived. Anything
    /// else shows a peer that believes in the call: to acknowledge that would keep it in its belief.
    fn answer_for_the_dead(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        (ours, tombstone): (CallNumber, Tombstone),
        heard: &HeardFrame<'_>,
    ) {
        let said = *heard.frame.header();
        if heard.iax().is_some_and(|subclass| !subclass.is_numbered()) {
            return;
        }
        let ahead = tombstone.iseqno.ahead_of(said.oseqno);
        let repeated = (1..128).contains(&ahead);
        let ends = matches!(heard.iax(), Some(IaxSubclass::Hangup | IaxSubclass::Reject));
        if !repeated && !ends {
            if !tombstone.acknowledged {
                self.stray(now, core, from, heard);
            }
            return;
        }
        let (frame_type, subclass) = iax(IaxSubclass::Ack);
        let header = FullHeader {
            source: ours,
            destination: Some(said.source),
            retransmission: false,
            timestamp: said.timestamp,
            oseqno: said.iseqno,
            iseqno: if repeated { tombstone.iseqno } else { said.oseqno.next() },
            frame_type,
            subclass,
        };
        let octets = full_frame(&header, &[]);
        let octets = match tombstone.keys {
            LastKeys::Keyed(_, sent) => sealed(sent, &octets, &mut self.pads),
            LastKeys::Clear | LastKeys::Unproven => octets,
        };
        self.send_raw(core, from, octets);
    }

    /// Sends a full frame on a leg, stamped by its clock, and resends it until it is acknowledged.
    pub(crate) fn send(&mut self, now: Instant, key: Key, kind: Kind, data: &[u8], on_ack: OnAck) {
        let last_voice = self.last_voice_to(key);
        let Some(leg) = self.legs.get_mut(key) else { return };
        let stamp = leg.stamp(now, last_voice);
        self.send_stamped(now, key, kind, stamp, data, on_ack);
    }

    /// Sends a full frame with a time-stamp of the caller's choice: echoes and voice.
    pub(crate) fn send_stamped(
        &mut self,
        now: Instant,
        key: Key,
        kind: Kind,
        stamp: Timestamp,
        data: &[u8],
        on_ack: OnAck,
    ) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        if leg.reliable.is_full() {
            return self.leg_lost(now, key, "it acknowledges nothing of 100 frames");
        }
        let octets = leg.compose(now, kind, stamp, data, on_ack);
        self.transmit(key, octets);
        self.rearm(now, key);
    }

    /// Sends octets to a leg's peer, encrypted as the leg is now.
    pub(crate) fn transmit(&mut self, key: Key, octets: Vec<u8>) {
        let under = self.legs.get(key).and_then(|leg| leg.secrecy.sending());
        self.transmit_under(key, under, octets);
    }

    /// Sends octets to a leg's peer, encrypted as they were when they first went.
    pub(crate) fn transmit_under(&mut self, key: Key, under: Option<CallKey>, octets: Vec<u8>) {
        let octets = match under {
            Some(under) => sealed(under, &octets, &mut self.pads),
            None => octets,
        };
        let Some(leg) = self.legs.get(key) else { return };
        let pair = self.associations.get(leg.pair);
        let (core, address) = (pair.core, (pair.local, pair.remote));
        self.send_raw(core, address, octets);
    }

    /// Sends octets to anybody.
    pub(crate) fn send_raw(&mut self, core: CoreId, (local, remote): Address, octets: Vec<u8>) {
        self.outputs.push_back(Output::Send { core, local, remote, octets });
    }

    /// A reply without any leg behind it (the field calls it apathetic).
    pub(crate) fn send_stateless(
        &mut self,
        core: CoreId,
        to: Address,
        heard: &FullHeader,
        subclass: IaxSubclass,
        data: &[u8],
    ) {
        let (frame_type, subclass) = iax(subclass);
        let header = FullHeader {
            source: CallNumber::NO_CALL,
            destination: Some(heard.source),
            retransmission: false,
            timestamp: heard.timestamp,
            oseqno: dataplane::wire::SeqNo(0),
            iseqno: heard.iseqno.next(),
            frame_type,
            subclass,
        };
        self.send_raw(core, to, full_frame(&header, data));
    }

    /// Makes a leg with a number of its own; `None` if there is no room for it anywhere.
    pub(crate) fn open_leg(&mut self, now: Instant, opening: Opening, work: Work) -> Option<Key> {
        let Opening { core, address: (local, remote), rtt } = opening;
        let pair = self.associations.find_or_make(local, remote, core, &mut self.random)?;
        let associations = &mut self.associations;
        let mut number = None;
        let key = self.legs.insert_with(|key| {
            number = associations.number_for(now, pair, key);
            let ours = number.unwrap_or(CallNumber::NO_CALL);
            Leg::new(now, pair, ours, work, rtt)
        });
        match (key, number) {
            (Some(key), Some(_)) => {
                self.reset_relay(key);
                Some(key)
            }
            (key, _) => {
                if let Some(key) = key {
                    self.legs.remove(key);
                }
                self.associations.forget_if_unused(pair);
                None
            }
        }
    }

    /// The leg is over: its number goes to rest as soon as no core names it any more.
    pub(crate) fn release(&mut self, now: Instant, key: Key, acknowledged: bool) {
        self.uncount_out(key);
        self.unbridge_leg(key);
        let Some(leg) = self.legs.get_mut(key) else { return };
        leg.over = Some(acknowledged);
        leg.due_at = Instant::FAR_FUTURE;
        self.release_if_clear(now, key);
    }

    /// Lets go of a leg that is over and that no core names.
    pub(crate) fn release_if_clear(&mut self, now: Instant, key: Key) {
        if !self.is_clear_of_cores(key) {
            return;
        }
        let Some(acknowledged) = self.legs.get(key).and_then(|leg| leg.over) else { return };
        let Some(leg) = self.legs.remove(key) else { return };
        if leg.unvalidated {
            self.unvalidated -= 1;
        }
        self.forget_challenge(&leg.work);
        let (oseqno, iseqno) = leg.reliable.final_numbers();
        let theirs = leg.theirs;
        let keys = match leg.secrecy {
            Secrecy::Keyed(keys) => LastKeys::Keyed(keys.heard, keys.sent),
            Secrecy::Awaited(_) => LastKeys::Unproven,
            Secrecy::Clear => LastKeys::Clear,
        };
        let tombstone = Tombstone { theirs, oseqno, iseqno, ended: now, acknowledged, keys };
        self.associations.rest(leg.pair, leg.ours, tombstone);
        if let Work::Probe(peer) = leg.work {
            self.probe_over(peer, key);
        }
    }

    /// A core other than the one we thought hears this pair: its relays follow.
    pub(crate) fn heard_on(&mut self, core: CoreId, pair: PeerIndex) {
        let association = self.associations.get_mut(pair);
        if association.core != core {
            let before = std::mem::replace(&mut association.core, core);
            if association.relays > 0 {
                self.move_relays(pair, before);
            }
        }
    }
}
