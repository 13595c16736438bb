//! How a PBX takes calls: token, challenge, ACCEPT, ringing, answer.

use std::io::Result;

use dataplane::time::Instant;
use dataplane::wire::{
    Capability, ControlSubclass, FullFrame, IaxSubclass, IeKind, MediaFormat, SeqNo,
};

use crate::leg::{State, What};
use crate::pbx::Pbx;
use crate::scenario::Scenario;
use crate::signalling::{MD5, element, md5_hex};
use crate::tally::Side;

impl Pbx {
    /// Answers a call that rings.
    pub(crate) fn answer(&mut self, now: Instant, place: u16) -> Result<()> {
        match self.leg(place).state {
            State::Linked => self.send(now, place, What::control(ControlSubclass::Answer), &[]),
            _ => Ok(()), // it has ended meanwhile
        }
    }

    /// A NEW of a call we do not have: a token first, if we ask for one; then a leg, a challenge or an ACCEPT.
    pub(crate) fn handle_new(&mut self, now: Instant, frame: &FullFrame<'_>) -> Result<()> {
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

    /// The proof a caller brings for our challenge; one challenge takes one proof.
    pub(crate) fn handle_authrep(
        &mut self,
        now: Instant,
        place: u16,
        frame: &FullFrame<'_>,
    ) -> Result<()> {
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

    /// The socket hears one address only, so one token serves, and it need not be hard to guess.
    fn token(&self) -> String {
        md5_hex(b"token", &self.scenario.callee_far.to_string())
    }
}

/// Q.850 causes.
const NO_ROUTE: u8 = 3;
const NO_AUTHORITY: u8 = 50;
const NO_CODEC: u8 = 58;
