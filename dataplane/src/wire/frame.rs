//! What kind of frame a datagram holds.

use super::{FrameError, FullFrame, MiniFrame, TrunkFrame, VideoMiniFrame};

/// One datagram, sorted (RFC 5456 §8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A reliable message.
    Full(FullFrame<'a>),
    /// One call's audio.
    Mini(MiniFrame<'a>),
    /// Many calls' audio.
    Trunk(TrunkFrame<'a>),
    /// One packet of a picture.
    Video(VideoMiniFrame<'a>),
}

impl<'a> Frame<'a> {
    /// Sorts and reads a whole datagram, in the order the field sorts it: zero first word, then the F bit.
    pub fn parse(octets: &'a [u8]) -> Result<Self, FrameError> {
        let Some(&[b0, b1, b2, _]) = octets.first_chunk() else {
            return Err(FrameError::TooShort { need: 4, have: octets.len() });
        };
        if [b0, b1] == [0, 0] {
            return if b2 & 0x80 != 0 {
                VideoMiniFrame::parse(octets).map(Self::Video)
            } else {
                TrunkFrame::parse(octets).map(Self::Trunk)
            };
        }
        if b0 & 0x80 != 0 {
            FullFrame::parse(octets).map(Self::Full)
        } else {
            MiniFrame::parse(octets).map(Self::Mini)
        }
    }
}
