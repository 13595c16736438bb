//! Waking a thread that sleeps in the kernel.
//!
//! Three states make it cheap: while its owner is awake a ring is one atomic exchange and no system call, and a ring
//! that falls between the owner's last look at its queues and its sleep keeps it from sleeping.

use core::sync::atomic::{AtomicU8, Ordering};
use core::time::Duration;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;

use crate::net::ADDRESSES_MAX;

/// Its owner is at work, and will look at its queues again before it sleeps.
const AWAKE: u8 = 0;
/// Its owner sleeps, or is about to: a ring must go through the kernel.
const ASLEEP: u8 = 1;
/// It was rung since its owner last woke.
const RUNG: u8 = 2;

/// A handle to one thread's doorbell. Any number of threads may [`ring`](Doorbell::ring) it; one alone, its owner,
/// waits for it. Made before the thread starts.
///
/// What was written before a ring is seen by the owner after the wait that the ring ends.
#[derive(Debug, Clone)]
pub struct Doorbell(Arc<Bell>);

#[derive(Debug)]
struct Bell {
    state: AtomicU8,
    eventfd: File,
}

impl Doorbell {
    /// A doorbell, not rung. An error is the kernel's: too many open files.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes two numbers, makes a descriptor.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just made, and nobody else's.
        let eventfd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self(Arc::new(Bell { state: AtomicU8::new(AWAKE), eventfd: File::from(eventfd) })))
    }

    /// Wakes the owner, or keeps it from its next sleep. Never blocks.
    pub fn ring(&self) {
        if self.0.state.swap(RUNG, Ordering::AcqRel) == ASLEEP {
            // It can only refuse at a count of 2^64 - 2, and then the bell is ringing anyway.
            let _ = (&self.0.eventfd).write(&1_u64.to_ne_bytes());
        }
    }

    /// Owner only: sleeps until rung or until `timeout` (`None`: for ever) has passed. May wake early.
    pub fn wait(&self, timeout: Option<Duration>) {
        self.wait_with(&mut [], timeout);
    }

    /// Owner only: as [`Doorbell::wait`], and wakes too when one of `others` has something to read. Panics past
    /// [`Doorbell::OTHERS_MAX`] of them.
    pub fn wait_with(&self, others: &mut [libc::pollfd], timeout: Option<Duration>) {
        self.asleep(|bell| {
            let mut fds =
                [libc::pollfd { fd: -1, events: libc::POLLIN, revents: 0 }; Self::OTHERS_MAX + 1];
            let fds = &mut fds[..=others.len()];
            fds[1..].copy_from_slice(others);
            fds[0].fd = bell.as_raw_fd();
            poll(fds, timeout);
            others.copy_from_slice(&fds[1..]);
            fds[0].revents != 0
        });
    }

    /// Most descriptors [`Doorbell::wait_with`] takes beside its own.
    pub const OTHERS_MAX: usize = ADDRESSES_MAX;

    /// Owner only: tells ringers that it sleeps and calls `sleep` with the descriptor that becomes readable when
    /// rung; not if it was rung since it last woke. `sleep` answers whether the descriptor was readable. Afterwards
    /// the bell is silent: the owner looks at its queues.
    pub fn asleep(&self, sleep: impl FnOnce(BorrowedFd<'_>) -> bool) {
        let state = &self.0.state;
        let mut readable = false;
        if state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            readable = sleep(self.0.eventfd.as_fd());
        }
        state.swap(AWAKE, Ordering::AcqRel);
        if readable {
            // A ringer whose write is still to come ends the next sleep early instead, which is allowed.
            let _ = (&self.0.eventfd).read(&mut [0; 8]);
        }
    }
}

impl AsFd for Doorbell {
    /// Readable once rung while its owner sleeps; see [`Doorbell::asleep`].
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.eventfd.as_fd()
    }
}

/// Waits for any of `fds`; a signal or an error ends it early.
fn poll(fds: &mut [libc::pollfd], timeout: Option<Duration>) {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    let count = fds.len() as libc::nfds_t;
    // SAFETY: `fds` and the time are borrowed for the length of the call, and the count is the slice's own.
    unsafe { libc::ppoll(fds.as_mut_ptr(), count, timeout, core::ptr::null()) };
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::time::Instant;

    use super::*;

    const LONG: Option<Duration> = Some(Duration::from_secs(20));

    #[test]
    fn a_ring_while_awake_keeps_from_one_sleep() {
        let bell = Doorbell::new().unwrap();
        bell.ring();
        bell.ring();
        let begun = Instant::now();
        bell.wait(LONG);
        assert!(begun.elapsed() < Duration::from_secs(10));
        let begun = Instant::now();
        bell.wait(Some(Duration::from_millis(30)));
        assert!(begun.elapsed() >= Duration::from_millis(30), "the first wait has silenced it");
    }

    #[test]
    fn no_ring_of_another_thread_is_lost() {
        const ITEMS: u32 = 20_000;
        let bell = Doorbell::new().unwrap();
        let posted = Arc::new(AtomicU32::new(0));
        let ringer = std::thread::spawn({
            let (bell, posted) = (bell.clone(), posted.clone());
            move || {
                for item in 1..=ITEMS {
                    posted.store(item, Ordering::Relaxed);
                    bell.ring();
                    if item % 64 == 0 {
                        std::thread::yield_now();
                    }
                }
            }
        });
        let begun = Instant::now();
        while posted.load(Ordering::Relaxed) < ITEMS {
            bell.wait(LONG); // a lost last ring would sleep the whole time
        }
        assert!(begun.elapsed() < Duration::from_secs(15));
        ringer.join().unwrap();
    }
}
