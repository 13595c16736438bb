//! Send buffers made at start, named by [`BufId`].

use std::sync::Arc;

use crate::pages::Pages;

/// Octets of each buffer: the most one UDP_SEGMENT send may carry.
pub const BUF_LEN: usize = 65_536;

/// A buffer taken from its [`Pool`]; whoever holds it is its owner, and gives it back.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct BufId(u32);

impl BufId {
    fn offset(self) -> usize {
        self.0 as usize * BUF_LEN
    }
}

/// A core's send buffers. None is made after start; an empty pool is a counted drop, not an allocation.
#[derive(Debug)]
pub struct Pool {
    /// Shared with the backend, so that it outlives what the kernel may still read.
    memory: Arc<Pages>,
    free: Vec<BufId>,
    /// By buffer: whether it is in `free`. A buffer given back twice would have two owners.
    is_free: Vec<bool>,
}

impl Pool {
    /// A pool of `buffers` buffers of [`BUF_LEN`] octets. Pages are touched when first used. Panics where the host
    /// has no room, as any allocation does.
    pub fn new(buffers: u32) -> Self {
        let memory = Pages::new(buffers as usize * BUF_LEN);
        let memory =
            memory.unwrap_or_else(|error| panic!("no memory for {buffers} send buffers: {error}"));
        Self {
            memory: Arc::new(memory),
            free: (0..buffers).rev().map(BufId).collect(),
            is_free: vec![true; buffers as usize],
        }
    }

    /// Takes a buffer, the one given back last first, since its lines are still in the cache.
    pub fn take(&mut self) -> Option<BufId> {
        let buf = self.free.pop()?;
        self.is_free[buf.0 as usize] = false;
        Some(buf)
    }

    /// Gives a buffer back. Panics if it is free already.
    pub fn give(&mut self, buf: BufId) {
        let was_free = core::mem::replace(&mut self.is_free[buf.0 as usize], true);
        assert!(!was_free, "a buffer was given back twice");
        self.free.push(buf);
    }

    /// Buffers free now.
    pub fn available(&self) -> usize {
        self.free.len()
    }

    /// A buffer's octets.
    pub fn octets(&self, buf: BufId) -> &[u8] {
        // SAFETY: the only writer is `octets_mut`, which needs the pool exclusively; the kernel only reads.
        unsafe { self.memory.octets(buf.offset(), BUF_LEN) }
    }

    /// A buffer's octets, to be written.
    pub fn octets_mut(&mut self, buf: BufId) -> &mut [u8] {
        // SAFETY: the pool is borrowed exclusively; a buffer under way is its backend's, which only reads it, and a
        // caller who kept a copy of its name would at worst change what leaves.
        unsafe { self.memory.octets_mut(buf.offset(), BUF_LEN) }
    }

    /// The buffers' memory, for a backend to keep while the kernel may read it, and the offset of `buf` in it.
    #[cfg(feature = "uring")]
    pub(crate) fn memory(&self, buf: BufId) -> (&Arc<Pages>, usize) {
        (&self.memory, buf.offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_apart_and_come_back() {
        let mut pool = Pool::new(2);
        let (first, second) = (pool.take().unwrap(), pool.take().unwrap());
        assert_eq!(pool.take(), None);
        pool.octets_mut(first).fill(1);
        pool.octets_mut(second).fill(2);
        assert!(pool.octets(first).iter().all(|&octet| octet == 1));
        assert!(pool.octets(second).iter().all(|&octet| octet == 2));
        pool.give(first);
        assert_eq!((pool.available(), pool.take()), (1, Some(first)));
    }

    #[test]
    #[should_panic(expected = "given back twice")]
    fn a_buffer_has_one_owner() {
        let mut pool = Pool::new(1);
        let buf = pool.take().unwrap();
        pool.give(buf);
        pool.give(buf);
    }
}
