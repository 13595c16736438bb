//! One core of the dataplane on a bench: its network is two lists, its clock a number, its control the test.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use dataplane::core_loop::{Core, CoreLimits, CoreLinks};
use dataplane::counters::{CounterCells, Counters, DropReason};
use dataplane::handoff::{
    Carriage, Command, PeerIndex, PeerSpec, Punt, RelayCells, RelayId, RelaySpec, SocketId,
    TrunkSpec,
};
use dataplane::io::{Io, Outgoing, Received};
use dataplane::pool::{BufId, Pool};
use dataplane::punts::{PuntReceiver, punt_ring};
use dataplane::spsc::{Producer, ring};
use dataplane::time::Instant;
use dataplane::wire::{CallNumber, EntryForm, Timestamp};

use crate::datagrams::{Voice, voices};

/// The only local socket there is.
pub const SOCKET: SocketId = SocketId(0);

/// The address of the peer with that index.
pub fn address(peer: u32) -> SocketAddr {
    SocketAddr::from(([127, 0, 1, peer as u8 + 1], 4569))
}

/// A call number, 1..=32767.
pub fn call(number: u16) -> CallNumber {
    CallNumber::from_wire(number).expect("not 0")
}

/// One receive to come: datagrams of one sender as the kernel merges them.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Who sent them.
    pub remote: SocketAddr,
    /// The datagrams back to back.
    pub octets: Vec<u8>,
    /// Octets of each but the last.
    pub segment_len: usize,
}

impl Arrival {
    /// A single datagram.
    pub fn one(remote: SocketAddr, octets: Vec<u8>) -> Self {
        let segment_len = octets.len();
        Self { remote, octets, segment_len }
    }
}

/// One send of the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// To whom.
    pub remote: SocketAddr,
    /// The datagrams, in order.
    pub datagrams: Vec<Vec<u8>>,
}

/// The network: what is to arrive, and what was sent.
#[derive(Debug, Default)]
pub struct BenchIo {
    /// What the next receive hands over.
    pub arriving: VecDeque<Arrival>,
    /// Whether arrivals stay for the receives to come, and sends are not kept: then nothing here allocates.
    pub steady: bool,
    /// Every send so far.
    pub sent: Vec<Sent>,
    /// Datagrams of them.
    pub datagrams_sent: u64,
    /// How long the core asked to sleep, each time it did.
    pub waits: Vec<Option<Duration>>,
    /// Whether buffers stay with the kernel.
    pub stuck: bool,
    under_way: Vec<BufId>,
}

impl Io for BenchIo {
    fn receive(&mut self, counters: &mut Counters, mut heard: impl FnMut(Received<'_>)) -> usize {
        for Arrival { remote, octets, segment_len } in &self.arriving {
            counters.datagrams_in += octets.len().div_ceil(*segment_len) as u64;
            heard(Received { local: SOCKET, remote: *remote, octets, segment_len: *segment_len });
        }
        let receives = self.arriving.len();
        if !self.steady {
            self.arriving.clear();
        }
        receives
    }

    fn send(&mut self, outgoing: Outgoing, pool: &mut Pool, counters: &mut Counters) {
        assert!(
            outgoing.len <= 65_507 && outgoing.len <= 64 * outgoing.segment_len,
            "{outgoing:?}"
        );
        let octets = &pool.octets(outgoing.buf)[..outgoing.len];
        let datagrams = octets.chunks(outgoing.segment_len);
        self.datagrams_sent += datagrams.len() as u64;
        counters.datagrams_out += datagrams.len() as u64;
        if !self.steady {
            let datagrams = datagrams.map(<[u8]>::to_vec).collect();
            self.sent.push(Sent { remote: outgoing.remote, datagrams });
        }
        self.under_way.push(outgoing.buf);
    }

    fn flush(&mut self, pool: &mut Pool, _: &mut Counters) {
        if !self.stuck {
            self.under_way.drain(..).for_each(|buf| pool.give(buf));
        }
    }

    fn wait(&mut self, timeout: Option<Duration>) {
        self.waits.push(timeout);
    }
}

/// A core and the test's ends of all it is linked to.
pub struct OneCore {
    /// The core.
    pub core: Core<BenchIo, Box<dyn FnMut()>>,
    /// What the test, as control, asks for.
    pub commands: Producer<Command>,
    /// What the test, as control, is told.
    pub punts: PuntReceiver,
    /// What the core publishes of its relays.
    pub cells: Arc<RelayCells>,
    /// What the core publishes of its counts.
    pub counts: Arc<CounterCells>,
    /// How often it rang.
    pub rings: Rc<Cell<u32>>,
    now_us: u64,
}

/// Bounds that suit most tests.
pub const LIMITS: CoreLimits = CoreLimits {
    legs_max: 256,
    peers_max: 16,
    big_peers: 1,
    send_buffers: 256,
    commands_per_step: 64,
};

impl OneCore {
    /// A core of these limits with a ring of `punt_octets`, at one second past the epoch.
    pub fn new(limits: CoreLimits, punt_octets: usize) -> Self {
        let (commands, consumer) = ring(2048);
        let (sender, punts) = punt_ring(punt_octets);
        let cells = Arc::new(RelayCells::new(limits.legs_max));
        let counts = Arc::new(CounterCells::new());
        let rings = Rc::new(Cell::new(0));
        let links = CoreLinks {
            commands: consumer,
            punts: sender,
            relay_cells: Arc::clone(&cells),
            counter_cells: Arc::clone(&counts),
        };
        let bell = Rc::clone(&rings);
        let doorbell: Box<dyn FnMut()> = Box::new(move || bell.set(bell.get() + 1));
        let io = BenchIo {
            under_way: Vec::with_capacity(limits.send_buffers as usize),
            ..BenchIo::default()
        };
        let core = Core::new(limits, io, doorbell, links, [42; 32]);
        Self { core, commands, punts, cells, counts, rings, now_us: 1_000_000 }
    }

    /// A core that knows peers 0 to 3, with trunk frames of the usual length and with time-stamps.
    pub fn usual() -> Self {
        let mut bench = Self::new(LIMITS, 1 << 17);
        for peer in 0..4 {
            bench.peer(peer, 1240, EntryForm::Timed);
        }
        bench.step_after(0);
        bench
    }

    /// The time.
    pub fn now(&self) -> Instant {
        Instant::from_micros(self.now_us)
    }

    /// Asks the core for something.
    pub fn ask(&mut self, command: Command) {
        assert!(self.commands.push(command).is_ok(), "the ring of commands is full");
        let _ = self.commands.publish();
    }

    /// Tells the core of a peer, at [`address`], whose trunk frames are packed so.
    pub fn peer(&mut self, index: u32, mtu: u16, form: EntryForm) {
        let trunk = TrunkSpec { mtu, interval_ms: 20, form };
        let epoch = self.now();
        let (index, remote) = (PeerIndex(index), address(index));
        self.ask(Command::Peer(PeerSpec { index, local: SOCKET, remote, trunk, epoch }));
    }

    /// Lets datagrams arrive from a peer, each in a receive of its own.
    pub fn hear(&mut self, peer: u32, datagrams: impl IntoIterator<Item = Vec<u8>>) {
        for datagram in datagrams {
            self.core.io_mut().arriving.push_back(Arrival::one(address(peer), datagram));
        }
    }

    /// Makes a step `ms` later.
    pub fn step_after(&mut self, ms: u64) -> Option<Instant> {
        self.now_us += ms * 1000;
        self.core.step(self.now())
    }

    /// Everything sent since the last call.
    pub fn sent(&mut self) -> Vec<Sent> {
        core::mem::take(&mut self.core.io_mut().sent)
    }

    /// Every punt waiting, as (relay, time-stamp heard) of its voice.
    ///
    /// # Panics
    /// If one is of something else.
    pub fn punted_voice(&mut self) -> Vec<(u32, u32)> {
        let mut all = Vec::new();
        while let Some(voice) = self.punts.receive(|punt| match punt {
            Punt::Voice { relay, heard, .. } => (relay.0, heard.0),
            other => panic!("{other:?}"),
        }) {
            all.push(voice);
        }
        self.punts.release();
        all
    }

    /// What went in has come out, is held, or was counted as a drop: `full_heard` full frames were among it.
    pub fn balances(&self, full_heard: u64) -> Result<(), String> {
        let counts = self.core.counters();
        let went_in = counts.voice_in + counts.voice_returned + counts.video_in + full_heard;
        let came_out =
            counts.voice_out + counts.voice_punted + counts.video_out + counts.full_frames;
        let dropped: u64 = VOICE_DROPS.iter().map(|reason| counts.drops(*reason)).sum();
        if went_in == came_out + dropped { Ok(()) } else { Err(format!("{counts:?}")) }
    }
}

/// Reasons for which voice, video or a full frame goes no further. The others are of whole datagrams that were not
/// read as voice, or come from the network's side after a frame was sent.
const VOICE_DROPS: [DropReason; 11] = [
    DropReason::Decrypt,
    DropReason::Video,
    DropReason::EntryCut,
    DropReason::NoRelay,
    DropReason::Quelched,
    DropReason::Empty,
    DropReason::Stale,
    DropReason::TooLong,
    DropReason::PuntFull,
    DropReason::PoolEmpty,
    DropReason::SendFull,
];

/// A relay whose voice has started, from call `near_call` of peer `near` to our call `far_call` with peer `far`.
pub fn relay(id: u32, near: u32, near_call: u16, far: u32, far_call: u16) -> RelaySpec {
    RelaySpec {
        relay: RelayId(id),
        near: PeerIndex(near),
        near_call: call(near_call),
        far: PeerIndex(far),
        far_call: call(far_call),
        carriage: Carriage::Trunk,
        newest: Timestamp(0),
        offset: Some(0),
        format: None,
        quelched: false,
        decrypt: None,
        encrypt: None,
        convert: None,
    }
}

/// As [`relay`], heard from peer 0 and sent as mini frames.
pub fn mini_relay(id: u32, near_call: u16, far: u32, far_call: u16) -> RelaySpec {
    RelaySpec { carriage: Carriage::Mini, ..relay(id, 0, near_call, far, far_call) }
}

/// Every voice frame sent, each with the index of the peer it went to.
pub fn all_voices(sent: &[Sent]) -> Vec<(u32, Voice)> {
    let mut all = Vec::new();
    for Sent { remote, datagrams } in sent {
        let peer = (0..16).find(|peer| address(*peer) == *remote).expect("a known peer");
        for datagram in datagrams {
            all.extend(voices(datagram).0.into_iter().map(|voice| (peer, voice)));
        }
    }
    all
}
