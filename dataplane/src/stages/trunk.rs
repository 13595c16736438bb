//! Packs one peer's trunk frames.
//!
//! Entries of equal length fill frames of equal length, gathered in a super-buffer per length: only such frames leave
//! in one send and arrive in one receive. What comes in more lengths than there are super-buffers shares frames of mixed
//! length, which leave one by one.
//!
//! A frame closes when the next entry would not fit. Closed frames leave at the end of the receive batch, the open
//! ones at the peer's tick. Frames of one call leave in the order they came as long as their length stays the same;
//! where it varies, one may overtake another by up to the interval, and the time-stamps tell.

use core::time::Duration;

use crate::counters::DropReason;
use crate::handoff::TrunkSpec;
use crate::pool::BufId;
use crate::time::Instant;
use crate::wire::{
    CallNumber, EntryForm, MiniTimestamp, TRUNK_HEADER_LEN, emit_entry_header, emit_trunk_header,
};

use super::super_buffer::{Outbox, Route, SEND_MAX, SuperBuffer};

/// Lengths of audio that gather at a time: a trunk's usual codec, its second, and one to spare.
const LENGTHS: usize = 3;

/// One peer's trunk frames in the making.
#[derive(Debug)]
pub(crate) struct Trunk {
    form: EntryForm,
    mtu: usize,
    clock: TrunkClock,
    equal: [SuperBuffer; LENGTHS],
    mixed: Option<Mixed>,
}

/// A frame with entries of any length.
#[derive(Debug, Clone, Copy)]
struct Mixed {
    buf: BufId,
    filled: usize,
    entries: u64,
}

/// An entry to be packed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) call: CallNumber,
    pub(crate) at: MiniTimestamp,
    pub(crate) audio: &'a [u8],
}

impl Trunk {
    pub(crate) fn new(spec: &TrunkSpec) -> Self {
        Self {
            form: spec.form,
            mtu: usize::from(spec.mtu).min(SEND_MAX),
            clock: TrunkClock::default(),
            equal: [SuperBuffer::default(); LENGTHS],
            mixed: None,
        }
    }

    /// Takes a new spec. What is packed after the old one has to have left.
    pub(crate) fn respecify(&mut self, spec: &TrunkSpec, restart_clock: bool) {
        let clock = if restart_clock { TrunkClock::default() } else { self.clock };
        *self = Self { clock, ..Self::new(spec) };
    }

    /// Whether an entry of that much audio fits a frame of its own.
    pub(crate) fn fits(&self, audio_len: usize) -> bool {
        TRUNK_HEADER_LEN + self.form.header_len() + audio_len <= self.mtu
    }

    /// Packs an entry that [`Trunk::fits`]; frames it fills may become ready.
    pub(crate) fn append(
        &mut self,
        entry: Entry<'_>,
        now: Instant,
        route: Route,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        let audio_len = entry.audio.len();
        let index = match self.equal.iter().position(|equal| equal.gathers(audio_len)) {
            Some(index) => index,
            None => match self.begin(audio_len, outbox)? {
                Some(index) => index,
                None => return self.append_mixed(entry, now, route, outbox),
            },
        };
        let (form, equal) = (self.form, &mut self.equal[index]);
        let entry_len = form.header_len() + audio_len;
        write_entry(form, entry, equal.next_entry(TRUNK_HEADER_LEN, entry_len, outbox));
        if equal.segment_is_full() {
            write_header(form, self.clock.read(now), equal.close_segment(outbox));
            if equal.is_full() {
                equal.leave(route, outbox);
            }
        }
        Ok(())
    }

    /// Takes a vacant super-buffer for a new length, if there is one. While a mixed frame is open its successors go
    /// there too, or they might leave before it.
    fn begin(
        &mut self,
        audio_len: usize,
        outbox: &mut Outbox,
    ) -> Result<Option<usize>, DropReason> {
        if self.mixed.is_some() {
            return Ok(None);
        }
        let Some(index) = self.equal.iter().position(SuperBuffer::is_vacant) else {
            return Ok(None);
        };
        let entry_len = self.form.header_len() + audio_len;
        let entries = (self.mtu - TRUNK_HEADER_LEN) / entry_len;
        self.equal[index].begin(audio_len, TRUNK_HEADER_LEN, entry_len, entries, outbox)?;
        Ok(Some(index))
    }

    fn append_mixed(
        &mut self,
        entry: Entry<'_>,
        now: Instant,
        route: Route,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        let len = self.form.header_len() + entry.audio.len();
        if self.mixed.is_some_and(|mixed| mixed.filled + len > self.mtu) {
            self.leave_mixed(now, route, outbox);
        }
        let mixed = match &mut self.mixed {
            Some(mixed) => mixed,
            none => {
                none.insert(Mixed { buf: outbox.take()?, filled: TRUNK_HEADER_LEN, entries: 0 })
            }
        };
        let room = &mut outbox.pool.octets_mut(mixed.buf)[mixed.filled..mixed.filled + len];
        write_entry(self.form, entry, room);
        mixed.filled += len;
        mixed.entries += 1;
        outbox.held += 1;
        Ok(())
    }

    /// Whether an open frame waits for the tick.
    pub(crate) fn waits(&self) -> bool {
        self.mixed.is_some() || self.equal.iter().any(SuperBuffer::has_open)
    }

    /// End of a receive batch: closed frames leave. Where no buffer is free for the open one behind them, it leaves as
    /// well, shorter than the others.
    pub(crate) fn leave_closed(&mut self, now: Instant, route: Route, outbox: &mut Outbox) {
        for equal in self.equal.iter_mut().filter(|equal| equal.has_closed()) {
            if !equal.leave_closed(route, outbox) {
                write_header(self.form, self.clock.read(now), equal.close_segment(outbox));
                equal.leave(route, outbox);
            }
        }
    }

    /// The tick, or the end of a call: everything leaves.
    pub(crate) fn leave_all(&mut self, now: Instant, route: Route, outbox: &mut Outbox) {
        for equal in self.equal.iter_mut().filter(|equal| !equal.is_vacant()) {
            if equal.has_open() {
                write_header(self.form, self.clock.read(now), equal.close_segment(outbox));
            }
            equal.leave(route, outbox);
        }
        self.leave_mixed(now, route, outbox);
    }

    fn leave_mixed(&mut self, now: Instant, route: Route, outbox: &mut Outbox) {
        let Some(Mixed { buf, filled, entries }) = self.mixed.take() else { return };
        write_header(self.form, self.clock.read(now), outbox.pool.octets_mut(buf));
        outbox.held -= entries;
        outbox.queue(buf, filled, filled, route);
    }
}

#[inline]
fn write_entry(form: EntryForm, entry: Entry<'_>, room: &mut [u8]) {
    // Asterisk takes a time-stamp of 0 for none at all and uses the header's instead.
    let at = if entry.at.0 == 0 { MiniTimestamp(1) } else { entry.at };
    let (header, audio) = room.split_at_mut(form.header_len());
    let written = emit_entry_header(form, entry.call, at, entry.audio.len() as u16, header);
    debug_assert!(written.is_ok(), "the room was made for this header");
    audio.copy_from_slice(entry.audio);
}

fn write_header(form: EntryForm, time_ms: u32, segment: &mut [u8]) {
    let written = emit_trunk_header(form, time_ms, segment);
    debug_assert!(written.is_ok(), "a segment begins with room for its header");
}

/// The time in a trunk's headers, milliseconds since this core's first frame.
///
/// The first says exactly 0, at which the receiver sets its own zero to now, and so does the first after a long pause,
/// as Asterisk's own do. No other says 0.
#[derive(Debug, Clone, Copy, Default)]
struct TrunkClock {
    zero: Instant,
    last: Option<Instant>,
}

/// A pause longer than this starts the clock anew.
const IDLE_MAX: Duration = Duration::from_secs(5);

impl TrunkClock {
    fn read(&mut self, now: Instant) -> u32 {
        let runs = self.last.is_some_and(|last| now.since(last) <= IDLE_MAX);
        self.last = Some(now);
        if runs {
            now.millis_since(self.zero).max(1)
        } else {
            self.zero = now;
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_header_says_zero_until_a_long_pause() {
        let mut clock = TrunkClock::default();
        let mut read = |ms: u64| clock.read(Instant::from_micros(ms * 1000));
        assert_eq!([read(7_000), read(7_000), read(7_020), read(12_020)], [0, 1, 20, 5020]);
        assert_eq!([read(17_021), read(17_021), read(17_041)], [0, 1, 20]);
    }
}
