//! What full frames mean to a PBX: those of any leg, and those a caller gets. What a callee does is in `answering.rs`.

use std::io::Result;

use dataplane::time::Instant;
use dataplane::wire::{
    CallNumber, ControlSubclass, FrameType, FullFrame, FullHeader, IaxSubclass, IeKind, IeWriter,
    MediaFormat, SeqNo, Subclass, Timestamp,
};
use md5::{Digest, Md5};

use crate::leg::{State, What, full_header};
use crate::outcome::FailureKind;
use crate::pbx::Pbx;
use crate::scenario::Scenario;

impl Pbx {
    /// Places a call. All numbers taken is an error of our own, which the scenario's bound excludes.
    pub(crate) fn place_call(&mut self, now: Instant, call: u32) -> Result<()> {
        let place =
            self.new_leg(now, call).expect("a scenario has fewer calls than there are numbers");
        self.send_new(now, place, b"")
    }

    /// Asks the far side whether it is there; the answer shows in `ponged`.
    pub(crate) fn poke(&mut self) -> Result<()> {
        let what = What::iax(IaxSubclass::Poke);
        self.socket.send(&full_header(&FullHeader {
            source: CallNumber::MAX, // beyond all legs
            destination: None,
            retransmission: false,
            timestamp: Timestamp(1),
            oseqno: SeqNo(0),
            iseqno: SeqNo(0),
            frame_type: what.frame_type,
            subclass: what.subclass,
        }))
    }

    /// A full frame: found its leg, put in its place, acknowledged, acted upon.
    pub(crate) fn handle_full(&mut self, now: Instant, frame: &FullFrame<'_>) -> Result<()> {
        let header = frame.header();
        let what = What { frame_type: header.frame_type, subclass: header.subclass };
        if header.source == CallNumber::NO_CALL {
            return self.handle_stateless(now, frame);
        }
        let place = match header.destination {
            Some(ours) => self.place_of(ours).filter(|place| self.leg(*place).is_named_by(frame)),
            None if what == What::iax(IaxSubclass::Poke) => {
                return self.send_stateless(header, IaxSubclass::Pong, &[]);
            }
            None => self.place_of_theirs(header.source),
        };
        match place {
            Some(place) => self.handle_in_leg(now, place, what, frame),
            None if what == What::iax(IaxSubclass::New) => self.handle_new(now, frame),
            None => Ok(()), // a leg of a time before ours: dropped silently, as Asterisk does
        }
    }

    fn handle_in_leg(
        &mut self,
        now: Instant,
        place: u16,
        what: What,
        frame: &FullFrame<'_>,
    ) -> Result<()> {
        let header = frame.header();
        self.learn(place, header.source);
        let leg = self.leg(place);
        let numbered = what.frame_type != FrameType::Iax || what.subclass.as_iax().is_numbered();
        let behind = leg.iseqno.ahead_of(header.oseqno);
        match behind {
            _ if !numbered => {}
            0 => leg.iseqno = leg.iseqno.next(),
            1..128 => {
                let ack = leg.emit_ack(header);
                return self.socket.send(&ack);
            }
            128.. => {
                let vnak = leg.emit_vnak(now);
                return self.socket.send(&vnak);
            }
        }
        for done in leg.acknowledged(header.iseqno) {
            self.handle_acknowledged(place, done);
        }
        match what.frame_type {
            FrameType::Iax => self.handle_iax(now, place, frame)?,
            FrameType::Control => self.handle_control(place, what.subclass.as_control()),
            FrameType::Voice => self.hear(now, header.source, frame.data()),
            _ => {} // digits, text and the like: acknowledged, and of no use here
        }
        let leg = self.leg(place);
        if numbered && leg.owes_ack() {
            let ack = leg.emit_ack(header);
            self.socket.send(&ack)?;
        }
        Ok(())
    }

    /// The far side's number for a leg, told by its first frame.
    pub(crate) fn learn(&mut self, place: u16, theirs: CallNumber) {
        if self.leg(place).theirs.replace(theirs).is_none()
            && let Some(slot) = self.by_theirs.get_mut(usize::from(theirs.get()))
        {
            *slot = place;
        }
    }

    fn handle_acknowledged(&mut self, place: u16, what: What) {
        match (what.frame_type, what.subclass) {
            (FrameType::Voice, _) => self.leg(place).voice.known = true,
            (FrameType::Control, Subclass(ANSWER)) if self.leg(place).state == State::Linked => {
                self.talk(place);
            }
            (FrameType::Iax, Subclass(HANGUP | REJECT)) => self.enter(place, State::Ended),
            _ => {}
        }
    }

    fn handle_control(&mut self, place: u16, subclass: ControlSubclass) {
        if subclass == ControlSubclass::Answer && self.leg(place).state == State::Linked {
            self.talk(place);
        }
    }

    fn talk(&mut self, place: u16) {
        self.enter(place, State::Up);
        self.wheel.join(place);
    }

    fn handle_iax(&mut self, now: Instant, place: u16, frame: &FullFrame<'_>) -> Result<()> {
        let header = frame.header();
        let state = self.leg(place).state;
        match header.subclass.as_iax() {
            IaxSubclass::Ping | IaxSubclass::Poke => self.send_pong(now, place, header),
            IaxSubclass::LagRq => {
                let what = What::iax(IaxSubclass::LagRp);
                self.send_stamped(now, place, what, Some(header.timestamp), &[])
            }
            IaxSubclass::Vnak => self.handle_vnak(place),
            IaxSubclass::AuthReq if state == State::Waiting => {
                self.handle_authreq(now, place, frame)
            }
            IaxSubclass::AuthRep if state == State::Waiting => {
                self.handle_authrep(now, place, frame)
            }
            IaxSubclass::Accept if state == State::Waiting => {
                self.enter(place, State::Linked);
                Ok(())
            }
            IaxSubclass::Reject | IaxSubclass::Hangup | IaxSubclass::Inval => {
                self.handle_end(place, frame)
            }
            IaxSubclass::Unknown(subclass) => {
                self.send_iax(now, place, IaxSubclass::Unsupport, |ies| {
                    ies.u8(IeKind::IaxUnknown, subclass);
                })
            }
            _ => Ok(()), // acknowledged, and nothing to do
        }
    }

    fn send_pong(&mut self, now: Instant, place: u16, ping: &FullHeader) -> Result<()> {
        let mut reports = [0; 64];
        let mut ies = IeWriter::new(&mut reports);
        for kind in [IeKind::RrJitter, IeKind::RrLoss] {
            ies.u32(kind, 0);
        }
        ies.u32(IeKind::RrPkts, 1).u16(IeKind::RrDelay, 40);
        for kind in [IeKind::RrDropped, IeKind::RrOoo] {
            ies.u32(kind, 0);
        }
        let len = ies.finish().expect("six short elements fit");
        let what = What::iax(IaxSubclass::Pong);
        self.send_stamped(now, place, what, Some(ping.timestamp), reports.get(..len).unwrap_or(&[]))
    }

    /// Everything from the number asked for goes again; the frames before it have just been acknowledged. What was
    /// missing may be the full frame of voice that mini frames lean on, so another follows.
    fn handle_vnak(&mut self, place: u16) -> Result<()> {
        let leg = self.legs.get_mut(usize::from(place)).expect("legs stay where they are");
        leg.voice.owes_full = true;
        leg.unacked.iter().try_for_each(|unacked| self.socket.send(&unacked.octets))
    }

    /// The far side ends the leg: in order if we have fallen silent, a failure before.
    fn handle_end(&mut self, place: u16, frame: &FullFrame<'_>) -> Result<()> {
        let header = frame.header();
        let subclass = header.subclass.as_iax();
        let leg = self.leg(place);
        if subclass != IaxSubclass::Inval {
            let ack = leg.emit_ack(header);
            self.socket.send(&ack)?;
        }
        let state = self.leg(place).state;
        self.enter(place, State::Ended);
        let (code, text) = cause(frame);
        match (subclass, state) {
            (_, State::HangingUp | State::Ended) => {}
            (IaxSubclass::Inval, _) => self.fail(place, FailureKind::Unknown),
            (IaxSubclass::Reject, _) => self.fail(place, FailureKind::Refused { code, text }),
            _ if !self.wheel.turning => {}
            _ => self.fail(place, FailureKind::HungUp { answered: state == State::Up, code, text }),
        }
        Ok(())
    }

    fn send_new(&mut self, now: Instant, place: u16, token: &[u8]) -> Result<()> {
        let number = Scenario::number_of(self.leg(place).call).to_string();
        let username = self.scenario.caller.username.clone();
        self.send_iax(now, place, IaxSubclass::New, |ies| {
            ies.u16(IeKind::Version, 2)
                .raw(IeKind::CalledNumber, number.as_bytes())
                .raw(IeKind::CodecPrefs, b"D")
                .raw(IeKind::CallingNumber, b"2000")
                .u8(IeKind::CallingPres, 0)
                .u8(IeKind::CallingTon, 0)
                .u16(IeKind::CallingTns, 0)
                .raw(IeKind::CallingName, b"PBX A")
                .raw(IeKind::Language, b"en")
                .raw(IeKind::Username, username.as_bytes())
                .format(MediaFormat::ULAW)
                .capability(MediaFormat::ULAW.into())
                .raw(IeKind::CallToken, token);
        })
    }

    /// Frames of no call: a token to return, a refusal, a sign of life.
    fn handle_stateless(&mut self, now: Instant, frame: &FullFrame<'_>) -> Result<()> {
        let header = frame.header();
        let subclass = header.subclass.as_iax();
        if header.frame_type != FrameType::Iax {
            return Ok(());
        }
        self.ponged |= subclass == IaxSubclass::Pong;
        let Some(place) = header.destination.and_then(|ours| self.place_of(ours)) else {
            return Ok(());
        };
        let leg = self.leg(place);
        if leg.state != State::Waiting || leg.theirs.is_some() {
            return Ok(());
        }
        match subclass {
            // A second token answers a NEW that was sent again before the first token came.
            IaxSubclass::CallToken if !leg.token_sent => {
                leg.restart();
                leg.token_sent = true;
                let token = element(frame, IeKind::CallToken).unwrap_or_default();
                self.send_new(now, place, token)
            }
            IaxSubclass::Reject => {
                let (code, text) = cause(frame);
                self.enter(place, State::Ended);
                self.fail(place, FailureKind::Refused { code, text });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn handle_authreq(&mut self, now: Instant, place: u16, frame: &FullFrame<'_>) -> Result<()> {
        let methods = element(frame, IeKind::AuthMethods).unwrap_or_default();
        let offers_md5 = matches!(methods, [_, low] if low & MD5 != 0);
        let Some(challenge) = element(frame, IeKind::Challenge).filter(|_| offers_md5) else {
            self.fail(place, FailureKind::NoMethod);
            return self.hang_up(now, place);
        };
        let result = md5_hex(challenge, &self.scenario.caller.secret);
        self.send_iax(now, place, IaxSubclass::AuthRep, |ies| {
            ies.raw(IeKind::Md5Result, result.as_bytes());
        })
    }

    /// Answers a frame outside any leg.
    pub(crate) fn send_stateless(
        &self,
        to: &FullHeader,
        subclass: IaxSubclass,
        ies: &[u8],
    ) -> Result<()> {
        self.socket.send(&[&stateless(to, subclass), ies].concat())
    }
}

/// The header of an answer that belongs to no leg.
fn stateless(to: &FullHeader, subclass: IaxSubclass) -> [u8; FullHeader::LEN] {
    let what = What::iax(subclass);
    full_header(&FullHeader {
        source: CallNumber::NO_CALL,
        destination: Some(to.source),
        retransmission: false,
        timestamp: to.timestamp,
        oseqno: SeqNo(0),
        iseqno: to.iseqno.next(),
        frame_type: what.frame_type,
        subclass: what.subclass,
    })
}

/// The value of the last element of that kind, which is the one that counts.
pub(crate) fn element<'a>(frame: &FullFrame<'a>, kind: IeKind) -> Option<&'a [u8]> {
    frame.ies().filter_map(|ie| ie.ok()).filter(|ie| ie.kind == kind).last().map(|ie| ie.data)
}

fn cause(frame: &FullFrame<'_>) -> (u8, String) {
    let code = element(frame, IeKind::CauseCode).and_then(|value| value.first().copied());
    let text = element(frame, IeKind::Cause).unwrap_or_default();
    (code.unwrap_or(0), String::from_utf8_lossy(text).into_owned())
}

/// MD5 of challenge and secret, in hex (RFC 5456 §8.6.15).
pub(crate) fn md5_hex(challenge: &[u8], secret: &str) -> String {
    let digest = Md5::new().chain_update(challenge).chain_update(secret).finalize();
    digest.iter().map(|octet| format!("{octet:02x}")).collect()
}

const ANSWER: u8 = ControlSubclass::Answer.to_wire();
const HANGUP: u8 = IaxSubclass::Hangup.to_wire();
const REJECT: u8 = IaxSubclass::Reject.to_wire();
/// Bit of AUTHMETHODS.
pub(crate) const MD5: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md5_is_that_of_the_challenge_and_then_the_secret() {
        assert_eq!(md5_hex(b"123456789", "secret"), "7ccde16e862dfe7681297713e9e9cadb");
    }
}
