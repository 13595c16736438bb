//! The keys of encrypted relays, made ready: cold beside the relays, and touched for encrypted ones only.

use core::num::NonZeroU32;

use crate::cipher::CipherKey;
use crate::counters::DropReason;
use crate::handoff::{CallKey, PUNT_MAX};
use crate::relay::Relay;
use crate::time::Instant;
use crate::wire::{MiniFrame, MiniTimestamp};

/// Where a relay's keys are, counted from 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CipherSlot(NonZeroU32);

impl CipherSlot {
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The keys of one relay.
#[derive(Debug)]
pub(crate) struct CallCiphers {
    /// Keys of what is heard, the newest first: after a change, frames under the one before may still come.
    heard: [Option<CipherKey>; 2],
    /// Key of what is sent.
    sent: Option<CipherKey>,
    /// When a frame was last decrypted, or when there was first a key.
    heard_at: Instant,
    /// The last time-stamp that nobody expected, under the newest key, and how many agree with it in a row.
    unexpected: MiniTimestamp,
    agreeing: u8,
}

/// How far a time-stamp may part from what is expected, milliseconds.
const EXPECTED_WITHIN_MS: i64 = 2000;

/// So many in a row that agree are not the work of a wrong key: one in sixteen of its time-stamps does.
const AGREEING_MIN: u8 = 8;

impl CallCiphers {
    /// Key of what is sent, if that is encrypted.
    pub(crate) fn sent(&self) -> Option<&CipherKey> {
        self.sent.as_ref()
    }

    /// What is heard is encrypted with this key from now on, and for a while perhaps still with the one before.
    pub(crate) fn rekey(&mut self, key: CallKey) {
        self.heard.swap(0, 1);
        self.heard[0] = Some(CipherKey::new(key));
        self.agreeing = 0;
    }

    /// What is sent is encrypted with this key from now on.
    pub(crate) fn rekey_sent(&mut self, key: CallKey) {
        self.sent = Some(CipherKey::new(key));
    }

    /// Decrypts a mini frame and answers its length in clear.
    ///
    /// The right key is the one that gives a time-stamp within 2 s of the relay's newest, or of what that has become
    /// since, for a talker may have been silent: there is nothing else to tell by. A sender whose clock has jumped is
    /// believed once it has kept to its new one for a while.
    fn decrypt(
        &mut self,
        octets: &[u8],
        clear: &mut [u8],
        relay: &Relay,
        now: Instant,
    ) -> Option<usize> {
        let passed = i64::from(now.millis_since(self.heard_at));
        let expected = -EXPECTED_WITHIN_MS..=EXPECTED_WITHIN_MS + passed;
        for key in self.heard.iter().flatten() {
            if let Some((at, len)) = open(key, octets, clear)
                && expected.contains(&i64::from(relay.ahead(at)))
            {
                (self.agreeing, self.heard_at) = (0, now);
                return Some(len);
            }
        }
        let (at, len) = open(self.heard[0].as_ref()?, octets, clear)?;
        let apart = i64::from(at.0.wrapping_sub(self.unexpected.0).cast_signed());
        let agrees = apart.abs() <= EXPECTED_WITHIN_MS;
        self.agreeing = if agrees { self.agreeing.saturating_add(1) } else { 1 };
        self.unexpected = at;
        if self.agreeing < AGREEING_MIN {
            return None;
        }
        self.heard_at = now;
        Some(len)
    }
}

/// Decrypts a mini frame: its time-stamp, and its length in clear. It ends `octets.len() - 2` octets into `clear`.
fn open(key: &CipherKey, octets: &[u8], clear: &mut [u8]) -> Option<(MiniTimestamp, usize)> {
    let octets = key.decrypt_mini(octets, clear).ok()?;
    let frame = MiniFrame::parse(octets).ok()?;
    Some((frame.timestamp(), octets.len()))
}

/// The keys of all relays. Room is reserved at start, one slot for each relay there can be, and is backed by memory when
/// it is first used: some 2 KB a slot.
#[derive(Debug)]
pub(crate) struct CipherTable {
    slots: Vec<CallCiphers>,
    free: Vec<CipherSlot>,
    /// Where a frame is decrypted.
    clear: Box<[u8]>,
}

impl CipherTable {
    pub(crate) fn new(legs_max: u32) -> Self {
        Self {
            slots: Vec::with_capacity(legs_max as usize),
            free: Vec::with_capacity(legs_max as usize),
            clear: vec![0; PUNT_MAX].into_boxed_slice(),
        }
    }

    /// A slot for these keys, if there are any. The caller keeps to one slot a relay, which bounds them.
    pub(crate) fn take(
        &mut self,
        heard: Option<CallKey>,
        sent: Option<CallKey>,
        now: Instant,
    ) -> Option<CipherSlot> {
        heard.or(sent)?;
        let ciphers = CallCiphers {
            heard: [heard.map(CipherKey::new), None],
            sent: sent.map(CipherKey::new),
            heard_at: now,
            unexpected: MiniTimestamp(0),
            agreeing: 0,
        };
        if let Some(slot) = self.free.pop() {
            self.slots[slot.index()] = ciphers;
            return Some(slot);
        }
        assert!(self.slots.len() < self.slots.capacity(), "more slots of keys than relays");
        self.slots.push(ciphers);
        NonZeroU32::new(self.slots.len() as u32).map(CipherSlot)
    }

    /// Takes a slot back.
    pub(crate) fn give(&mut self, slot: CipherSlot) {
        self.free.push(slot);
    }

    pub(crate) fn get(&self, slot: CipherSlot) -> &CallCiphers {
        &self.slots[slot.index()]
    }

    pub(crate) fn get_mut(&mut self, slot: CipherSlot) -> &mut CallCiphers {
        &mut self.slots[slot.index()]
    }

    /// Decrypts a mini frame of that relay and slot, and tells the keys too, for what is sent.
    pub(crate) fn decrypt(
        &mut self,
        slot: CipherSlot,
        octets: &[u8],
        relay: &Relay,
        now: Instant,
    ) -> Result<(&CallCiphers, MiniFrame<'_>), DropReason> {
        let Self { slots, clear, .. } = self;
        if octets.len() > clear.len() {
            return Err(DropReason::TooLong);
        }
        let ciphers = &mut slots[slot.index()];
        let len = ciphers.decrypt(octets, clear, relay, now).ok_or(DropReason::Decrypt)?;
        let end = octets.len() - 2;
        let frame = MiniFrame::parse(&clear[end - len..end]).map_err(|_| DropReason::Decrypt)?;
        Ok((ciphers, frame))
    }
}
