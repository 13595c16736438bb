//! Which backend a core runs on, chosen when it starts.

use core::time::Duration;
use std::io;

use crate::counters::Counters;
use crate::io::{Io, Outgoing, Received};
use crate::net::{CoreSockets, Doorbell, MmsgIo};
use crate::pool::Pool;
use crate::uring::UringIo;

/// The backend asked for (`io`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IoChoice {
    /// io_uring where the kernel lets us, else mmsg.
    #[default]
    Auto,
    /// io_uring or nothing.
    IoUring,
    /// `recvmmsg` and `sendmmsg`.
    Mmsg,
}

/// Either backend. The choice costs one well-predicted branch a batch.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one per core, made once and never moved")]
pub enum AnyIo {
    /// io_uring.
    Uring(UringIo),
    /// `recvmmsg` and `sendmmsg`.
    Mmsg(MmsgIo),
}

/// A backend, and why it is this one, in words for the log.
#[derive(Debug)]
pub struct Opened {
    /// The backend.
    pub io: AnyIo,
    /// "io_uring"; "mmsg, as asked"; "io_uring refused to ...; using mmsg".
    pub reason: String,
}

impl AnyIo {
    /// Opens a core's backend; called on the core's own thread, which alone may use it. Fails only where the backend
    /// asked for cannot be had.
    pub fn open(choice: IoChoice, sockets: CoreSockets, doorbell: Doorbell) -> io::Result<Opened> {
        let (sockets, reason) = match choice {
            IoChoice::Mmsg => (sockets, "mmsg, as asked".to_owned()),
            IoChoice::Auto | IoChoice::IoUring => match UringIo::new(sockets, doorbell.clone()) {
                Ok(io) => return Ok(Opened { io: Self::Uring(io), reason: "io_uring".to_owned() }),
                Err(refused) if choice == IoChoice::IoUring => {
                    return Err(io::Error::other(refused.to_string()));
                }
                Err(refused) => {
                    let reason = format!("{refused}; using mmsg");
                    (refused.sockets, reason)
                }
            },
        };
        Ok(Opened { io: Self::Mmsg(MmsgIo::new(sockets, doorbell)?), reason })
    }
}

impl Io for AnyIo {
    fn receive(&mut self, counters: &mut Counters, heard: impl FnMut(Received<'_>)) -> usize {
        match self {
            Self::Uring(io) => io.receive(counters, heard),
            Self::Mmsg(io) => io.receive(counters, heard),
        }
    }

    fn send(&mut self, outgoing: Outgoing, pool: &mut Pool, counters: &mut Counters) {
        match self {
            Self::Uring(io) => io.send(outgoing, pool, counters),
            Self::Mmsg(io) => io.send(outgoing, pool, counters),
        }
    }

    fn flush(&mut self, pool: &mut Pool, counters: &mut Counters) {
        match self {
            Self::Uring(io) => io.flush(pool, counters),
            Self::Mmsg(io) => io.flush(pool, counters),
        }
    }

    fn wait(&mut self, timeout: Option<Duration>) {
        match self {
            Self::Uring(io) => io.wait(timeout),
            Self::Mmsg(io) => io.wait(timeout),
        }
    }
}
