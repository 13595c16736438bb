//! The backend over `recvmmsg` and `sendmmsg`: every kernel has it, and nobody forbids it.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;

use arrayvec::ArrayVec;

use crate::counters::{Counters, DropReason};
use crate::handoff::SocketId;
use crate::io::{Io, Outgoing, Received};
use crate::net::transmit::{EMPTY_HEADER, send_many};
use crate::net::{
    CoreSockets, Doorbell, GRO_SPACE, RAW_LEN, RECEIVE_LEN, RawAddr, Refusal, SEGMENT_SPACE,
    SEND_BATCH, datagrams, decode, gro_segment_len, segment_control, send_apart,
};
use crate::pages::Pages;
use crate::pool::Pool;

/// Datagrams, merged or not, of one receive batch: what stays in a core's second-level cache.
const RECEIVE_BATCH: usize = 16;

/// A core's sockets, read and written in batches. Made on the core's thread and never moved off it.
#[derive(Debug)]
pub struct MmsgIo {
    sockets: CoreSockets,
    doorbell: Doorbell,
    inbox: Inbox,
    outbox: Outbox,
    /// Socket that is read first in the next batch, so that a busy one does not starve the others.
    first: usize,
    polled: Vec<libc::pollfd>,
}

impl MmsgIo {
    /// Makes room for the batches. An error is the kernel's: no memory.
    pub fn new(sockets: CoreSockets, doorbell: Doorbell) -> io::Result<Self> {
        let polled = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let polled: Vec<_> = sockets.iter().map(|(_, socket)| polled(socket.fd())).collect();
        let (inbox, outbox) = (Inbox::new()?, Outbox::new());
        Ok(Self { sockets, doorbell, inbox, outbox, first: 0, polled })
    }
}

impl Io for MmsgIo {
    fn receive(&mut self, counters: &mut Counters, mut heard: impl FnMut(Received<'_>)) -> usize {
        let sockets = self.sockets.len();
        let mut received = 0;
        for step in 0..sockets {
            let id = SocketId(((self.first + step) % sockets) as u8);
            let Some(socket) = self.sockets.get(id) else { continue };
            received +=
                self.inbox.receive(socket.fd(), id, RECEIVE_BATCH - received, counters, &mut heard);
            if received == RECEIVE_BATCH {
                break;
            }
        }
        self.first = (self.first + 1) % sockets.max(1);
        received
    }

    fn send(&mut self, outgoing: Outgoing, pool: &mut Pool, counters: &mut Counters) {
        self.outbox.queue.push(outgoing);
        if self.outbox.queue.is_full() {
            self.flush(pool, counters);
        }
    }

    fn flush(&mut self, pool: &mut Pool, counters: &mut Counters) {
        self.outbox.send(&mut self.sockets, pool, counters);
        for sent in self.outbox.queue.drain(..) {
            pool.give(sent.buf);
        }
    }

    fn wait(&mut self, timeout: Option<Duration>) {
        self.doorbell.wait_with(&mut self.polled, timeout);
    }
}

/// Buffers that datagrams are received into, and what goes with them.
#[derive(Debug)]
struct Inbox {
    payloads: Pages,
    parts: Box<[Part; RECEIVE_BATCH]>,
}

/// What the kernel tells of one datagram beside its octets.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
struct Part {
    control: [u8; GRO_SPACE],
    name: [u8; RAW_LEN],
}

impl Inbox {
    fn new() -> io::Result<Self> {
        let payloads = Pages::new(RECEIVE_BATCH * RECEIVE_LEN)?;
        Ok(Self {
            payloads,
            parts: Box::new([Part { control: [0; GRO_SPACE], name: [0; RAW_LEN] }; RECEIVE_BATCH]),
        })
    }

    /// Hands over at most `most` datagrams of one socket; returns how many it was.
    fn receive(
        &mut self,
        fd: i32,
        local: SocketId,
        most: usize,
        counters: &mut Counters,
        heard: &mut impl FnMut(Received<'_>),
    ) -> usize {
        let mut iovecs =
            [libc::iovec { iov_base: core::ptr::null_mut(), iov_len: RECEIVE_LEN }; RECEIVE_BATCH];
        let mut headers = [EMPTY_HEADER; RECEIVE_BATCH];
        for (index, ((part, iovec), header)) in
            self.parts.iter_mut().zip(&mut iovecs).zip(&mut headers).enumerate()
        {
            iovec.iov_base = self.payloads.at(index * RECEIVE_LEN).cast();
            let header = &mut header.msg_hdr;
            (header.msg_iov, header.msg_iovlen) = (iovec, 1);
            (header.msg_name, header.msg_namelen) = (part.name.as_mut_ptr().cast(), RAW_LEN as _);
            (header.msg_control, header.msg_controllen) =
                (part.control.as_mut_ptr().cast(), GRO_SPACE as _);
        }
        let (most, flags) = (most.min(RECEIVE_BATCH), libc::MSG_DONTWAIT);
        // SAFETY: each header points to a name, a control message and a payload of its own, of the lengths said, all
        // of which are ours exclusively; `most` is at most the number of headers.
        let received = unsafe {
            libc::recvmmsg(fd, headers.as_mut_ptr(), most as _, flags as _, core::ptr::null_mut())
        };
        // Nothing there is the usual reason for an error, and no other outlives the next call.
        let received = usize::try_from(received).unwrap_or(0);
        for (index, (header, part)) in
            headers.iter().zip(self.parts.iter()).take(received).enumerate()
        {
            // SAFETY: the kernel is done with it, and the next call comes after `heard`.
            let octets =
                unsafe { self.payloads.octets(index * RECEIVE_LEN, header.msg_len as usize) };
            deliver(&header.msg_hdr, part, local, octets, counters, heard);
        }
        received
    }
}

fn deliver(
    header: &libc::msghdr,
    part: &Part,
    local: SocketId,
    octets: &[u8],
    counters: &mut Counters,
    heard: &mut impl FnMut(Received<'_>),
) {
    let control = part.control.get(..header.msg_controllen).unwrap_or_default();
    let segment_len = gro_segment_len(control).unwrap_or(octets.len().max(1));
    let datagrams = octets.len().div_ceil(segment_len).max(1) as u64;
    counters.datagrams_in += datagrams;
    if header.msg_flags & libc::MSG_TRUNC != 0 {
        counters.dropped_many(DropReason::Truncated, datagrams);
        return;
    }
    let name = part.name.get(..header.msg_namelen as usize).unwrap_or_default();
    let Some(remote): Option<SocketAddr> = decode(name) else {
        counters.dropped_many(DropReason::Malformed, datagrams);
        return;
    };
    heard(Received { local, remote, octets, segment_len });
}

/// Sends waiting for the next flush.
#[derive(Debug)]
struct Outbox {
    queue: ArrayVec<Outgoing, SEND_BATCH>,
}

impl Outbox {
    fn new() -> Self {
        Self { queue: ArrayVec::new() }
    }

    /// Sends the queue, in order, in as few system calls as the sockets named allow; counts every datagram.
    fn send(&mut self, sockets: &mut CoreSockets, pool: &Pool, counters: &mut Counters) {
        let mut at = 0;
        while let Some(next) = self.queue.get(at) {
            let Some(socket) = sockets.get_mut(next.local) else {
                counters.dropped_many(DropReason::SendFailed, datagrams(next));
                at += 1;
                continue;
            };
            let (fd, segments) = (socket.fd(), socket.segments);
            let together = |outgoing: &&Outgoing| {
                outgoing.local == next.local && (segments || outgoing.len <= outgoing.segment_len)
            };
            let run = self.queue[at..].iter().take_while(together).count();
            if run == 0 {
                send_apart_from(fd, next, pool, counters);
                at += 1;
                continue;
            }
            let (sent, refused) = send_run(fd, &self.queue[at..at + run], pool);
            let (left, rest) = self.queue[at..at + run].split_at(sent);
            counters.datagrams_out += left.iter().map(datagrams).sum::<u64>();
            at += sent;
            let (Some(error), Some(refused)) = (refused, rest.first()) else { continue };
            match Refusal::of(error.raw_os_error().unwrap_or(0), refused.len > refused.segment_len)
            {
                Refusal::Drop => counters.dropped_many(DropReason::SendFailed, datagrams(refused)),
                refusal => {
                    socket.segments &= refusal != Refusal::CutAlways;
                    send_apart_from(fd, refused, pool, counters);
                }
            }
            at += 1;
        }
    }
}

fn send_apart_from(fd: i32, outgoing: &Outgoing, pool: &Pool, counters: &mut Counters) {
    let octets = &pool.octets(outgoing.buf)[..outgoing.len];
    send_apart(fd, &RawAddr::new(&outgoing.remote), octets, outgoing.segment_len, counters);
}

/// Sends until the kernel refuses one: how many left, and the error of the one after them.
fn send_run(fd: i32, run: &[Outgoing], pool: &Pool) -> (usize, Option<io::Error>) {
    let mut iovecs = [libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 }; SEND_BATCH];
    let mut headers = [EMPTY_HEADER; SEND_BATCH];
    let mut names = [RawAddr::EMPTY; SEND_BATCH];
    let mut controls = [Aligned([0; SEGMENT_SPACE]); SEND_BATCH];
    let parts = iovecs.iter_mut().zip(&mut headers).zip(&mut names).zip(&mut controls);
    for (outgoing, (((iovec, header), name), control)) in run.iter().zip(parts) {
        let octets = &pool.octets(outgoing.buf)[..outgoing.len];
        *iovec = libc::iovec { iov_base: octets.as_ptr().cast_mut().cast(), iov_len: octets.len() };
        *name = RawAddr::new(&outgoing.remote);
        let header = &mut header.msg_hdr;
        (header.msg_iov, header.msg_iovlen) = (iovec, 1);
        (header.msg_name, header.msg_namelen) = (name.octets.as_mut_ptr().cast(), name.len);
        if outgoing.len > outgoing.segment_len {
            control.0 = segment_control(outgoing.segment_len as u16);
            (header.msg_control, header.msg_controllen) =
                (control.0.as_mut_ptr().cast(), SEGMENT_SPACE as _);
        }
    }
    let mut sent = 0;
    while sent < run.len() {
        // SAFETY: names, vectors, control messages and buffers live beyond the call, and the kernel only reads them.
        match unsafe { send_many(fd, &mut headers[sent..run.len()]) } {
            Ok(more) => sent += more,
            Err(error) => return (sent, Some(error)),
        }
    }
    (sent, None)
}

/// Control messages begin with a number of eight octets.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
struct Aligned([u8; SEGMENT_SPACE]);
