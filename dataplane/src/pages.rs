//! Memory mapped once at start, for buffers that the kernel reads and writes by address.
//!
//! Unlike a box it may be pointed into by the kernel while Rust holds a slice of another part of it.

use core::ptr::{self, NonNull};
use std::io;

/// Zeroed memory of its own pages, unmapped when dropped. Pages are touched when first used.
#[derive(Debug)]
pub(crate) struct Pages {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to no thread; every way to its octets is an unsafe function whose caller answers for
// exclusiveness.
unsafe impl Send for Pages {}

// SAFETY: as above: a shared reference alone gives pointers, never octets.
unsafe impl Sync for Pages {}

impl Pages {
    /// Maps at least `len` octets, at least one. An error is the kernel's refusal: no memory.
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        let len = len.max(1);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // Fewer, larger pages where the host gives them; where not, nothing is lost, so the answer is ignored.
        // SAFETY: advice on a mapping just made, whole.
        unsafe { libc::madvise(start, len, libc::MADV_HUGEPAGE) };
        let start = NonNull::new(start.cast()).ok_or_else(io::Error::last_os_error)?;
        Ok(Self { start, len })
    }

    /// Address of the octet at `offset`; panics past the end, so that no address outside is ever handed on.
    pub(crate) fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset < self.len, "octet {offset} of {}", self.len);
        // SAFETY: inside the mapping, as just asserted.
        unsafe { self.start.as_ptr().add(offset) }
    }

    /// `len` octets from `offset`; panics past the end.
    ///
    /// # Safety
    ///
    /// Nobody, the kernel included, writes them while the slice lives.
    pub(crate) unsafe fn octets(&self, offset: usize, len: usize) -> &[u8] {
        assert!(len <= self.len - offset, "{len} octets from {offset} of {}", self.len);
        // SAFETY: inside the mapping, as asserted here and in `at`; initialised by the kernel to zero; the caller
        // keeps writers away.
        unsafe { core::slice::from_raw_parts(self.at(offset), len) }
    }

    /// `len` octets from `offset`, to be written; panics past the end.
    ///
    /// # Safety
    ///
    /// Nobody, the kernel included, reads or writes them by another way while the slice lives.
    #[expect(
        clippy::mut_from_ref,
        reason = "parts of the mapping are owned apart; the caller answers for it"
    )]
    pub(crate) unsafe fn octets_mut(&self, offset: usize, len: usize) -> &mut [u8] {
        assert!(len <= self.len - offset, "{len} octets from {offset} of {}", self.len);
        // SAFETY: as in `octets`; the caller keeps readers away too.
        unsafe { core::slice::from_raw_parts_mut(self.at(offset), len) }
    }

    /// Never unmaps them: for memory that the kernel may still write to.
    #[cfg(feature = "uring")]
    pub(crate) fn keep_for_ever(&mut self) {
        self.len = 0;
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if self.len == 0 {
            return;
        }
        // SAFETY: exactly what `new` mapped; slices of it cannot outlive `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
