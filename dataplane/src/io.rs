//! What a core asks of whatever moves octets: io_uring, recvmmsg/sendmmsg, or a test's simulated link.
//!
//! Knows datagrams and addresses, not their meaning. Receive buffers belong to the backend and never leave the
//! batch; send buffers come from the core's [`Pool`] and return to it when the kernel has read them.

use core::net::SocketAddr;
use core::time::Duration;

use crate::counters::Counters;
use crate::handoff::SocketId;
use crate::pool::{BufId, Pool};

/// One datagram, or several of one sender that the kernel merged (UDP_GRO).
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Socket it was heard on.
    pub local: SocketId,
    /// Its sender.
    pub remote: SocketAddr,
    /// The datagrams' octets, back to back.
    pub octets: &'a [u8],
    /// Octets of each datagram; the last may be shorter. `octets.len()` or more where there is only one.
    pub segment_len: usize,
}

impl<'a> Received<'a> {
    /// The datagrams one by one, in order. An empty datagram yields nothing.
    pub fn segments(&self) -> core::slice::Chunks<'a, u8> {
        self.octets.chunks(self.segment_len.max(1))
    }
}

/// Datagrams to one receiver, in a buffer of the pool.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing {
    /// The buffer; the backend owns it until it gives it back to the pool.
    pub buf: BufId,
    /// Octets of it to send.
    pub len: usize,
    /// Octets of each datagram, the last may be shorter (UDP_SEGMENT). `len` or more: one datagram. Up to 64 datagrams
    /// of together 65,507 octets cost one send; what is over that still leaves, but one by one.
    pub segment_len: usize,
    /// Socket to send from.
    pub local: SocketId,
    /// The receiver.
    pub remote: SocketAddr,
}

/// A core's way to the network. It counts the datagrams that arrive and leave, each segment one, and those it drops.
pub trait Io {
    /// Hands over what has arrived, at most one batch of it, without waiting; returns how many [`Received`] it was.
    fn receive(&mut self, counters: &mut Counters, heard: impl FnMut(Received<'_>)) -> usize;

    /// Takes datagrams to send. They may leave now or at the next [`Io::flush`].
    fn send(&mut self, outgoing: Outgoing, pool: &mut Pool, counters: &mut Counters);

    /// Sends what is still queued and gives read buffers back to the pool.
    fn flush(&mut self, pool: &mut Pool, counters: &mut Counters);

    /// Sleeps until a datagram arrives, the doorbell rings or `timeout` (`None`: for ever) has passed.
    fn wait(&mut self, timeout: Option<Duration>);
}
