//! A core's way to the kernel's network: its sockets, its doorbell, and the two backends behind [`Io`](crate::io::Io).
//!
//! It moves octets and addresses, and knows nothing of their meaning. Datagrams of one peer travel merged
//! (UDP_GRO, UDP_SEGMENT) wherever the kernel can: that, not the kind of system call, is where the rate comes from.

mod any;
mod cmsg;
mod control_sender;
mod doorbell;
mod mmsg;
mod sockaddr;
mod socket;
#[cfg(test)]
mod tests;
mod transmit;

pub use any::{AnyIo, IoChoice, Opened};
pub use control_sender::ControlSender;
pub use doorbell::Doorbell;
pub use mmsg::MmsgIo;
pub use socket::{ADDRESSES_MAX, CoreSockets, OpenError, SocketReport, SocketSettings, Sockets};

pub(crate) use cmsg::{GRO_SPACE, SEGMENT_SPACE, gro_segment_len, segment_control};
pub(crate) use sockaddr::{RAW_LEN, RawAddr, decode};
pub(crate) use transmit::{Refusal, datagrams, send_apart};

/// Octets of a receive buffer's payload: the most the kernel merges into one.
pub(crate) const RECEIVE_LEN: usize = 65_536;

/// Most sends queued before they go to the kernel by themselves.
pub(crate) const SEND_BATCH: usize = 64;
