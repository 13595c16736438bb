//! What full frames mean to a PBX: as caller and as callee.

use std::io::Result;

use dataplane::time::Instant;
use dataplane::wire::{
    CallNumber, Capability, ControlSubclass, FrameType, FullFrame, FullHeader, IaxSubclass, IeKind,
    IeWriter, MediaFormat, SeqNo, Subclass, Timestamp,
};
use md5::{Digest, Md5};

use crate::leg::{State, What, full_header};
use crate::outcome::FailureKind;
use crate::pbx::Pbx;
use crate::scenario::Scenario;
use crate::tally::Side;

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

    /// Answers a call that rings.
    pub(crate) fn answer(&mut self, now: Instant, place: u16) -> Result<()> {
        match self.leg(place).state {
            State::Linked => self.send(now, place, What::control(ControlSubclass::Answer), &[]),
            _ => Ok(()), // it has ended meanwhile
        }
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
    fn learn(&mut self, place: u16, theirs: CallNumber) {
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

    /// A NEW of a call we do not have: a token first, if we ask for one; then a leg, a challenge or an ACCEPT.
    fn handle_new(&mut self, now: Instant, frame: &FullFrame<'_>) -> Result<()> {
        let header = frame.header();
        let token = self.token();
        match element(frame, IeKind::CallToken) {
            Some(b"") if self.scenario.callee_asks.token => {
                let ies =
                    [&[IeKind::CallToken.to_wire(), token.len() as u8], token.as_bytes()].concat();
                return self.send_stateless(header, IaxSubclass::CallToken, &ies);
            }
            returned if self.scenario.callee_asks.token && returned != Some(token.as_bytes()) => {
                return self.send_stateless(header, IaxSubclass::Reject, &[]);
            }
            _ => {}
        }
        let call = element(frame, IeKind::CalledNumber).and_then(Scenario::call_of);
        let known = call.filter(|_| self.side == Side::Callee);
        let Some(place) = known.and_then(|call| self.new_leg(now, call)) else {
            let ies = [IeKind::CauseCode.to_wire(), 1, NO_ROUTE];
            return self.send_stateless(header, IaxSubclass::Reject, &ies);
        };
        self.learn(place, header.source);
        self.leg(place).iseqno = SeqNo(1);
        let account = self.scenario.callee_asks.account.as_ref();
        match account.map(|account| account.username.clone()) {
            None => self.accept(now, place, frame),
            Some(name) if element(frame, IeKind::Username) != Some(name.as_bytes()) => {
                self.refuse(now, place, NO_AUTHORITY, "No authority found")
            }
            Some(name) => {
                let challenge = (100_000_000 + u32::from(place) * 20_011).to_string();
                self.leg(place).challenge = Some(challenge.clone());
                self.send_iax(now, place, IaxSubclass::AuthReq, |ies| {
                    ies.u16(IeKind::AuthMethods, MD5.into())
                        .raw(IeKind::Challenge, challenge.as_bytes())
                        .raw(IeKind::Username, name.as_bytes());
                })
            }
        }
    }

    fn handle_authrep(&mut self, now: Instant, place: u16, frame: &FullFrame<'_>) -> Result<()> {
        let Some(challenge) = self.leg(place).challenge.take() else { return Ok(()) };
        let secret = self.scenario.callee_asks.account.as_ref().map(|account| &account.secret);
        let right = secret.map(|secret| md5_hex(challenge.as_bytes(), secret));
        let given = element(frame, IeKind::Md5Result).unwrap_or_default();
        match right {
            Some(right) if given.eq_ignore_ascii_case(right.as_bytes()) => {
                self.accept(now, place, frame)
            }
            _ => self.refuse(now, place, NO_AUTHORITY, "No authority found"),
        }
    }

    /// ACCEPT, then ringing, then later the answer. A NEW that names its formats and not ours is refused; an AUTHREP
    /// names none.
    fn accept(&mut self, now: Instant, place: u16, frame: &FullFrame<'_>) -> Result<()> {
        let offered = element(frame, IeKind::Capability).and_then(|value| value.try_into().ok());
        let offered = offered.map(|octets| Capability(u32::from_be_bytes(octets).into()));
        if offered.is_some_and(|offered| !offered.contains(MediaFormat::ULAW)) {
            return self.refuse(now, place, NO_CODEC, "Unable to negotiate codec");
        }
        self.enter(place, State::Linked);
        self.send_iax(now, place, IaxSubclass::Accept, |ies| {
            ies.format(MediaFormat::ULAW);
        })?;
        self.send(now, place, What::control(ControlSubclass::Ringing), &[])?;
        self.answer_later(now + self.scenario.ring, place);
        Ok(())
    }

    fn refuse(&mut self, now: Instant, place: u16, code: u8, text: &str) -> Result<()> {
        self.enter(place, State::HangingUp);
        self.send_iax(now, place, IaxSubclass::Reject, |ies| {
            ies.raw(IeKind::Cause, text.as_bytes()).u8(IeKind::CauseCode, code);
        })
    }

    fn send_stateless(&self, to: &FullHeader, subclass: IaxSubclass, ies: &[u8]) -> Result<()> {
        self.socket.send(&[&stateless(to, subclass), ies].concat())
    }

    /// Our one caller's address is fixed by the socket, so one token serves; its 32 octets are as hard to guess as a
    /// scripted PBX needs.
    fn token(&self) -> String {
        md5_hex(b"token", &self.scenario.caller_far.to_string())
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
fn element<'a>(frame: &FullFrame<'a>, kind: IeKind) -> Option<&'a [u8]> {
    frame.ies().filter_map(|ie| ie.ok()).filter(|ie| ie.kind == kind).last().map(|ie| ie.data)
}

fn cause(frame: &FullFrame<'_>) -> (u8, String) {
    let code = element(frame, IeKind::CauseCode).and_then(|value| value.first().copied());
    let text = element(frame, IeKind::Cause).unwrap_or_default();
    (code.unwrap_or(0), String::from_utf8_lossy(text).into_owned())
}

/// MD5 of challenge and secret, in hex (RFC 5456 §8.6.15).
fn md5_hex(challenge: &[u8], secret: &str) -> String {
    let digest = Md5::new().chain_update(challenge).chain_update(secret).finalize();
    digest.iter().map(|octet| format!("{octet:02x}")).collect()
}

const ANSWER: u8 = ControlSubclass::Answer.to_wire();
const HANGUP: u8 = IaxSubclass::Hangup.to_wire();
const REJECT: u8 = IaxSubclass::Reject.to_wire();
/// Bit of AUTHMETHODS.
const MD5: u8 = 2;
/// Q.850 causes.
const NO_ROUTE: u8 = 3;
const NO_AUTHORITY: u8 = 50;
const NO_CODEC: u8 = 58;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md5_is_that_of_the_challenge_and_then_the_secret() {
        assert_eq!(md5_hex(b"123456789", "secret"), "7ccde16e862dfe7681297713e9e9cadb");
    }
}
