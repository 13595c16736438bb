//! The simulated world: `control` and scripted hosts in virtual time, joined by links that lose, double, delay and
//! reorder by a seed. No kernel, no thread: a day runs in milliseconds, and a seed replays its run.
//!
//! ```no_run
//! use std::time::Duration;
//! use tests::world::{Manner, PERCENT, World};
//!
//! let world = World::new(1, "[b]\ntype=peer\nhost=127.0.0.3\n", "[default]\nexten => 600,1,Dial(IAX2/b/600)\n");
//! let (caller, callee) = (world.host("127.0.0.2:4569"), world.host("127.0.0.3:4569"));
//! world.link(&callee, |link| _ = link.loses(5, PERCENT));
//! let call = caller.dials("600");
//! world.run_for(Duration::from_secs(1));
//! assert!(caller.is_answered(call));
//! ```

mod calls;
mod core;
mod ies;
mod ledger;
mod leg;
mod link;
mod manner;
mod opening;
mod peer;
mod random;
mod script;
mod speech;
mod switch;
mod trunk;
mod verdict;

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use control::{Control, Stats, Ticket};
use dataplane::handoff::{Command, CoreId};
use dataplane::time::Instant;

use self::core::Punted;
use crate::pcap::{Capture, Packet};
use peer::{Peer, Tools};
use switch::{Effect, RING, Switch};

pub use ledger::{Account, Ledger};
pub use leg::{Role, Said, Told};
pub use link::{Link, PERCENT};
pub use manner::{Manner, Pickup, Registering, Retry};
pub use random::Random;
pub use script::{CallId, Host, Listened};
/// What a switch starts with.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// `iax.conf`.
    pub iax: String,
    /// `extensions.conf`.
    pub extensions: String,
    /// `trunkline.conf`.
    pub trunkline: String,
    /// Cores; 0 means one.
    pub cores: u8,
}

#[derive(Debug)]
enum Event {
    ToSwitch { host: usize, from: SocketAddr, octets: Vec<u8> },
    ToHost { host: usize, octets: Vec<u8> },
    Punt(CoreId, Punted),
    Command(CoreId, Box<Command>),
    Resolved(Ticket, String),
}

/// Everything there is.
#[derive(Debug)]
struct Inner {
    seed: u64,
    now: Instant,
    dice: Random,
    events: BinaryHeap<Reverse<(Instant, u64)>>,
    waiting: HashMap<u64, Event>,
    serial: u64,
    switch: Switch,
    hosts: Vec<Peer>,
    /// To the switch, and from it.
    links: Vec<(Link, Link)>,
    /// The core whose socket hears a host.
    heard_on: Vec<CoreId>,
    ledger: Ledger,
    capture: Capture,
    names: HashMap<String, Result<SocketAddr, String>>,
}

/// The world: time, the switch, hosts and links.
#[derive(Debug, Clone)]
pub struct World(Rc<RefCell<Inner>>);

const LOOK_UP: Duration = Duration::from_millis(30);

impl World {
    /// A world with a switch that has these two files.
    pub fn new(seed: u64, iax: &str, extensions: &str) -> Self {
        let files =
            Files { iax: iax.to_owned(), extensions: extensions.to_owned(), ..Files::default() };
        Self::of(seed, &files)
    }

    /// A world with a switch that has these files. It is bound to 127.0.0.1:4569.
    pub fn of(seed: u64, files: &Files) -> Self {
        let now = Instant::from_micros(START_US);
        let bound = match files.iax.contains("[general]") {
            true => files.iax.replacen("[general]", "[general]\nbindaddr=127.0.0.1", 1),
            false => format!("[general]\nbindaddr=127.0.0.1\n{}", files.iax),
        };
        let named = [
            ("iax.conf", bound),
            ("extensions.conf", files.extensions.clone()),
            ("trunkline.conf", files.trunkline.clone()),
        ];
        let mut inner = Inner {
            seed,
            now,
            dice: Random::new(seed),
            events: BinaryHeap::new(),
            waiting: HashMap::new(),
            serial: 0,
            switch: Switch::new(&named, files.cores.max(1), seed, now),
            hosts: Vec::new(),
            links: Vec::new(),
            heard_on: Vec::new(),
            ledger: Ledger::default(),
            capture: Capture::default(),
            names: HashMap::new(),
        };
        inner.carry_out();
        Self(Rc::new(RefCell::new(inner)))
    }

    /// A host at an address, with ordinary manners.
    pub fn host(&self, address: &str) -> Host {
        self.host_with(address, |_| {})
    }

    /// A host at an address, with manners of its own.
    pub fn host_with(&self, address: &str, manner: impl FnOnce(&mut Manner)) -> Host {
        let mut own = Manner::default();
        manner(&mut own);
        let mut inner = self.0.borrow_mut();
        let address = address.parse().expect("an address");
        let key = inner.dice.bits();
        inner.hosts.push(Peer::new(address, own, key));
        inner.links.push((Link::default(), Link::default()));
        let core = CoreId((inner.heard_on.len() % inner.switch.cores.len()) as u8);
        inner.heard_on.push(core);
        Host::new(Rc::clone(&self.0), inner.hosts.len() - 1)
    }

    /// Changes both directions of a host's link.
    pub fn link(&self, host: &Host, change: impl Fn(&mut Link)) {
        let mut inner = self.0.borrow_mut();
        let (there, back) = &mut inner.links[host.index()];
        change(there);
        change(back);
    }

    /// Cuts a host's link, or lets it be whole again.
    pub fn cuts(&self, host: &Host, cut: bool) {
        self.link(host, |link| _ = link.loses(if cut { 100 } else { 0 }, PERCENT));
    }

    /// A host is heard on another core from now on, as after a change of its NAT's port or of the reuseport group.
    pub fn hears_on(&self, host: &Host, core: u8) {
        self.0.borrow_mut().heard_on[host.index()] = CoreId(core);
    }

    /// What a name gives when it is looked up from now on; an error in words if nothing.
    pub fn names(&self, name: &str, answer: Result<&str, &str>) {
        let answer =
            answer.map(|text| text.parse().expect("an address")).map_err(ToOwned::to_owned);
        self.0.borrow_mut().names.insert(name.to_owned(), answer);
    }

    /// Time passes.
    pub fn run_for(&self, time: Duration) {
        let mut inner = self.0.borrow_mut();
        let until = inner.now + time;
        inner.run_until(until);
    }

    /// Time passes until something is so, at most `most`. Answers whether it came to be.
    pub fn run_until(&self, most: Duration, mut so: impl FnMut() -> bool) -> bool {
        let until = self.now() + most;
        while !so() {
            if self.now() >= until {
                return false;
            }
            self.run_for(Duration::from_millis(5));
        }
        true
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.0.borrow().now
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.0.borrow().seed
    }

    /// What control counts.
    pub fn stats(&self) -> Stats {
        self.0.borrow().switch.control.stats()
    }

    /// What became of all voice.
    pub fn account(&self) -> Account {
        self.0.borrow().ledger.account()
    }

    /// The log's lines so far.
    pub fn log(&self) -> Vec<String> {
        self.0.borrow().switch.log.iter().map(|(_, line)| line.text.clone()).collect()
    }

    /// How many lines of the log contain `text`.
    pub fn logged(&self, text: &str) -> usize {
        self.log().iter().filter(|line| line.contains(text)).count()
    }

    /// Relays on all cores.
    pub fn relays(&self) -> usize {
        self.0.borrow().switch.cores.iter().map(|core| core.load().0).sum()
    }

    /// The operator does something.
    pub fn with_control(&self, work: impl FnOnce(Instant, &mut Control)) {
        let mut inner = self.0.borrow_mut();
        let Inner { now, switch, ledger, .. } = &mut *inner;
        let now = *now;
        switch.with_control(now, ledger, |control| work(now, control));
        inner.carry_out();
    }

    /// SIGTERM.
    pub fn shuts_down(&self) {
        self.with_control(|now, control| control.shut_down(now));
    }
}

impl Inner {
    fn schedule(&mut self, at: Instant, event: Event) {
        self.serial += 1;
        self.waiting.insert(self.serial, event);
        self.events.push(Reverse((at, self.serial)));
    }

    fn run_until(&mut self, until: Instant) {
        loop {
            let event = self.events.peek().map_or(Instant::FAR_FUTURE, |Reverse((at, _))| *at);
            let hosts = self.hosts.iter().map(Peer::deadline).min().unwrap_or(Instant::FAR_FUTURE);
            let next = event.min(hosts).min(self.switch.deadline());
            if next > until {
                self.now = until;
                return;
            }
            self.now = self.now.max(next);
            if event <= self.now {
                let Some(Reverse((_, serial))) = self.events.pop() else { continue };
                if let Some(event) = self.waiting.remove(&serial) {
                    self.happens(event);
                }
            } else if hosts <= self.now {
                for host in 0..self.hosts.len() {
                    if self.hosts[host].deadline() <= self.now {
                        self.with_host(host, Peer::wake);
                    }
                }
            } else {
                self.switch.wake(self.now, &mut self.ledger);
            }
            self.carry_out();
        }
    }

    fn happens(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::ToSwitch { host, from, octets } => {
                let to = self.switch.address(dataplane::handoff::SocketId(0));
                self.captured(from, to, &octets);
                let core = self.heard_on[host];
                self.switch.hear(now, core, from, to, &octets, &mut self.ledger);
            }
            Event::ToHost { host, octets } => {
                if self.hosts[host].off {
                    self.ledger.lost(&octets);
                } else {
                    self.with_host(host, |host, tools| host.hear(tools, &octets));
                }
            }
            Event::Punt(core, punt) => self.switch.punted(now, core, &punt, &mut self.ledger),
            Event::Command(core, command) => {
                self.switch.commanded(now, core, *command, &mut self.ledger);
            }
            Event::Resolved(ticket, name) => {
                let answer = self.names.get(&name).cloned();
                let answer = answer.unwrap_or_else(|| Err("no such name".to_owned()));
                self.switch.with_control(now, &mut self.ledger, |control| {
                    control.handle_resolved(now, ticket, answer);
                });
            }
        }
    }

    /// Has a host do something, and takes what it sends to the network.
    fn with_host<R>(
        &mut self,
        host: usize,
        work: impl FnOnce(&mut Peer, &mut Tools<'_>) -> R,
    ) -> R {
        let mut out = Vec::new();
        let mut tools = Tools {
            now: self.now,
            random: &mut self.dice,
            ledger: &mut self.ledger,
            out: &mut out,
        };
        let result = work(&mut self.hosts[host], &mut tools);
        let from = self.hosts[host].address;
        for octets in out {
            let arrivals = self.links[host].0.arrivals(self.now, &mut self.dice);
            if arrivals.is_empty() || self.hosts[host].off {
                self.ledger.lost(&octets);
                continue;
            }
            for at in arrivals {
                self.schedule(at, Event::ToSwitch { host, from, octets: octets.clone() });
            }
        }
        result
    }

    /// What the switch has put out goes its ways.
    fn carry_out(&mut self) {
        for effect in self.switch.take_effects() {
            match effect {
                Effect::Send(remote, octets) => self.sent(remote, octets),
                Effect::Punt(core, punt) => self.schedule(self.now + RING, Event::Punt(core, punt)),
                Effect::Command(core, command) => {
                    self.schedule(self.now + RING, Event::Command(core, command));
                }
                Effect::Resolve(ticket, name) => {
                    self.schedule(self.now + LOOK_UP, Event::Resolved(ticket, name));
                }
            }
        }
    }

    fn sent(&mut self, remote: SocketAddr, octets: Vec<u8>) {
        let from = self.switch.address(dataplane::handoff::SocketId(0));
        self.captured(from, remote, &octets);
        let host = self.hosts.iter().position(|host| host.address == remote);
        let Some(host) = host else { return self.ledger.lost(&octets) };
        let arrivals = self.links[host].1.arrivals(self.now, &mut self.dice);
        if arrivals.is_empty() {
            self.ledger.lost(&octets);
        }
        for at in arrivals {
            self.schedule(at, Event::ToHost { host, octets: octets.clone() });
        }
    }

    fn captured(&mut self, source: SocketAddr, destination: SocketAddr, octets: &[u8]) {
        let frame_no = self.capture.packets.len() + 1;
        let time = self.now.since(Instant::ZERO);
        let (len, payload) = (octets.len(), octets.to_vec());
        self.capture.packets.push(Packet { frame_no, time, source, destination, len, payload });
    }
}

/// The world begins so long after the clock's epoch.
const START_US: u64 = 1_000_000_000;
