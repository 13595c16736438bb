//! Receiving: one standing request per socket, which the kernel answers out of a ring of buffers it shares with us.
//!
//! A buffer is the kernel's while it is in that ring, and ours from its completion until it is put back, which
//! happens at the end of the batch it was delivered in.

use core::sync::atomic::{AtomicU16, Ordering};
use std::collections::VecDeque;
use std::io;

use io_uring::types::{BufRingEntry, Fd, RecvMsgOut};
use io_uring::{cqueue, opcode};

use super::ring::{BUFFER_GROUP, Ring, Tag};
use crate::counters::{Counters, DropReason};
use crate::handoff::SocketId;
use crate::io::Received;
use crate::net::{CoreSockets, GRO_SPACE, RAW_LEN, RECEIVE_LEN, decode, gro_segment_len};
use crate::pages::Pages;

/// Most receive buffers the kernel takes in one ring.
const BUFFERS_MAX: u16 = 1 << 15;

/// Octets from one buffer to the next: a header of 16, name, control message and payload, in whole cache lines.
const STRIDE: usize = (16 + RAW_LEN + GRO_SPACE + RECEIVE_LEN).next_multiple_of(64);

/// A core's receive buffers, and the standing requests that fill them.
#[derive(Debug)]
pub(super) struct Receiver {
    /// How many there are, a power of two; when all are full the rest waits in the sockets.
    buffers: u16,
    /// What the kernel takes buffers from: an entry for each.
    entries: Pages,
    payloads: Pages,
    /// A `msghdr` that says how much room name and control message have.
    template: Pages,
    /// Entries ever put into the ring, wrapping.
    tail: u16,
    /// Filled buffers not yet delivered, in order.
    filled: VecDeque<Filled>,
    /// By socket: whether its request stands.
    armed: Vec<bool>,
}

#[derive(Debug, Clone, Copy)]
struct Filled {
    buffer: u16,
    len: usize,
    local: SocketId,
}

impl Receiver {
    pub(super) fn new(ring: &Ring, sockets: usize, buffers: u16) -> io::Result<Self> {
        let buffers = buffers.clamp(1, BUFFERS_MAX).next_power_of_two();
        let mut receiver = Self {
            buffers,
            entries: Pages::new(usize::from(buffers) * size_of::<BufRingEntry>())?,
            payloads: Pages::new(usize::from(buffers) * STRIDE)?,
            template: Pages::new(size_of::<libc::msghdr>())?,
            tail: 0,
            filled: VecDeque::with_capacity(usize::from(buffers)),
            armed: vec![false; sockets],
        };
        // SAFETY: fresh pages, aligned and long enough, which nobody else knows yet.
        unsafe { receiver.template.at(0).cast::<libc::msghdr>().write(template()) };
        // SAFETY: the entries are as many as said; `UringIo` ends the ring before it frees them, or never frees them.
        unsafe { ring.register_buffers(&receiver.entries, buffers) }?;
        for buffer in 0..buffers {
            receiver.put_back(buffer);
        }
        receiver.publish();
        Ok(receiver)
    }

    /// Has every socket's request stand, as long as there is a buffer to answer it with.
    pub(super) fn arm(&mut self, ring: &mut Ring, sockets: &CoreSockets) {
        if self.filled.len() == usize::from(self.buffers) {
            return;
        }
        for ((local, socket), armed) in sockets.iter().zip(&mut self.armed) {
            if !*armed {
                let template = self.template.at(0).cast::<libc::msghdr>();
                let request =
                    opcode::RecvMsgMulti::new(Fd(socket.fd()), template, BUFFER_GROUP).build();
                // SAFETY: the template and the buffers live until the request has ended, or for ever.
                unsafe { ring.push(request, Tag::Receive(local)) };
                *armed = true;
            }
        }
    }

    /// A completion of a socket's request: a buffer filled, or the request's end, or both. An end for want of
    /// buffers loses nothing; the request is made to stand again once buffers are back.
    pub(super) fn complete(&mut self, local: SocketId, result: i32, flags: u32) {
        if !cqueue::more(flags)
            && let Some(armed) = self.armed.get_mut(usize::from(local.0))
        {
            *armed = false;
        }
        match (cqueue::buffer_select(flags), usize::try_from(result)) {
            (Some(buffer), Ok(len)) => self.filled.push_back(Filled { buffer, len, local }),
            (Some(buffer), Err(_)) => {
                self.put_back(buffer);
                self.publish();
            }
            (None, _) => {}
        }
    }

    /// Whether no filled buffer waits.
    pub(super) fn is_empty(&self) -> bool {
        self.filled.is_empty()
    }

    /// Hands over all filled buffers and puts them back; returns how many it was.
    pub(super) fn deliver(
        &mut self,
        counters: &mut Counters,
        mut heard: impl FnMut(Received<'_>),
    ) -> usize {
        let delivered = self.filled.len();
        while let Some(filled) = self.filled.pop_front() {
            // SAFETY: its completion made the buffer ours, until it is put back below.
            let octets =
                unsafe { self.payloads.octets(usize::from(filled.buffer) * STRIDE, filled.len) };
            deliver_one(octets, filled.local, counters, &mut heard);
            self.put_back(filled.buffer);
        }
        if delivered > 0 {
            self.publish();
        }
        delivered
    }

    /// Puts filled buffers back unread.
    pub(super) fn discard(&mut self) {
        self.deliver(&mut Counters::default(), |_| ());
    }

    /// Whether any request stands.
    pub(super) fn is_armed(&self) -> bool {
        self.armed.contains(&true)
    }

    /// Never frees the buffers.
    pub(super) fn keep_for_ever(&mut self) {
        for pages in [&mut self.entries, &mut self.payloads, &mut self.template] {
            pages.keep_for_ever();
        }
    }

    /// Writes a buffer into the ring's next entry, which the kernel sees once published.
    fn put_back(&mut self, buffer: u16) {
        let index = usize::from(self.tail % self.buffers);
        let entry = self.entries.at(index * size_of::<BufRingEntry>()).cast::<BufRingEntry>();
        // SAFETY: aligned, inside, zeroed at first; there are no more buffers than entries, so the kernel has done
        // with this one. It never reads the octets of the first that are the tail, which are not written here.
        let entry = unsafe { &mut *entry };
        entry.set_addr(self.payloads.at(usize::from(buffer) * STRIDE) as u64);
        entry.set_len(STRIDE as u32);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel the buffers put back.
    fn publish(&mut self) {
        let first = self.entries.at(0).cast::<BufRingEntry>();
        // SAFETY: the first entry of the ring, in which the kernel keeps the tail.
        let tail = unsafe { BufRingEntry::tail(first) };
        // SAFETY: two octets, aligned, alive as long as `self`, and shared with the kernel by atomic access only.
        let tail = unsafe { AtomicU16::from_ptr(tail.cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}

/// Room for a name and a control message; the payload is whatever is left of the buffer.
fn template() -> libc::msghdr {
    // SAFETY: null pointers and zero lengths are values of every field.
    let mut template: libc::msghdr = unsafe { core::mem::zeroed() };
    template.msg_namelen = RAW_LEN as libc::socklen_t;
    template.msg_controllen = GRO_SPACE as _;
    template
}

fn deliver_one(
    buffer: &[u8],
    local: SocketId,
    counters: &mut Counters,
    heard: &mut impl FnMut(Received<'_>),
) {
    let Ok(out) = RecvMsgOut::parse(buffer, &template()) else {
        counters.datagrams_in += 1;
        counters.dropped(DropReason::Malformed);
        return;
    };
    let octets = out.payload_data();
    let segment_len = gro_segment_len(out.control_data()).unwrap_or(octets.len().max(1));
    let datagrams = octets.len().div_ceil(segment_len).max(1) as u64;
    counters.datagrams_in += datagrams;
    if out.is_payload_truncated() {
        counters.dropped_many(DropReason::Truncated, datagrams);
        return;
    }
    match decode(out.name_data()) {
        Some(remote) => heard(Received { local, remote, octets, segment_len }),
        None => counters.dropped_many(DropReason::Malformed, datagrams),
    }
}
