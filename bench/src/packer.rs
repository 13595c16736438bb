//! Voice on its way out: frames of one tick, back to back, so that the kernel cuts many datagrams from one call.

use std::io::Result;

use dataplane::time::Instant;
use dataplane::wire::{
    BufferTooSmall, CallNumber, EntryForm, MINI_HEADER_LEN, MiniTimestamp, TRUNK_HEADER_LEN,
    emit_entry_header, emit_mini_header, emit_trunk_header,
};

use crate::payload::{AUDIO_LEN, Stamp};
use crate::socket::{SEGMENTS_MAX, Socket};

/// Gathers mini frames and trunk entries to one far address.
#[derive(Debug)]
pub(crate) struct Packer {
    minis: SuperBuffer,
    trunk: SuperBuffer,
    /// Zero of the trunk frames' header time, set by the first of them.
    trunk_epoch: Option<Instant>,
}

impl Packer {
    /// Nothing gathered.
    pub(crate) fn new() -> Self {
        Self {
            minis: SuperBuffer::new(MINI_LEN),
            trunk: SuperBuffer::new(TRUNK_LEN),
            trunk_epoch: None,
        }
    }

    /// Appends a mini frame.
    pub(crate) fn mini(
        &mut self,
        socket: &mut Socket,
        source: CallNumber,
        timestamp: MiniTimestamp,
        stamp: &Stamp,
    ) -> Result<()> {
        self.minis.put(MINI_LEN, |out| {
            emit_mini_header(source, timestamp, out)?;
            audio(stamp, out)
        });
        self.minis.send_if_full(socket)
    }

    /// Appends an entry, timed by its call, to a trunk frame of at most [`TRUNK_MTU`] octets.
    pub(crate) fn entry(
        &mut self,
        socket: &mut Socket,
        now: Instant,
        source: CallNumber,
        timestamp: MiniTimestamp,
        stamp: &Stamp,
    ) -> Result<()> {
        if self.trunk.at_boundary() {
            // Exactly 0 in the first frame, by which a receiver sets its epoch, and never again.
            let time_ms = match self.trunk_epoch {
                Some(epoch) => now.millis_since(epoch).max(1),
                None => 0,
            };
            self.trunk_epoch.get_or_insert(now);
            self.trunk
                .put(TRUNK_HEADER_LEN, |out| emit_trunk_header(EntryForm::Timed, time_ms, out));
        }
        self.trunk.put(ENTRY_LEN, |out| {
            emit_entry_header(EntryForm::Timed, source, timestamp, AUDIO_LEN as u16, out)?;
            audio(stamp, out)
        });
        self.trunk.send_if_full(socket)
    }

    /// Sends what is gathered.
    pub(crate) fn flush(&mut self, socket: &mut Socket) -> Result<()> {
        self.minis.send(socket)?;
        self.trunk.send(socket)
    }
}

/// Writes the audio at the end of `out`, and returns the length of `out`.
fn audio(stamp: &Stamp, out: &mut [u8]) -> core::result::Result<usize, BufferTooSmall> {
    stamp.write(out.last_chunk_mut().ok_or(BufferTooSmall)?);
    Ok(out.len())
}

/// Datagrams of one length, back to back.
#[derive(Debug)]
struct SuperBuffer {
    octets: Box<[u8]>,
    len: usize,
    segment: usize,
}

impl SuperBuffer {
    fn new(segment: usize) -> Self {
        let segments = SEGMENTS_MAX.min(DATAGRAM_MAX / segment);
        Self { octets: vec![0; segments * segment].into_boxed_slice(), len: 0, segment }
    }

    /// Whether the next octet begins a datagram.
    fn at_boundary(&self) -> bool {
        self.len.is_multiple_of(self.segment)
    }

    /// Has `len` octets written.
    fn put(
        &mut self,
        len: usize,
        write: impl FnOnce(&mut [u8]) -> core::result::Result<usize, BufferTooSmall>,
    ) {
        let room = self.octets.get_mut(self.len..self.len + len);
        let written = room.and_then(|room| write(room).ok());
        self.len += written.expect("a full buffer has been sent, and every piece fits its room");
    }

    fn send_if_full(&mut self, socket: &mut Socket) -> Result<()> {
        if self.len == self.octets.len() { self.send(socket) } else { Ok(()) }
    }

    fn send(&mut self, socket: &mut Socket) -> Result<()> {
        let len = core::mem::take(&mut self.len);
        match self.octets.get(..len) {
            Some(octets) if len > 0 => socket.send_segments(octets, self.segment),
            _ => Ok(()),
        }
    }
}

/// Most octets of a trunk frame: Asterisk's own default.
const TRUNK_MTU: usize = 1240;
const ENTRY_LEN: usize = EntryForm::Timed.header_len() + AUDIO_LEN;
const TRUNK_LEN: usize = TRUNK_HEADER_LEN + (TRUNK_MTU - TRUNK_HEADER_LEN) / ENTRY_LEN * ENTRY_LEN;
const MINI_LEN: usize = MINI_HEADER_LEN + AUDIO_LEN;
/// Most octets of one UDP send.
const DATAGRAM_MAX: usize = 65_507;
