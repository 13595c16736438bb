//! The IAX2 codec: octets to views, plain values to octets (RFC 5456 §8).
//!
//! Knows one datagram's octets and touches only the slice it is given. Never panics, never allocates, whatever the
//! octets: it indexes nothing, it splits and answers an error. Views borrow; headers are plain values with `emit`.
//! What a value means is left to its callers; what is unknown is kept, not refused.
#![deny(clippy::indexing_slicing)]

mod error;
mod frame;
mod full;
mod ie;
mod ie_value;
mod media_format;
mod mini;
mod number;
mod subclass;
mod timestamp;
mod trunk;
mod video;

pub use error::{BufferTooSmall, FrameError};
pub use frame::Frame;
pub use full::{FullFrame, FullHeader};
pub use ie::{Ie, IeKind, IeWriter, Ies};
pub use ie_value::{ApparentAddr, DateTime, versioned_mask};
pub use media_format::{Capability, CodecPrefs, MediaFormat};
pub use mini::{MINI_HEADER_LEN, MiniFrame, emit_mini_header};
pub use number::{CallNumber, SeqNo};
pub use subclass::{ControlSubclass, FrameType, HtmlSubclass, IaxSubclass, Subclass};
pub use timestamp::{MiniTimestamp, Timestamp};
pub use trunk::{
    EntryForm, TRUNK_HEADER_LEN, TrunkEntries, TrunkEntry, TrunkFrame, emit_entry_header,
    emit_trunk_header,
};
pub use video::{VIDEO_MINI_HEADER_LEN, VideoMiniFrame, VideoTimestamp, emit_video_mini_header};
