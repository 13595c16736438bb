//! What can be wrong with octets.

use core::fmt;

/// Why octets could not be read as an IAX2 frame.
///
/// `Copy` and free of strings, because a flood of bad frames makes one of these per frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The header needs more octets than arrived.
    TooShort {
        /// Octets the header takes.
        need: usize,
        /// Octets there were.
        have: usize,
    },
    /// The F bit is clear where a full frame was expected.
    NotFull,
    /// The F bit or a zero call number says full or meta frame.
    NotMini,
    /// A zero first word or its V bit says otherwise than the caller expected.
    NotMeta,
    /// A full frame or video mini frame with call number 0 as its source.
    NoSource,
    /// A meta frame with a command other than trunk (1).
    UnknownMeta {
        /// The command octet received.
        command: u8,
    },
    /// A trunk frame whose command data is neither 0 nor 1.
    UnknownTrunkForm {
        /// The command-data octet received.
        form: u8,
    },
    /// A trunk entry's header or payload runs past the end of the datagram.
    EntryCut,
    /// An information element runs past the end of its frame.
    IeCut {
        /// Kind of the element cut.
        kind: u8,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { need, have } => write!(f, "{have} octets where {need} are needed"),
            Self::NotFull => f.write_str("not a full frame"),
            Self::NotMini => f.write_str("not a mini frame"),
            Self::NotMeta => f.write_str("not a meta frame"),
            Self::NoSource => f.write_str("source call number 0"),
            Self::UnknownMeta { command } => write!(f, "unknown meta command {command}"),
            Self::UnknownTrunkForm { form } => write!(f, "unknown trunk form {form}"),
            Self::EntryCut => f.write_str("trunk entry past the end of its datagram"),
            Self::IeCut { kind } => {
                write!(f, "information element {kind:#04x} past the end of its frame")
            }
        }
    }
}

impl core::error::Error for FrameError {}

/// The slice given to an `emit` cannot hold what it was to write; nothing useful was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferTooSmall;

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("buffer too small for the frame")
    }
}

impl core::error::Error for BufferTooSmall {}
