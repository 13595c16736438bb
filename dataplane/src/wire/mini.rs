//! Mini frames: four octets of header, then audio (RFC 5456 §8.1.2).

use super::{BufferTooSmall, CallNumber, FrameError, MiniTimestamp};

/// Octets before the audio of a mini frame.
pub const MINI_HEADER_LEN: usize = 4;

/// A mini frame: four octets of header, then one talker's audio (RFC 5456 §8.1.2).
///
/// A view: it borrows the octets it was parsed from and copies nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MiniFrame<'a> {
    source: CallNumber,
    timestamp: MiniTimestamp,
    payload: &'a [u8],
}

impl<'a> MiniFrame<'a> {
    /// Reads a whole datagram as a mini frame. An empty payload is legal.
    pub fn parse(octets: &'a [u8]) -> Result<Self, FrameError> {
        let Some((&[s0, s1, t0, t1], payload)) = octets.split_first_chunk() else {
            return Err(FrameError::TooShort { need: MINI_HEADER_LEN, have: octets.len() });
        };
        let source = u16::from_be_bytes([s0, s1]);
        if source & 0x8000 != 0 {
            return Err(FrameError::NotMini); // F bit: a full frame
        }
        let source = CallNumber::from_wire(source).ok_or(FrameError::NotMini)?; // 0: a meta frame
        Ok(Self { source, timestamp: MiniTimestamp(u16::from_be_bytes([t0, t1])), payload })
    }

    /// The *sender's* number for the call; with the sender's address it names the leg.
    pub fn source(&self) -> CallNumber {
        self.source
    }

    /// Low 16 bits of the call's time-stamp.
    pub fn timestamp(&self) -> MiniTimestamp {
        self.timestamp
    }

    /// The audio, in the format of the last full VOICE frame of this call and direction.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Writes a mini frame's header at the start of `out` and returns its length.
pub fn emit_mini_header(
    source: CallNumber,
    timestamp: MiniTimestamp,
    out: &mut [u8],
) -> Result<usize, BufferTooSmall> {
    let header = out.first_chunk_mut::<MINI_HEADER_LEN>().ok_or(BufferTooSmall)?;
    let [s0, s1] = source.get().to_be_bytes();
    let [t0, t1] = timestamp.0.to_be_bytes();
    *header = [s0, s1, t0, t1];
    Ok(MINI_HEADER_LEN)
}
