//! Records of any length, each whole and contiguous, in a ring of octets.
//!
//! A record is four octets of length, then its octets, then padding to the next multiple of four. One that would cross
//! the end of the memory starts over at its beginning, and a mark where it would have been sends the reader after it.

use core::cell::UnsafeCell;
use core::slice;

use super::Ends;
use super::sync::{Arc, Ordering};

/// Length word of the mark that sends the reader back to the beginning of the memory.
const WRAP: u32 = u32::MAX;

/// Octets of a record's length word, and what every record starts at a multiple of.
const WORD: usize = 4;

struct Memory {
    ends: Ends,
    octets: Box<[UnsafeCell<u8>]>,
}

// SAFETY: an octet is touched by the writer while its position is not below `written`, by the reader while it is below
// it and not below `read`; the positions are handed over with release and acquire.
unsafe impl Sync for Memory {}
// SAFETY: as above.
unsafe impl Send for Memory {}

impl Memory {
    fn index(&self, position: usize) -> usize {
        position & (self.octets.len() - 1)
    }

    /// Octets from `position` to the end of the memory.
    fn to_end(&self, position: usize) -> usize {
        self.octets.len() - self.index(position)
    }

    /// # Safety
    /// `len` octets from `position` are published, not yet freed, and do not cross the end of the memory.
    unsafe fn read(&self, position: usize, len: usize) -> &[u8] {
        let octets = &self.octets[self.index(position)..][..len];
        // SAFETY: a cell of an octet has an octet's layout, and the caller says nobody writes to these.
        unsafe { slice::from_raw_parts(octets.as_ptr().cast(), len) }
    }

    /// # Safety
    /// `len` octets from `position` are the writer's, borrowed once, and do not cross the end of the memory.
    #[expect(
        clippy::mut_from_ref,
        reason = "the writer alone calls it, for octets that are its own"
    )]
    unsafe fn write(&self, position: usize, len: usize) -> &mut [u8] {
        let octets = &self.octets[self.index(position)..][..len];
        // SAFETY: a cell of an octet has an octet's layout and may be written through; the caller says nobody else
        // touches these.
        unsafe { slice::from_raw_parts_mut(octets.as_ptr().cast_mut().cast(), len) }
    }
}

/// A ring of at least `octets` octets of records: its writing and its reading end.
///
/// The room is `octets` rounded up to a power of two; a record of up to half of it always fits an empty ring.
pub fn records(octets: usize) -> (RecordWriter, RecordReader) {
    let octets = octets.clamp(64, 1 << 31).next_power_of_two();
    let octets = (0..octets).map(|_| UnsafeCell::new(0)).collect();
    let memory = Arc::new(Memory { ends: Ends::new(), octets });
    let writer = RecordWriter { memory: Arc::clone(&memory), written: 0, shown: 0, read: 0 };
    (writer, RecordReader { memory, read: 0, freed: 0, written: 0 })
}

/// The writing end of a ring of [`records`].
pub struct RecordWriter {
    memory: Arc<Memory>,
    written: usize,
    shown: usize,
    read: usize,
}

impl RecordWriter {
    /// Writes `head` and `body` as one record, unseen until [`RecordWriter::publish`]. False: there is no room.
    pub fn write(&mut self, head: &[u8], body: &[u8]) -> bool {
        let len = head.len() + body.len();
        let Some(position) = self.room_for(WORD + len.next_multiple_of(WORD)) else {
            return false;
        };
        if position != self.written {
            self.put_word(self.written, WRAP);
        }
        self.put_word(position, len as u32);
        // SAFETY: `room_for` found the whole record free and contiguous at `position`.
        let octets = unsafe { self.memory.write(position.wrapping_add(WORD), len) };
        let (to_head, to_body) = octets.split_at_mut(head.len());
        to_head.copy_from_slice(head);
        to_body.copy_from_slice(body);
        self.written = position.wrapping_add(WORD + len.next_multiple_of(WORD));
        true
    }

    /// Where a record of `size` octets can be written contiguously, if anywhere.
    fn room_for(&mut self, size: usize) -> Option<usize> {
        let to_end = self.memory.to_end(self.written);
        let skipped = if size > to_end { to_end } else { 0 };
        let need = skipped + size;
        let len = self.memory.octets.len();
        if size > len || need > len - self.written.wrapping_sub(self.read) {
            self.read = self.memory.ends.read.load(Ordering::Acquire);
            if size > len || need > len - self.written.wrapping_sub(self.read) {
                return None;
            }
        }
        Some(self.written.wrapping_add(skipped))
    }

    fn put_word(&mut self, position: usize, word: u32) {
        // SAFETY: `room_for` found the word at `position` free; positions are multiples of a word, and so is the
        // memory's length, so it does not cross the end.
        let octets = unsafe { self.memory.write(position, WORD) };
        octets.copy_from_slice(&word.to_ne_bytes());
    }

    /// Shows the reader what was written. True: the reader sleeps, ring its doorbell, once.
    #[must_use = "a sleeping reader waits for its doorbell"]
    pub fn publish(&mut self) -> bool {
        if self.shown == self.written {
            return false;
        }
        self.shown = self.written;
        self.memory.ends.publish(self.written)
    }
}

/// The reading end of a ring of [`records`].
pub struct RecordReader {
    memory: Arc<Memory>,
    read: usize,
    freed: usize,
    written: usize,
}

impl RecordReader {
    /// Reads the next record in place. `None` if there is none. Its room is the writer's again after
    /// [`RecordReader::release`].
    pub fn next_with<R>(&mut self, reader: impl FnOnce(&[u8]) -> R) -> Option<R> {
        if self.read == self.written {
            self.written = self.memory.ends.written.load(Ordering::Acquire);
            if self.read == self.written {
                return None;
            }
        }
        let mut len = self.word(self.read);
        if len == WRAP {
            self.read = self.read.wrapping_add(self.memory.to_end(self.read));
            len = self.word(self.read); // a mark is always published with the record it points to
        }
        let len = len as usize;
        let start = self.read.wrapping_add(WORD);
        self.read = start.wrapping_add(len.next_multiple_of(WORD));
        // SAFETY: the writer published the record whole and contiguous, and it is freed by `release` only.
        Some(reader(unsafe { self.memory.read(start, len) }))
    }

    fn word(&self, position: usize) -> u32 {
        // SAFETY: a record or a mark was published at `position`, and words do not cross the end.
        let octets = unsafe { self.memory.read(position, WORD) };
        octets.try_into().map_or(0, u32::from_ne_bytes)
    }

    /// Gives the room of the records read so far back to the writer.
    pub fn release(&mut self) {
        if self.freed != self.read {
            self.freed = self.read;
            self.memory.ends.read.store(self.read, Ordering::Release);
        }
    }

    /// To be asked before sleeping. True: nothing is there to read, and the next `publish` asks for the doorbell.
    #[must_use = "false means there is something to read"]
    pub fn may_sleep(&mut self) -> bool {
        self.release();
        self.memory.ends.may_sleep(self.read)
    }

    /// To be said after sleeping, so that nobody rings for a reader that is awake.
    pub fn awake(&mut self) {
        self.memory.ends.awake();
    }
}
