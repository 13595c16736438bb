//! Opening the UDP sockets of every core, before the cores start.
//!
//! One socket per bound address and core, those of one address in a SO_REUSEPORT group: the kernel's hash over both
//! addresses keeps a peer on one of them. On a host with several addresses a wildcard bind lets the kernel choose
//! the source of what is sent by its routes; bind each address where a peer must be answered from the one it called.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use socket2::{Domain, Protocol, Socket, Type};

use crate::handoff::SocketId;
use crate::net::ControlSender;

/// Most addresses one process binds.
pub const ADDRESSES_MAX: usize = 16;

/// How sockets are set up, the same for all.
#[derive(Debug, Clone, Copy)]
pub struct SocketSettings {
    /// Octets of receive buffer asked for per socket: 20 ms of traffic at the least.
    pub receive_buffer: usize,
    /// Octets of send buffer asked for per socket.
    pub send_buffer: usize,
    /// Type of service or traffic class of what is sent: the whole octet (`tos`).
    pub tos: u8,
    /// Priority of what is sent on its way to the network card (`cos`), 1..=7; above 6 needs CAP_NET_ADMIN. 0: as the
    /// type of service implies.
    pub priority: u8,
}

/// The sockets of one core: [`SocketId`] is the place in the list of addresses. Moved to the core's thread.
#[derive(Debug)]
pub struct CoreSockets(Vec<CoreSocket>);

#[derive(Debug)]
pub(crate) struct CoreSocket {
    socket: Socket,
    /// Whether the kernel may still be asked to cut what is sent; turned off by the backend where it cannot.
    pub(crate) segments: bool,
}

impl CoreSockets {
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// A socket; `None` where no such address is bound.
    pub(crate) fn get(&self, id: SocketId) -> Option<&CoreSocket> {
        self.0.get(usize::from(id.0))
    }

    pub(crate) fn get_mut(&mut self, id: SocketId) -> Option<&mut CoreSocket> {
        self.0.get_mut(usize::from(id.0))
    }

    /// All, in order, with their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SocketId, &CoreSocket)> {
        (0..).map(SocketId).zip(&self.0)
    }
}

impl CoreSocket {
    pub(crate) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// What became of one bound address, for the log.
#[derive(Debug)]
pub struct SocketReport {
    /// The address as bound: where port 0 was asked for, the port the kernel chose.
    pub local: SocketAddr,
    /// Octets of receive buffer granted per socket; less than asked for where `net.core.rmem_max` is lower.
    pub receive_buffer: usize,
    /// Octets of send buffer granted per socket.
    pub send_buffer: usize,
    /// Whether the kernel merges what it receives.
    pub merges: bool,
    /// Whether the kernel cuts what it sends.
    pub segments: bool,
    /// Why `priority` was refused, if it was; the sockets work without it.
    pub priority_refused: Option<io::Error>,
}

/// Everything opened: hand each core its sockets, control its sender.
#[derive(Debug)]
pub struct Sockets {
    /// By core.
    pub cores: Vec<CoreSockets>,
    /// What control sends with.
    pub control: ControlSender,
    /// By address.
    pub reports: Vec<SocketReport>,
}

impl Sockets {
    /// Opens a socket per address and core, `cores` at least 1. Fails where another process holds an address, even
    /// one that would share it, and past [`ADDRESSES_MAX`].
    pub fn open(
        addresses: &[SocketAddr],
        cores: u8,
        settings: &SocketSettings,
    ) -> Result<Self, OpenError> {
        if let Some(&past) = addresses.get(ADDRESSES_MAX) {
            let error = io::Error::other(format!("more than {ADDRESSES_MAX} addresses"));
            return Err(OpenError::at(past, "open")(error));
        }
        let mut by_core: Vec<_> = (0..cores.max(1)).map(|_| CoreSockets(Vec::new())).collect();
        let mut reports = Vec::new();
        let mut control = Vec::new();
        for &address in addresses {
            let mut local = address;
            for (index, core) in by_core.iter_mut().enumerate() {
                let place =
                    if index == 0 { Place::First { shared: cores > 1 } } else { Place::Joins };
                let (socket, report) = open_one(local, place, settings)?;
                if index == 0 {
                    local = report.local;
                    control.push(socket.try_clone().map_err(OpenError::at(local, "duplicate"))?);
                    reports.push(report);
                }
                let segments = reports.last().is_some_and(|report| report.segments);
                core.0.push(CoreSocket { socket, segments });
            }
        }
        Ok(Self { cores: by_core, control: ControlSender::new(control), reports })
    }
}

/// Which of the sockets of one address is being opened.
#[derive(Clone, Copy)]
enum Place {
    /// Binds alone, so that it fails where anyone holds the port, and only then lets the others in.
    First { shared: bool },
    /// Joins the first.
    Joins,
}

fn open_one(
    address: SocketAddr,
    place: Place,
    settings: &SocketSettings,
) -> Result<(Socket, SocketReport), OpenError> {
    let at = |step| OpenError::at(address, step);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))
        .map_err(at("open"))?;
    if address.is_ipv6() {
        socket.set_only_v6(true).map_err(at("keep IPv4 off"))?; // no IPv4-mapped peer ever has two addresses
    }
    if matches!(place, Place::Joins) {
        socket.set_reuse_port(true).map_err(at("share"))?;
    }
    socket.bind(&address.into()).map_err(at("bind"))?;
    if matches!(place, Place::First { shared: true }) {
        socket.set_reuse_port(true).map_err(at("share"))?;
    }
    set_buffer(&socket, libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, settings.receive_buffer)
        .map_err(at("size"))?;
    set_buffer(&socket, libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, settings.send_buffer)
        .map_err(at("size"))?;
    mark(&socket, address, settings.tos).map_err(at("mark"))?;
    // After the type of service, which sets a priority of its own.
    let priority_refused = match i32::from(settings.priority) {
        0 => None,
        priority => set_option(&socket, libc::SOL_SOCKET, libc::SO_PRIORITY, priority).err(),
    };
    let local = socket
        .local_addr()
        .and_then(|local| local.as_socket().ok_or(io::ErrorKind::Unsupported.into()));
    let report = SocketReport {
        local: local.map_err(at("name"))?,
        receive_buffer: socket.recv_buffer_size().map_err(at("size"))? / 2, // the kernel tells twice what it gives
        send_buffer: socket.send_buffer_size().map_err(at("size"))? / 2,
        merges: set_option(&socket, libc::SOL_UDP, libc::UDP_GRO, 1).is_ok(),
        segments: set_option(&socket, libc::SOL_UDP, libc::UDP_SEGMENT, 0).is_ok(), // 0: as each send asks
        priority_refused,
    };
    Ok((socket, report))
}

/// Type of service, and no path-MTU discovery: full frames longer than the path must still arrive, and trunk frames
/// are shorter than any.
fn mark(socket: &Socket, address: SocketAddr, tos: u8) -> io::Result<()> {
    let tos = i32::from(tos);
    if address.is_ipv4() {
        set_option(socket, libc::IPPROTO_IP, libc::IP_TOS, tos)?;
        set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT)
    } else {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, tos)?;
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT)
    }
}

/// Past the host's limit where we may, else up to it.
fn set_buffer(socket: &Socket, forced: i32, plain: i32, octets: usize) -> io::Result<()> {
    let octets = i32::try_from(octets).unwrap_or(i32::MAX);
    set_option(socket, libc::SOL_SOCKET, forced, octets)
        .or_else(|_| set_option(socket, libc::SOL_SOCKET, plain, octets))
}

fn set_option(socket: &Socket, level: i32, name: i32, value: i32) -> io::Result<()> {
    let len = size_of::<i32>() as libc::socklen_t;
    let value = core::ptr::from_ref(&value).cast();
    // SAFETY: the value lives through the call and is as long as said.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value, len) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Why a socket could not be opened.
#[derive(Debug)]
pub struct OpenError {
    /// The address asked for.
    pub address: SocketAddr,
    /// What was being done.
    pub step: &'static str,
    /// What the kernel said.
    pub source: io::Error,
}

impl OpenError {
    fn at(address: SocketAddr, step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { address, step, source }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, step, source } = self;
        match source.kind() {
            io::ErrorKind::AddrInUse if is_wildcard(address) => {
                write!(
                    f,
                    "udp {address}: another program holds port {} on some address of this host",
                    address.port()
                )
            }
            io::ErrorKind::AddrInUse => {
                write!(f, "udp {address}: another program holds this address and port")
            }
            io::ErrorKind::AddrNotAvailable => {
                write!(f, "udp {address}: no interface of this host has this address")
            }
            io::ErrorKind::PermissionDenied => {
                write!(f, "udp {address}: not permitted to {step} a socket: {source}")
            }
            _ => write!(f, "udp {address}: cannot {step} a socket: {source}"),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

fn is_wildcard(address: &SocketAddr) -> bool {
    address.ip() == Ipv4Addr::UNSPECIFIED || address.ip() == Ipv6Addr::UNSPECIFIED
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: SocketSettings =
        SocketSettings { receive_buffer: 262_144, send_buffer: 262_144, tos: 0xb8, priority: 5 };

    fn local(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    #[test]
    fn a_held_port_is_refused_in_clear_words_even_if_the_holder_would_share() {
        for cores in [1, 2] {
            let first = Sockets::open(&[local("127.0.0.1:0")], cores, &SETTINGS).unwrap();
            let held = first.reports[0].local;
            for other in [held, SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), held.port())] {
                let error = Sockets::open(&[other], 2, &SETTINGS).unwrap_err();
                assert_eq!((error.address, error.step), (other, "bind"));
                let words = error.to_string();
                assert!(
                    words.starts_with(&format!("udp {other}: another program holds")),
                    "{words}"
                );
            }
        }
        let error = Sockets::open(&[local("127.0.0.1:0"); 17], 1, &SETTINGS).unwrap_err();
        assert!(error.to_string().ends_with("more than 16 addresses"), "{error}");
        let error = Sockets::open(&[local("192.0.2.1:0")], 1, &SETTINGS).unwrap_err();
        assert!(
            error.to_string().ends_with("no interface of this host has this address"),
            "{error}"
        );
    }

    #[test]
    fn the_sockets_of_one_address_share_its_port_and_its_peers() {
        let addresses = [local("127.0.0.1:0"), local("[::1]:0")];
        let opened = Sockets::open(&addresses, 4, &SETTINGS).unwrap();
        for (index, report) in opened.reports.iter().enumerate() {
            assert_ne!(report.local.port(), 0);
            assert!(report.receive_buffer >= SETTINGS.receive_buffer, "{report:?}");
            assert!(report.send_buffer >= SETTINGS.send_buffer, "{report:?}");
            assert!(
                report.merges && report.segments && report.priority_refused.is_none(),
                "{report:?}"
            );
            let sockets = || opened.cores.iter().map(|core| &core.0[index].socket);
            assert!(
                sockets()
                    .all(|socket| socket.local_addr().unwrap().as_socket() == Some(report.local))
            );
            for port in 0..32 {
                let peer = std::net::UdpSocket::bind((addresses[index].ip(), 0)).unwrap();
                (0..3).for_each(|_| assert_eq!(peer.send_to(&[port], report.local).unwrap(), 1));
            }
            let heard: Vec<usize> = sockets().map(heard).collect();
            assert_eq!(heard.iter().sum::<usize>(), 96);
            assert!(
                heard.iter().all(|datagrams| datagrams % 3 == 0),
                "a peer was split: {heard:?}"
            );
            assert!(
                heard.iter().filter(|&&datagrams| datagrams > 0).count() > 1,
                "one had all: {heard:?}"
            );
        }
    }

    /// Datagrams waiting in a socket.
    fn heard(socket: &Socket) -> usize {
        let socket = std::net::UdpSocket::from(socket.try_clone().unwrap());
        socket.set_nonblocking(true).unwrap();
        let mut octets = [0; 16];
        let mut datagrams = 0;
        while let Ok(len) = socket.recv(&mut octets) {
            datagrams += len; // of one octet each, merged or not
        }
        datagrams
    }
}
