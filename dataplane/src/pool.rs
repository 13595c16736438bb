//! Send buffers made at start, named by [`BufId`].

/// Octets of each buffer: the most one UDP_SEGMENT send may carry.
pub const BUF_LEN: usize = 65_536;

/// A buffer taken from its [`Pool`]; whoever holds it is its owner, and gives it back.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct BufId(u32);

/// A core's send buffers. None is made after start; an empty pool is a counted drop, not an allocation.
#[derive(Debug)]
pub struct Pool {
    memory: Box<[u8]>,
    free: Vec<BufId>,
}

impl Pool {
    /// A pool of `buffers` buffers of [`BUF_LEN`] octets. Pages are touched when first used.
    pub fn new(buffers: u32) -> Self {
        let memory = vec![0; buffers as usize * BUF_LEN].into_boxed_slice();
        Self { memory, free: (0..buffers).rev().map(BufId).collect() }
    }

    /// Takes a buffer, the one given back last first, since its lines are still in the cache.
    pub fn take(&mut self) -> Option<BufId> {
        self.free.pop()
    }

    /// Gives a buffer back.
    pub fn give(&mut self, buf: BufId) {
        debug_assert!(!self.free.contains(&buf), "a buffer was given back twice");
        self.free.push(buf);
    }

    /// Buffers free now.
    pub fn available(&self) -> usize {
        self.free.len()
    }

    /// A buffer's octets.
    pub fn octets(&self, buf: BufId) -> &[u8] {
        let start = buf.0 as usize * BUF_LEN;
        &self.memory[start..start + BUF_LEN]
    }

    /// A buffer's octets, to be written.
    pub fn octets_mut(&mut self, buf: BufId) -> &mut [u8] {
        let start = buf.0 as usize * BUF_LEN;
        &mut self.memory[start..start + BUF_LEN]
    }
}
