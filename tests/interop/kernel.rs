//! What the standard library has no call for: network namespaces, signals, a socket buffer's size.
//!
//! The only file of this run that says `unsafe`.

use std::fs::File;
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Moves the calling thread into the network namespace that `path` names.
///
/// # Errors
/// The file cannot be opened, or we lack `CAP_SYS_ADMIN`.
pub(crate) fn enter_network(path: &Path) -> io::Result<()> {
    let namespace = File::open(path)?;
    // SAFETY: the descriptor is open for the whole call, and the call touches no memory of ours.
    let answer = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
    checked(answer)
}

/// Asks a process that we started to end (`SIGTERM`), or ends it (`SIGKILL`).
///
/// # Errors
/// There is no such process any more.
pub(crate) fn signal(process: u32, number: i32) -> io::Result<()> {
    let process = i32::try_from(process).map_err(io::Error::other)?;
    // SAFETY: a plain system call on numbers.
    checked(unsafe { libc::kill(process, number) })
}

/// Makes room for `octets` of received datagrams, past the system's limit.
///
/// # Errors
/// We lack `CAP_NET_ADMIN`.
pub(crate) fn receive_buffer(socket: &UdpSocket, octets: i32) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<i32>()).map_err(io::Error::other)?;
    // SAFETY: the option's value is the `i32` behind the pointer, of the length told, and both it
    // and the descriptor outlive the call.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            (&raw const octets).cast(),
            length,
        )
    };
    checked(answer)
}

fn checked(answer: i32) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
