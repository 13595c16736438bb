//! A map whose room is made at start: it never grows, never rehashes, and leaves no tombstones behind.
//!
//! Maps that grow do so at a moment of their own choosing, and even those that clean up in place stop for
//! milliseconds when they hold a million calls. Here a removal moves its followers back, so every operation costs a few
//! neighbouring slots, always. The hash is seeded, because peers choose the keys.

use core::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;

/// Keys to 32-bit values.
#[derive(Debug)]
pub(crate) struct FixedMap<K> {
    slots: Box<[Option<(K, u32)>]>,
    hasher: FixedState,
    len: usize,
    room: usize,
}

impl<K: Copy + Eq + Hash> FixedMap<K> {
    /// Room for `room` keys, at most half of the slots made.
    pub(crate) fn new(room: u32, seed: u64) -> Self {
        let room = room as usize;
        let slots = (room * 2).next_power_of_two().max(4);
        Self {
            slots: vec![None; slots].into_boxed_slice(),
            hasher: FixedState::with_seed(seed),
            len: 0,
            room,
        }
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: K) -> Option<u32> {
        self.slots[self.find(key)].map(|(_, value)| value)
    }

    /// Gives `key` a value and answers the one it had.
    ///
    /// # Panics
    /// If a new key comes in past the room: whoever owns the map bounds its keys.
    pub(crate) fn insert(&mut self, key: K, value: u32) -> Option<u32> {
        let at = self.find(key);
        let before = self.slots[at].replace((key, value));
        if before.is_none() {
            self.len += 1;
            assert!(
                self.len <= self.room,
                "a map of fixed room was given more keys than its owner allows"
            );
        }
        before.map(|(_, value)| value)
    }

    /// Takes `key` out and answers the value it had.
    pub(crate) fn remove(&mut self, key: K) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut hole = self.find(key);
        let (_, value) = self.slots[hole].take()?;
        self.len -= 1;
        let mut at = (hole + 1) & mask;
        while let Some((follower, _)) = self.slots[at] {
            // A follower may fill the hole unless its own place lies after it.
            let from_home = at.wrapping_sub(self.home(follower)) & mask;
            if from_home >= (at.wrapping_sub(hole) & mask) {
                self.slots[hole] = self.slots[at].take();
                hole = at;
            }
            at = (at + 1) & mask;
        }
        Some(value)
    }

    /// The slot of `key`, or the empty one where it would go.
    fn find(&self, key: K) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.home(key);
        while let Some((other, _)) = &self.slots[at] {
            if *other == key {
                break;
            }
            at = (at + 1) & mask;
        }
        at
    }

    fn home(&self, key: K) -> usize {
        self.hasher.hash_one(key) as usize & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_agrees_with_an_ordinary_map(
            steps in prop::collection::vec((0u8..3, 0u16..24, any::<u32>()), 1..400),
            seed in any::<u64>(),
        ) {
            let mut map = FixedMap::new(24, seed);
            let mut model = HashMap::new();
            for (what, key, value) in steps {
                match what {
                    0 => prop_assert_eq!(map.insert(key, value), model.insert(key, value)),
                    1 => prop_assert_eq!(map.remove(key), model.remove(&key)),
                    _ => prop_assert_eq!(map.get(key), model.get(&key).copied()),
                }
                for key in 0..24 {
                    prop_assert_eq!(map.get(key), model.get(&key).copied());
                }
            }
        }
    }
}
