//! The switch under trial: `control` with a model of each core, its planes joined by rings that take time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use control::conf::{self, Config, Level, Sources};
use control::dialplan::Dialplan;
use control::{Control, LogLevel, LogLine, Output, Setup, Ticket};
use dataplane::handoff::{Command, CoreId, RelayCells, SocketId};
use dataplane::time::Instant;

use super::core::{Begun, ModelCore, Punted};
use super::ledger::{Ledger, voice_of};

/// Something on its way between the planes, or to the world.
#[derive(Debug)]
pub(super) enum Effect {
    /// A datagram leaves.
    Send(SocketAddr, Vec<u8>),
    /// A punt to control.
    Punt(CoreId, Punted),
    /// A command to a core.
    Command(CoreId, Box<Command>),
    /// A name to look up.
    Resolve(Ticket, String),
}

/// The switch.
#[derive(Debug)]
pub(super) struct Switch {
    pub(super) control: Control,
    pub(super) config: Arc<Config>,
    pub(super) cores: Vec<ModelCore>,
    pub(super) log: Vec<(Instant, LogLine)>,
    effects: Vec<Effect>,
}

/// What one event may make control put out, at most, before the test calls it a flood.
const OUTPUTS_MAX: usize = 2_000;
const UNIX_SECONDS: u64 = 1_800_000_000;

impl Switch {
    /// Starts with these files; what is wrong in them is the test's mistake.
    pub(super) fn new(files: &[(&str, String)], cores: u8, seed: u64, now: Instant) -> Self {
        let mut sources = Sources::new();
        for (name, text) in files {
            sources.add(*name, text.as_str());
        }
        let (config, told) = conf::parse(&sources);
        let config = Arc::new(config.unwrap_or_else(|| panic!("iax.conf: {told:#?}")));
        let knows = |name: &str| config.peers.iter().any(|peer| peer.name == name);
        let (plan, told) = Dialplan::parse(&sources, &["*"], &knows);
        let errors: Vec<_> = told.iter().filter(|told| told.level == Level::Error).collect();
        assert!(errors.is_empty(), "extensions.conf: {errors:#?}");
        let cells = Arc::new(RelayCells::new(config.dataplane.legs_max));
        let mut octets = [7; 32];
        octets[..8].copy_from_slice(&seed.to_be_bytes());
        let control = Control::new(Setup {
            config: Arc::clone(&config),
            plan: Arc::new(plan),
            keys: Arc::default(),
            cells: Arc::clone(&cells),
            cores,
            seed: octets,
            now,
            unix_seconds: UNIX_SECONDS,
        });
        let begun = Begun::default();
        let cores =
            (0..cores).map(|_| ModelCore::new(Arc::clone(&cells), Begun::clone(&begun))).collect();
        let mut switch = Self { control, config, cores, log: Vec::new(), effects: Vec::new() };
        switch.drain(now, &mut Ledger::default());
        switch
    }

    /// The address of a socket.
    pub(super) fn address(&self, local: SocketId) -> SocketAddr {
        self.config.general.binds[usize::from(local.0)]
    }

    fn socket(&self, address: SocketAddr) -> SocketId {
        let at = self.config.general.binds.iter().position(|bind| *bind == address);
        SocketId(at.expect("a bound address") as u8)
    }

    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// A datagram reached the socket of `core`.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        core: CoreId,
        from: SocketAddr,
        to: SocketAddr,
        octets: &[u8],
        ledger: &mut Ledger,
    ) {
        let local = self.socket(to);
        self.cores[usize::from(core.0)].hear(now, local, from, octets, ledger);
        self.collect(core);
    }

    /// A punt reached control.
    pub(super) fn punted(
        &mut self,
        now: Instant,
        core: CoreId,
        punt: &Punted,
        ledger: &mut Ledger,
    ) {
        match punt {
            Punted::Voice { audio, .. } => ledger.with_control(audio, true),
            Punted::Full { octets, .. } => {
                voice_of(octets).into_iter().for_each(|audio| ledger.with_control(audio, true));
            }
            Punted::Stray { .. } | Punted::Removed(_) => {}
        }
        self.control.handle_punt(now, core, punt.as_punt());
        self.drain(now, ledger);
    }

    /// A command reached its core.
    pub(super) fn commanded(
        &mut self,
        now: Instant,
        core: CoreId,
        command: Command,
        ledger: &mut Ledger,
    ) {
        self.cores[usize::from(core.0)].obey(now, command, ledger);
        self.collect(core);
    }

    /// When something of its own is due.
    pub(super) fn deadline(&self) -> Instant {
        let cores = self.cores.iter().map(ModelCore::deadline).min();
        cores.unwrap_or(Instant::FAR_FUTURE).min(self.control.deadline())
    }

    pub(super) fn wake(&mut self, now: Instant, ledger: &mut Ledger) {
        for core in 0..self.cores.len() as u8 {
            if self.cores[usize::from(core)].deadline() <= now {
                self.cores[usize::from(core)].tick(now);
                self.collect(CoreId(core));
            }
        }
        if self.control.deadline() <= now {
            self.control.handle_timeout(now);
            self.drain(now, ledger);
            assert!(self.control.deadline() > now, "control's deadline stands still");
        }
    }

    /// Lets a script talk to control itself.
    pub(super) fn with_control(
        &mut self,
        now: Instant,
        ledger: &mut Ledger,
        work: impl FnOnce(&mut Control),
    ) {
        work(&mut self.control);
        self.drain(now, ledger);
    }

    fn collect(&mut self, core: CoreId) {
        let out = self.cores[usize::from(core.0)].take_output();
        for (local, remote, octets) in out.sends {
            assert_eq!(local, SocketId(0), "one socket is all the world has");
            self.effects.push(Effect::Send(remote, octets));
        }
        self.effects.extend(out.punts.into_iter().map(|punt| Effect::Punt(core, punt)));
    }

    fn drain(&mut self, now: Instant, ledger: &mut Ledger) {
        let mut count = 0;
        while let Some(output) = self.control.poll_output() {
            count += 1;
            assert!(count <= OUTPUTS_MAX, "control never comes to an end");
            match output {
                Output::Send { core, remote, octets, .. } => {
                    assert!(usize::from(core.0) < self.cores.len(), "there is no {core:?}");
                    voice_of(&octets).into_iter().for_each(|a| ledger.with_control(a, false));
                    self.effects.push(Effect::Send(remote, octets));
                }
                Output::Command { core, command } => {
                    self.effects.push(Effect::Command(core, Box::new(command)));
                }
                Output::Resolve(question) => {
                    self.effects.push(Effect::Resolve(question.ticket, question.name));
                }
                Output::Work(job) => self.control.handle_job(now, job.refused()), // no world has keys
                Output::Log(line) => {
                    assert!(line.level != LogLevel::Error, "control says: {}", line.text);
                    self.log.push((now, line));
                }
            }
        }
    }
}

/// How long a punt or a command is on its way.
pub(super) const RING: Duration = Duration::from_micros(50);
