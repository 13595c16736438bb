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
    /// asked for cannot be had. io_uring gets `receive_buffers` of 64 KiB, rounded up to a power of two; recvmmsg needs
    /// no more than its batch of 16.
    pub fn open(
        choice: IoChoice,
        sockets: CoreSockets,
        doorbell: Doorbell,
        receive_buffers: u16,
    ) -> io::Result<Opened> {
        let (sockets, reason) = match choice {
            IoChoice::Mmsg => (sockets, "mmsg, as asked".to_owned()),
            IoChoice::Auto | IoChoice::IoUring => {
                match UringIo::new(sockets, doorbell.clone(), receive_buffers) {
                    Ok(io) => {
                        return Ok(Opened { io: Self::Uring(io), reason: "io_uring".to_owned() });
                    }
                    Err(refused) if choice == IoChoice::IoUring => {
                        return Err(io::Error::other(refused.to_string()));
                    }
                    Err(refused) => {
                        let reason = format!("{refused}; using mmsg");
                        (refused.sockets, reason)
                    }
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{SocketSettings, Sockets};

    /// As a container's seccomp profile does: `io_uring_setup` fails with EPERM, on this thread alone.
    fn forbid_io_uring() {
        let step =
            |code: u32, yes, no, k| libc::sock_filter { code: code as u16, jt: yes, jf: no, k };
        let mut steps = [
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0), // the number of the system call
            step(
                libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
                0,
                1,
                libc::SYS_io_uring_setup as u32,
            ),
            step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
            step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
        // SAFETY: takes numbers only.
        assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
        let filter = libc::SECCOMP_MODE_FILTER;
        // SAFETY: the program and its steps live through the call, which copies them.
        assert_eq!(unsafe { libc::prctl(libc::PR_SET_SECCOMP, filter, &raw const program) }, 0);
    }

    #[test]
    fn where_io_uring_is_forbidden_auto_runs_on_mmsg_and_says_why() {
        let forbidden = std::thread::spawn(|| {
            forbid_io_uring();
            let settings =
                SocketSettings { receive_buffer: 65_536, send_buffer: 65_536, tos: 0, priority: 0 };
            let address = "127.0.0.1:0".parse().unwrap();
            let [auto, asked] = [IoChoice::Auto, IoChoice::IoUring].map(|choice| {
                let mut sockets = Sockets::open(&[address], 1, &settings).unwrap();
                AnyIo::open(choice, sockets.cores.remove(0), Doorbell::new().unwrap(), 32)
            });
            let auto = auto.unwrap();
            assert!(matches!(auto.io, AnyIo::Mmsg(_)));
            (auto.reason, asked.unwrap_err().to_string())
        });
        let (reason, error) = forbidden.join().unwrap();
        assert!(
            reason.starts_with("io_uring refused to set up a ring: Operation not permitted"),
            "{reason}"
        );
        assert!(reason.ends_with("; using mmsg"), "{reason}");
        assert_eq!(reason, format!("{error}; using mmsg"));
    }
}
