//! How often a source may be answered without being known: a table of fixed size, so that a flood from many
//! addresses costs no memory.

use std::hash::{BuildHasher, Hash};

use dataplane::time::Instant;
use foldhash::fast::FixedState;

const SLOTS: usize = 4096;

/// Counts answers per source and second. Sources whose hashes collide share a count.
#[derive(Debug)]
pub(crate) struct Limiter {
    hasher: FixedState,
    per_second: u16,
    slots: Box<[(u32, u16)]>,
}

impl Limiter {
    /// At most `per_second` answers to each source; the seed hides who shares a slot with whom.
    pub(crate) fn new(seed: u64, per_second: u16) -> Self {
        Self {
            hasher: FixedState::with_seed(seed),
            per_second,
            slots: vec![(0, 0); SLOTS].into_boxed_slice(),
        }
    }

    /// Counts one more answer to `source`; `false` if it has had its share of this second.
    pub(crate) fn allows(&mut self, now: Instant, source: impl Hash) -> bool {
        let slot = self.hasher.hash_one(source) as usize % SLOTS;
        let second = (now.as_micros() / 1_000_000) as u32;
        let (window, count) = &mut self.slots[slot];
        if *window != second {
            (*window, *count) = (second, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_its_share_of_each_second_and_no_more() {
        let mut limiter = Limiter::new(1, 3);
        let now = Instant::from_micros(5_000_000);
        let allowed = (0..10).filter(|_| limiter.allows(now, 42)).count();
        assert_eq!(allowed, 3);
        assert!(limiter.allows(Instant::from_micros(6_000_000), 42));
    }
}
