//! A PBX's UDP socket: many datagrams per system call, both ways.
//!
//! The kernel cuts what we send (UDP_SEGMENT) and gathers what we receive (UDP_GRO). Where it refuses the one, each
//! datagram is sent for itself; where it refuses the other, each comes for itself.

use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// A connected UDP socket that never blocks for long.
#[derive(Debug)]
pub(crate) struct Socket {
    udp: UdpSocket,
    segments: bool,
}

impl Socket {
    /// Takes a free port of `ip`, with buffers as large as the host allows.
    pub(crate) fn bind(ip: IpAddr) -> Result<Self> {
        let udp = UdpSocket::bind((ip, 0))?;
        udp.set_nonblocking(true)?;
        for (force, plain) in
            [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)]
        {
            if set_option(&udp, libc::SOL_SOCKET, force, BUFFER_LEN).is_err() {
                set_option(&udp, libc::SOL_SOCKET, plain, BUFFER_LEN)?; // cut to the host's bound
            }
        }
        // An old kernel gathers nothing; then datagrams come one by one, which `Inbox` reads as well.
        let _ = set_option(&udp, libc::SOL_UDP, libc::UDP_GRO, 1);
        Ok(Self { udp, segments: true })
    }

    /// Its own address.
    pub(crate) fn local_addr(&self) -> Result<SocketAddr> {
        self.udp.local_addr()
    }

    /// Talks to `remote` alone from now on; the kernel drops what others send.
    pub(crate) fn connect(&self, remote: SocketAddr) -> Result<()> {
        self.udp.connect(remote)
    }

    /// Sends one datagram. Nobody listening is not an error: it shows as an answer that never comes.
    pub(crate) fn send(&self, octets: &[u8]) -> Result<()> {
        for _ in 0..SEND_TRIES {
            match self.udp.send(octets) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {} // of one before
                Err(error) => self.make_room(error)?,
            }
        }
        Ok(())
    }

    /// Sends datagrams of `segment` octets each, the last perhaps shorter, from octets back to back; at most
    /// [`SEGMENTS_MAX`] of them and 65,507 octets.
    pub(crate) fn send_segments(&mut self, octets: &[u8], segment: usize) -> Result<()> {
        if self.segments && octets.len() > segment {
            for _ in 0..SEND_TRIES {
                match send_cut(&self.udp, octets, segment) {
                    Ok(()) => return Ok(()),
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                    Err(error)
                        if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EIO)) =>
                    {
                        self.segments = false;
                        break;
                    }
                    Err(error) => self.make_room(error)?,
                }
            }
            if self.segments {
                return Ok(());
            }
        }
        octets.chunks(segment).try_for_each(|datagram| self.send(datagram))
    }

    /// Receives what is waiting, up to the inbox's bound. Returns how many buffers were filled; 0 if nothing waits.
    pub(crate) fn receive(&self, inbox: &mut Inbox) -> Result<usize> {
        match inbox.fill(&self.udp) {
            Ok(filled) => Ok(filled),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionRefused => {
                    Ok(0)
                }
                _ => Err(error),
            },
        }
    }

    /// Waits until a full send buffer has room again; any other error is handed on.
    fn make_room(&self, error: Error) -> Result<()> {
        match error.kind() {
            ErrorKind::Interrupted => Ok(()),
            ErrorKind::WouldBlock => poll(&mut [poll_entry(self, libc::POLLOUT)], SEND_WAIT),
            _ if error.raw_os_error() == Some(libc::ENOBUFS) => {
                std::thread::sleep(SEND_WAIT);
                Ok(())
            }
            _ => Err(error),
        }
    }
}

/// Waits until one of the two sockets has something to read, or `longest` has passed.
pub(crate) fn wait_readable(one: &Socket, other: &Socket, longest: Duration) -> Result<()> {
    poll(&mut [poll_entry(one, libc::POLLIN), poll_entry(other, libc::POLLIN)], longest)
}

/// Buffers for one system call's worth of datagrams.
#[derive(Debug)]
pub(crate) struct Inbox {
    octets: Box<[u8]>,
    filled: [Filled; BATCH],
    count: usize,
}

/// One buffer's content: its octets, and how many of them each datagram has (the last may be shorter).
#[derive(Debug, Clone, Copy, Default)]
struct Filled {
    len: usize,
    segment: usize,
}

impl Inbox {
    /// Empty buffers.
    pub(crate) fn new() -> Self {
        Self {
            octets: vec![0; BATCH * BUFFER_MAX].into_boxed_slice(),
            filled: [Filled::default(); BATCH],
            count: 0,
        }
    }

    /// The datagrams received last, in order.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let buffers = self.octets.chunks(BUFFER_MAX).zip(&self.filled).take(self.count);
        buffers.flat_map(|(octets, filled)| {
            octets.get(..filled.len).unwrap_or(octets).chunks(filled.segment.max(1))
        })
    }

    fn fill(&mut self, udp: &UdpSocket) -> Result<usize> {
        self.count = 0;
        let mut controls = [Control([0; CONTROL_LEN]); BATCH];
        let mut vectors = [libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 }; BATCH];
        // SAFETY: all zeroes is a valid `mmsghdr`: null pointers with lengths of 0.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { core::mem::zeroed() };
        let buffers = self.octets.chunks_mut(BUFFER_MAX);
        for (((header, vector), control), buffer) in
            headers.iter_mut().zip(&mut vectors).zip(&mut controls).zip(buffers)
        {
            *vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_LEN;
        }
        // SAFETY: each header points to one vector, one control buffer and one buffer of its own, all alive and
        // unaliased until the call returns, with their true lengths.
        let received = unsafe {
            libc::recvmmsg(
                udp.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                core::ptr::null_mut(),
            )
        };
        self.count = usize::try_from(received).map_err(|_| Error::last_os_error())?;
        for (filled, header) in self.filled.iter_mut().zip(&headers).take(self.count) {
            let len = header.msg_len as usize;
            *filled = Filled { len, segment: gathered(&header.msg_hdr).unwrap_or(len) };
        }
        Ok(self.count)
    }
}

/// The length of the datagrams the kernel gathered into one buffer; `None` if it did not say.
fn gathered(header: &libc::msghdr) -> Option<usize> {
    // SAFETY: the header is one the kernel has filled, and its control buffer is alive.
    let control = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: it is null, or the start of that buffer, which is aligned and long enough for a control header.
    let control = unsafe { control.as_ref() }?;
    if (control.cmsg_level, control.cmsg_type) != (libc::SOL_UDP, libc::UDP_GRO) {
        return None;
    }
    // SAFETY: a control header the kernel wrote is followed by its data.
    let data = unsafe { libc::CMSG_DATA(control) };
    // SAFETY: the data of UDP_GRO is an `int`; it may stand unaligned.
    let segment = unsafe { data.cast::<libc::c_int>().read_unaligned() };
    usize::try_from(segment).ok().filter(|segment| *segment > 0)
}

/// One `sendmsg` that the kernel cuts into datagrams.
fn send_cut(udp: &UdpSocket, octets: &[u8], segment: usize) -> Result<()> {
    let segment = u16::try_from(segment).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
    let mut control = Control([0; CONTROL_LEN]);
    let mut vector =
        libc::iovec { iov_base: octets.as_ptr().cast_mut().cast(), iov_len: octets.len() };
    // SAFETY: all zeroes is a valid `msghdr`: null pointers with lengths of 0.
    let mut header: libc::msghdr = unsafe { core::mem::zeroed() };
    header.msg_iov = &mut vector;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    // SAFETY: plain arithmetic on a length.
    header.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<u16>() as u32) } as usize;
    // SAFETY: the header's control buffer is alive, with its length set.
    let control_header = unsafe { libc::CMSG_FIRSTHDR(&header) };
    // SAFETY: it is the start of the control buffer, which is aligned and larger than a control header.
    let control_header = unsafe { control_header.as_mut() }.ok_or(ErrorKind::InvalidInput)?;
    control_header.cmsg_level = libc::SOL_UDP;
    control_header.cmsg_type = libc::UDP_SEGMENT;
    // SAFETY: plain arithmetic on a length.
    control_header.cmsg_len = unsafe { libc::CMSG_LEN(size_of::<u16>() as u32) } as usize;
    // SAFETY: `msg_controllen` leaves room for two octets behind the header.
    let data = unsafe { libc::CMSG_DATA(control_header) };
    // SAFETY: as above; the place may be unaligned.
    unsafe { data.cast::<u16>().write_unaligned(segment) };
    // SAFETY: the header's vector and control buffer are alive, and the kernel only reads them.
    let sent = unsafe { libc::sendmsg(udp.as_raw_fd(), &header, 0) };
    if sent < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

fn set_option(udp: &UdpSocket, level: i32, name: i32, value: libc::c_int) -> Result<()> {
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option's value is an `int` alive during the call, and its length is true.
    let result = unsafe {
        libc::setsockopt(udp.as_raw_fd(), level, name, core::ptr::from_ref(&value).cast(), len)
    };
    if result < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

fn poll_entry(socket: &Socket, events: i16) -> libc::pollfd {
    libc::pollfd { fd: socket.udp.as_raw_fd(), events, revents: 0 }
}

fn poll(entries: &mut [libc::pollfd], longest: Duration) -> Result<()> {
    let wait = libc::timespec {
        tv_sec: longest.as_secs() as libc::time_t,
        tv_nsec: longest.subsec_nanos().into(),
    };
    // SAFETY: the entries are a live slice of the length given; the mask is null, which changes nothing.
    let ready = unsafe {
        libc::ppoll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, &wait, core::ptr::null())
    };
    match ready {
        0.. => Ok(()),
        _ => match Error::last_os_error() {
            error if error.kind() == ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        },
    }
}

/// Room for one control message, aligned as the kernel asks.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_LEN]);

/// Most datagrams of one send: older kernels' bound.
pub(crate) const SEGMENTS_MAX: usize = 64;
/// Buffers filled by one system call.
const BATCH: usize = 8;
/// A buffer takes the largest datagram, or as many gathered as fit.
const BUFFER_MAX: usize = 65_536;
const CONTROL_LEN: usize = 64;
/// Half a second of 5,000 calls in both directions.
const BUFFER_LEN: libc::c_int = 64 << 20;
const SEND_TRIES: u32 = 100;
const SEND_WAIT: Duration = Duration::from_millis(10);
