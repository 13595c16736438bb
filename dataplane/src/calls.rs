//! Which relay hears a call: from peer and the peer's call number to [`RelayId`].

use crate::fixed_map::FixedMap;
use crate::handoff::{PeerIndex, RelayId};
use crate::wire::CallNumber;

/// Relays by what they hear. Room is made at start.
///
/// A peer with many calls is given an array over all 32,768 call numbers, so that finding one costs a load; the others
/// share a hash, since an array each would not fit for every phone there is.
#[derive(Debug)]
pub(crate) struct CallTable {
    peers: Box<[PeerCalls]>,
    /// Arrays of relay + 1, 0 where there is none. Those nobody owns are all 0.
    arrays: Box<[[u32; NUMBERS]]>,
    free_arrays: Vec<u32>,
    hashed: FixedMap<CallKey>,
}

/// Numbers a call may have, the unused 0 among them.
const NUMBERS: usize = 0x8000;

/// Calls of one peer in the hash from which on it is given an array.
const BIG_FROM: u32 = 64;

/// Stands where a peer has no array.
const NO_ARRAY: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct PeerCalls {
    array: u32,
    /// Its calls in the hash: those it had before it was given an array stay there.
    hashed: u32,
    /// Its calls in the array.
    in_array: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct CallKey(u64);

impl CallKey {
    fn of(peer: PeerIndex, call: CallNumber) -> Self {
        Self(u64::from(peer.0) << 16 | u64::from(call.get()))
    }
}

impl CallTable {
    pub(crate) fn new(peers_max: u32, big_peers: u32, legs_max: u32, seed: u64) -> Self {
        let vacant = PeerCalls { array: NO_ARRAY, hashed: 0, in_array: 0 };
        Self {
            peers: vec![vacant; peers_max as usize].into_boxed_slice(),
            arrays: vec![[0; NUMBERS]; big_peers as usize].into_boxed_slice(),
            free_arrays: (0..big_peers).rev().collect(),
            hashed: FixedMap::new(legs_max, seed),
        }
    }

    /// The relay that hears `call` of `peer`.
    pub(crate) fn find(&self, peer: PeerIndex, call: CallNumber) -> Option<RelayId> {
        let calls = self.peers.get(peer.0 as usize)?;
        if let Some(array) = self.arrays.get(calls.array as usize) {
            let relay = array[usize::from(call.get()) % NUMBERS];
            if relay != 0 {
                return Some(RelayId(relay - 1));
            }
        }
        if calls.hashed == 0 {
            return None;
        }
        self.hashed.get(CallKey::of(peer, call)).map(RelayId)
    }

    /// Has `relay` hear `call` of `peer`, instead of whichever did. False: the peer is past the bound.
    ///
    /// The caller keeps to one call a relay, which bounds the hash.
    pub(crate) fn insert(&mut self, peer: PeerIndex, call: CallNumber, relay: RelayId) -> bool {
        self.remove(peer, call);
        let Some(calls) = self.peers.get_mut(peer.0 as usize) else { return false };
        if calls.array == NO_ARRAY && calls.hashed >= BIG_FROM {
            calls.array = self.free_arrays.pop().unwrap_or(NO_ARRAY);
        }
        if let Some(array) = self.arrays.get_mut(calls.array as usize) {
            array[usize::from(call.get()) % NUMBERS] = relay.0 + 1;
            calls.in_array += 1;
        } else {
            self.hashed.insert(CallKey::of(peer, call), relay.0);
            calls.hashed += 1;
        }
        true
    }

    /// Nobody hears `call` of `peer` any more.
    pub(crate) fn remove(&mut self, peer: PeerIndex, call: CallNumber) {
        let Some(calls) = self.peers.get_mut(peer.0 as usize) else { return };
        if let Some(array) = self.arrays.get_mut(calls.array as usize) {
            let slot = &mut array[usize::from(call.get()) % NUMBERS];
            if core::mem::take(slot) != 0 {
                calls.in_array -= 1;
                if calls.in_array == 0 {
                    self.free_arrays.push(calls.array);
                    calls.array = NO_ARRAY;
                }
                return;
            }
        }
        if calls.hashed > 0 && self.hashed.remove(CallKey::of(peer, call)).is_some() {
            calls.hashed -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn big_or_small_a_peer_finds_its_calls(
            steps in prop::collection::vec((any::<bool>(), 0u32..3, 1u16..200), 1..1500),
        ) {
            let mut table = CallTable::new(3, 1, 600, 11);
            let mut model = HashMap::new();
            for (relay, (install, peer, call)) in steps.into_iter().enumerate() {
                let (peer, call) = (PeerIndex(peer), CallNumber::from_wire(call).unwrap());
                if install {
                    table.insert(peer, call, RelayId(relay as u32));
                    model.insert((peer, call), RelayId(relay as u32));
                } else {
                    table.remove(peer, call);
                    model.remove(&(peer, call));
                }
                prop_assert_eq!(table.find(peer, call), model.get(&(peer, call)).copied());
            }
            for peer in (0..3).map(PeerIndex) {
                for call in (1..200).filter_map(CallNumber::from_wire) {
                    prop_assert_eq!(table.find(peer, call), model.get(&(peer, call)).copied());
                    table.remove(peer, call);
                }
            }
            prop_assert_eq!(table.free_arrays.len(), 1, "the array comes back");
            prop_assert!(table.arrays[0].iter().all(|&relay| relay == 0));
        }
    }
}
