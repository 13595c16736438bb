//! Sending: a slot per request holds what the kernel reads until it answers, and the buffer goes back then.
//!
//! Sends never wait in the kernel (MSG_DONTWAIT): each is answered by the time its submission returns, and what a
//! full socket or device would have held up is dropped and counted instead.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

use arrayvec::ArrayVec;
use io_uring::opcode;
use io_uring::types::Fd;

use super::ring::{Ring, Tag};
use crate::counters::{Counters, DropReason};
use crate::io::Outgoing;
use crate::net::{
    CoreSockets, RawAddr, Refusal, SEGMENT_SPACE, SEND_BATCH, datagrams, segment_control,
    send_apart,
};
use crate::pages::Pages;
use crate::pool::Pool;

/// A core's sends under way.
#[derive(Debug)]
pub(super) struct Sender {
    /// `SEND_BATCH` times a [`Slot`], at addresses that never change.
    slots: Pages,
    free: ArrayVec<u16, SEND_BATCH>,
    under_way: [Option<Outgoing>; SEND_BATCH],
    /// Answered, but the buffer not yet given back: slot and result.
    answered: ArrayVec<(u16, i32), SEND_BATCH>,
    /// The pool's buffers, kept as long as the kernel may read them; `None` before the first send.
    buffers: Option<Arc<Pages>>,
}

/// What the kernel reads of one send, beside the buffer.
#[repr(C)]
struct Slot {
    header: libc::msghdr,
    iovec: libc::iovec,
    control: [u8; SEGMENT_SPACE],
    name: RawAddr,
}
const _: () = assert!(
    core::mem::offset_of!(Slot, control) % 8 == 0,
    "it begins with a number of eight octets"
);

impl Sender {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            slots: Pages::new(SEND_BATCH * size_of::<Slot>())?,
            free: (0..SEND_BATCH as u16).rev().collect(),
            under_way: [None; SEND_BATCH],
            answered: ArrayVec::new(),
            buffers: None,
        })
    }

    /// Whether every slot is taken.
    pub(super) fn is_full(&self) -> bool {
        self.free.is_empty()
    }

    /// Whether the kernel has yet to answer a send.
    pub(super) fn is_under_way(&self) -> bool {
        self.free.len() + self.answered.len() < SEND_BATCH
    }

    /// Queues a send. Where the kernel still holds every slot, it is behind: the datagrams are dropped and counted.
    pub(super) fn push(
        &mut self,
        outgoing: Outgoing,
        fd: RawFd,
        ring: &mut Ring,
        pool: &mut Pool,
        counters: &mut Counters,
    ) {
        let Some(index) = self.free.pop() else {
            counters.dropped_many(DropReason::SendFull, datagrams(&outgoing));
            pool.give(outgoing.buf);
            return;
        };
        let (buffers, offset) = pool.memory(outgoing.buf);
        let kept = self.buffers.get_or_insert_with(|| buffers.clone());
        assert!(Arc::ptr_eq(kept, buffers), "a core has one pool");
        let slot = self.slots.at(usize::from(index) * size_of::<Slot>()).cast::<Slot>();
        let header = fill(slot, &outgoing, buffers.at(offset));
        let request = opcode::SendMsg::new(Fd(fd), header).flags(libc::MSG_DONTWAIT as u32).build();
        self.under_way[usize::from(index)] = Some(outgoing);
        // SAFETY: the slot is taken until the answer; slots and buffers are freed after the ring has ended, or never.
        unsafe { ring.push(request, Tag::Send(index)) };
    }

    /// The kernel's answer to a send; its buffer goes back when next there is a pool to give it to.
    pub(super) fn complete(&mut self, slot: u16, result: i32) {
        self.answered.push((slot, result));
    }

    /// Gives the buffers of answered sends back and counts their datagrams.
    pub(super) fn settle(
        &mut self,
        sockets: &mut CoreSockets,
        pool: &mut Pool,
        counters: &mut Counters,
    ) {
        for (slot, result) in core::mem::take(&mut self.answered) {
            let Some(outgoing) = self.under_way[usize::from(slot)].take() else { continue };
            self.free.push(slot);
            if result >= 0 {
                counters.datagrams_out += datagrams(&outgoing);
                pool.give(outgoing.buf);
                continue;
            }
            match Refusal::of(-result, outgoing.len > outgoing.segment_len) {
                Refusal::Drop => refuse(outgoing, pool, counters),
                refusal => {
                    if let Some(socket) = sockets.get_mut(outgoing.local) {
                        socket.segments &= refusal != Refusal::CutAlways;
                    }
                    self.cut(outgoing, sockets, pool, counters);
                }
            }
        }
    }

    /// Sends datagrams that the kernel will not cut, one by one.
    pub(super) fn cut(
        &self,
        outgoing: Outgoing,
        sockets: &CoreSockets,
        pool: &mut Pool,
        counters: &mut Counters,
    ) {
        let Some(socket) = sockets.get(outgoing.local) else {
            return refuse(outgoing, pool, counters);
        };
        let octets = &pool.octets(outgoing.buf)[..outgoing.len];
        send_apart(
            socket.fd(),
            &RawAddr::new(&outgoing.remote),
            octets,
            outgoing.segment_len,
            counters,
        );
        pool.give(outgoing.buf);
    }

    /// Never frees what the kernel may still read.
    pub(super) fn keep_for_ever(&mut self) {
        self.slots.keep_for_ever();
        core::mem::forget(self.buffers.take());
    }
}

/// Drops and counts datagrams that cannot leave.
pub(super) fn refuse(outgoing: Outgoing, pool: &mut Pool, counters: &mut Counters) {
    counters.dropped_many(DropReason::SendFailed, datagrams(&outgoing));
    pool.give(outgoing.buf);
}

/// Writes a send into its slot; returns the header the kernel starts from.
fn fill(slot: *mut Slot, outgoing: &Outgoing, octets: *mut u8) -> *const libc::msghdr {
    let segments = outgoing.len > outgoing.segment_len;
    // SAFETY: null pointers and zero lengths are values of every field.
    let mut header: libc::msghdr = unsafe { core::mem::zeroed() };
    let name = RawAddr::new(&outgoing.remote);
    header.msg_namelen = name.len;
    header.msg_iovlen = 1;
    let iovec = libc::iovec { iov_base: octets.cast(), iov_len: outgoing.len };
    let control = segment_control(outgoing.segment_len as u16);
    let filled = Slot { header, iovec, control, name };
    // SAFETY: inside the pages, aligned, and no request's until this one's.
    unsafe { slot.write(filled) };
    // SAFETY: as above; the borrow ends here, and the addresses taken stay good.
    let slot = unsafe { &mut *slot };
    slot.header.msg_iov = &raw mut slot.iovec;
    slot.header.msg_name = slot.name.octets.as_mut_ptr().cast();
    if segments {
        slot.header.msg_control = slot.control.as_mut_ptr().cast();
        slot.header.msg_controllen = SEGMENT_SPACE as _;
    }
    &raw const slot.header
}
