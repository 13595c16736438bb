//! A scripted PBX: its socket, its legs, its timers. What frames mean is in `signalling.rs` and `media.rs`.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;
use std::io::Result;
use std::net::{IpAddr, SocketAddr};

use dataplane::time::Instant;
use dataplane::wire::{CallNumber, Frame, IaxSubclass, IeKind, IeWriter, Timestamp};

use crate::leg::{Leg, State, What};
use crate::media::Wheel;
use crate::outcome::{Failure, FailureKind};
use crate::packer::Packer;
use crate::scenario::{CALLS_MAX, Scenario};
use crate::socket::{Inbox, Socket};
use crate::tally::{Side, Tally};

/// A PBX of one far side.
#[derive(Debug)]
pub(crate) struct Pbx {
    pub(crate) side: Side,
    pub(crate) socket: Socket,
    pub(crate) scenario: Scenario,
    /// By our number, from [`FIRST_CALL`].
    pub(crate) legs: Vec<Leg>,
    /// By their number: the leg's place in `legs`, or [`NO_LEG`].
    pub(crate) by_theirs: Box<[u16]>,
    pub(crate) tally: Tally,
    pub(crate) packer: Packer,
    pub(crate) wheel: Wheel,
    /// Voice frames sent.
    pub(crate) sent: u64,
    /// Legs in state Up.
    pub(crate) up: u32,
    /// Legs not in state Ended.
    pub(crate) alive: u32,
    pub(crate) malformed: u64,
    pub(crate) failures: Vec<Failure>,
    /// Whether a PONG has come that belongs to no call.
    pub(crate) ponged: bool,
    timers: BinaryHeap<Reverse<(Instant, Timer)>>,
    serial: u32,
}

/// What a PBX does when its time comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Send a frame of a leg again, if it still waits.
    Again { place: u16, serial: u32 },
    /// Answer the call that rings.
    Answer { place: u16 },
}

impl Pbx {
    /// A PBX on a free port of `ip`, before it knows its scenario.
    pub(crate) fn bind(side: Side, ip: IpAddr) -> Result<Self> {
        let socket = Socket::bind(ip)?;
        let nowhere = socket.local_addr()?;
        Ok(Self {
            side,
            socket,
            scenario: Scenario::through(nowhere, 0),
            legs: Vec::new(),
            by_theirs: vec![NO_LEG; 1 << 15].into_boxed_slice(),
            tally: Tally::new(),
            packer: Packer::new(),
            wheel: Wheel::new(),
            sent: 0,
            up: 0,
            alive: 0,
            malformed: 0,
            failures: Vec::new(),
            ponged: false,
            timers: BinaryHeap::new(),
            serial: 0,
        })
    }

    /// Takes its scenario and the address it talks to.
    pub(crate) fn prepare(&mut self, scenario: &Scenario) -> Result<()> {
        self.scenario = scenario.clone();
        self.socket.connect(match self.side {
            Side::Caller => scenario.caller_far,
            Side::Callee => scenario.callee_far,
        })
    }

    /// Its own address.
    pub(crate) fn local_addr(&self) -> Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Begins a leg; `None` when all numbers are taken.
    pub(crate) fn new_leg(&mut self, now: Instant, call: u32) -> Option<u16> {
        let place = u16::try_from(self.legs.len()).ok().filter(|p| u32::from(*p) < CALLS_MAX)?;
        let ours = CallNumber::from_wire(FIRST_CALL + place)?;
        self.legs.push(Leg::new(call, ours, now));
        self.alive += 1;
        Some(place)
    }

    /// The place in `legs` of a number of ours.
    pub(crate) fn place_of(&self, ours: CallNumber) -> Option<u16> {
        let place = ours.get().checked_sub(FIRST_CALL)?;
        (usize::from(place) < self.legs.len()).then_some(place)
    }

    /// The place in `legs` of a number of theirs.
    pub(crate) fn place_of_theirs(&self, theirs: CallNumber) -> Option<u16> {
        let place = self.by_theirs.get(usize::from(theirs.get())).copied()?;
        (place != NO_LEG).then_some(place)
    }

    /// The leg at a place that `place_of`, `place_of_theirs` or `new_leg` gave.
    pub(crate) fn leg(&mut self, place: u16) -> &mut Leg {
        self.legs.get_mut(usize::from(place)).expect("legs stay where they are")
    }

    /// Sends a numbered frame, and again until it is acknowledged.
    pub(crate) fn send(&mut self, now: Instant, place: u16, what: What, data: &[u8]) -> Result<()> {
        self.send_stamped(now, place, what, None, data)
    }

    /// As [`Pbx::send`], with a time-stamp of the caller's.
    pub(crate) fn send_stamped(
        &mut self,
        now: Instant,
        place: u16,
        what: What,
        timestamp: Option<Timestamp>,
        data: &[u8],
    ) -> Result<()> {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        let leg = self.legs.get_mut(usize::from(place)).expect("legs stay where they are");
        let frame = leg.emit(now, what, timestamp, data, serial);
        self.timers.push(Reverse((now + frame.wait, Timer::Again { place, serial })));
        self.socket.send(&frame.octets)
    }

    /// Sends an IAX frame with the information elements that `write` puts into it.
    pub(crate) fn send_iax(
        &mut self,
        now: Instant,
        place: u16,
        subclass: IaxSubclass,
        write: impl FnOnce(&mut IeWriter<'_>),
    ) -> Result<()> {
        let mut data = [0; IES_MAX];
        let mut ies = IeWriter::new(&mut data);
        write(&mut ies);
        let len = ies.finish().expect("our elements fit in a kilobyte");
        self.send(now, place, What::iax(subclass), data.get(..len).unwrap_or(&data))
    }

    /// Changes a leg's state, and the counts with it.
    pub(crate) fn enter(&mut self, place: u16, state: State) {
        let leg = self.leg(place);
        let before = core::mem::replace(&mut leg.state, state);
        if state == State::Ended {
            leg.unacked.clear();
        }
        self.up -= u32::from(before == State::Up);
        self.up += u32::from(state == State::Up);
        self.alive -= u32::from(before != State::Ended && state == State::Ended);
    }

    /// Notes that a call failed.
    pub(crate) fn fail(&mut self, place: u16, kind: FailureKind) {
        let call = self.leg(place).call;
        self.failures.push(Failure { call, seen_by: self.side, kind });
    }

    /// Hangs a leg up, whatever its state.
    pub(crate) fn hang_up(&mut self, now: Instant, place: u16) -> Result<()> {
        let leg = self.leg(place);
        match leg.state {
            State::HangingUp | State::Ended => Ok(()),
            // A NEW nobody answered has nobody to hang up at.
            State::Waiting if leg.theirs.is_none() => {
                self.enter(place, State::Ended);
                Ok(())
            }
            State::Waiting | State::Linked | State::Up => {
                self.enter(place, State::HangingUp);
                self.send_iax(now, place, IaxSubclass::Hangup, |ies| {
                    ies.u8(IeKind::CauseCode, NORMAL_CLEARING);
                })
            }
        }
    }

    /// Answers the call once it has rung long enough.
    pub(crate) fn answer_later(&mut self, at: Instant, place: u16) {
        self.timers.push(Reverse((at, Timer::Answer { place })));
    }

    /// Reads what waits on the socket, at most `rounds` system calls' worth. Returns whether there was anything.
    pub(crate) fn receive(
        &mut self,
        now: impl Fn() -> Instant,
        inbox: &mut Inbox,
        rounds: u32,
    ) -> Result<bool> {
        for round in 0..rounds {
            if self.socket.receive(inbox)? == 0 {
                return Ok(round > 0);
            }
            let now = now();
            for octets in inbox.datagrams() {
                match Frame::parse(octets) {
                    Ok(Frame::Mini(mini)) => self.hear(now, mini.source(), mini.payload()),
                    Ok(Frame::Trunk(trunk)) => self.hear_trunk(now, &trunk),
                    Ok(Frame::Full(frame)) => self.handle_full(now, &frame)?,
                    Ok(Frame::Video(_)) | Err(_) => self.malformed += 1,
                }
            }
        }
        Ok(true)
    }

    /// Does what is due.
    pub(crate) fn handle_timers(&mut self, now: Instant) -> Result<()> {
        while let Some(Reverse((at, timer))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            match timer {
                Timer::Again { place, serial } => self.send_again(now, place, serial)?,
                Timer::Answer { place } => self.answer(now, place)?,
            }
        }
        Ok(())
    }

    /// When [`Pbx::handle_timers`] has something to do next.
    pub(crate) fn deadline(&self) -> Instant {
        self.timers.peek().map_or(Instant::FAR_FUTURE, |Reverse((at, _))| *at)
    }

    fn send_again(&mut self, now: Instant, place: u16, serial: u32) -> Result<()> {
        let patience = self.scenario.patience;
        let leg = self.legs.get_mut(usize::from(place)).expect("legs stay where they are");
        let Some(frame) = leg.emit_again(serial) else { return Ok(()) };
        let tried: Duration = now.since(frame.first_sent);
        if tried < patience {
            let next = (now + frame.wait).min(frame.first_sent + patience);
            self.timers.push(Reverse((next, Timer::Again { place, serial })));
            return self.socket.send(&frame.octets);
        }
        let what = frame.what.name();
        let kind = match leg.state {
            State::HangingUp => FailureKind::NotEnded,
            _ => FailureKind::Unanswered { what, tried },
        };
        self.fail(place, kind);
        self.enter(place, State::Ended);
        Ok(())
    }
}

/// Our lowest call number; 0 and 1 name no call.
pub(crate) const FIRST_CALL: u16 = 2;
pub(crate) const NO_LEG: u16 = u16::MAX;
/// Q.850: somebody hung up.
const NORMAL_CLEARING: u8 = 16;
const IES_MAX: usize = 1024;
