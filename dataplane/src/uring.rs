//! The backend over io_uring: one ring per core, armed once to receive for ever, drained and filled in batches.
//!
//! Every wake is one system call that submits, receives and waits. It needs Linux 6.1 and a host that does not
//! forbid io_uring; where either is missing, opening says so and the core runs on mmsg.

mod recv;
mod ring;
mod send;

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use crate::counters::Counters;
use crate::io::{Io, Outgoing, Received};
use crate::net::{CoreSockets, Doorbell};
use crate::pool::Pool;
use recv::Receiver;
use ring::{Ring, Tag};
use send::Sender;

/// A core's sockets behind one ring. Made on the core's thread: the kernel lets no other submit to it.
#[derive(Debug)]
pub struct UringIo {
    // The ring before what it points into: fields are dropped in this order, after `drop` has ended all requests.
    ring: Ring,
    receiver: Receiver,
    sender: Sender,
    bell: Bell,
    doorbell: Doorbell,
    sockets: CoreSockets,
    one_thread: PhantomData<*const ()>,
}

/// The doorbell as the ring watches it.
#[derive(Debug)]
struct Bell {
    /// Whether the request stands.
    armed: bool,
    /// Whether it was answered since the last wait.
    rang: bool,
}

/// Why there is no ring: the sockets come back for another backend.
#[derive(Debug)]
pub struct Refused {
    /// What was being done.
    pub step: &'static str,
    /// What the kernel said.
    pub error: io::Error,
    /// The sockets, untouched.
    pub sockets: CoreSockets,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, error, .. } = self;
        write!(f, "io_uring refused to {step}: {error}")?;
        f.write_str(match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => {
                " (forbidden by kernel.io_uring_disabled or by the seccomp profile of a container or service)"
            }
            Some(libc::ENOSYS) => " (this kernel is built without it, or a seccomp profile hides it)",
            Some(libc::EINVAL) => " (it needs Linux 6.1)",
            Some(libc::ENOMEM) => " (raise the limit of locked memory)",
            _ => "",
        })
    }
}

impl UringIo {
    /// Sets up the ring and starts to receive. Called on the core's own thread.
    pub fn new(
        sockets: CoreSockets,
        doorbell: Doorbell,
        receive_buffers: u16,
    ) -> Result<Self, Refused> {
        match Self::parts(&sockets, &doorbell, receive_buffers) {
            Ok((ring, receiver, sender, bell)) => Ok(Self {
                ring,
                receiver,
                sender,
                bell,
                doorbell,
                sockets,
                one_thread: PhantomData,
            }),
            Err((step, error)) => Err(Refused { step, error, sockets }),
        }
    }

    /// Whether this kernel and this host let us, tried on the calling thread with no socket: for a word at start, and
    /// for checks of the host.
    pub fn probe() -> Result<(), Refused> {
        let none = CoreSockets::none();
        match Doorbell::new() {
            Ok(doorbell) => Self::new(none, doorbell, 1).map(drop),
            Err(error) => Err(Refused { step: "make a doorbell", error, sockets: none }),
        }
    }

    /// Everything that may be refused, tried for real: a kernel that takes the flags but not the requests is found
    /// here and not by the first call.
    fn parts(
        sockets: &CoreSockets,
        doorbell: &Doorbell,
        receive_buffers: u16,
    ) -> Result<(Ring, Receiver, Sender, Bell), (&'static str, io::Error)> {
        let at = |step| move |error| (step, error);
        let mut ring = Ring::new().map_err(at("set up a ring"))?;
        let mut receiver = Receiver::new(&ring, sockets.len(), receive_buffers)
            .map_err(at("take receive buffers"))?;
        let mut sender = Sender::new().map_err(at("take send slots"))?;
        let mut bell = Bell { armed: true, rang: false };
        receiver.arm(&mut ring, sockets);
        ring.watch(doorbell.as_fd().as_raw_fd());
        ring.submit().map_err(at("take requests"))?;
        let mut refused = None;
        reap(&mut ring, &mut receiver, &mut sender, &mut bell, |error| {
            refused = Some(("receive", error))
        });
        if !bell.armed {
            refused = Some(("watch the doorbell", libc::EINVAL));
        }
        let Some((step, error)) = refused else { return Ok((ring, receiver, sender, bell)) };
        end(&mut ring, &mut receiver, &mut sender, &mut bell);
        Err((step, io::Error::from_raw_os_error(error)))
    }

    fn reap(&mut self) {
        reap(&mut self.ring, &mut self.receiver, &mut self.sender, &mut self.bell, |_| ());
    }
}

impl Io for UringIo {
    fn receive(&mut self, counters: &mut Counters, heard: impl FnMut(Received<'_>)) -> usize {
        if self.receiver.is_empty() {
            self.ring.poll();
        }
        self.reap();
        let received = self.receiver.deliver(counters, heard);
        self.receiver.arm(&mut self.ring, &self.sockets);
        received
    }

    fn send(&mut self, outgoing: Outgoing, pool: &mut Pool, counters: &mut Counters) {
        if self.sender.is_full() {
            self.flush(pool, counters);
        }
        let whole = outgoing.len <= outgoing.segment_len;
        match self.sockets.get(outgoing.local) {
            Some(socket) if whole || socket.segments => {
                self.sender.push(outgoing, socket.fd(), &mut self.ring, pool, counters);
            }
            Some(_) => {
                self.flush(pool, counters); // what was to go before it, first
                self.sender.cut(outgoing, &self.sockets, pool, counters);
            }
            None => send::refuse(outgoing, pool, counters),
        }
    }

    fn flush(&mut self, pool: &mut Pool, counters: &mut Counters) {
        // Where the kernel has no memory now, what is queued stays so until the next flush.
        let _ = self.ring.submit();
        self.reap();
        self.sender.settle(&mut self.sockets, pool, counters);
    }

    fn wait(&mut self, timeout: Option<Duration>) {
        self.reap();
        if !self.receiver.is_empty() {
            return;
        }
        self.receiver.arm(&mut self.ring, &self.sockets);
        let Self { ring, receiver, sender, bell, doorbell, .. } = self;
        if !core::mem::replace(&mut bell.armed, true) {
            ring.watch(doorbell.as_fd().as_raw_fd());
        }
        doorbell.asleep(|_| {
            ring.wait(timeout);
            reap(ring, receiver, sender, bell, |_| ());
            core::mem::take(&mut bell.rang)
        });
    }
}

impl Drop for UringIo {
    fn drop(&mut self) {
        end(&mut self.ring, &mut self.receiver, &mut self.sender, &mut self.bell);
    }
}

/// Sorts completions: received buffers and finished sends wait for their stage. `refused` hears the error of a
/// receive that ended for another reason than want of buffers.
fn reap(
    ring: &mut Ring,
    receiver: &mut Receiver,
    sender: &mut Sender,
    bell: &mut Bell,
    mut refused: impl FnMut(i32),
) {
    ring.completions(|tag, result, flags| match tag {
        Tag::Receive(local) => {
            receiver.complete(local, result, flags);
            if result < 0 && result != -libc::ENOBUFS {
                refused(-result);
            }
        }
        Tag::Send(slot) => sender.complete(slot, result),
        Tag::Bell => {
            bell.rang = true;
            bell.armed = io_uring::cqueue::more(flags);
        }
        Tag::Cancel => {}
    });
}

/// Ends every request, so that the kernel writes no more into the receive buffers and reads no send buffer.
fn end(ring: &mut Ring, receiver: &mut Receiver, sender: &mut Sender, bell: &mut Bell) {
    const ROUNDS: usize = 10;
    for _ in 0..ROUNDS {
        if !receiver.is_armed() && !sender.is_under_way() && !bell.armed {
            return;
        }
        ring.cancel_all();
        ring.wait(Some(Duration::from_millis(100)));
        reap(ring, receiver, sender, bell, |_| ());
        receiver.discard();
    }
    // The kernel holds on to something: memory it may still write to must never be anybody else's.
    receiver.keep_for_ever();
    sender.keep_for_ever();
}
