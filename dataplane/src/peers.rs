//! Whom a core hears: from local socket and sender's address to [`PeerIndex`].

use core::net::SocketAddr;
use core::time::Duration;

use crate::fixed_map::FixedMap;
use crate::handoff::{PeerIndex, SocketId};
use crate::time::Instant;

/// What there is to know of a datagram's sender: our socket and its address.
type Sender = (SocketId, SocketAddr);

/// The peers a core may hear from. Room is made at start.
#[derive(Debug)]
pub(crate) struct PeerTable {
    peers: Box<[NearPeer]>,
    by_address: FixedMap<AddressKey>,
    /// The last one found: voice comes in runs of one sender.
    last: Option<(Sender, PeerIndex)>,
}

#[derive(Debug, Clone, Copy)]
struct NearPeer {
    sender: Option<Sender>,
    stray_due: Instant,
}

/// A sender packed for hashing. IPv4 addresses take the form IPv6 has for them; flow labels do not tell peers apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct AddressKey {
    ip: u128,
    scope: u32,
    port: u16,
    local: u8,
}

impl AddressKey {
    fn of((local, remote): Sender) -> Self {
        let (ip, scope) = match remote {
            SocketAddr::V4(remote) => (remote.ip().to_ipv6_mapped(), 0),
            SocketAddr::V6(remote) => (*remote.ip(), remote.scope_id()),
        };
        Self { ip: ip.to_bits(), scope, port: remote.port(), local: local.0 }
    }
}

/// Least time between two stray punts of one peer.
const STRAY_INTERVAL: Duration = Duration::from_millis(100);

impl PeerTable {
    /// No peers yet, with room for `peers_max`.
    pub(crate) fn new(peers_max: u32, seed: u64) -> Self {
        let vacant = NearPeer { sender: None, stray_due: Instant::ZERO };
        Self {
            peers: vec![vacant; peers_max as usize].into_boxed_slice(),
            by_address: FixedMap::new(peers_max, seed),
            last: None,
        }
    }

    /// Learns where a peer is heard from. An address that was another peer's is this one's from now on; an index past
    /// the bound is ignored.
    pub(crate) fn learn(&mut self, index: PeerIndex, local: SocketId, remote: SocketAddr) {
        self.forget(index);
        let Some(peer) = self.peers.get_mut(index.0 as usize) else { return };
        let sender = (local, remote);
        *peer = NearPeer { sender: Some(sender), stray_due: Instant::ZERO };
        if let Some(before) = self.by_address.insert(AddressKey::of(sender), index.0)
            && let Some(peer) = self.peers.get_mut(before as usize)
        {
            peer.sender = None;
        }
        self.last = None;
    }

    /// Forgets where a peer is heard from.
    pub(crate) fn forget(&mut self, index: PeerIndex) {
        let peer = self.peers.get_mut(index.0 as usize);
        if let Some(sender) = peer.and_then(|peer| peer.sender.take()) {
            self.by_address.remove(AddressKey::of(sender));
            self.last = None;
        }
    }

    /// The peer heard on `local` from `remote`.
    pub(crate) fn find(&mut self, local: SocketId, remote: SocketAddr) -> Option<PeerIndex> {
        let sender = (local, remote);
        if let Some((last, index)) = self.last
            && last == sender
        {
            return Some(index);
        }
        let index = PeerIndex(self.by_address.get(AddressKey::of(sender))?);
        self.last = Some((sender, index));
        Some(index)
    }

    /// Whether a stray of this peer may be punted now: at most one in 100 ms is.
    pub(crate) fn stray_is_due(&self, index: PeerIndex, now: Instant) -> bool {
        self.peers.get(index.0 as usize).is_some_and(|peer| peer.stray_due <= now)
    }

    /// A stray of this peer was punted.
    pub(crate) fn stray_sent(&mut self, index: PeerIndex, now: Instant) {
        if let Some(peer) = self.peers.get_mut(index.0 as usize) {
            peer.stray_due = now + STRAY_INTERVAL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKET: SocketId = SocketId(0);

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn a_peer_is_found_by_socket_and_address_until_it_moves_or_is_forgotten() {
        let mut peers = PeerTable::new(2, 7);
        peers.learn(PeerIndex(0), SOCKET, at(1));
        assert_eq!(peers.find(SOCKET, at(1)), Some(PeerIndex(0)));
        assert_eq!(peers.find(SocketId(1), at(1)), None);
        peers.learn(PeerIndex(0), SOCKET, at(2));
        assert_eq!(peers.find(SOCKET, at(1)), None);
        assert_eq!(peers.find(SOCKET, at(2)), Some(PeerIndex(0)));
        peers.forget(PeerIndex(0));
        assert_eq!(peers.find(SOCKET, at(2)), None);
        peers.learn(PeerIndex(9), SOCKET, at(3));
        assert_eq!(peers.find(SOCKET, at(3)), None, "past the bound");
    }

    #[test]
    fn an_address_belongs_to_the_peer_that_was_learned_last() {
        let mut peers = PeerTable::new(2, 7);
        peers.learn(PeerIndex(0), SOCKET, at(1));
        peers.learn(PeerIndex(1), SOCKET, at(1));
        assert_eq!(peers.find(SOCKET, at(1)), Some(PeerIndex(1)));
        peers.forget(PeerIndex(0));
        assert_eq!(peers.find(SOCKET, at(1)), Some(PeerIndex(1)));
    }
}
