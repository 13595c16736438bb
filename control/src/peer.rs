//! The configured peers as they are now: where, whether registered, whether reachable.

use std::collections::HashSet;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dataplane::time::Instant;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::conf::{Host, Peer};
use crate::limits::Meter;
use crate::slab::Key;

/// Whether a peer answers our probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Not measured, or not monitored.
    Unknown,
    /// Within its time.
    Reachable(Duration),
    /// It answers, but later than `qualify` allows.
    Lagged(Duration),
    /// It does not answer.
    Unreachable,
}

/// One configured peer.
#[derive(Debug)]
pub(crate) struct PeerState {
    pub(crate) config: Arc<Peer>,
    /// Where it is now: by configuration, name or registration.
    pub(crate) address: Option<SocketAddr>,
    /// When its registration lapses.
    pub(crate) registered_until: Option<Instant>,
    pub(crate) reach: Reach,
    /// Calls to it.
    pub(crate) meter: Meter,
    /// Mean of the last round trips, where `qualifysmoothing` asks for it.
    pub(crate) averaged: Option<Duration>,
    pub(crate) probe: Option<Key>,
    pub(crate) probe_at: Instant,
    /// The time its timer is armed for.
    pub(crate) armed: Instant,
    /// Whether the operator knows that its encrypted calls are not trunked.
    pub(crate) told_untrunked: bool,
}

impl PeerState {
    /// The last round trip measured.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        match self.reach {
            Reach::Reachable(rtt) | Reach::Lagged(rtt) => Some(rtt),
            Reach::Unknown | Reach::Unreachable => None,
        }
    }

    /// Why it must not be called, if so.
    pub(crate) fn unfit_to_call(&self) -> Option<&'static str> {
        match self.reach {
            Reach::Lagged(_) => Some("LAGGED"),
            Reach::Unreachable => Some("UNREACHABLE"),
            Reach::Unknown | Reach::Reachable(_) => None,
        }
    }

    /// Why it has no address, in words.
    pub(crate) fn why_no_address(&self) -> String {
        match &self.config.host {
            Host::Dynamic => "is not registered".to_owned(),
            Host::Name { name, .. } => format!("is at {name}, which could not be resolved yet"),
            Host::Address(_) => "has no address".to_owned(),
        }
    }

    pub(crate) fn is_registered(&self) -> bool {
        self.registered_until.is_some()
    }

    /// When something is to be done about it.
    pub(crate) fn deadline(&self) -> Instant {
        self.probe_at.min(self.registered_until.unwrap_or(Instant::FAR_FUTURE))
    }
}

/// All configured peers, by index, name and address.
#[derive(Debug)]
pub(crate) struct Peers {
    all: Vec<PeerState>,
    by_name: HashMap<Vec<u8>, u32, FixedState>,
    by_address: HashMap<SocketAddr, Vec<u32>, FixedState>,
    by_ip: HashMap<IpAddr, Vec<u32>, FixedState>,
    proved_tokens: HashSet<String>,
}

impl Peers {
    pub(crate) fn new(peers: &[Arc<Peer>], hasher: FixedState) -> Self {
        let state = |peer: &Arc<Peer>| PeerState {
            config: Arc::clone(peer),
            address: None,
            registered_until: None,
            reach: Reach::Unknown,
            meter: Meter::default(),
            averaged: None,
            probe: None,
            probe_at: Instant::FAR_FUTURE,
            armed: Instant::FAR_FUTURE,
            told_untrunked: false,
        };
        let mut all = Self {
            all: peers.iter().map(state).collect(),
            by_name: HashMap::with_hasher(hasher.clone()),
            by_address: HashMap::with_hasher(hasher.clone()),
            by_ip: HashMap::with_hasher(hasher),
            proved_tokens: HashSet::new(),
        };
        for (index, peer) in peers.iter().enumerate() {
            all.by_name.insert(peer.name.clone().into_bytes(), index as u32);
            all.set_address(index as u32, peer.home());
        }
        all
    }

    pub(crate) fn get(&self, index: u32) -> Option<&PeerState> {
        self.all.get(index as usize)
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut PeerState> {
        self.all.get_mut(index as usize)
    }

    /// The first peer at an address with `trunk=yes`.
    pub(crate) fn trunk_at(&mut self, address: SocketAddr) -> Option<&mut PeerState> {
        let indices = self.by_address.get(&address)?.iter();
        let trunked = |index: &&u32| self.get(**index).is_some_and(|peer| peer.config.trunk);
        let index = *indices.clone().find(trunked)?;
        self.get_mut(index)
    }

    pub(crate) fn index_of(&self, name: &[u8]) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn by_name(&self, name: impl AsRef<[u8]>) -> Option<&PeerState> {
        self.get(self.index_of(name.as_ref())?)
    }

    /// The peers that are at an address now, in file order.
    pub(crate) fn at(&self, address: SocketAddr) -> impl Iterator<Item = &PeerState> {
        let indices = self.by_address.get(&address).map_or(&[][..], Vec::as_slice);
        indices.iter().filter_map(|index| self.get(*index))
    }

    /// The peers that are at an IP address now, whatever their port, in file order.
    pub(crate) fn at_ip(&self, ip: IpAddr) -> impl Iterator<Item = &PeerState> {
        let indices = self.by_ip.get(&ip).map_or(&[][..], Vec::as_slice);
        indices.iter().filter_map(|index| self.get(*index))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &PeerState> {
        self.all.iter()
    }

    pub(crate) fn len(&self) -> u32 {
        self.all.len() as u32
    }

    /// A peer is somewhere else now. Returns where it was.
    pub(crate) fn set_address(
        &mut self,
        index: u32,
        address: Option<SocketAddr>,
    ) -> Option<SocketAddr> {
        let peer = self.all.get_mut(index as usize)?;
        let before = std::mem::replace(&mut peer.address, address);
        if before == address {
            return before;
        }
        if let Some(before) = before {
            leave(&mut self.by_address, before, index);
            leave(&mut self.by_ip, before.ip(), index);
        }
        if let Some(address) = address {
            enter(&mut self.by_address, address, index);
            enter(&mut self.by_ip, address.ip(), index);
        }
        before
    }

    /// Whether whoever may use the section of this name has sent a valid call token since we started.
    pub(crate) fn has_proved_tokens(&self, name: &str) -> bool {
        self.proved_tokens.contains(name)
    }

    /// Who has just proved to be the section of this name came with a valid call token. Sooner would let anybody lock
    /// out a phone without tokens by its name. Only configured names come here, so the set is bounded.
    pub(crate) fn tokens_proved(&mut self, name: &str) {
        if !self.proved_tokens.contains(name) {
            self.proved_tokens.insert(name.to_owned());
        }
    }
}

/// Adds a peer to those at a place, which are kept in file order.
fn enter<K: Hash + Eq>(map: &mut HashMap<K, Vec<u32>, FixedState>, place: K, index: u32) {
    let here = map.entry(place).or_default();
    if let Err(at) = here.binary_search(&index) {
        here.insert(at, index);
    }
}

/// Takes a peer from those at a place.
fn leave<K: Hash + Eq>(map: &mut HashMap<K, Vec<u32>, FixedState>, place: K, index: u32) {
    let Some(here) = map.get_mut(&place) else { return };
    if let Ok(at) = here.binary_search(&index) {
        here.remove(at);
    }
    if here.is_empty() {
        map.remove(&place);
    }
}
