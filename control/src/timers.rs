//! What is due when: a heap of (time, key) pairs, in which a key may stand more than once.
//!
//! Whoever owns a key remembers the earliest time it is armed for and arms again only for an earlier one; an entry
//! that comes too early costs one look. Nothing is ever searched for or removed, so a retransmission timer that an
//! acknowledgement made pointless costs nothing until its time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dataplane::time::Instant;

/// A heap of what is due.
#[derive(Debug)]
pub(crate) struct Timers<K: Ord> {
    heap: BinaryHeap<Reverse<(Instant, K)>>,
}

impl<K: Ord> Timers<K> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::new() }
    }

    pub(crate) fn arm(&mut self, at: Instant, key: K) {
        self.heap.push(Reverse((at, key)));
    }

    /// The next key due at `now` and the time it was armed for, the earliest first.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(Instant, K)> {
        match self.heap.peek() {
            Some(Reverse((at, _))) if *at <= now => self.heap.pop().map(|Reverse(due)| due),
            _ => None,
        }
    }

    /// When the next key is due.
    pub(crate) fn deadline(&self) -> Instant {
        self.heap.peek().map_or(Instant::FAR_FUTURE, |Reverse((at, _))| *at)
    }
}
