//! How control sends its full frames: on duplicates of a core's sockets, so from the address its calls are heard on.
//!
//! A socket of its own in the reuseport group would be given media to hear.

use core::net::SocketAddr;
use core::ops::Range;
use std::io;
use std::os::fd::AsRawFd;

use socket2::Socket;

use crate::handoff::SocketId;
use crate::net::RawAddr;
use crate::net::transmit::{EMPTY_HEADER, send_many};

/// Sends datagrams without waiting: at once, or in batches. One per process, for the control thread.
#[derive(Debug)]
pub struct ControlSender {
    sockets: Vec<Socket>,
    queued: Vec<Queued>,
    /// The octets of `queued`, end to end.
    octets: Vec<u8>,
}

#[derive(Debug)]
struct Queued {
    local: SocketId,
    remote: SocketAddr,
    raw: RawAddr,
    octets: Range<usize>,
}

/// Most datagrams of one system call.
const BATCH: usize = 64;

impl ControlSender {
    pub(crate) fn new(sockets: Vec<Socket>) -> Self {
        Self { sockets, queued: Vec::new(), octets: Vec::new() }
    }

    /// Sends one datagram now. `WouldBlock`: the socket's buffer is full; `NotFound`: no such local address is
    /// bound; else as the kernel says. A frame that matters is sent again by its own timer.
    pub fn send(&self, local: SocketId, remote: &SocketAddr, octets: &[u8]) -> io::Result<()> {
        let socket = self.socket(local)?;
        socket.send_to_with_flags(octets, &(*remote).into(), libc::MSG_DONTWAIT).map(drop)
    }

    /// Takes a datagram to send at the next [`ControlSender::flush`].
    pub fn queue(&mut self, local: SocketId, remote: &SocketAddr, octets: &[u8]) {
        let start = self.octets.len();
        self.octets.extend_from_slice(octets);
        let octets = start..self.octets.len();
        self.queued.push(Queued { local, remote: *remote, raw: RawAddr::new(remote), octets });
    }

    /// Sends what is queued, in order, and returns how many left; tells `refused` of each that did not, with the
    /// errors of [`ControlSender::send`].
    pub fn flush(&mut self, mut refused: impl FnMut(SocketId, SocketAddr, io::Error)) -> usize {
        let mut left = 0;
        for run in self.queued.chunk_by(|a, b| a.local == b.local) {
            for batch in run.chunks(BATCH) {
                left += self.send_batch(batch, &mut refused);
            }
        }
        self.queued.clear();
        self.octets.clear();
        left
    }

    fn send_batch(
        &self,
        batch: &[Queued],
        refused: &mut impl FnMut(SocketId, SocketAddr, io::Error),
    ) -> usize {
        let mut iovecs = [libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 }; BATCH];
        let mut headers = [EMPTY_HEADER; BATCH];
        for ((queued, iovec), header) in batch.iter().zip(&mut iovecs).zip(&mut headers) {
            let octets = &self.octets[queued.octets.clone()];
            iovec.iov_base = octets.as_ptr().cast_mut().cast();
            iovec.iov_len = octets.len();
            header.msg_hdr.msg_iov = iovec;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = queued.raw.octets.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = queued.raw.len;
        }
        let (mut at, mut left) = (0, 0);
        while let Some(Queued { local, remote, .. }) = batch.get(at) {
            // SAFETY: names, vectors and octets are borrowed above for longer than the call, and only read.
            let sent = self.socket(*local).and_then(|socket| unsafe {
                send_many(socket.as_raw_fd(), &mut headers[at..batch.len()])
            });
            match sent {
                Ok(sent) => (at, left) = (at + sent, left + sent),
                Err(error) => {
                    refused(*local, *remote, error);
                    at += 1;
                }
            }
        }
        left
    }

    fn socket(&self, local: SocketId) -> io::Result<&Socket> {
        self.sockets.get(usize::from(local.0)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
