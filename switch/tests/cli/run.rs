//! `trunkline run` as an operator runs it: refusing, ready, idle, ended.

use std::net::UdpSocket;
use std::time::Duration;

use crate::common::{BROKEN, Dir, Switch, trunkline};

/// A configuration on a loopback address of the test's own, as `host` of 127.88.0.0/16.
fn dir(name: &str, host: &str) -> Dir {
    let iax = format!(
        "[general]\nbindaddr = 127.88.{host}\n\n[alpha]\ntype = friend\nhost = dynamic\n\
         secret = s3cret\ncontext = from-alpha\n"
    );
    let extensions = b"[from-alpha]\nexten => _X.,1,Hangup(1)\n";
    Dir::new(name, &[("iax.conf", iax.as_bytes()), ("extensions.conf", extensions)])
}

#[test]
fn what_check_refuses_does_not_run() {
    let broken = Dir::new("run-broken", &[("iax.conf", BROKEN), ("extensions.conf", b"[a]\n")]);
    let empty = Dir::new("run-empty", &[]);
    for dir in [broken, empty] {
        let checked = trunkline(&["check", dir.path()]);
        let ran = trunkline(&["run", dir.path()]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
        assert_eq!(ran.stderr, checked.stdout.trim_end().to_owned() + ": not started\n");
    }
}

#[test]
fn it_is_ready_within_a_second_idles_for_nothing_and_ends_on_sigterm() {
    let dir = dir("run-ready", "1.1");
    let mut switch = Switch::start(&dir);
    for _ in 0..4 {
        if switch.ready_after < Duration::from_secs(1) {
            break; // a busy host may need another try
        }
        switch.stop();
        switch = Switch::start(&dir);
    }
    assert!(switch.ready_after < Duration::from_secs(1), "{:?}", switch.ready_after);
    assert!(switch.log.contains("ready: listening on 127.88.1.1:4569, "), "{}", switch.log);
    let before = switch.cpu_ticks();
    std::thread::sleep(Duration::from_secs(1));
    let idle = switch.cpu_ticks() - before;
    assert!(idle <= 3, "{idle} hundredths of a second in one second without work");
    let (status, log) = switch.stop();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("stopping on SIGTERM") && log.contains("nothing was heard"), "{log}");
}

/// A POKE (RFC 5456 §6.7.1): source call 5, time-stamp 3 ms, sequence numbers 0, frame type IAX, subclass 0x1e.
const POKE: [u8; 12] = [0x80, 5, 0, 0, 0, 0, 0, 3, 0, 0, 6, 0x1e];

#[test]
fn a_poke_is_answered_with_a_pong_from_the_address_it_went_to() {
    let dir = dir("run-poke", "4.1");
    let switch = Switch::start(&dir);
    let stranger = UdpSocket::bind("127.88.4.2:0").unwrap();
    stranger.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stranger.send_to(&POKE, "127.88.4.1:4569").unwrap();
    let mut frame = [0; 64];
    let (len, from) = stranger.recv_from(&mut frame).unwrap();
    assert_eq!(from, "127.88.4.1:4569".parse().unwrap());
    let pong = &frame[..len];
    assert_eq!((pong[0] & 0x80, &pong[2..4]), (0x80, &[0, 5][..]), "a full frame to call 5");
    assert_eq!(&pong[10..12], [6, 3], "frame type IAX, subclass PONG");
    let (status, log) = switch.stop();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("full_frames=1"), "{log}");
}

#[test]
fn what_is_no_frame_is_counted_and_hurts_nothing() {
    let dir = dir("run-malformed", "2.1");
    let mut switch = Switch::start(&dir);
    let stranger = UdpSocket::bind("127.88.2.2:0").unwrap();
    for len in 1..4 {
        stranger.send_to(&[0x80; 3][..len], "127.88.2.1:4569").unwrap();
    }
    switch.signal("HUP");
    switch.wait_for("reload is not supported yet; restart to apply changes");
    let (status, log) = switch.stop();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("datagrams_in=3 dropped_malformed=3"), "{log}");
}

#[test]
fn an_address_that_is_taken_is_a_failure_in_words() {
    let dir = dir("run-taken", "3.1");
    let _holder = UdpSocket::bind("127.88.3.1:4569").unwrap();
    let ran = trunkline(&["run", dir.path()]);
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    let words = "error: udp 127.88.3.1:4569: another program holds this address and port\n";
    assert!(ran.stderr.ends_with(words), "{}", ran.stderr);
}
