//! `Control`: finds the leg a frame belongs to, drains what legs want done, keeps the timers.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use dataplane::cipher::Pads;
use dataplane::handoff::{CoreId, PeerIndex, Punt, RelayCells};
use dataplane::time::Instant;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::association::Associations;
use crate::backlog::Backlog;
use crate::brute_force::BruteForce;
use crate::call::Call;
use crate::call_token::CallTokens;
use crate::cause::Cause;
use crate::conf::{Config, User};
use crate::dialplan::Dialplan;
use crate::keys::KeyRing;
use crate::leg::{Leg, LegState, Work};
use crate::limiter::Limiter;
use crate::limits::Meter;
use crate::loop_guard::LoopGuard;
use crate::names::Names;
use crate::output::{LogLevel, LogLine, Output, Ticket, Topic};
use crate::peer::{PeerState, Peers};
use crate::proof::JobDone;
use crate::random::Random;
use crate::recent::Recent;
use crate::registrant::Registrant;
use crate::slab::{Key, Slab};
use crate::timers::Timers;

/// What a [`Control`] is made of.
#[derive(Debug)]
pub struct Setup {
    /// The configuration.
    pub config: Arc<Config>,
    /// The dialplan.
    pub plan: Arc<Dialplan>,
    /// The keys that sections, registrations and dial strings name.
    pub keys: Arc<KeyRing>,
    /// What the cores publish of each relay; at least `legs_max` of them.
    pub cells: Arc<RelayCells>,
    /// How many cores there are.
    pub cores: u8,
    /// Seed of challenges, tokens and tables; random, and never twice the same.
    pub seed: [u8; 32],
    /// The moment it starts.
    pub now: Instant,
    /// Seconds since 1970 at that moment, for the DATETIME element.
    pub unix_seconds: u64,
}

/// How much there is of what, and what went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Legs that are not resting.
    pub legs: usize,
    /// Calls: two legs bridged, or one being routed.
    pub calls: usize,
    /// Calls answered.
    pub calls_up: usize,
    /// Peers registered with us.
    pub registered: usize,
    /// Pairs of local socket and remote address with a leg, or a number that rests.
    pub associations: usize,
    /// Full frames that could not be read.
    pub malformed: u64,
    /// Full frames that could not be decrypted.
    pub undecryptable: u64,
    /// Full frames for a call that does not exist.
    pub strays: u64,
    /// NEWs and REGREQs refused before any state was made for them.
    pub refused: u64,
    /// Answers not given to a source that had its share.
    pub limited: u64,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Leg(Key),
    Call(Key),
    Peer(u32),
    Registrant(u32),
    Name(Ticket),
}

/// The control plane. Feed it, then drain it: after each `handle_*` ask [`Control::poll_output`] until it has no more.
#[derive(Debug)]
pub struct Control {
    pub(crate) config: Arc<Config>,
    pub(crate) plan: Arc<Dialplan>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) cells: Arc<RelayCells>,
    pub(crate) cores: u8,
    pub(crate) started: (Instant, u64),
    pub(crate) random: Random,
    /// Pads of encrypted full frames.
    pub(crate) pads: Pads,
    pub(crate) tokens: CallTokens,
    pub(crate) associations: Associations,
    pub(crate) legs: Slab<Leg>,
    pub(crate) calls: Slab<Call>,
    pub(crate) peers: Peers,
    /// Users by name, as indices into the configuration's list.
    pub(crate) users: HashMap<String, u32, FixedState>,
    /// Users with access rules, in file order: those a caller without a name may be.
    pub(crate) narrowed: Vec<u32>,
    /// Calls of each section's users.
    pub(crate) meters: HashMap<String, Meter, FixedState>,
    pub(crate) loop_guard: LoopGuard,
    pub(crate) brute_force: BruteForce,
    pub(crate) registrants: Vec<Registrant>,
    pub(crate) names: Names,
    /// Unanswered challenges by the user name presented, and whether it is that of a user who may call from there:
    /// who may not must not use up the challenges of who may.
    pub(crate) challenges: HashMap<(bool, String), u32, FixedState>,
    pub(crate) unvalidated: u32,
    pub(crate) backlog: Backlog,
    /// Frames that have opened a leg, by their source, number, time-stamp and token.
    pub(crate) openings: Recent<bool>,
    pub(crate) timers: Timers<Due>,
    pub(crate) outputs: VecDeque<Output>,
    /// Answers to those we know nothing of.
    pub(crate) strangers: Limiter,
    /// Log lines about one source.
    pub(crate) complaints: Limiter,
    pub(crate) calls_made: u64,
    pub(crate) calls_up: usize,
    pub(crate) closing: bool,
    pub(crate) stats: Stats,
}

const ANSWERS_PER_SECOND: u16 = 50;
const COMPLAINTS_PER_SECOND: u16 = 5;

impl Control {
    /// A control plane at rest; its first registrations and qualifications are due at once.
    pub fn new(setup: Setup) -> Self {
        let Setup { config, plan, keys, cells, cores, seed, now, unix_seconds } = setup;
        let mut random = Random::new(&seed);
        let mut hash_seed = || random.bits() as u64;
        let hasher = FixedState::with_seed(hash_seed());
        let openings_seed = hash_seed();
        let associations = Associations::new(config.dataplane.peers_max, hash_seed());
        let strangers = Limiter::new(hash_seed(), ANSWERS_PER_SECOND);
        let complaints = Limiter::new(hash_seed(), COMPLAINTS_PER_SECOND);
        let (loop_guard, brute_force) = (LoopGuard::new(hash_seed()), BruteForce::new(hash_seed()));
        let tokens = CallTokens::new(&random.key(), config.general.call_token_expiration);
        let mut users = HashMap::with_hasher(hasher.clone());
        let mut meters = HashMap::with_hasher(hasher.clone());
        for (index, user) in (0..).zip(&config.users) {
            users.insert(user.name.clone(), index);
            meters.insert(user.name.clone(), Meter::default());
        }
        let has_rules = |(_, user): &(u32, &Arc<User>)| !user.acl.is_empty();
        let narrowed = (0..).zip(&config.users).filter(has_rules).map(|(at, _)| at).collect();
        let legs_max = config.dataplane.legs_max;
        let mut control = Self {
            peers: Peers::new(&config.peers, hasher.clone()),
            registrants: config.registers.iter().map(Registrant::new).collect(),
            names: Names::new(),
            challenges: HashMap::with_hasher(hasher),
            legs: Slab::new(legs_max),
            calls: Slab::new(legs_max),
            timers: Timers::new(),
            outputs: VecDeque::new(),
            stats: Stats::default(),
            started: (now, unix_seconds),
            unvalidated: 0,
            backlog: Backlog::default(),
            openings: Recent::new(openings_seed),
            calls_made: 0,
            calls_up: 0,
            closing: false,
            config,
            plan,
            keys,
            cells,
            cores,
            pads: Pads::new(random.bits().to_ne_bytes()),
            random,
            tokens,
            associations,
            users,
            narrowed,
            meters,
            loop_guard,
            brute_force,
            strangers,
            complaints,
        };
        control.start_names();
        control.start_peers(now);
        control.start_registrants(now);
        control
    }

    /// Something a core handed over.
    pub fn handle_punt(&mut self, now: Instant, core: CoreId, punt: Punt<'_>) {
        match punt {
            Punt::Full { local, remote, octets } => {
                if let Some(pair) = self.associations.find(local, remote) {
                    self.heard_on(core, pair);
                }
                self.handle_full(now, core, (local, remote), octets);
            }
            Punt::Voice { relay, heard, audio } => self.voice_punted(now, relay, heard, audio),
            Punt::Stray { local, remote, .. } => {
                if let Some(pair) = self.associations.find(local, remote) {
                    self.heard_on(core, pair);
                }
            }
            Punt::Removed(relay) => self.relay_removed(now, relay),
        }
    }

    /// `now` reached [`Control::deadline`]. Called early, it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.associations.wake_rested(now);
        self.take_up(now);
        while let Some((at, due)) = self.timers.due(now) {
            match due {
                Due::Leg(leg) => self.leg_due(now, at, leg),
                Due::Call(call) => self.call_due(now, call),
                Due::Peer(peer) => self.peer_due(now, peer),
                Due::Registrant(index) => self.registrant_due(now, index),
                Due::Name(ticket) => self.name_due(ticket),
            }
        }
    }

    /// A name was looked up, or could not be (with the reason in words).
    pub fn handle_resolved(
        &mut self,
        now: Instant,
        ticket: Ticket,
        answer: Result<SocketAddr, String>,
    ) {
        self.name_resolved(now, ticket, answer);
    }

    /// Arithmetic asked for by [`Output::Work`] has been done, or refused.
    pub fn handle_job(&mut self, now: Instant, done: JobDone) {
        self.job_done(now, done);
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Control::handle_timeout`] is next due.
    pub fn deadline(&self) -> Instant {
        let own = self.timers.deadline().min(self.backlog.deadline());
        own.min(self.associations.deadline())
    }

    /// Hangs up every call with cause 41 (temporary failure), takes no new ones and releases our registrations.
    pub fn shut_down(&mut self, now: Instant) {
        self.closing = true;
        let calls: Vec<Key> = self.calls.iter().map(|(key, _)| key).collect();
        for call in calls {
            self.abandon_call(now, call);
        }
        self.release_registrations(now);
        let legs: Vec<Key> = self.legs.iter().map(|(key, _)| key).collect();
        for key in legs {
            self.stop_leg(now, key);
        }
    }

    /// Ends what is no call: set-ups and registrations not decided yet, and probes.
    fn stop_leg(&mut self, now: Instant, key: Key) {
        let Some(leg) = self.legs.get(key).filter(|leg| leg.state != LegState::Ending) else {
            return;
        };
        let why = "the switch is stopping";
        match &leg.work {
            Work::Caller(Some(_)) => self.reject_caller(now, key, Cause::TEMPORARY_FAILURE, why),
            Work::Registrar(_) => self.say_registration_refused(now, key, why),
            Work::Probe(_) => self.release(now, key, true),
            Work::Caller(None) | Work::Callee(_) | Work::Registrant(_) => {}
        }
    }

    /// Whether nothing is in the air any more: after [`Control::shut_down`], the time to exit.
    pub fn is_idle(&self) -> bool {
        self.legs.len() == 0 && self.calls.len() == 0 && self.outputs.is_empty()
    }

    /// How much there is of what.
    pub fn stats(&self) -> Stats {
        Stats {
            legs: self.legs.len(),
            calls: self.calls.len(),
            calls_up: self.calls_up,
            registered: self.peers.iter().filter(|peer| peer.is_registered()).count(),
            associations: self.associations.len(),
            ..self.stats
        }
    }

    /// Tells the operator.
    pub(crate) fn log(&mut self, level: LogLevel, topic: Topic, text: String) {
        self.outputs.push_back(Output::Log(LogLine { level, topic, text }));
    }

    /// Tells the operator of something a source did, but not of each time in a flood.
    pub(crate) fn complain(
        &mut self,
        now: Instant,
        topic: Topic,
        source: SocketAddr,
        text: String,
    ) {
        self.complain_at(now, LogLevel::Warning, topic, source, text);
    }

    /// The same of credentials that were refused: a warning under `authdebug`.
    pub(crate) fn complain_of_credentials(
        &mut self,
        now: Instant,
        topic: Topic,
        source: SocketAddr,
        text: String,
    ) {
        let debug = self.config.general.auth_debug;
        let level = if debug { LogLevel::Warning } else { LogLevel::Info };
        self.complain_at(now, level, topic, source, text);
    }

    fn complain_at(
        &mut self,
        now: Instant,
        level: LogLevel,
        topic: Topic,
        source: SocketAddr,
        text: String,
    ) {
        if self.complaints.allows(now, source.ip()) {
            self.log(level, topic, text);
        } else {
            self.stats.limited += 1;
        }
    }

    /// The user of a name.
    pub(crate) fn user_named(&self, name: &str) -> Option<&Arc<User>> {
        self.config.users.get(*self.users.get(name)? as usize)
    }

    /// Seconds since 1970.
    pub(crate) fn unix_now(&self, now: Instant) -> u64 {
        self.started.1 + now.since(self.started.0).as_secs()
    }

    /// The remote address of a leg.
    pub(crate) fn remote_of(&self, leg: Key) -> Option<SocketAddr> {
        self.legs.get(leg).map(|leg| self.associations.get(leg.pair).remote)
    }

    /// Whom a leg talks to, for the log.
    pub(crate) fn who_is_at(&self, leg: Key) -> String {
        let Some(remote) = self.remote_of(leg) else { return String::new() };
        match self.peers.at(remote).next() {
            Some(peer) => format!("[{}] at {remote}", peer.config.name),
            None => remote.to_string(),
        }
    }

    /// The configured peer at a leg's address, if there is one with `trunk=yes`.
    pub(crate) fn trunk_peer_at(&self, pair: PeerIndex) -> Option<&PeerState> {
        self.peers.at(self.associations.get(pair).remote).find(|peer| peer.config.trunk)
    }

    /// Whether a leg has agreed on a format and nobody has ended it. What went to one whose peer has hung up would
    /// acknowledge that before the cores have sent their last.
    pub(crate) fn is_linked(&self, leg: Key) -> bool {
        self.legs.get(leg).is_some_and(|leg| leg.state.carries_voice() && leg.ending.is_none())
    }

    /// A leg's state.
    pub(crate) fn state_of(&self, leg: Key) -> Option<LegState> {
        self.legs.get(leg).map(|leg| leg.state)
    }
}
