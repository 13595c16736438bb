//! What either backend must do, over the loopback interface, on ports the kernel chooses.

use core::net::SocketAddr;
use core::time::Duration;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::*;
use crate::counters::{Counters, DropReason};
use crate::handoff::SocketId;
use crate::io::{Io, Outgoing, Received};
use crate::pool::Pool;
use crate::uring::{Refused, UringIo};

const V4: &str = "127.0.0.1:0";
const V6: &str = "[::1]:0";
const BUFFERS: u32 = 80;
const FIRST: SocketId = SocketId(0);
const SETTINGS: SocketSettings =
    SocketSettings { receive_buffer: 4 << 20, send_buffer: 4 << 20, tos: 0xb8, priority: 5 };
const LONG: Option<Duration> = Some(Duration::from_secs(20));

/// One core with its backend, at work on the test's own thread.
struct Side {
    io: AnyIo,
    doorbell: Doorbell,
    pool: Pool,
    counters: Counters,
    addresses: Vec<SocketAddr>,
    control: ControlSender,
}

/// A datagram as heard.
#[derive(Debug, PartialEq, Eq)]
struct Datagram {
    local: SocketId,
    remote: SocketAddr,
    octets: Vec<u8>,
}

impl Side {
    fn open(choice: IoChoice, addresses: &[&str]) -> Self {
        Self::open_on(choice, addresses, true)
    }

    /// `segments`: whether the kernel is one that cuts what is sent.
    fn open_on(choice: IoChoice, addresses: &[&str], segments: bool) -> Self {
        let addresses: Vec<SocketAddr> =
            addresses.iter().map(|address| address.parse().unwrap()).collect();
        let mut sockets = Sockets::open(&addresses, 1, &SETTINGS).unwrap();
        let addresses = sockets.reports.iter().map(|report| report.local).collect();
        sockets.cores[0].get_mut(FIRST).unwrap().segments = segments;
        let doorbell = Doorbell::new().unwrap();
        // Where the host forbids io_uring this fails and says why: a test passed over in silence tests nothing.
        let opened = AnyIo::open(choice, sockets.cores.remove(0), doorbell.clone(), 32).unwrap();
        let (io, pool, counters) = (opened.io, Pool::new(BUFFERS), Counters::default());
        Self { io, doorbell, pool, counters, addresses, control: sockets.control }
    }

    fn queue(&mut self, local: SocketId, remote: SocketAddr, octets: &[u8], segment_len: usize) {
        let buf = self.pool.take().unwrap();
        self.pool.octets_mut(buf)[..octets.len()].copy_from_slice(octets);
        let outgoing = Outgoing { buf, len: octets.len(), segment_len, local, remote };
        self.io.send(outgoing, &mut self.pool, &mut self.counters);
    }

    fn flush(&mut self) {
        self.io.flush(&mut self.pool, &mut self.counters);
        assert_eq!(self.pool.available(), BUFFERS as usize, "every buffer comes back");
    }

    /// The next `datagrams` datagrams, and the length of the longest merged one.
    fn hear(&mut self, datagrams: usize) -> (Vec<Datagram>, usize) {
        let (mut heard, mut longest) = (Vec::new(), 0);
        let deadline = Instant::now() + Duration::from_secs(5);
        while heard.len() < datagrams && Instant::now() < deadline {
            self.io.receive(&mut self.counters, |received| {
                longest = longest.max(received.octets.len());
                let (local, remote) = (received.local, received.remote);
                heard.extend(received.segments().map(|octets| Datagram {
                    local,
                    remote,
                    octets: octets.to_vec(),
                }));
            });
            if heard.len() < datagrams {
                self.io.wait(Some(Duration::from_millis(100)));
            }
        }
        assert_eq!(heard.len(), datagrams);
        (heard, longest)
    }
}

/// Octets no two of which offsets up to 65,536 can be mistaken for one another's.
fn noise(len: usize, seed: u8) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    let octet = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    core::iter::repeat_with(octet).take(len).collect()
}

fn singles_arrive_whole(choice: IoChoice) {
    for address in [V4, V6] {
        let (mut here, mut there) =
            (Side::open(choice, &[address]), Side::open(choice, &[address]));
        for len in [1, 4, 12, 172, 1240, 8900, 65_000] {
            let octets = noise(len, 1);
            here.queue(FIRST, there.addresses[0], &octets, len);
            here.flush();
            let (heard, _) = there.hear(1);
            assert_eq!(heard, [Datagram { local: FIRST, remote: here.addresses[0], octets }]);
        }
        assert_eq!((here.counters.datagrams_out, there.counters.datagrams_in), (7, 7));
    }
}

fn a_super_buffer_arrives_cut_and_in_order(choice: IoChoice) {
    for (address, segment_len, len) in [
        (V4, 172, 40 * 172),
        (V6, 1240, 40 * 1240),
        (V4, 1240, 12 * 1240 + 7),
        (V6, 172, 63 * 172 + 171),
    ] {
        let (mut here, mut there) =
            (Side::open(choice, &[address]), Side::open(choice, &[address]));
        let octets = noise(len, 2);
        here.queue(FIRST, there.addresses[0], &octets, segment_len);
        here.flush();
        let datagrams = len.div_ceil(segment_len);
        let (heard, longest) = there.hear(datagrams);
        assert!(longest > segment_len, "the kernel merged nothing");
        assert!(heard.iter().map(|heard| &heard.octets[..]).eq(octets.chunks(segment_len)));
        assert_eq!(here.counters.datagrams_out, datagrams as u64);
        assert_eq!(there.counters.datagrams_in, datagrams as u64);
    }
}

fn sockets_are_told_apart(choice: IoChoice) {
    let (mut here, mut there) =
        (Side::open(choice, &[V4, V6, V4]), Side::open(choice, &[V4, V4, V6]));
    let to = there.addresses.clone();
    for (index, (from, to)) in
        [(0, to[0]), (2, to[1]), (1, to[2]), (2, to[0])].into_iter().enumerate()
    {
        here.queue(SocketId(from), to, &[index as u8; 300], 100);
    }
    here.flush();
    let (mut heard, _) = there.hear(12);
    heard.sort_by_key(|heard| heard.octets[0]);
    let from = |index: usize| here.addresses[index];
    let expected = [(0, from(0)), (1, from(2)), (2, from(1)), (0, from(2))];
    for (index, (local, remote)) in expected.into_iter().enumerate() {
        let octets = vec![index as u8; 100];
        let expected = Datagram { local: SocketId(local), remote, octets };
        assert!(
            heard[index * 3..][..3].iter().all(|heard| *heard == expected),
            "{index}: {heard:?}"
        );
    }
}

fn more_than_the_buffers_hold_waits_in_the_socket(choice: IoChoice) {
    let mut there = Side::open(choice, &[V4, V6]);
    let senders = [V4, V6].map(|address| UdpSocket::bind(address).unwrap());
    // Of ever another length, so that the kernel cannot merge them.
    let lengths: Vec<usize> = (0..400).map(|index| 100 + index * 7 % 300).collect();
    for (sender, to) in senders.iter().zip(&there.addresses) {
        for &len in &lengths {
            sender.send_to(&noise(len, 3), to).unwrap();
        }
    }
    let (heard, _) = there.hear(lengths.len() * 2);
    for local in [FIRST, SocketId(1)] {
        let heard = heard.iter().filter(|heard| heard.local == local);
        assert!(heard.map(|heard| heard.octets.len()).eq(lengths.iter().copied()));
    }
    assert_eq!(there.counters.datagrams_in, 800);
    here_again(&mut there, &senders[0]);
}

/// After the flood one more comes through as ever.
fn here_again(there: &mut Side, sender: &UdpSocket) {
    sender.send_to(b"again", there.addresses[0]).unwrap();
    assert_eq!(there.hear(1).0[0].octets, b"again");
}

fn a_burst_of_super_buffers_arrives(choice: IoChoice) {
    let (mut here, mut there) = (Side::open(choice, &[V4]), Side::open(choice, &[V4]));
    let octets = noise(1240 * 8, 4);
    for _ in 0..20 {
        for _ in 0..75 {
            here.queue(FIRST, there.addresses[0], &octets, 1240); // more than one batch of sends
        }
        here.flush();
        let (heard, _) = there.hear(75 * 8);
        assert!(
            heard
                .chunks(8)
                .all(|run| run.iter().zip(octets.chunks(1240)).all(|(a, b)| a.octets == b))
        );
    }
    assert_eq!(here.counters.drops(DropReason::SendFailed), 0);
}

fn what_the_kernel_refuses_is_counted_and_given_back(choice: IoChoice) {
    let (mut here, mut there) = (Side::open(choice, &[V4]), Side::open(choice, &[V4]));
    let to = there.addresses[0];
    here.queue(FIRST, to, b"first", 5);
    here.queue(FIRST, to, &noise(65_530, 5), 65_530); // more than a datagram carries
    here.queue(FIRST, "[::1]:9".parse().unwrap(), b"wrong family", 12);
    here.queue(SocketId(7), to, &[0; 300], 100); // no such socket
    here.queue(FIRST, to, b"last", 4);
    here.flush();
    assert_eq!(here.counters.drops(DropReason::SendFailed), 5);
    assert_eq!(here.counters.datagrams_out, 2);
    let heard: Vec<_> = there.hear(2).0.into_iter().map(|heard| heard.octets).collect();
    assert_eq!(heard, [&b"first"[..], b"last"]);
}

fn segments_the_kernel_will_not_cut_are_cut_here(choice: IoChoice) {
    let (mut here, mut there) = (Side::open(choice, &[V4]), Side::open(choice, &[V4]));
    let octets = noise(300 * 200 + 5, 6); // 301 segments: far more than one send may have
    here.queue(FIRST, there.addresses[0], &octets, 200);
    here.flush();
    let (heard, _) = there.hear(301);
    assert!(heard.iter().map(|heard| &heard.octets[..]).eq(octets.chunks(200)));
    assert_eq!(here.counters.datagrams_out, 301);
    assert_eq!(here.counters.drops(DropReason::SendFailed), 0);
}

fn where_the_kernel_cannot_cut_all_still_leave_in_order(choice: IoChoice) {
    let (mut here, mut there) = (Side::open_on(choice, &[V4], false), Side::open(choice, &[V4]));
    let octets = noise(40 * 172 + 3, 7);
    here.queue(FIRST, there.addresses[0], b"first", 5);
    here.queue(FIRST, there.addresses[0], &octets, 172);
    here.queue(FIRST, there.addresses[0], b"last", 4);
    here.flush();
    let (heard, _) = there.hear(43);
    let expected = [&b"first"[..]].into_iter().chain(octets.chunks(172)).chain([&b"last"[..]]);
    assert!(heard.iter().map(|heard| &heard.octets[..]).eq(expected));
    assert_eq!(here.counters.datagrams_out, 43);
}

fn an_empty_datagram_is_counted_and_does_no_harm(choice: IoChoice) {
    let mut there = Side::open(choice, &[V4]);
    let sender = UdpSocket::bind(V4).unwrap();
    for _ in 0..3 {
        sender.send_to(b"", there.addresses[0]).unwrap();
    }
    here_again(&mut there, &sender);
    assert_eq!(there.counters.datagrams_in, 4);
}

fn cores_on_threads_of_their_own_share_the_peers(choice: IoChoice) {
    const PEERS: usize = 48;
    let opened = Sockets::open(&[V4.parse().unwrap()], 2, &SETTINGS).unwrap();
    let to = opened.reports[0].local;
    let doorbells = [Doorbell::new().unwrap(), Doorbell::new().unwrap()];
    let (stop, all) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let run = |(sockets, doorbell): (CoreSockets, Doorbell)| {
        let (stop, all) = (stop.clone(), all.clone());
        std::thread::spawn(move || {
            let mut io = AnyIo::open(choice, sockets, doorbell, 32).unwrap().io;
            let mut counters = Counters::default();
            while !stop.load(Ordering::Relaxed) {
                io.wait(LONG);
                let heard = |_: Received<'_>| {
                    all.fetch_add(1, Ordering::Relaxed);
                };
                while io.receive(&mut counters, heard) > 0 {}
            }
            counters.datagrams_in
        })
    };
    let cores: Vec<_> = opened.cores.into_iter().zip(doorbells.clone()).map(run).collect();
    for _ in 0..PEERS {
        UdpSocket::bind(V4).unwrap().send_to(b"to whom it may concern", to).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while all.load(Ordering::Relaxed) < PEERS as u64 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    stop.store(true, Ordering::Relaxed);
    doorbells.iter().for_each(Doorbell::ring);
    let heard: Vec<u64> = cores.into_iter().map(|core| core.join().unwrap()).collect();
    assert_eq!(heard.iter().sum::<u64>(), PEERS as u64);
    assert!(heard.iter().all(|&datagrams| datagrams > 0), "{heard:?}");
}

fn the_doorbell_and_the_clock_end_a_wait(choice: IoChoice) {
    let mut side = Side::open(choice, &[V4]);
    for _ in 0..3 {
        let begun = Instant::now();
        side.io.wait(Some(Duration::from_millis(20)));
        let waited = begun.elapsed();
        assert!(
            waited >= Duration::from_millis(20) && waited < Duration::from_secs(5),
            "{waited:?}"
        );
        let ringer = std::thread::spawn({
            let doorbell = side.doorbell.clone();
            move || {
                std::thread::sleep(Duration::from_millis(30));
                doorbell.ring();
            }
        });
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(20) {
            side.io.wait(LONG); // a wait may end early, and does not end for nothing for ever
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody woke it");
        ringer.join().unwrap();
    }
    side.doorbell.ring();
    let begun = Instant::now();
    side.io.wait(LONG);
    assert!(begun.elapsed() < Duration::from_secs(10), "a ring before the wait was lost");
}

fn a_datagram_ends_a_wait(choice: IoChoice) {
    let mut there = Side::open(choice, &[V6, V4]);
    let sender = std::thread::spawn({
        let to = there.addresses[1];
        move || {
            std::thread::sleep(Duration::from_millis(30));
            UdpSocket::bind(V4).unwrap().send_to(b"wake", to).unwrap();
        }
    });
    let begun = Instant::now();
    let mut heard = 0;
    while heard == 0 {
        there.io.wait(LONG);
        heard += there.io.receive(&mut there.counters, |_| {});
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody woke it");
    }
    sender.join().unwrap();
}

fn control_sends_from_the_same_address(choice: IoChoice) {
    let (mut here, mut there) = (Side::open(choice, &[V4, V6]), Side::open(choice, &[V4, V6]));
    let to = there.addresses.clone();
    here.control.send(FIRST, &to[0], b"now").unwrap();
    assert_eq!(
        there.hear(1).0,
        [Datagram { local: FIRST, remote: here.addresses[0], octets: b"now".to_vec() }]
    );
    assert!(here.control.send(SocketId(2), &to[0], b"nowhere").is_err());
    for index in 0..150_u8 {
        let id = SocketId(index / 50 % 2);
        here.control.queue(id, &to[usize::from(id.0)], &[index; 33]);
    }
    here.control.queue(FIRST, &to[1], b"wrong family");
    let mut refused = 0;
    assert_eq!(here.control.flush(|_, remote, _| refused += u32::from(remote == to[1])), 150);
    assert_eq!(refused, 1);
    let (mut heard, _) = there.hear(150);
    heard.sort_by_key(|heard| heard.octets[0]);
    for (index, heard) in heard.iter().enumerate() {
        let local = SocketId((index / 50 % 2) as u8);
        assert_eq!((heard.local, heard.remote), (local, here.addresses[usize::from(local.0)]));
        assert_eq!(heard.octets, [index as u8; 33]);
    }
    assert_eq!(here.control.flush(|_, _, _| ()), 0);
}

fn a_backend_dropped_with_work_under_way_lets_go_of_its_ports(choice: IoChoice) {
    let there = Side::open(choice, &[V4]);
    for _ in 0..5 {
        let mut here = Side::open(choice, &[V4, V6]);
        UdpSocket::bind(V4).unwrap().send_to(b"unheard", here.addresses[0]).unwrap();
        here.queue(FIRST, there.addresses[0], b"not flushed", 11);
        let Side { io, pool, control, addresses, .. } = here;
        drop(pool); // its memory stays while the backend may need it
        drop(control);
        drop(io);
        Sockets::open(&addresses, 1, &SETTINGS).unwrap();
    }
}

#[test]
fn auto_is_io_uring_where_the_host_lets_us() {
    UringIo::probe().unwrap_or_else(|refused| panic!("{refused}"));
    assert!(matches!(Side::open(IoChoice::Auto, &[V4]).io, AnyIo::Uring(_)));
}

#[test]
fn a_refusal_says_what_to_look_at() {
    let refused = |errno| {
        let error = std::io::Error::from_raw_os_error(errno);
        Refused { step: "set up a ring", error, sockets: CoreSockets::none() }.to_string()
    };
    let words = refused(libc::EPERM);
    assert!(
        words.starts_with("io_uring refused to set up a ring: Operation not permitted"),
        "{words}"
    );
    assert!(words.contains("kernel.io_uring_disabled"), "{words}");
    assert!(refused(libc::EINVAL).contains("Linux 6.1"));
}

macro_rules! for_each_backend {
    ($($test:ident)*) => {
        mod mmsg_backend {
            $(#[test] fn $test() { super::$test(super::IoChoice::Mmsg) })*
        }
        mod uring_backend {
            $(#[test] fn $test() { super::$test(super::IoChoice::IoUring) })*
        }
    };
}

for_each_backend! {
    singles_arrive_whole
    a_super_buffer_arrives_cut_and_in_order
    sockets_are_told_apart
    more_than_the_buffers_hold_waits_in_the_socket
    a_burst_of_super_buffers_arrives
    what_the_kernel_refuses_is_counted_and_given_back
    segments_the_kernel_will_not_cut_are_cut_here
    where_the_kernel_cannot_cut_all_still_leave_in_order
    an_empty_datagram_is_counted_and_does_no_harm
    cores_on_threads_of_their_own_share_the_peers
    the_doorbell_and_the_clock_end_a_wait
    a_datagram_ends_a_wait
    control_sends_from_the_same_address
    a_backend_dropped_with_work_under_way_lets_go_of_its_ports
}
