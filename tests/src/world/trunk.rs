//! Trunk entries that wait for their tick.

use dataplane::time::Instant;
use dataplane::wire::TRUNK_HEADER_LEN;

/// What will be one trunk frame.
#[derive(Debug)]
pub(super) struct TrunkBuffer {
    entries: Vec<u8>,
    deadline: Instant,
}

impl TrunkBuffer {
    pub(super) fn new(deadline: Instant) -> Self {
        Self { entries: Vec::new(), deadline }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether an entry of so many octets fits into a datagram of at most `most`.
    pub(super) fn fits(&self, len: usize, most: usize) -> bool {
        TRUNK_HEADER_LEN + self.entries.len() + len <= most
    }

    pub(super) fn append(&mut self, entry: &[u8]) {
        self.entries.extend_from_slice(entry);
    }

    pub(super) fn entries(&self) -> &[u8] {
        &self.entries
    }
}
