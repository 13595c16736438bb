//! [`Core`]: the order of the stages, and when to sleep. Nothing else.

use core::time::Duration;
use std::sync::Arc;

use crate::cipher::Pads;
use crate::counters::{CounterCells, Counters};
use crate::handoff::{Command, RelayCells};
use crate::io::Io;
use crate::punts::PuntSender;
use crate::relay_table::RelayTable;
use crate::spsc::Consumer;
use crate::stages::commands::{self, Removals};
use crate::stages::egress::{Egress, MINI_AUDIO_MAX};
use crate::stages::ingress;
use crate::stages::relay::Onward;
use crate::time::Instant;

/// Bounds of one core; all its memory is made from them at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoreLimits {
    /// Relays, hence the bound of [`RelayId`](crate::handoff::RelayId)s: 64 octets each, and 32 for finding
    /// them; and the keys of encrypted ones, 2 KiB of address space each, touched by no others.
    pub legs_max: u32,
    /// Peers, hence the bound of [`PeerIndex`](crate::handoff::PeerIndex)es: some 450 octets each.
    pub peers_max: u32,
    /// Peers whose calls are found through an array, 128 KiB each. Others beyond 64 calls still work, by hash.
    pub big_peers: u32,
    /// Send buffers, 64 KiB of address space each: one or two for each peer with voice at a time, and one for each
    /// frame of odd size in a batch.
    pub send_buffers: u32,
    /// Commands applied in a step at most, so that a flood of them does not hold up voice.
    pub commands_per_step: u32,
}

/// What a core shares with control and the rest of the process.
pub struct CoreLinks {
    /// What control asks for.
    pub commands: Consumer<Command>,
    /// What control is told.
    pub punts: PuntSender,
    /// What is published of each relay; of all cores together.
    pub relay_cells: Arc<RelayCells>,
    /// Where this core's counts are published.
    pub counter_cells: Arc<CounterCells>,
}

/// Rings for control when it sleeps on its ring of punts. Called at most once in a step.
pub trait Doorbell {
    /// Rings; never blocks.
    fn ring(&mut self);
}

impl<F: FnMut()> Doorbell for F {
    fn ring(&mut self) {
        self();
    }
}

/// One core of the dataplane: hears voice and sends it on, without ever allocating, locking, logging or reading a
/// clock. Its thread calls [`Core::step`] and, when that leaves nothing to do, [`Core::wait`].
pub struct Core<I, D> {
    io: I,
    doorbell: D,
    links: CoreLinks,
    relays: RelayTable,
    egress: Egress,
    removals: Removals,
    /// Where audio is converted.
    room: Box<[u8; MINI_AUDIO_MAX]>,
    commands_per_step: usize,
    /// What the stages count.
    counters: Counters,
    /// What the I/O counts.
    io_counters: Counters,
    now: Instant,
}

/// How soon control is tried again when its ring had no room for what must not be lost.
const RETRY: Duration = Duration::from_millis(1);

impl<I: Io, D: Doorbell> Core<I, D> {
    /// A core that knows no peer yet. Everything it will ever need is allocated here; `seed` is good
    /// randomness: peers must neither choose addresses that collide, nor foretell what frames are padded with.
    pub fn new(limits: CoreLimits, io: I, doorbell: D, links: CoreLinks, seed: [u8; 32]) -> Self {
        let CoreLimits { legs_max, peers_max, big_peers, send_buffers, commands_per_step } = limits;
        let (pad_seed, table_seed) = split_seed(seed);
        let cells = Arc::clone(&links.relay_cells);
        Self {
            io,
            doorbell,
            links,
            relays: RelayTable::new(legs_max, peers_max, big_peers, table_seed, cells),
            egress: Egress::new(peers_max, send_buffers, Pads::new(pad_seed)),
            removals: Removals::new(),
            room: Box::new([0; MINI_AUDIO_MAX]),
            commands_per_step: commands_per_step.max(1) as usize,
            counters: Counters::default(),
            io_counters: Counters::default(),
            now: Instant::ZERO,
        }
    }

    /// Applies what control asked for, carries one receive batch, sends what is due. Never waits.
    ///
    /// Answers when to step again, if nothing happens before: `now` if there may be more to do at once, the next tick
    /// of a peer with waiting voice, or `None`.
    pub fn step(&mut self, now: Instant) -> Option<Instant> {
        self.now = now;
        let more_commands = self.obey();
        let heard = self.carry();
        self.egress.tick(now);
        self.egress.send(&mut self.io, &mut self.io_counters);
        self.egress.flush(&mut self.io, &mut self.io_counters);
        self.removals.tell(&mut self.links.punts);
        if self.links.punts.publish() {
            self.doorbell.ring();
        }
        self.counters.steps += 1;
        self.links.counter_cells.publish(&self.counters.plus(&self.io_counters));
        if heard > 0 || (more_commands && !self.removals.wait()) {
            return Some(now);
        }
        let retry = self.removals.wait().then(|| now + RETRY);
        self.egress.next_tick().into_iter().chain(retry).min()
    }

    /// Commands, up to a bound; true if there may be more.
    fn obey(&mut self) -> bool {
        let mut onward = Onward {
            now: self.now,
            egress: &mut self.egress,
            punts: &mut self.links.punts,
            counters: &mut self.counters,
            room: &mut self.room,
        };
        let (commands, relays) = (&mut self.links.commands, &mut self.relays);
        commands::apply(commands, self.commands_per_step, &mut self.removals, relays, &mut onward)
    }

    /// One receive batch, from the socket to the far peers' buffers; answers how many receives it was.
    fn carry(&mut self) -> usize {
        let mut onward = Onward {
            now: self.now,
            egress: &mut self.egress,
            punts: &mut self.links.punts,
            counters: &mut self.counters,
            room: &mut self.room,
        };
        let heard = self.io.receive(&mut self.io_counters, |received| {
            ingress::sort(received, &mut self.relays, &mut onward);
        });
        self.egress.end_batch(self.now);
        heard
    }

    /// Sleeps until a datagram arrives, control rings, or `until` has come; to be given what [`Core::step`] answered.
    /// Returns at once if there is something to do already.
    pub fn wait(&mut self, until: Option<Instant>) {
        let due = until.is_some_and(|until| until <= self.now);
        // Commands that have to wait for control to read its punts keep no core awake.
        let stuck = !self.removals.has_room();
        if due || !(stuck || self.links.commands.may_sleep()) {
            return;
        }
        self.io.wait(until.map(|until| until.since(self.now)));
        self.links.commands.awake();
    }

    /// Voice frames that wait in buffers: counted as sent, and not yet with the I/O.
    pub fn held(&self) -> u64 {
        self.egress.held()
    }

    /// The core's counts as of now.
    pub fn counters(&self) -> Counters {
        self.counters.plus(&self.io_counters)
    }

    /// The core's way to the network, for tests to look into.
    pub fn io_mut(&mut self) -> &mut I {
        &mut self.io
    }
}

/// A seed for pads and one for tables, which share nothing: tables show, in time, where keys lie.
fn split_seed(seed: [u8; 32]) -> ([u8; 16], u64) {
    let (mut pads, mut table) = ([0; 16], [0; 8]);
    pads.copy_from_slice(&seed[..16]);
    table.copy_from_slice(&seed[16..24]);
    (pads, u64::from_ne_bytes(table))
}
