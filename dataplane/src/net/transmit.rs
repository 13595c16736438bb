//! What both backends do with a send that the kernel refused, and how datagrams leave one by one.

use std::io;
use std::os::fd::RawFd;

use crate::counters::{Counters, DropReason};
use crate::io::Outgoing;
use crate::net::RawAddr;

/// Datagrams that a send stands for.
pub(crate) fn datagrams(outgoing: &Outgoing) -> u64 {
    outgoing.len.div_ceil(outgoing.segment_len.max(1)).max(1) as u64
}

/// What a refused send calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Send this one again, cut here: it was too many or too long segments for its path.
    Cut,
    /// As [`Refusal::Cut`], and never ask the kernel to cut again: the way out has no checksum offload.
    CutAlways,
    /// Count it. A full socket or device buffer is among these: waiting would delay everyone else's voice.
    Drop,
}

impl Refusal {
    /// `error` as the kernel's `errno`; `segments`: whether the kernel was asked to cut.
    pub(crate) fn of(error: i32, segments: bool) -> Self {
        match error {
            libc::EIO if segments => Self::CutAlways,
            libc::EINVAL | libc::EMSGSIZE if segments => Self::Cut,
            _ => Self::Drop,
        }
    }
}

/// Sends `octets` as datagrams of `segment_len`, cut here; counts each as sent or as failed.
pub(crate) fn send_apart(
    fd: RawFd,
    remote: &RawAddr,
    octets: &[u8],
    segment_len: usize,
    counters: &mut Counters,
) {
    const BATCH: usize = 32;
    for batch in octets.chunks(segment_len.max(1) * BATCH) {
        let mut iovecs = [libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 }; BATCH];
        let mut headers = [EMPTY_HEADER; BATCH];
        let mut count = 0;
        for ((segment, iovec), header) in
            batch.chunks(segment_len.max(1)).zip(&mut iovecs).zip(&mut headers)
        {
            iovec.iov_base = segment.as_ptr().cast_mut().cast();
            iovec.iov_len = segment.len();
            header.msg_hdr.msg_iov = iovec;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = remote.octets.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = remote.len;
            count += 1;
        }
        let mut rest = &mut headers[..count];
        while !rest.is_empty() {
            // SAFETY: names, vectors and octets are borrowed above for longer than the call, and only read.
            let sent = unsafe { send_many(fd, rest) };
            let done = match sent {
                Ok(sent) => {
                    counters.datagrams_out += sent as u64;
                    sent
                }
                Err(_) => {
                    counters.dropped(DropReason::SendFailed);
                    1
                }
            };
            rest = &mut rest[done..];
        }
    }
}

/// `sendmmsg` without waiting. Answers how many left, at least one, or why the first did not.
///
/// # Safety
///
/// Whatever the headers point to is alive and not written meanwhile.
pub(crate) unsafe fn send_many(fd: RawFd, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
    loop {
        let count = headers.len() as libc::c_uint;
        // SAFETY: the count is the slice's own; the caller answers for what the headers point to.
        let sent =
            unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), count, libc::MSG_DONTWAIT as _) };
        match usize::try_from(sent) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(sent) => return Ok(sent),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

/// A header that points to nothing.
// SAFETY: null pointers and zero lengths are values of every field.
pub(crate) const EMPTY_HEADER: libc::mmsghdr = unsafe { core::mem::zeroed() };
