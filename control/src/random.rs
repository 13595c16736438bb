//! Randomness from a seed that came in as an argument: the same seed replays the same run.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

/// HMAC-MD5, the keyed hash of this crate: a broken collision resistance of MD5 does not touch it.
pub(crate) type KeyedHash = Hmac<Md5>;

/// A keyed hash ready for its input. Keys of any length do.
pub(crate) fn keyed(key: &[u8]) -> KeyedHash {
    match KeyedHash::new_from_slice(key) {
        Ok(hash) => hash,
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

/// A stream of numbers nobody can guess without the seed: a keyed hash of a counter.
#[derive(Debug)]
pub(crate) struct Random {
    hash: KeyedHash,
    counter: u64,
}

impl Random {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self { hash: keyed(seed), counter: 0 }
    }

    /// The next 128 bits.
    pub(crate) fn bits(&mut self) -> u128 {
        self.counter += 1;
        let mut hash = self.hash.clone();
        hash.update(&self.counter.to_be_bytes());
        u128::from_be_bytes(hash.finalize().into_bytes().into())
    }

    /// A number below `bound`, which is not 0. The bias is below 2⁻⁶⁴.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        (self.bits() % u128::from(bound)) as u32
    }

    /// A key for another use, independent of this stream.
    pub(crate) fn key(&mut self) -> [u8; 32] {
        let mut key = [0; 32];
        let (low, high) = key.split_at_mut(16);
        low.copy_from_slice(&self.bits().to_be_bytes());
        high.copy_from_slice(&self.bits().to_be_bytes());
        key
    }
}
