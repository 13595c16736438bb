//! The relays of one core: found by what they hear, changed at control's word.

use std::sync::Arc;

use crate::call_ciphers::{CallCiphers, CipherTable};
use crate::calls::CallTable;
use crate::cipher::CipherKey;
use crate::counters::DropReason;
use crate::handoff::{CallKey, Carriage, PeerIndex, RelayCell, RelayCells, RelayId, RelaySpec};
use crate::peers::PeerTable;
use crate::relay::Relay;
use crate::time::Instant;
use crate::wire::{CallNumber, MiniFrame};

/// The relays of one core, with whom they hear and what they publish.
#[derive(Debug)]
pub(crate) struct RelayTable {
    pub(crate) peers: PeerTable,
    calls: CallTable,
    relays: Box<[Option<Relay>]>,
    cells: Arc<RelayCells>,
    ciphers: CipherTable,
}

/// A relay in the table and the cell it publishes to.
pub(crate) struct Found<'a> {
    pub(crate) id: RelayId,
    pub(crate) relay: &'a mut Relay,
    pub(crate) cell: &'a RelayCell,
    /// Key of what it sends, if the far leg is encrypted.
    pub(crate) sent_key: Option<&'a CipherKey>,
}

impl RelayTable {
    /// No relays yet, with room for `legs_max` of them, of which `big_peers` peers may have many.
    pub(crate) fn new(
        legs_max: u32,
        peers_max: u32,
        big_peers: u32,
        seed: u64,
        cells: Arc<RelayCells>,
    ) -> Self {
        Self {
            peers: PeerTable::new(peers_max, seed),
            calls: CallTable::new(peers_max, big_peers, legs_max, seed.rotate_left(32)),
            relays: vec![None; legs_max as usize].into_boxed_slice(),
            cells,
            ciphers: CipherTable::new(legs_max),
        }
    }

    /// The name of the relay that hears `call` of `peer`, whose line of cache is asked for at the same time: whoever
    /// looks a few up before working on the first has them come in together.
    #[inline]
    pub(crate) fn find(&self, peer: PeerIndex, call: CallNumber) -> Option<RelayId> {
        let id = self.calls.find(peer, call)?;
        let relay = self.relays.get(id.0 as usize)?;
        core::hint::black_box(relay.is_some()); // a load that nothing waits for
        Some(id)
    }

    /// The relay of that name.
    #[inline]
    pub(crate) fn get(&mut self, id: RelayId) -> Option<Found<'_>> {
        let relay = self.relays.get_mut(id.0 as usize)?.as_mut()?;
        let cell = self.cells.get(id)?;
        let ciphers = relay.ciphers.map(|slot| self.ciphers.get(slot));
        Some(Found { id, relay, cell, sent_key: ciphers.and_then(CallCiphers::sent) })
    }

    /// Whether mini frames for that relay are encrypted.
    #[inline]
    pub(crate) fn decrypts(&self, id: RelayId) -> bool {
        let relay = self.relays.get(id.0 as usize).and_then(Option::as_ref);
        relay.is_some_and(|relay| relay.decrypts)
    }

    /// The relay of that name, and in clear an encrypted mini frame heard for it.
    pub(crate) fn decrypt(
        &mut self,
        id: RelayId,
        octets: &[u8],
        now: Instant,
    ) -> Result<(Found<'_>, MiniFrame<'_>), DropReason> {
        let relay = self.relays.get_mut(id.0 as usize).and_then(Option::as_mut);
        let relay = relay.ok_or(DropReason::NoRelay)?;
        let cell = self.cells.get(id).ok_or(DropReason::NoRelay)?;
        let slot = relay.ciphers.ok_or(DropReason::Decrypt)?;
        let (ciphers, frame) = self.ciphers.decrypt(slot, octets, relay, now)?;
        Ok((Found { id, relay, cell, sent_key: ciphers.sent() }, frame))
    }

    /// Installs a relay, in place of one that heard the same. A name or a near peer past the bounds is ignored.
    ///
    /// Answers whom a relay of the same name sent to before.
    pub(crate) fn install(&mut self, spec: &RelaySpec, now: Instant) -> Option<PeerIndex> {
        let before = self.remove(spec.relay);
        let cell = self.cells.get(spec.relay)?;
        let slot = self.relays.get_mut(spec.relay.0 as usize)?;
        if self.calls.insert(spec.near, spec.near_call, spec.relay) {
            let ciphers = self.ciphers.take(spec.decrypt, spec.encrypt, now);
            *slot = Some(Relay::new(spec, cell, ciphers));
        }
        before
    }

    /// Removes a relay and answers whom it sent to.
    pub(crate) fn remove(&mut self, id: RelayId) -> Option<PeerIndex> {
        let relay = self.relays.get_mut(id.0 as usize)?.take()?;
        if let Some(slot) = relay.ciphers {
            self.ciphers.give(slot);
        }
        if self.calls.find(relay.near, relay.near_call) == Some(id) {
            self.calls.remove(relay.near, relay.near_call);
        }
        Some(relay.far)
    }

    /// What a relay hears is encrypted with this key from now on, and for a while perhaps still with the one before.
    pub(crate) fn rekey(&mut self, id: RelayId, key: CallKey, now: Instant) {
        let Some(Some(relay)) = self.relays.get_mut(id.0 as usize) else { return };
        relay.decrypts = true;
        match relay.ciphers {
            Some(slot) => self.ciphers.get_mut(slot).rekey(key),
            None => relay.ciphers = self.ciphers.take(Some(key), None, now),
        }
    }

    /// What a relay sends is encrypted with this key from now on. Answers whom it goes to.
    pub(crate) fn rekey_sent(
        &mut self,
        id: RelayId,
        key: CallKey,
        now: Instant,
    ) -> Option<PeerIndex> {
        let relay = self.relays.get_mut(id.0 as usize)?.as_mut()?;
        relay.carriage = Carriage::Mini;
        match relay.ciphers {
            Some(slot) => self.ciphers.get_mut(slot).rekey_sent(key),
            None => relay.ciphers = self.ciphers.take(None, Some(key), now),
        }
        Some(relay.far)
    }
}
