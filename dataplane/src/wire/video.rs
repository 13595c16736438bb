//! Video mini frames: six octets of header, then one packet of a picture (RFC 5456 §8.1.3).

use super::{BufferTooSmall, CallNumber, FrameError};

/// Octets before the payload of a video mini frame.
pub const VIDEO_MINI_HEADER_LEN: usize = 6;

/// The time-stamp word of a video mini frame.
///
/// The RFC shows 16 bits of time; everybody in the field sends 15 and uses the top bit as the picture's end mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct VideoTimestamp(pub u16);

impl VideoTimestamp {
    /// From the low 15 bits of the call's time-stamp, and whether this is the last packet of its picture.
    pub const fn new(low15: u16, ends_picture: bool) -> Self {
        Self((low15 & 0x7fff) | (ends_picture as u16) << 15)
    }

    /// The low 15 bits of the call's time-stamp, in milliseconds.
    pub const fn low15(self) -> u16 {
        self.0 & 0x7fff
    }

    /// Whether this is the last packet of its picture.
    pub const fn ends_picture(self) -> bool {
        self.0 & 0x8000 != 0
    }
}

/// A video mini frame: a view of one packet of a picture (RFC 5456 §8.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoMiniFrame<'a> {
    source: CallNumber,
    timestamp: VideoTimestamp,
    payload: &'a [u8],
}

impl<'a> VideoMiniFrame<'a> {
    /// Reads a whole datagram as a video mini frame.
    pub fn parse(octets: &'a [u8]) -> Result<Self, FrameError> {
        let Some((&[z0, z1, s0, s1, t0, t1], payload)) = octets.split_first_chunk() else {
            return Err(FrameError::TooShort { need: VIDEO_MINI_HEADER_LEN, have: octets.len() });
        };
        let source = u16::from_be_bytes([s0, s1]);
        if [z0, z1] != [0, 0] || source & 0x8000 == 0 {
            return Err(FrameError::NotMeta);
        }
        let source = CallNumber::from_wire(source).ok_or(FrameError::NoSource)?;
        Ok(Self { source, timestamp: VideoTimestamp(u16::from_be_bytes([t0, t1])), payload })
    }

    /// The *sender's* number for the call.
    pub fn source(&self) -> CallNumber {
        self.source
    }

    /// Time and picture mark.
    pub fn timestamp(&self) -> VideoTimestamp {
        self.timestamp
    }

    /// The packet, in practice the RTP payload of the codec.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Writes a video mini frame's header at the start of `out` and returns its length.
pub fn emit_video_mini_header(
    source: CallNumber,
    timestamp: VideoTimestamp,
    out: &mut [u8],
) -> Result<usize, BufferTooSmall> {
    let header = out.first_chunk_mut::<VIDEO_MINI_HEADER_LEN>().ok_or(BufferTooSmall)?;
    let [s0, s1] = (source.get() | 0x8000).to_be_bytes();
    let [t0, t1] = timestamp.0.to_be_bytes();
    *header = [0, 0, s0, s1, t0, t1];
    Ok(VIDEO_MINI_HEADER_LEN)
}
