//! What a full frame that reached its leg in order sets in motion.

use dataplane::handoff::{Command, RelayId};
use dataplane::time::Instant;
use dataplane::wire::{
    ControlSubclass, FrameType, FullHeader, IaxSubclass, IeKind, IeWriter, Subclass,
};

use crate::cause::Cause;
use crate::engine::Control;
use crate::leg::{Ending, LegState, Work};
use crate::message;
use crate::output::Topic;
use crate::reliable::OnAck;
use crate::slab::Key;
use crate::transport::{HeardFrame, iax};

impl Control {
    /// A frame new to its leg.
    pub(crate) fn dispatch(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        self.heard_anything(now, key);
        let header = heard.frame.header();
        let ends = matches!(
            heard.iax(),
            Some(
                IaxSubclass::Hangup | IaxSubclass::Reject | IaxSubclass::Inval | IaxSubclass::Vnak
            )
        );
        if self.state_of(key) == Some(LegState::Ending) && !ends {
            return; // our last frame has gone: acknowledged, and nothing more is said
        }
        match header.frame_type {
            FrameType::Iax => self.dispatch_iax(now, key, heard, header.subclass.as_iax()),
            FrameType::Voice => self.voice_heard(now, key, heard),
            FrameType::Control => self.control_heard(now, key, heard),
            FrameType::DtmfBegin
            | FrameType::DtmfEnd
            | FrameType::Text
            | FrameType::Html
            | FrameType::Image
            | FrameType::ComfortNoise => self.forward(now, key, heard),
            FrameType::Video => self.video_heard(now, key, heard),
            _ => {} // modem and the unknown: acknowledged, and that is all
        }
    }

    fn dispatch_iax(
        &mut self,
        now: Instant,
        key: Key,
        heard: &HeardFrame<'_>,
        subclass: IaxSubclass,
    ) {
        let header = *heard.frame.header();
        match subclass {
            IaxSubclass::Ping => self.answer_ping(now, key, &header),
            IaxSubclass::LagRq => {
                let stamp = header.timestamp;
                self.send_stamped(now, key, iax(IaxSubclass::LagRp), stamp, &[], OnAck::Nothing);
            }
            IaxSubclass::Pong => self.pong_heard(now, key, &header),
            IaxSubclass::Vnak => self.vnak_heard(now, key, &header),
            IaxSubclass::Inval => self.inval_heard(now, key, &header),
            IaxSubclass::Hangup | IaxSubclass::Reject => self.end_heard(now, key, heard, subclass),
            IaxSubclass::AuthReq => self.challenged(now, key, heard),
            IaxSubclass::AuthRep => self.answered_challenge(now, key, heard),
            IaxSubclass::Accept => self.accepted(now, key, heard),
            IaxSubclass::RegReq | IaxSubclass::RegRel => self.registrar_answered(now, key, heard),
            IaxSubclass::RegAuth => self.registrant_challenged(now, key, heard),
            IaxSubclass::RegAck => self.registrant_accepted(now, key, heard),
            IaxSubclass::RegRej => self.registrant_rejected(now, key, heard),
            IaxSubclass::Quelch => self.quelch_heard(now, key, heard, true),
            IaxSubclass::Unquelch => self.quelch_heard(now, key, heard, false),
            IaxSubclass::RtKey => self.new_key_heard(now, key, heard),
            IaxSubclass::DpReq => self.number_asked(now, key, heard),
            IaxSubclass::Dial => self.number_dialled(now, key, heard),
            IaxSubclass::Transfer => {
                let why = "asks for its call to be sent elsewhere (TRANSFER): that is not done";
                self.refuse_transfer(now, key, why);
                self.say_unsupported(now, key, subclass);
            }
            IaxSubclass::TxReq => {
                self.refuse_transfer(
                    now,
                    key,
                    "asks for native transfer (TXREQ): that is not done",
                );
                self.send(now, key, iax(IaxSubclass::TxRej), &[], OnAck::Nothing);
            }
            IaxSubclass::New
            | IaxSubclass::Ack
            | IaxSubclass::LagRp
            | IaxSubclass::Unsupport
            | IaxSubclass::Poke
            | IaxSubclass::TxCnt
            | IaxSubclass::TxAcc
            | IaxSubclass::TxRej
            | IaxSubclass::CallToken => {}
            other => self.say_unsupported(now, key, other),
        }
    }

    /// UNSUPPORT: the peer knows then that nothing came of it.
    pub(crate) fn say_unsupported(&mut self, now: Instant, key: Key, subclass: IaxSubclass) {
        let data = message::unsupported(subclass);
        self.send(now, key, iax(IaxSubclass::Unsupport), &data, OnAck::Nothing);
    }

    fn refuse_transfer(&mut self, now: Instant, key: Key, what: &str) {
        let Some(remote) = self.remote_of(key) else { return };
        self.complain(now, Topic::Call, remote, format!("{remote} {what}"));
    }

    /// Whatever a peer says shows that it is there: its set-up timer has no more use.
    fn heard_anything(&mut self, now: Instant, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        if matches!(leg.work, Work::Callee(_)) {
            leg.due_at = Instant::FAR_FUTURE;
        }
        self.proof_heard(now, key);
    }

    /// PONG, with what we have received as the receiver report elements tell it (RFC 5456 §8.6.34).
    fn answer_ping(&mut self, now: Instant, key: Key, header: &FullHeader) {
        let cell = self.cells.get(RelayId(key.index));
        let load =
            |word: &std::sync::atomic::AtomicU32| word.load(std::sync::atomic::Ordering::Relaxed);
        let (frames, late) = cell.map_or((0, 0), |c| (load(&c.heard_frames), load(&c.late_frames)));
        let mut data = [0; 64];
        let mut ies = IeWriter::new(&mut data);
        ies.u32(IeKind::RrJitter, 0)
            .u32(IeKind::RrLoss, 0)
            .u32(IeKind::RrPkts, frames)
            .u16(IeKind::RrDelay, 0)
            .u32(IeKind::RrDropped, 0)
            .u32(IeKind::RrOoo, late);
        let Ok(len) = ies.finish() else { return };
        let stamp = header.timestamp;
        self.send_stamped(now, key, iax(IaxSubclass::Pong), stamp, &data[..len], OnAck::Nothing);
    }

    fn pong_heard(&mut self, now: Instant, key: Key, header: &FullHeader) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        let sent = leg.started + std::time::Duration::from_millis(u64::from(header.timestamp.0));
        let rtt = now.since(sent);
        match leg.work {
            Work::Probe(peer) => self.probe_answered(now, peer, key, header, rtt),
            _ => leg.reliable.measured(rtt),
        }
    }

    /// The peer misses full frames, or a voice format: all it asks for again, and a full VOICE frame.
    fn vnak_heard(&mut self, now: Instant, key: Key, header: &FullHeader) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        let mut again = Vec::new();
        leg.reliable
            .resend_from(now, header.iseqno, |octets, under| again.push((under, octets.to_vec())));
        let lacks_voice = again.is_empty() && leg.reliable.is_quiet() && leg.media.sent.is_some();
        for (under, octets) in again {
            self.transmit_under(key, under, octets);
        }
        if lacks_voice {
            self.owe_voice(key);
        }
    }

    /// "I have no such call": true only if the peer names both numbers right.
    fn inval_heard(&mut self, now: Instant, key: Key, header: &FullHeader) {
        let Some(leg) = self.legs.get(key) else { return };
        if header.destination != Some(leg.ours) || leg.theirs != Some(header.source) {
            return;
        }
        match leg.work {
            Work::Caller(_) | Work::Callee(_) => {
                let why = Some("it says it has no such call (INVAL)");
                self.call_leg_ended(now, key, Cause::TEMPORARY_FAILURE, why, Ending::Silent);
            }
            _ => self.leg_lost(now, key, "it says it has no such call (INVAL)"),
        }
    }

    /// HANGUP or REJECT from the peer.
    fn end_heard(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>, subclass: IaxSubclass) {
        let header = *heard.frame.header();
        let rejected = subclass == IaxSubclass::Reject;
        let unsaid = if rejected { Cause::REJECTED } else { Cause::NORMAL };
        let cause = heard.elements.cause_code.filter(|code| *code != 0).map_or(unsaid, Cause);
        let Some(leg) = self.legs.get(key) else { return };
        match leg.work {
            Work::Caller(_) | Work::Callee(_) => {
                let words = heard.elements.cause.map(crate::elements::printable);
                let why = match words {
                    Some(words) if rejected => Some(format!("rejected: \"{words}\"")),
                    None if rejected => Some("rejected".to_owned()),
                    _ => None,
                };
                let how = if leg.theirs.is_some() {
                    Ending::Acknowledge(header)
                } else {
                    Ending::Silent // a refusal that belongs to no call is not acknowledged
                };
                self.call_leg_ended(now, key, cause, why.as_deref(), how);
            }
            Work::Registrant(index) => {
                self.send_ack(key, &header);
                self.release(now, key, true);
                self.registration_refused(now, index, cause);
            }
            Work::Registrar(_) => {
                self.registrar_left(now, key, &format!("it gave up, cause {cause}"));
                self.send_ack(key, &header);
                self.release(now, key, true);
            }
            Work::Probe(_) => {
                self.send_ack(key, &header);
                self.leg_lost(now, key, "it refuses POKE");
            }
        }
    }

    fn quelch_heard(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>, quelch: bool) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        if !leg.state.carries_voice() {
            return;
        }
        leg.media.quelched = quelch;
        if let Some(feeder) = self.feeder_of(key) {
            let relay = RelayId(feeder.index);
            let muted = self.legs.get(feeder).is_some_and(|leg| leg.media.muted);
            self.command_relay(feeder, Command::Quelch(relay, quelch || muted));
            if !quelch {
                self.owe_voice(key);
            }
        }
        let music = heard.elements.music_on_hold;
        let Some(other) = self.partner(key).filter(|other| self.is_linked(*other)) else { return };
        let Some(leg) = self.legs.get_mut(key) else { return };
        let held = leg.media.holds;
        leg.media.holds = quelch && (music || held);
        let control = match (held, leg.media.holds) {
            (false, true) => ControlSubclass::Hold,
            (true, false) => ControlSubclass::Unhold, // UNQUELCH itself never speaks of music
            _ => return,
        };
        let kind = (FrameType::Control, Subclass::control(control));
        self.send(now, other, kind, &[], OnAck::Nothing);
    }

    /// Call control from a leg: what concerns the set-up is acted on, what may cross is passed on, the rest dropped.
    fn control_heard(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let control = heard.frame.header().subclass.as_control();
        let Some(state) = self.state_of(key) else { return };
        if !state.carries_voice() || !control.may_cross() {
            return;
        }
        match control {
            ControlSubclass::Hangup => {
                self.call_leg_ended(now, key, Cause::NORMAL, None, Ending::Hangup(Cause::NORMAL));
            }
            ControlSubclass::Ringing
            | ControlSubclass::Proceeding
            | ControlSubclass::Progress
            | ControlSubclass::Answer
            | ControlSubclass::Busy
            | ControlSubclass::Congestion
                if self.is_callee(key) =>
            {
                self.callee_says(now, key, control);
            }
            ControlSubclass::ConnectedLine | ControlSubclass::Redirecting
                if !self.connected_line_may_pass(key) => {}
            _ => self.forward(now, key, heard),
        }
    }

    /// Passes a full frame on to the other leg, octet for octet.
    fn forward(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let header = heard.frame.header();
        let Some(other) = self.partner(key) else { return };
        if self.is_linked(key) && self.is_linked(other) {
            let kind = (header.frame_type, header.subclass);
            self.send(now, other, kind, heard.frame.data(), OnAck::Nothing);
        }
    }

    fn is_callee(&self, key: Key) -> bool {
        self.legs.get(key).is_some_and(|leg| matches!(leg.work, Work::Callee(_)))
    }
}
