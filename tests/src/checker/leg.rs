//! One leg as the capture shows it: what was numbered, acknowledged, sent again, and when it ended.

use std::time::Duration;

use super::voice::Speech;
use super::{Opener, Violation};
use crate::frames::{Full, Voice, iax, kind};
use crate::pcap::Packet;

/// A frame of ours that takes a sequence number.
#[derive(Debug)]
struct Numbered {
    oseqno: u8,
    kind: u8,
    subclass: u8,
    destination: u16,
    timestamp: u32,
    data: Vec<u8>,
    last_sent: Duration,
    /// When the peer's acknowledgement passed.
    acknowledged: Option<Duration>,
}

/// A frame heard, as far as an ACK must repeat it.
#[derive(Debug, Clone, Copy)]
struct Heard {
    timestamp: u32,
    iseqno: u8,
}

/// A numbered frame of the peer that no frame of ours has acknowledged yet.
#[derive(Debug, Clone, Copy)]
struct Unanswered {
    frame: usize,
    time: Duration,
    oseqno: u8,
}

/// One leg.
#[derive(Debug)]
pub(super) struct Leg {
    /// The peer's call number, 0 while unknown.
    peer: u16,
    /// What we number next.
    next: u8,
    /// What we may expect next, and the last that we said we do.
    expected: u8,
    said: u8,
    sent: Vec<Numbered>,
    heard: Vec<Heard>,
    unanswered: Vec<Unanswered>,
    /// VNAKs heard: frames may be sent again without the R bit.
    asked_again: bool,
    /// The last time-stamp of a frame that is no voice and copies nobody's.
    last_signal: Option<u32>,
    speech: Speech,
    /// We have sent a final frame, or acknowledged the peer's.
    over: bool,
    final_heard: Option<u8>,
}

/// The frame asks for a leg where there is none.
pub(super) fn opens(full: &Full<'_>) -> bool {
    full.kind == kind::IAX
        && matches!(full.subclass, iax::NEW | iax::REGREQ | iax::REGREL | iax::POKE)
}

fn is_final(full: &Full<'_>) -> bool {
    full.kind == kind::IAX
        && matches!(full.subclass, iax::HANGUP | iax::REJECT | iax::REGACK | iax::REGREJ)
}

/// Its time-stamp is copied from what it answers.
fn copies(full: &Full<'_>) -> bool {
    full.kind == kind::IAX && matches!(full.subclass, iax::ACK | iax::PONG | iax::LAGRP)
}

impl Leg {
    /// A leg that we open.
    pub(super) fn outgoing() -> Self {
        Self {
            peer: 0,
            next: 0,
            expected: 0,
            said: 0,
            sent: Vec::new(),
            heard: Vec::new(),
            unanswered: Vec::new(),
            asked_again: false,
            last_signal: None,
            speech: Speech::default(),
            over: false,
            final_heard: None,
        }
    }

    /// A leg that a peer's frame has opened.
    pub(super) fn incoming(peer: u16, opener: &Opener) -> Self {
        let mut leg = Self::outgoing();
        leg.peer = peer;
        leg.expected = opener.oseqno.wrapping_add(1);
        leg.heard.push(Heard { timestamp: opener.timestamp, iseqno: opener.iseqno });
        let oseqno = opener.oseqno;
        leg.unanswered.push(Unanswered { frame: 0, time: opener.time, oseqno });
        leg
    }

    /// Nothing but acknowledgements and repeats may follow.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// The peer's number is that one.
    pub(super) fn is_with(&self, peer: u16) -> bool {
        self.peer == peer
    }

    /// The frame is from this leg's peer, as far as is known.
    pub(super) fn accepts(&self, full: &Full<'_>) -> bool {
        self.peer == 0 || self.peer == full.source || full.is_iax(iax::CALLTOKEN)
    }

    /// A full frame of ours; what is wrong with it.
    pub(super) fn sent(&mut self, packet: &Packet, full: &Full<'_>) -> Vec<String> {
        let mut wrong = Vec::new();
        self.check_addressing(full, &mut wrong);
        self.check_iseqno(full, &mut wrong);
        if full.is_unnumbered() {
            self.sent_unnumbered(full, &mut wrong);
            return wrong;
        }
        let before = self.sent.iter_mut().rev().find(|frame| frame.oseqno == full.oseqno);
        match before {
            Some(before) if full.again || full.oseqno != self.next => {
                repeat(before, packet, full, self.asked_again, &mut wrong);
            }
            _ if full.again => wrong.push("sent again, but never sent".to_owned()),
            _ => self.sent_new(packet, full, &mut wrong),
        }
        wrong
    }

    fn check_addressing(&self, full: &Full<'_>, wrong: &mut Vec<String>) {
        let may_be_unknown = opens(full) && full.oseqno == 0;
        if full.destination != self.peer && !(full.destination == 0 && may_be_unknown) {
            wrong.push(format!(
                "for call number {}, but the peer's is {}",
                full.destination, self.peer
            ));
        }
    }

    fn check_iseqno(&mut self, full: &Full<'_>, wrong: &mut Vec<String>) {
        let ahead = self.expected.wrapping_sub(self.said);
        if full.iseqno.wrapping_sub(self.said) > ahead {
            let (said, expected) = (self.said, self.expected);
            wrong.push(format!("ISeqno {} is not within {said}..={expected}", full.iseqno));
            return;
        }
        self.said = full.iseqno;
        let said = self.said;
        self.unanswered.retain(|frame| said.wrapping_sub(frame.oseqno).wrapping_sub(1) >= 128);
    }

    fn sent_unnumbered(&mut self, full: &Full<'_>, wrong: &mut Vec<String>) {
        if full.again {
            wrong.push("the R bit on a frame without a number".to_owned());
        }
        if full.is_iax(iax::ACK) {
            let echoes =
                |heard: &Heard| heard.timestamp == full.timestamp && heard.iseqno == full.oseqno;
            if !self.heard.iter().any(echoes) {
                wrong.push("acknowledges no frame heard, by time-stamp and its ISeqno".to_owned());
            }
            if self.final_heard.is_some_and(|last| full.iseqno == last.wrapping_add(1)) {
                self.over = true;
            }
        }
    }

    fn sent_new(&mut self, packet: &Packet, full: &Full<'_>, wrong: &mut Vec<String>) {
        if full.oseqno != self.next {
            wrong.push(format!("OSeqno should be {}", self.next));
        }
        if self.over {
            wrong.push("the leg is over".to_owned());
        }
        self.check_time(full, wrong);
        self.next = full.oseqno.wrapping_add(1);
        self.sent.push(Numbered {
            oseqno: full.oseqno,
            kind: full.kind,
            subclass: full.subclass,
            destination: full.destination,
            timestamp: full.timestamp,
            data: full.data.to_vec(),
            last_sent: packet.time,
            acknowledged: None,
        });
        if full.kind == kind::VOICE {
            wrong.extend(self.speech.full_frame(full));
        }
        if full.is_iax(iax::ACCEPT) {
            self.speech.accept();
        }
        if is_final(full) {
            self.over = true;
        }
    }

    fn check_time(&mut self, full: &Full<'_>, wrong: &mut Vec<String>) {
        if copies(full) {
            if !self.heard.iter().any(|heard| heard.timestamp == full.timestamp) {
                wrong.push("should copy the time-stamp of what it answers".to_owned());
            }
            return;
        }
        if full.timestamp == 0 {
            wrong.push("time-stamp 0, which means none to Asterisk".to_owned());
        }
        if full.kind == kind::VOICE {
            return;
        }
        if let Some(last) = self.last_signal.filter(|&last| full.timestamp <= last) {
            wrong.push(format!("not later than the signal before it at {last} ms"));
        }
        self.last_signal = Some(full.timestamp);
    }

    /// Voice of ours outside a full frame; what is wrong with it.
    pub(super) fn sent_voice(&mut self, voice: &Voice<'_>, trunked: bool) -> Option<String> {
        if self.over {
            return Some(format!("voice of call {}, which is over", voice.source));
        }
        let first = self.sent.iter().find(|frame| frame.kind == kind::VOICE);
        let acknowledged = first.is_some_and(|frame| frame.acknowledged.is_some());
        self.speech.outside_full_frame(voice, trunked, acknowledged)
    }

    /// A full frame of the peer.
    pub(super) fn heard(&mut self, packet: &Packet, full: &Full<'_>) {
        if full.is_iax(iax::CALLTOKEN) {
            *self = Self::outgoing(); // both sides start again (the token's exchange)
            return;
        }
        if self.peer == 0 {
            self.peer = full.source;
        }
        self.heard.push(Heard { timestamp: full.timestamp, iseqno: full.iseqno });
        for frame in &mut self.sent {
            let behind = full.iseqno.wrapping_sub(frame.oseqno).wrapping_sub(1);
            if behind < 128 && !full.is_iax(iax::INVAL) {
                frame.acknowledged.get_or_insert(packet.time);
            }
        }
        self.asked_again |= full.is_iax(iax::VNAK);
        if full.is_unnumbered() || full.oseqno != self.expected {
            return;
        }
        self.expected = self.expected.wrapping_add(1);
        let (frame, time, oseqno) = (packet.number, packet.time, full.oseqno);
        self.unanswered.push(Unanswered { frame, time, oseqno });
        if full.is_iax(iax::ACCEPT) {
            self.speech.accept();
        }
        if is_final(full) {
            self.final_heard = Some(full.oseqno);
        }
    }

    /// The capture ends: whatever the peer sent long before must have been acknowledged.
    pub(super) fn close(&mut self, end: Duration, violations: &mut Vec<Violation>) {
        for frame in self.unanswered.drain(..).filter(|frame| frame.frame != 0) {
            if end.saturating_sub(frame.time) > ANSWERED_WITHIN && !self.over {
                let what = format!("never acknowledged to call {}", self.peer);
                violations.push(Violation { frame: frame.frame, what });
            }
        }
    }
}

/// A frame sent once more: it must be the same, and wanted.
fn repeat(
    before: &mut Numbered,
    packet: &Packet,
    full: &Full<'_>,
    asked: bool,
    wrong: &mut Vec<String>,
) {
    let same = before.kind == full.kind
        && before.subclass == full.subclass
        && before.destination == full.destination
        && before.timestamp == full.timestamp
        && before.data == full.data;
    if !same {
        wrong.push("differs from the frame it repeats".to_owned());
    }
    if !full.again && !asked {
        wrong.push("repeated without the R bit, and no VNAK asked for it".to_owned());
    }
    let since = packet.time.saturating_sub(before.last_sent);
    if !asked && since < RETRY_AT_LEAST {
        wrong.push(format!("sent again after only {since:?}"));
    }
    if let Some(at) = before.acknowledged
        && packet.time.saturating_sub(at) > HEARS_WITHIN
    {
        wrong.push("sent again although it was acknowledged".to_owned());
    }
    before.last_sent = packet.time;
}

/// No peer needs longer for its answer than this; the RFC's shortest wait.
const RETRY_AT_LEAST: Duration = Duration::from_millis(90);
/// An acknowledgement in the capture this long is one the switch has read.
const HEARS_WITHIN: Duration = Duration::from_millis(50);
/// A numbered frame not acknowledged for this long never will be.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);
