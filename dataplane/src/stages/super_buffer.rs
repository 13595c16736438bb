//! A buffer in which frames of one length gather, to leave in one send; and the outbox they leave by.

use core::net::SocketAddr;

use crate::counters::{Counters, DropReason};
use crate::handoff::SocketId;
use crate::io::{Io, Outgoing};
use crate::pool::{BUF_LEN, BufId, Pool};

/// Most datagrams the kernel takes in one UDP_SEGMENT send.
const SEGMENTS_MAX: usize = 64;

/// Most octets of UDP payload in one send.
pub(crate) const SEND_MAX: usize = 65_507;

/// From which socket to whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) local: SocketId,
    pub(crate) remote: SocketAddr,
}

/// The core's send buffers and the sends made ready, until the I/O takes them.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) pool: Pool,
    /// A buffer each, so the pool bounds them.
    ready: Vec<Outgoing>,
    /// Voice frames in buffers that are not ready yet.
    pub(crate) held: u64,
    /// Where a part of a buffer rests on its way to another.
    scratch: Box<[u8]>,
}

impl Outbox {
    pub(crate) fn new(send_buffers: u32) -> Self {
        Self {
            pool: Pool::new(send_buffers),
            ready: Vec::with_capacity(send_buffers as usize),
            held: 0,
            scratch: vec![0; BUF_LEN].into_boxed_slice(),
        }
    }

    /// Takes a buffer.
    pub(crate) fn take(&mut self) -> Result<BufId, DropReason> {
        self.pool.take().ok_or(DropReason::PoolEmpty)
    }

    /// Makes `len` octets of `buf` ready, in datagrams of `segment_len`.
    pub(crate) fn queue(&mut self, buf: BufId, len: usize, segment_len: usize, route: Route) {
        let Route { local, remote } = route;
        self.ready.push(Outgoing { buf, len, segment_len, local, remote });
    }

    /// Gives what is ready to the I/O; true if anything was.
    pub(crate) fn send(&mut self, io: &mut impl Io, counters: &mut Counters) -> bool {
        let any = !self.ready.is_empty();
        for outgoing in self.ready.drain(..) {
            io.send(outgoing, &mut self.pool, counters);
        }
        any
    }

    /// Copies `len` octets from `start` of one buffer to the beginning of another.
    fn copy(&mut self, from: BufId, start: usize, len: usize, to: BufId) {
        let scratch = &mut self.scratch[..len];
        scratch.copy_from_slice(&self.pool.octets(from)[start..start + len]);
        self.pool.octets_mut(to)[..len].copy_from_slice(scratch);
    }
}

/// Datagrams of equal length for one peer, back to back: each a header and one or more entries of equal length. The
/// last may be open, with room for more entries.
///
/// Vacant while it has no buffer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SuperBuffer {
    buf: Option<BufId>,
    /// Octets of audio in each entry; 0 while vacant, since empty audio is never sent.
    audio_len: u16,
    /// Octets of a closed segment.
    segment_len: u16,
    /// Entries of a closed segment.
    segment_entries: u16,
    /// Entries in the open segment.
    open_entries: u16,
    /// Closed segments.
    segments: u16,
    segments_max: u16,
    /// Octets written, the open segment's included.
    filled: u32,
    /// Voice frames in it.
    entries: u32,
}

impl SuperBuffer {
    /// Whether audio of `len` octets gathers here.
    pub(crate) fn gathers(&self, len: usize) -> bool {
        usize::from(self.audio_len) == len
    }

    pub(crate) fn is_vacant(&self) -> bool {
        self.buf.is_none()
    }

    /// Whether closed segments are in it.
    pub(crate) fn has_closed(&self) -> bool {
        self.segments > 0
    }

    /// Whether a segment is open.
    pub(crate) fn has_open(&self) -> bool {
        self.open_entries > 0
    }

    /// Takes a buffer for entries of `audio_len` octets of audio and `entry_len` in all, `segment_entries` of them
    /// behind a header of `header_len`.
    pub(crate) fn begin(
        &mut self,
        audio_len: usize,
        header_len: usize,
        entry_len: usize,
        segment_entries: usize,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        let segment_len = header_len + segment_entries * entry_len;
        let segments_max = (SEND_MAX / segment_len).clamp(1, SEGMENTS_MAX);
        *self = Self {
            buf: Some(outbox.take()?),
            audio_len: audio_len as u16,
            segment_len: segment_len as u16,
            segment_entries: segment_entries as u16,
            segments_max: segments_max as u16,
            ..Self::default()
        };
        Ok(())
    }

    /// Room for the next entry, `len` octets, and for the header of its segment if it is the first there. The entry
    /// counts as written.
    #[inline]
    pub(crate) fn next_entry<'a>(
        &mut self,
        header_len: usize,
        len: usize,
        outbox: &'a mut Outbox,
    ) -> &'a mut [u8] {
        let Some(buf) = self.buf else { return &mut [] };
        if self.open_entries == 0 {
            self.filled += header_len as u32;
        }
        let start = self.filled as usize;
        self.filled += len as u32;
        self.open_entries += 1;
        self.entries += 1;
        outbox.held += 1;
        &mut outbox.pool.octets_mut(buf)[start..start + len]
    }

    /// Whether the open segment has all its entries.
    #[inline]
    pub(crate) fn segment_is_full(&self) -> bool {
        self.open_entries == self.segment_entries
    }

    /// Closes the open segment, and answers where it is, for its header to be written.
    pub(crate) fn close_segment<'a>(&mut self, outbox: &'a mut Outbox) -> &'a mut [u8] {
        let Some(buf) = self.buf else { return &mut [] };
        let start = usize::from(self.segments) * usize::from(self.segment_len);
        self.segments += 1;
        self.open_entries = 0;
        &mut outbox.pool.octets_mut(buf)[start..self.filled as usize]
    }

    /// Whether no further segment fits.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.segments == self.segments_max
    }

    /// Makes all closed segments ready. An open one stays, in a buffer of its own; false if there is none for it, and
    /// nothing was done.
    pub(crate) fn leave_closed(&mut self, route: Route, outbox: &mut Outbox) -> bool {
        if !self.has_open() {
            self.leave(route, outbox);
            return true;
        }
        let (Some(buf), Some(next)) = (self.buf, outbox.pool.take()) else { return false };
        let closed = usize::from(self.segments) * usize::from(self.segment_len);
        let open = self.filled as usize - closed;
        outbox.copy(buf, closed, open, next);
        outbox.queue(buf, closed, usize::from(self.segment_len), route);
        let leaving = self.entries - u32::from(self.open_entries);
        outbox.held -= u64::from(leaving);
        self.buf = Some(next);
        self.entries -= leaving;
        self.segments = 0;
        self.filled = open as u32;
        true
    }

    /// Makes everything ready, the last segment perhaps shorter than the others, and is vacant again.
    pub(crate) fn leave(&mut self, route: Route, outbox: &mut Outbox) {
        if let Some(buf) = self.buf {
            outbox.held -= u64::from(self.entries);
            outbox.queue(buf, self.filled as usize, usize::from(self.segment_len), route);
        }
        *self = Self::default();
    }
}
