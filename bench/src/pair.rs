//! Two PBXes, and a scenario run with them.

use core::ops::ControlFlow;
use core::time::Duration;
use std::collections::HashSet;
use std::io::Result;
use std::net::{IpAddr, SocketAddr};

use dataplane::time::Instant;

use crate::clock::Clock;
use crate::leg::State;
use crate::outcome::{Failure, FailureKind, Outcome, Snapshot};
use crate::pbx::Pbx;
use crate::scenario::{CALLS_MAX, Scenario};
use crate::socket::{Inbox, wait_readable};
use crate::tally::Side;

/// PBX A, which places calls, and PBX B, which answers them, each on a free port. They speak only while a method here
/// runs.
#[derive(Debug)]
pub struct Pair {
    caller: Pbx,
    callee: Pbx,
    caller_addr: SocketAddr,
    callee_addr: SocketAddr,
    clock: Clock,
    inbox: Inbox,
}

impl Pair {
    /// Takes two free ports of `ip`.
    pub fn bind(ip: IpAddr) -> Result<Self> {
        let (caller, callee) = (Pbx::bind(Side::Caller, ip)?, Pbx::bind(Side::Callee, ip)?);
        let (caller_addr, callee_addr) = (caller.local_addr()?, callee.local_addr()?);
        let (clock, inbox) = (Clock::start(), Inbox::new());
        Ok(Self { caller, callee, caller_addr, callee_addr, clock, inbox })
    }

    /// PBX A's address.
    pub fn caller_addr(&self) -> SocketAddr {
        self.caller_addr
    }

    /// PBX B's address.
    pub fn callee_addr(&self) -> SocketAddr {
        self.callee_addr
    }

    /// Asks PBX A's far side, by POKE each 20 ms, whether it is there, for at most `patience`.
    pub fn reaches(&mut self, scenario: &Scenario, patience: Duration) -> Result<bool> {
        self.caller.prepare(scenario)?;
        let until = self.clock.now() + patience;
        while !self.caller.ponged && self.clock.now() < until {
            self.caller.poke()?;
            wait_readable(&self.caller.socket, &self.callee.socket, POKE_EVERY)?;
            let clock = self.clock;
            if !self.caller.receive(|| clock.now(), &mut self.inbox, 1)? {
                std::thread::sleep(POKE_EVERY); // refused at once: nobody listens yet
            }
        }
        Ok(self.caller.ponged)
    }

    /// Runs a scenario to its end and calls `progress` as often as the scenario says, on this thread: it must not
    /// take long. If it answers `Break`, all calls are hung up and the run ends. An error is one of the sockets;
    /// failed calls are in the outcome.
    pub fn run(
        mut self,
        scenario: &Scenario,
        progress: impl FnMut(&Snapshot) -> ControlFlow<()>,
    ) -> Result<Outcome> {
        let mut scenario = scenario.clone();
        scenario.calls = scenario.calls.clamp(1, CALLS_MAX);
        self.caller.prepare(&scenario)?;
        self.callee.prepare(&scenario)?;
        let start = self.clock.now();
        let pace = Pace::new(start, scenario.calls_per_second);
        let (outcome, placed) = (Outcome::default(), 0);
        Run { pair: self, scenario, phase: Phase::Placing, start, pace, placed, outcome }
            .run(progress)
    }
}

/// What the run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Calls are placed at their pace, and answered.
    Placing,
    /// Every call is up.
    Talking { until: Instant },
    /// Nobody speaks; what is under way may arrive.
    Draining { until: Instant },
    /// Calls are hung up at their pace, from this one on.
    HangingUp { next: u16 },
    /// Every call is hung up; the last acknowledgements may arrive.
    Ending { until: Instant },
    /// Nothing is left to do.
    Done,
}

struct Run {
    pair: Pair,
    scenario: Scenario,
    phase: Phase,
    start: Instant,
    pace: Pace,
    placed: u32,
    outcome: Outcome,
}

impl Run {
    fn run(mut self, mut progress: impl FnMut(&Snapshot) -> ControlFlow<()>) -> Result<Outcome> {
        let mut report_at = self.start + self.scenario.report_every;
        loop {
            let now = self.pair.clock.now();
            self.step(now)?;
            if self.phase == Phase::Done {
                break;
            }
            let clock = self.pair.clock;
            for pbx in [&mut self.pair.caller, &mut self.pair.callee] {
                pbx.receive(|| clock.now(), &mut self.pair.inbox, RECEIVE_ROUNDS)?;
                pbx.handle_timers(clock.now())?;
                pbx.speak(clock.now())?;
            }
            let up = self.pair.caller.up.min(self.pair.callee.up);
            self.outcome.up_most = self.outcome.up_most.max(up);
            self.gather_failures();
            if now >= report_at {
                report_at = now + self.scenario.report_every;
                self.outcome.interrupted |= progress(&self.snapshot(now)).is_break();
            }
            let (caller, callee) = (&self.pair.caller, &self.pair.callee);
            wait_readable(&caller.socket, &callee.socket, self.rest(clock.now()))?;
        }
        self.outcome.last = self.snapshot(self.pair.clock.now());
        Ok(self.outcome)
    }

    fn step(&mut self, now: Instant) -> Result<()> {
        let failed = self.outcome.failures.len() as u32;
        let early = matches!(self.phase, Phase::Placing | Phase::Talking { .. });
        if early && (failed > self.scenario.failures_allowed || self.outcome.interrupted) {
            self.fall_silent();
            self.begin_hanging_up(now);
        }
        match self.phase {
            Phase::Placing => self.place_calls(now),
            Phase::Talking { until } if now >= until => {
                self.fall_silent();
                self.phase = Phase::Draining { until: now + TAIL };
                Ok(())
            }
            Phase::Draining { until } if now >= until || self.all_heard() => {
                self.begin_hanging_up(now);
                Ok(())
            }
            Phase::HangingUp { next } => self.hang_up_calls(now, next),
            Phase::Ending { until } => {
                self.await_end(now, until);
                Ok(())
            }
            Phase::Talking { .. } | Phase::Draining { .. } | Phase::Done => Ok(()),
        }
    }

    /// Places the calls that are due; once all are placed, goes on as soon as all are up, or their time has passed.
    fn place_calls(&mut self, now: Instant) -> Result<()> {
        while self.placed < self.scenario.calls && self.pace.due(now) {
            self.pair.caller.place_call(now, self.placed)?;
            self.placed += 1;
        }
        if self.placed < self.scenario.calls {
            return Ok(());
        }
        let expected = self.scenario.calls - (self.outcome.failures.len() as u32).min(self.placed);
        let all_up = self.pair.caller.up >= expected && self.pair.callee.up >= expected;
        let waited = now.since(self.pace.next);
        let too_long = waited > self.scenario.patience + self.scenario.ring;
        if too_long && !all_up {
            self.give_up_unanswered(now, waited)?;
        }
        if all_up || too_long {
            self.phase = Phase::Talking { until: now + self.scenario.talk };
        }
        Ok(())
    }

    fn give_up_unanswered(&mut self, now: Instant, waited: Duration) -> Result<()> {
        for pbx in [&mut self.pair.caller, &mut self.pair.callee] {
            for place in 0..pbx.legs.len() as u16 {
                if matches!(pbx.leg(place).state, State::Waiting | State::Linked) {
                    pbx.fail(place, FailureKind::NotAnswered { waited });
                    pbx.hang_up(now, place)?;
                }
            }
        }
        self.gather_failures();
        Ok(())
    }

    fn fall_silent(&mut self) {
        self.pair.caller.wheel.turning = false;
        self.pair.callee.wheel.turning = false;
    }

    fn all_heard(&self) -> bool {
        self.pair.callee.tally.received() >= self.pair.caller.sent
            && self.pair.caller.tally.received() >= self.pair.callee.sent
    }

    fn begin_hanging_up(&mut self, now: Instant) {
        self.phase = Phase::HangingUp { next: 0 };
        self.pace = Pace::new(now, self.scenario.calls_per_second);
    }

    fn hang_up_calls(&mut self, now: Instant, mut next: u16) -> Result<()> {
        let caller = &mut self.pair.caller;
        while usize::from(next) < caller.legs.len() && self.pace.due(now) {
            caller.hang_up(now, next)?;
            next += 1;
        }
        self.phase = match usize::from(next) < caller.legs.len() {
            true => Phase::HangingUp { next },
            false => Phase::Ending { until: now + self.scenario.patience + TAIL },
        };
        Ok(())
    }

    /// Done once both ends of every call have ended. Calls that have not when their time is over have failed; after a
    /// failure nobody waits for the rest.
    fn await_end(&mut self, now: Instant, until: Instant) {
        let mut ended = true;
        for pbx in [&mut self.pair.caller, &mut self.pair.callee] {
            ended &= pbx.alive == 0;
            if now >= until {
                for place in 0..pbx.legs.len() as u16 {
                    if pbx.leg(place).state != State::Ended {
                        pbx.fail(place, FailureKind::NotEnded);
                    }
                }
            }
        }
        self.gather_failures();
        let failed = !self.outcome.failures.is_empty() || self.outcome.interrupted;
        let broken_off = failed && self.pair.caller.alive == 0;
        if ended || broken_off || now >= until {
            self.phase = Phase::Done;
        }
    }

    /// Moves the PBXes' failures into the outcome: one for each call, the first.
    fn gather_failures(&mut self) {
        let (caller, callee) = (&mut self.pair.caller.failures, &mut self.pair.callee.failures);
        if caller.is_empty() && callee.is_empty() {
            return;
        }
        let mut known: HashSet<u32> = self.outcome.failures.iter().map(|f| f.call).collect();
        let new = caller.drain(..).chain(callee.drain(..));
        self.outcome.failures.extend(new.filter(|f: &Failure| known.insert(f.call)));
    }

    fn snapshot(&mut self, now: Instant) -> Snapshot {
        let complete =
            matches!(self.phase, Phase::HangingUp { .. } | Phase::Ending { .. } | Phase::Done);
        let (caller, callee) = (&mut self.pair.caller, &mut self.pair.callee);
        Snapshot {
            elapsed: now.since(self.start),
            calls: self.scenario.calls,
            placed: self.placed,
            up: caller.up.min(callee.up),
            failed: self.outcome.failures.len() as u32,
            to_callee: callee.tally.snapshot(caller.sent, complete),
            to_caller: caller.tally.snapshot(callee.sent, complete),
            malformed: caller.malformed + callee.malformed,
            slipped: caller.wheel.slipped.max(callee.wheel.slipped),
        }
    }

    /// How long nothing is due.
    fn rest(&self, now: Instant) -> Duration {
        let (caller, callee) = (&self.pair.caller, &self.pair.callee);
        let paced = matches!(self.phase, Phase::Placing | Phase::HangingUp { .. });
        [
            caller.deadline(),
            callee.deadline(),
            caller.wheel.due(),
            callee.wheel.due(),
            if paced && self.pace.next > now { self.pace.next } else { Instant::FAR_FUTURE },
        ]
        .into_iter()
        .fold(REST_LONGEST, |rest, due| rest.min(due.since(now)))
    }
}

/// Something done so many times a second. Kept from running for more than 20 ms, it goes on from there and does not
/// make up for it.
#[derive(Debug)]
struct Pace {
    next: Instant,
    step: Duration,
}

impl Pace {
    fn new(now: Instant, per_second: u32) -> Self {
        Self { next: now, step: Duration::from_secs(1) / per_second.max(1) }
    }

    fn due(&mut self, now: Instant) -> bool {
        if self.next > now {
            return false;
        }
        self.next = self.next.max(now - CATCH_UP) + self.step;
        true
    }
}

/// How long the last voice frames may be under way.
const TAIL: Duration = Duration::from_millis(500);
const CATCH_UP: Duration = Duration::from_millis(20);
const POKE_EVERY: Duration = Duration::from_millis(20);
const REST_LONGEST: Duration = Duration::from_millis(5);
/// System calls' worth of datagrams read before somebody else has a turn.
const RECEIVE_ROUNDS: u32 = 4;
