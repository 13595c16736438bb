//! A core as `handoff` describes it, in the plainest words: the model that control is tried against.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use dataplane::handoff::{
    Carriage, Command, PeerIndex, PeerSpec, Punt, RelayCells, RelayId, RelaySpec, SocketId,
    VOICE_MAX,
};
use dataplane::time::Instant;
use dataplane::wire::{
    CallNumber, EntryForm, Frame, FrameType, MiniTimestamp, Timestamp, emit_entry_header,
    emit_mini_header, emit_trunk_header,
};

use super::ledger::Ledger;
use super::trunk::TrunkBuffer;

/// A punt on its way: its octets owned.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Punted {
    Full { local: SocketId, remote: SocketAddr, octets: Vec<u8> },
    Voice { relay: RelayId, heard: Timestamp, audio: Vec<u8> },
    Stray { local: SocketId, remote: SocketAddr, source: CallNumber },
    Removed(RelayId),
}

impl Punted {
    /// As control takes it.
    pub(super) fn as_punt(&self) -> Punt<'_> {
        match self {
            Self::Full { local, remote, octets } => {
                Punt::Full { local: *local, remote: *remote, octets }
            }
            Self::Voice { relay, heard, audio } => {
                Punt::Voice { relay: *relay, heard: *heard, audio }
            }
            Self::Stray { local, remote, source } => {
                Punt::Stray { local: *local, remote: *remote, source: *source }
            }
            Self::Removed(relay) => Punt::Removed(*relay),
        }
    }
}

/// What a core puts out.
#[derive(Debug, Default)]
pub(super) struct CoreOutput {
    pub(super) punts: Vec<Punted>,
    pub(super) sends: Vec<(SocketId, SocketAddr, Vec<u8>)>,
}

#[derive(Debug)]
struct Relay {
    spec: RelaySpec,
    owes: bool,
    punted: bool,
    /// Newest time-stamp sent.
    mark: Timestamp,
    /// When the last untimed entry came.
    untimed: Option<Instant>,
}

/// Peers a trunk frame has gone to, with their epochs: the first frame of all cores says time 0.
pub(super) type Begun = Rc<RefCell<HashSet<(PeerIndex, Instant)>>>;

/// One core's relays and peers.
#[derive(Debug)]
pub(super) struct ModelCore {
    peers: BTreeMap<PeerIndex, PeerSpec>,
    relays: BTreeMap<RelayId, Relay>,
    by_call: HashMap<(PeerIndex, CallNumber), RelayId>,
    trunks: BTreeMap<PeerIndex, TrunkBuffer>,
    strays: HashMap<PeerIndex, Instant>,
    begun: Begun,
    cells: Arc<RelayCells>,
    out: CoreOutput,
}

/// A voice frame as it was heard.
struct Heard<'a> {
    peer: PeerIndex,
    source: CallNumber,
    stamp: Option<MiniTimestamp>,
    audio: &'a [u8],
}

const STRAY_REST: Duration = Duration::from_millis(100);

impl ModelCore {
    pub(super) fn new(cells: Arc<RelayCells>, begun: Begun) -> Self {
        Self {
            peers: BTreeMap::new(),
            relays: BTreeMap::new(),
            by_call: HashMap::new(),
            trunks: BTreeMap::new(),
            strays: HashMap::new(),
            begun,
            cells,
            out: CoreOutput::default(),
        }
    }

    /// Relays and peers it knows.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.relays.len(), self.peers.len())
    }

    /// When a trunk frame has to leave.
    pub(super) fn deadline(&self) -> Instant {
        self.trunks.values().map(TrunkBuffer::deadline).min().unwrap_or(Instant::FAR_FUTURE)
    }

    pub(super) fn take_output(&mut self) -> CoreOutput {
        std::mem::take(&mut self.out)
    }

    /// Trunk frames whose tick has come leave.
    pub(super) fn tick(&mut self, now: Instant) {
        let due: Vec<PeerIndex> =
            self.trunks.iter().filter(|(_, t)| t.deadline() <= now).map(|(p, _)| *p).collect();
        for peer in due {
            self.flush(peer, now);
        }
    }

    /// A datagram from the network.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        local: SocketId,
        remote: SocketAddr,
        octets: &[u8],
        ledger: &mut Ledger,
    ) {
        let peer =
            self.peers.values().find(|p| (p.local, p.remote) == (local, remote)).map(|p| p.index);
        let entry = |source, stamp, audio| peer.map(|peer| Heard { peer, source, stamp, audio });
        match Frame::parse(octets) {
            Ok(Frame::Full(full)) => {
                let header = *full.header();
                let id = peer.and_then(|peer| self.by_call.get(&(peer, header.source)));
                if header.frame_type == FrameType::Voice
                    && let Some(relay) = id.and_then(|id| self.relays.get_mut(id))
                {
                    relay.heard_full(header.timestamp);
                }
                let octets = octets.to_vec();
                self.out.punts.push(Punted::Full { local, remote, octets });
            }
            Ok(Frame::Mini(mini)) => {
                match entry(mini.source(), Some(mini.timestamp()), mini.payload()) {
                    Some(heard) => self.voice(now, &heard, ledger),
                    None => ledger.dropped(mini.payload(), "unknown peer"),
                }
            }
            Ok(Frame::Trunk(trunk)) => {
                for one in trunk.entries().filter_map(Result::ok) {
                    match one.source.and_then(|source| entry(source, one.timestamp, one.payload)) {
                        Some(heard) => self.voice(now, &heard, ledger),
                        None => ledger.dropped(one.payload, "unknown peer"),
                    }
                }
            }
            Ok(Frame::Video(_)) | Err(_) => {}
        }
    }

    fn voice(&mut self, now: Instant, heard: &Heard<'_>, ledger: &mut Ledger) {
        let Some(id) = self.by_call.get(&(heard.peer, heard.source)).copied() else {
            ledger.dropped(heard.audio, "no relay");
            return self.stray(now, heard.peer, heard.source);
        };
        let Some(relay) = self.relays.get_mut(&id) else { return };
        let at = match heard.stamp {
            Some(low) => relay.spec.newest.extend(low),
            None => relay.predicted(now, heard.audio),
        };
        self.relay(now, id, at, heard.audio, ledger);
    }

    /// Audio heard for a relay, its whole time-stamp known.
    fn relay(
        &mut self,
        now: Instant,
        id: RelayId,
        at: Timestamp,
        audio: &[u8],
        ledger: &mut Ledger,
    ) {
        let Some(relay) = self.relays.get_mut(&id) else {
            return ledger.dropped(audio, "no relay");
        };
        let Some(cell) = self.cells.get(id) else { return };
        cell.heard_frames.fetch_add(1, Relaxed);
        if at.is_before(relay.spec.newest) {
            cell.late_frames.fetch_add(1, Relaxed);
        }
        relay.spec.newest = relay.spec.newest.latest(at);
        cell.heard.store(relay.spec.newest.0, Relaxed);
        if relay.spec.quelched {
            return ledger.dropped(audio, "quelched");
        }
        if audio.is_empty() || audio.len() > VOICE_MAX {
            return ledger.dropped(audio, "size");
        }
        let Some(sent) = relay.sends_at(at).filter(|_| !relay.owes || relay.punted) else {
            relay.punted = true;
            let (far, audio) = (relay.spec.far, audio.to_vec());
            self.flush(far, now); // or the full frame would overtake what waits for its tick
            return self.out.punts.push(Punted::Voice { relay: id, heard: at, audio });
        };
        cell.sent.store(relay.mark.0, Relaxed);
        let (far, call, carriage) = (relay.spec.far, relay.spec.far_call, relay.spec.carriage);
        match carriage {
            Carriage::Mini => self.send_mini(far, call, sent, audio, ledger),
            Carriage::Trunk => self.send_entry(now, far, call, sent, audio, ledger),
        }
    }

    fn send_mini(
        &mut self,
        far: PeerIndex,
        call: CallNumber,
        sent: Timestamp,
        audio: &[u8],
        ledger: &mut Ledger,
    ) {
        let Some(peer) = self.peers.get(&far) else { return ledger.dropped(audio, "far unknown") };
        let mut octets = vec![0; 4];
        emit_mini_header(call, sent.low16(), &mut octets).expect("four octets");
        octets.extend_from_slice(audio);
        self.out.sends.push((peer.local, peer.remote, octets));
    }

    fn send_entry(
        &mut self,
        now: Instant,
        far: PeerIndex,
        call: CallNumber,
        sent: Timestamp,
        audio: &[u8],
        ledger: &mut Ledger,
    ) {
        let Some(peer) = self.peers.get(&far) else { return ledger.dropped(audio, "far unknown") };
        let form = peer.trunk.form;
        let mut entry = vec![0; form.header_len()];
        let len = u16::try_from(audio.len()).expect("voice is short");
        emit_entry_header(form, call, sent.low16(), len, &mut entry).expect("its length");
        entry.extend_from_slice(audio);
        let wait = Duration::from_millis(u64::from(peer.trunk.interval_ms));
        let most = usize::from(peer.trunk.mtu);
        if self.trunks.get(&far).is_some_and(|buffer| !buffer.fits(entry.len(), most)) {
            self.flush(far, now);
        }
        self.trunks.entry(far).or_insert_with(|| TrunkBuffer::new(now + wait)).append(&entry);
    }

    fn flush(&mut self, far: PeerIndex, now: Instant) {
        let (Some(buffer), Some(peer)) = (self.trunks.remove(&far), self.peers.get(&far)) else {
            return;
        };
        let mut octets = vec![0; 8];
        let form: EntryForm = peer.trunk.form;
        let first = self.begun.borrow_mut().insert((far, peer.epoch));
        let time = if first { 0 } else { now.millis_since(peer.epoch).max(1) };
        emit_trunk_header(form, time, &mut octets).expect("eight octets");
        octets.extend_from_slice(buffer.entries());
        self.out.sends.push((peer.local, peer.remote, octets));
    }

    fn stray(&mut self, now: Instant, peer: PeerIndex, source: CallNumber) {
        let Some(spec) = self.peers.get(&peer) else { return };
        if self.strays.get(&peer).is_none_or(|last| now >= *last + STRAY_REST) {
            self.strays.insert(peer, now);
            let (local, remote) = (spec.local, spec.remote);
            self.out.punts.push(Punted::Stray { local, remote, source });
        }
    }

    /// Does what control asks.
    pub(super) fn obey(&mut self, now: Instant, command: Command, ledger: &mut Ledger) {
        match command {
            Command::Peer(spec) => _ = self.peers.insert(spec.index, spec),
            Command::ForgetPeer(index) => {
                let named =
                    self.relays.values().any(|r| [r.spec.near, r.spec.far].contains(&index));
                assert!(!named, "{index:?} is forgotten while a relay names it");
                self.flush(index, now);
                self.peers.remove(&index);
            }
            Command::Install(spec) => self.install(spec),
            Command::Remove(id) => {
                if let Some(relay) = self.relays.remove(&id) {
                    let call = (relay.spec.near, relay.spec.near_call);
                    if self.by_call.get(&call) == Some(&id) {
                        self.by_call.remove(&call);
                    }
                    self.flush(relay.spec.far, now);
                }
                self.out.punts.push(Punted::Removed(id));
            }
            Command::Voice { relay, heard, audio, format } => {
                ledger.with_control(&audio, false);
                if let Some(relay) = self.relays.get_mut(&relay) {
                    relay.spec.format = Some(format);
                }
                self.relay(now, relay, heard, &audio, ledger);
            }
            Command::Align { relay, offset, heard, sent, format } => {
                if let Some(relay) = self.relays.get_mut(&relay) {
                    relay.spec.format = Some(format);
                    relay.align(offset, heard, sent);
                    let cell = self.cells.get(relay.spec.relay).expect("a relay has a cell");
                    cell.sent.store(relay.mark.0, Relaxed);
                }
            }
            Command::Owe(id) => self.with(id, Relay::owe),
            Command::Carry(id, carriage) => self.with(id, |relay| relay.spec.carriage = carriage),
            Command::Quelch(id, quelch) => self.with(id, |relay| relay.spec.quelched = quelch),
            Command::Rekey(id, key) => self.with(id, |relay| relay.spec.decrypt = Some(key)),
            Command::RekeySent(id, key) => self.with(id, |relay| relay.spec.encrypt = Some(key)),
            Command::Convert(id, to) => self.with(id, |relay| relay.spec.convert = to),
        }
    }

    fn with(&mut self, id: RelayId, change: impl FnOnce(&mut Relay)) {
        self.relays.get_mut(&id).map(change);
    }

    fn install(&mut self, spec: RelaySpec) {
        for peer in [spec.near, spec.far] {
            assert!(self.peers.contains_key(&peer), "{peer:?} is named before it is known");
        }
        assert!(!self.relays.contains_key(&spec.relay), "{:?} is installed twice", spec.relay);
        self.by_call.insert((spec.near, spec.near_call), spec.relay);
        let mark = spec.newest.offset_by(spec.offset.unwrap_or(0));
        let relay = Relay { spec, owes: false, punted: false, mark, untimed: None };
        self.relays.insert(spec.relay, relay);
    }
}

impl Relay {
    /// An untimed entry follows the one before it, unless the clock has gone far from that.
    fn predicted(&mut self, now: Instant, audio: &[u8]) -> Timestamp {
        let lasts = self.spec.format.and_then(|format| format.duration(audio));
        let lasts = lasts.map_or(20, |lasts| lasts.as_millis() as u32);
        let passed = self.untimed.replace(now).map_or(lasts, |last| now.millis_since(last));
        let far = passed.abs_diff(lasts) > 100;
        self.spec.newest.offset_by(if far { passed } else { lasts })
    }

    /// A full VOICE frame goes to control: what follows is told from its time.
    fn heard_full(&mut self, at: Timestamp) {
        if self.spec.offset.is_none() || !at.is_before(self.spec.newest) {
            self.spec.newest = at;
            self.untimed = None;
        }
    }

    /// The time-stamp to send; a new round of its low 16 bits makes a full frame due.
    fn sends_at(&mut self, heard: Timestamp) -> Option<Timestamp> {
        let sent = heard.offset_by(self.spec.offset?);
        if !sent.is_before(self.mark) {
            if sent.0 >> 16 != self.mark.0 >> 16 {
                self.owe();
            }
            self.mark = sent;
        }
        Some(sent)
    }

    fn owe(&mut self) {
        (self.owes, self.punted) = (true, false);
    }

    fn align(&mut self, offset: u32, heard: Timestamp, sent: Timestamp) {
        self.spec.newest = self.spec.newest.latest(heard);
        let same = self.spec.offset == Some(offset);
        self.mark = if same { self.mark.latest(sent) } else { sent };
        self.spec.offset = Some(offset);
        if sent.0 >> 16 == self.mark.0 >> 16 {
            (self.owes, self.punted) = (false, false);
        }
    }
}
