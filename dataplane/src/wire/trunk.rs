//! Meta trunk frames: many calls' audio in one datagram (RFC 5456 §8.1.4).

use super::{BufferTooSmall, CallNumber, FrameError, MiniTimestamp};

/// Octets before the first entry of a trunk frame.
pub const TRUNK_HEADER_LEN: usize = 8;

/// Whether the entries of a trunk frame carry their calls' time-stamps.
///
/// The order of length and call number differs between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryForm {
    /// Command data 0: call number, length; the header's time serves for all.
    Untimed,
    /// Command data 1: length, call number, low 16 bits of the call's time-stamp.
    Timed,
}

impl EntryForm {
    /// Octets before the audio of an entry.
    pub const fn header_len(self) -> usize {
        match self {
            Self::Untimed => 4,
            Self::Timed => 6,
        }
    }
}

/// A trunk frame: a view; its entries are walked by [`TrunkFrame::entries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrunkFrame<'a> {
    form: EntryForm,
    time_ms: u32,
    entries: &'a [u8],
}

impl<'a> TrunkFrame<'a> {
    /// Reads a datagram's header as a trunk frame's. Commands other than trunk are told by the error.
    pub fn parse(octets: &'a [u8]) -> Result<Self, FrameError> {
        let Some((&[z0, z1, command, form], _)) = octets.split_first_chunk() else {
            return Err(FrameError::TooShort { need: 4, have: octets.len() });
        };
        if [z0, z1] != [0, 0] || command & 0x80 != 0 {
            return Err(FrameError::NotMeta);
        }
        if command != 1 {
            return Err(FrameError::UnknownMeta { command });
        }
        let Some((&[_, _, _, _, t0, t1, t2, t3], entries)) = octets.split_first_chunk() else {
            return Err(FrameError::TooShort { need: TRUNK_HEADER_LEN, have: octets.len() });
        };
        let form = match form {
            0 => EntryForm::Untimed,
            1 => EntryForm::Timed,
            form => return Err(FrameError::UnknownTrunkForm { form }),
        };
        Ok(Self { form, time_ms: u32::from_be_bytes([t0, t1, t2, t3]), entries })
    }

    /// Which of the two layouts the entries have.
    pub fn form(&self) -> EntryForm {
        self.form
    }

    /// The trunk's own clock, milliseconds.
    pub fn time_ms(&self) -> u32 {
        self.time_ms
    }

    /// Walks the entries in the order sent.
    pub fn entries(&self) -> TrunkEntries<'a> {
        TrunkEntries { form: self.form, rest: self.entries }
    }
}

/// One call's audio inside a trunk frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrunkEntry<'a> {
    /// The *sender's* number for the call; `None` where the octets say 0, which names no call.
    pub source: Option<CallNumber>,
    /// Low 16 bits of the call's time-stamp; `None` in an untimed frame.
    pub timestamp: Option<MiniTimestamp>,
    /// The audio.
    pub payload: &'a [u8],
}

/// Iterator over the entries of a trunk frame.
///
/// Yields at most one error and nothing after it: past a broken length all is guesswork. Fewer than an entry
/// header's octets at the end are ignored, as the field does.
#[derive(Debug, Clone)]
pub struct TrunkEntries<'a> {
    form: EntryForm,
    rest: &'a [u8],
}

impl<'a> TrunkEntries<'a> {
    fn split(
        form: EntryForm,
        all: &'a [u8],
    ) -> Option<(u16, u16, Option<MiniTimestamp>, &'a [u8])> {
        match form {
            EntryForm::Untimed => {
                let (&[c0, c1, l0, l1], rest) = all.split_first_chunk()?;
                Some((u16::from_be_bytes([l0, l1]), u16::from_be_bytes([c0, c1]), None, rest))
            }
            EntryForm::Timed => {
                let (&[l0, l1, c0, c1, t0, t1], rest) = all.split_first_chunk()?;
                let timestamp = MiniTimestamp(u16::from_be_bytes([t0, t1]));
                let (len, call) = (u16::from_be_bytes([l0, l1]), u16::from_be_bytes([c0, c1]));
                Some((len, call, Some(timestamp), rest))
            }
        }
    }
}

impl<'a> Iterator for TrunkEntries<'a> {
    type Item = Result<TrunkEntry<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let all = core::mem::take(&mut self.rest); // an early return leaves nothing to walk
        let (len, call, timestamp, after) = Self::split(self.form, all)?;
        let Some((payload, rest)) = after.split_at_checked(usize::from(len)) else {
            return Some(Err(FrameError::EntryCut));
        };
        self.rest = rest;
        Some(Ok(TrunkEntry { source: CallNumber::from_wire(call), timestamp, payload }))
    }
}

/// Writes a trunk frame's header at the start of `out` and returns its length.
pub fn emit_trunk_header(
    form: EntryForm,
    time_ms: u32,
    out: &mut [u8],
) -> Result<usize, BufferTooSmall> {
    let header = out.first_chunk_mut::<TRUNK_HEADER_LEN>().ok_or(BufferTooSmall)?;
    let [t0, t1, t2, t3] = time_ms.to_be_bytes();
    *header = [0, 0, 1, u8::from(form == EntryForm::Timed), t0, t1, t2, t3];
    Ok(TRUNK_HEADER_LEN)
}

/// Writes the header of an entry of `len` octets of audio at the start of `out` and returns its length.
pub fn emit_entry_header(
    form: EntryForm,
    source: CallNumber,
    timestamp: MiniTimestamp,
    len: u16,
    out: &mut [u8],
) -> Result<usize, BufferTooSmall> {
    let [c0, c1] = source.get().to_be_bytes();
    let [l0, l1] = len.to_be_bytes();
    let [t0, t1] = timestamp.0.to_be_bytes();
    match form {
        EntryForm::Untimed => {
            *out.first_chunk_mut().ok_or(BufferTooSmall)? = [c0, c1, l0, l1];
        }
        EntryForm::Timed => {
            *out.first_chunk_mut().ok_or(BufferTooSmall)? = [l0, l1, c0, c1, t0, t1];
        }
    }
    Ok(form.header_len())
}
