//! Drives `control`: what cores and helpers say goes in, what it wants done comes out, then the thread sleeps.

use std::net::SocketAddr;
use std::time::Duration;

use control::{Control, Output, Question};
use crossbeam::channel::Receiver;
use dataplane::handoff::{Command, CoreId, SocketId};
use dataplane::net::{ControlSender, Doorbell};
use dataplane::punts::PuntReceiver;
use dataplane::time::Instant;

use crate::arithmetic::Arithmetic;
use crate::clock::Clock;
use crate::command_queue::{CommandQueue, ROOM_POLL};
use crate::inbox::Event;
use crate::log;
use crate::refusals::Refusals;
use crate::resolver::Resolver;

/// Punts taken from one core before the next has its turn.
const PUNTS_BATCH: usize = 256;

/// Helpers' events taken in one round.
const EVENTS_BATCH: usize = 256;

/// How long calls may take to end after the operator asked for it.
const STOP_MAX: Duration = Duration::from_secs(5);

/// Control's ends of one core's two rings.
pub(crate) struct CoreLink {
    /// From the core.
    pub(crate) punts: PuntReceiver,
    /// To the core.
    pub(crate) commands: CommandQueue,
}

/// The control plane and everything it speaks through.
pub(crate) struct ControlLoop {
    pub(crate) control: Control,
    pub(crate) clock: Clock,
    /// By core.
    pub(crate) links: Vec<CoreLink>,
    pub(crate) sender: ControlSender,
    pub(crate) resolver: Resolver,
    pub(crate) arithmetic: Arithmetic,
    pub(crate) events: Receiver<Event>,
    /// What this thread sleeps on.
    pub(crate) bell: Doorbell,
    pub(crate) refusals: Refusals,
}

/// How the loop came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every call was hung up and every registration released.
    Idle,
    /// Some peers did not answer in time.
    TimedOut,
}

impl ControlLoop {
    /// Works until an operator's signal, and then until nothing is in the air any more, or five seconds.
    pub(crate) fn run(&mut self) -> Ended {
        let mut stop_by = None;
        loop {
            let now = self.clock.now(); // one reading for all that is in the batch
            let more = self.take_punts(now);
            if self.take_events(now) && stop_by.is_none() {
                stop_by = Some(now + STOP_MAX);
            }
            if self.control.deadline() <= now {
                self.control.handle_timeout(now);
                self.drain(now);
            }
            self.flush(now);
            match stop_by {
                Some(_) if self.is_idle() => return Ended::Idle,
                Some(stop_by) if stop_by <= now => return Ended::TimedOut,
                _ if more => {}
                _ => self.sleep(stop_by.unwrap_or(Instant::FAR_FUTURE)),
            }
        }
    }

    /// Hands over a batch from each core; true if more may be waiting.
    fn take_punts(&mut self, now: Instant) -> bool {
        let mut more = false;
        for index in 0..self.links.len() {
            let core = core_id(index);
            let mut taken = 0;
            while taken < PUNTS_BATCH {
                let Some(link) = self.links.get_mut(index) else { break };
                let control = &mut self.control;
                if link.punts.receive(|punt| control.handle_punt(now, core, punt)).is_none() {
                    break;
                }
                taken += 1;
                self.drain(now);
            }
            if let Some(link) = self.links.get_mut(index) {
                link.punts.release();
            }
            more |= taken == PUNTS_BATCH;
        }
        more
    }

    /// Hands over what helpers said; true if the operator asked for the end.
    fn take_events(&mut self, now: Instant) -> bool {
        let mut stop = false;
        for _ in 0..EVENTS_BATCH {
            match self.events.try_recv() {
                Ok(Event::Resolved(ticket, answer)) => {
                    self.control.handle_resolved(now, ticket, answer);
                }
                Ok(Event::Done(done)) => self.control.handle_job(now, done),
                Ok(Event::Stop(signal)) => {
                    let calls = self.control.stats().calls;
                    tracing::info!("stopping on {signal}, hanging up {calls} calls");
                    self.control.shut_down(now);
                    stop = true;
                }
                Err(_) => break,
            }
            self.drain(now);
        }
        stop
    }

    /// Does what control wants done, until it wants no more.
    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.control.poll_output() {
            match output {
                Output::Send { core: _, local, remote, octets } => {
                    // Every core's socket has the same local address, so one duplicate speaks for all.
                    self.sender.queue(local, &remote, &octets);
                }
                Output::Command { core, command } => {
                    if matches!(command, Command::RekeySent(..)) {
                        // The peer must hear of the key before the core uses it.
                        self.flush_sends();
                    }
                    self.command(core, command);
                }
                Output::Resolve(question) => self.resolve(now, question),
                Output::Work(job) => {
                    if let Err(refused) = self.arithmetic.take(job) {
                        self.control.handle_job(now, refused);
                    }
                }
                Output::Log(line) => log::line(&line),
            }
        }
    }

    fn command(&mut self, core: CoreId, command: Command) {
        let Some(link) = self.links.get_mut(usize::from(core.0)) else {
            panic!("control commands core {}, there are {}", core.0, self.links.len());
        };
        let mut has_room = link.commands.push(command);
        while !has_room {
            link.commands.flush();
            has_room = !link.commands.is_behind();
            if !has_room {
                std::thread::sleep(ROOM_POLL);
            }
        }
    }

    fn resolve(&mut self, now: Instant, question: Question) {
        if let Err((ticket, why)) = self.resolver.ask(question) {
            self.control.handle_resolved(now, ticket, Err(why));
        }
    }

    /// Sends what the round has gathered.
    fn flush(&mut self, now: Instant) {
        self.flush_sends();
        if let Some(line) = self.refusals.line(now) {
            tracing::warn!("{line}");
        }
        for link in &mut self.links {
            link.commands.flush();
        }
    }

    fn flush_sends(&mut self) {
        let refusals = &mut self.refusals;
        self.sender.flush(|local: SocketId, remote: SocketAddr, error| {
            refusals.count(local, remote, &error);
        });
    }

    fn is_idle(&self) -> bool {
        self.control.is_idle() && !self.links.iter().any(|link| link.commands.is_behind())
    }

    /// Until a core or helper rings, control's next deadline, or `stop_by`.
    fn sleep(&mut self, stop_by: Instant) {
        let mut all_quiet = self.events.is_empty();
        for link in &mut self.links {
            all_quiet &= link.punts.may_sleep();
        }
        if !all_quiet {
            return;
        }
        let mut timeout = self.clock.until(self.control.deadline().min(stop_by));
        if self.links.iter().any(|link| link.commands.is_behind()) {
            timeout = Some(timeout.map_or(ROOM_POLL, |timeout| timeout.min(ROOM_POLL)));
        }
        self.bell.wait(timeout);
    }
}

fn core_id(index: usize) -> CoreId {
    CoreId(u8::try_from(index).expect("placement makes at most 255 cores"))
}
