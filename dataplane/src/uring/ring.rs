//! The ring itself: what is asked of the kernel, and what it answers.

use core::fmt;
use core::time::Duration;
use std::io;
use std::os::fd::RawFd;

use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, opcode, squeue};

use crate::handoff::SocketId;
use crate::net::{ADDRESSES_MAX, SEND_BATCH};
use crate::pages::Pages;

/// Requests queued between two submissions: every send slot, every socket's receive, the doorbell, and cancels.
const SUBMISSIONS: u32 = 128;
const _: () = assert!(SEND_BATCH + ADDRESSES_MAX + 16 <= SUBMISSIONS as usize);

/// Completions not yet read: of each buffer, each request, and each ring of the doorbell; past that the kernel keeps
/// them for us.
const COMPLETIONS: u32 = 512;

/// What a completion answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Receive(SocketId),
    Send(u16),
    Bell,
    Cancel,
}

impl Tag {
    fn to_word(self) -> u64 {
        let (kind, index) = match self {
            Self::Receive(local) => (0, u16::from(local.0)),
            Self::Send(slot) => (1, slot),
            Self::Bell => (2, 0),
            Self::Cancel => (3, 0),
        };
        kind << 16 | u64::from(index)
    }

    fn from_word(word: u64) -> Self {
        match word >> 16 {
            0 => Self::Receive(SocketId(word as u8)),
            1 => Self::Send(word as u16),
            2 => Self::Bell,
            _ => Self::Cancel,
        }
    }
}

/// A ring that one thread alone submits to, and whose work is done only when that thread asks.
pub(super) struct Ring(IoUring);

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ring")
    }
}

impl Ring {
    pub(super) fn new() -> io::Result<Self> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun() // no work behind our back: it is done in our own system calls, in batches
            .setup_coop_taskrun()
            .setup_taskrun_flag() // and we see without a call whether there is any
            .setup_submit_all() // one bad request does not hold up the others
            .setup_cqsize(COMPLETIONS)
            .dontfork()
            .build(SUBMISSIONS)?;
        let parameters = ring.params();
        if !parameters.is_feature_ext_arg() || !parameters.is_feature_nodrop() {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        Ok(Self(ring))
    }

    /// Gives the kernel a ring of receive buffers to choose from.
    ///
    /// # Safety
    ///
    /// `entries` holds `count` entries and outlives the ring.
    pub(super) unsafe fn register_buffers(&self, entries: &Pages, count: u16) -> io::Result<()> {
        let address = entries.at(0) as u64;
        // SAFETY: the caller's promise.
        unsafe { self.0.submitter().register_buf_ring_with_flags(address, count, BUFFER_GROUP, 0) }
    }

    /// Queues a request.
    ///
    /// # Safety
    ///
    /// Whatever it points to stays where it is, alive, until its last completion.
    pub(super) unsafe fn push(&mut self, request: squeue::Entry, tag: Tag) {
        let request = request.user_data(tag.to_word());
        // SAFETY: the caller's promise.
        let pushed = unsafe { self.0.submission().push(&request) };
        assert!(pushed.is_ok(), "the ring has room for a request of every kind");
    }

    /// Asks to hear of every ring of a doorbell.
    pub(super) fn watch(&mut self, eventfd: RawFd) {
        let request = opcode::PollAdd::new(Fd(eventfd), libc::POLLIN as u32).multi(true).build();
        // SAFETY: it points to nothing.
        unsafe { self.push(request, Tag::Bell) };
    }

    /// Asks for the end of all requests.
    pub(super) fn cancel_all(&mut self) {
        let request = opcode::AsyncCancel2::new(CancelBuilder::any()).build();
        // SAFETY: it points to nothing.
        unsafe { self.push(request, Tag::Cancel) };
    }

    /// Submits what is queued, without waiting, and has waiting work done. On an error what is queued stays queued.
    pub(super) fn submit(&mut self) -> io::Result<()> {
        loop {
            match self.0.submit() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(drop),
            }
        }
    }

    /// As [`Ring::submit`], but no system call where there is nothing to do.
    pub(super) fn poll(&mut self) {
        let queue = self.0.submission();
        let idle = queue.is_empty() && !queue.taskrun() && !queue.cq_overflow();
        drop(queue);
        if !idle {
            let _ = self.submit(); // tried again at the next poll
        }
    }

    /// Submits, and sleeps until there is a completion or `timeout` has passed. A signal ends it early.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) {
        let timeout = timeout.map(Timespec::from);
        let args = SubmitArgs::new();
        let args = match &timeout {
            Some(timeout) => args.timespec(timeout),
            None => args,
        };
        // The errors are a signal and the time; both just end the wait.
        let _ = self.0.submitter().submit_with_args(1, &args);
    }

    /// Hands over the completions there are: tag, result, flags.
    pub(super) fn completions(&mut self, mut answered: impl FnMut(Tag, i32, u32)) {
        for completion in self.0.completion() {
            answered(
                Tag::from_word(completion.user_data()),
                completion.result(),
                completion.flags(),
            );
        }
    }
}

/// The one group of receive buffers of a ring.
pub(super) const BUFFER_GROUP: u16 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_back() {
        for tag in [
            Tag::Receive(SocketId(0)),
            Tag::Receive(SocketId(255)),
            Tag::Send(63),
            Tag::Bell,
            Tag::Cancel,
        ] {
            assert_eq!(Tag::from_word(tag.to_word()), tag);
        }
    }
}
