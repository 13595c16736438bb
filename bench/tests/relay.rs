//! PBX A against PBX B with a relay in between that does known harm, which must be counted to the frame.
#![expect(
    clippy::unwrap_used,
    reason = "helpers outside test functions fail the test all the same"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bench::{Account, Outcome, Pair, Scenario};
use dataplane::handoff::Carriage;
use dataplane::wire::{Frame, FrameType, FullFrame, FullHeader};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Passes datagrams between two PBXes; `harm` gets those from A to B, with their number among the mini frames of A's
/// (or 0), and gives what B is to get instead.
struct Relay {
    to_a: SocketAddr,
    to_b: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    fn between(pair: &Pair, harm: impl Fn(usize, &[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let (near_a, near_b) =
            (UdpSocket::bind((LOCALHOST, 0)).unwrap(), UdpSocket::bind((LOCALHOST, 0)).unwrap());
        let (to_a, to_b) = (near_a.local_addr().unwrap(), near_b.local_addr().unwrap());
        near_a.connect(pair.caller_addr()).unwrap();
        near_b.connect(pair.callee_addr()).unwrap();
        near_a.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        near_b.set_nonblocking(true).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut octets = [0; 2048];
            let mut minis = 0;
            while !stopped.load(Ordering::Relaxed) {
                if let Ok(len) = near_a.recv(&mut octets) {
                    let mini = matches!(Frame::parse(&octets[..len]), Ok(Frame::Mini(_)));
                    minis += usize::from(mini);
                    for datagram in harm(if mini { minis } else { 0 }, &octets[..len]) {
                        near_b.send(&datagram).unwrap();
                    }
                }
                while let Ok(len) = near_b.recv(&mut octets) {
                    near_a.send(&octets[..len]).unwrap();
                }
            }
        });
        Self { to_a, to_b, stop, thread: Some(thread) }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn run(pair: Pair, relay: &Relay, carriage: Carriage) -> Outcome {
    let scenario = Scenario {
        caller_far: relay.to_a,
        callee_far: relay.to_b,
        caller: Account::new("trunkline", "answer-to-b"),
        carriage,
        talk: Duration::from_millis(800),
        calls_per_second: 200,
        ..Scenario::through(relay.to_a, 10)
    };
    pair.run(&scenario, |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn a_relay_that_does_no_harm_passes() {
    let pair = Pair::bind(LOCALHOST).unwrap();
    let relay = Relay::between(&pair, |_, octets| vec![octets.to_vec()]);
    let outcome = run(pair, &relay, Carriage::Trunk);
    assert!(outcome.passed(), "{outcome:#?}");
}

#[test]
fn loss_repetition_damage_and_misdelivery_are_counted_exactly() {
    let pair = Pair::bind(LOCALHOST).unwrap();
    let relay = Relay::between(&pair, |mini, octets| {
        let mut altered = octets.to_vec();
        match mini {
            // Three are dropped.
            50 | 51 | 90 => return vec![],
            // Four come twice, and one of them three times.
            60..=62 => return vec![octets.to_vec(); 2],
            63 => return vec![octets.to_vec(); 3],
            // Two have one bit turned: in the stamp, and at the end of the audio.
            70 => altered[10] ^= 0x01,
            71 => altered[163] ^= 0x80,
            // One goes to another call, and one to a call that does not exist.
            80 => altered[1] = if altered[1] == 2 { 3 } else { 2 },
            81 => altered[0] = 0x70,
            _ => {}
        }
        vec![altered]
    });
    let outcome = run(pair, &relay, Carriage::Mini);
    let heard = outcome.last.to_callee;
    assert_eq!(heard.duplicated, 5);
    assert_eq!(heard.corrupt, 2);
    assert_eq!(heard.misdelivered, 2);
    assert_eq!(heard.lost, 3 + 2 + 2, "what was altered or went astray never came as it was sent");
    assert_eq!(heard.received, heard.sent - heard.lost);
    assert!(outcome.last.to_caller.flawless(), "the way back is unharmed");
    assert!(outcome.failures.is_empty());
    assert!(!outcome.passed());
}

#[test]
fn a_late_frame_is_reordered_and_not_lost() {
    let pair = Pair::bind(LOCALHOST).unwrap();
    let held = std::sync::Mutex::new(Vec::new());
    let relay = Relay::between(&pair, move |mini, octets| {
        let mut held = held.lock().unwrap();
        match mini {
            50 => held.push(octets.to_vec()),
            150 => return vec![octets.to_vec(), held.pop().unwrap()],
            _ => return vec![octets.to_vec()],
        }
        vec![]
    });
    let outcome = run(pair, &relay, Carriage::Mini);
    assert_eq!(outcome.last.to_callee.reordered, 1);
    assert!(outcome.passed(), "{outcome:#?}");
}

#[test]
fn lost_and_repeated_signalling_is_made_good() {
    let pair = Pair::bind(LOCALHOST).unwrap();
    let seen = std::sync::Mutex::new(std::collections::HashSet::<[u8; FullHeader::LEN]>::new());
    // The first copy of every full frame is dropped and what is sent again comes twice; voice that leans on a lost
    // full frame passes.
    let relay = Relay::between(&pair, move |_, octets| {
        let Ok(frame) = FullFrame::parse(octets) else { return vec![octets.to_vec()] };
        let mut identity = *frame.header();
        identity.retransmission = false;
        identity.iseqno = Default::default();
        let mut key = [0; FullHeader::LEN];
        identity.emit(&mut key).unwrap();
        let known = !seen.lock().unwrap().insert(key);
        let plain_ack = frame.header().frame_type == FrameType::Iax
            && !frame.header().subclass.as_iax().is_numbered();
        if known || plain_ack { vec![octets.to_vec(); 2] } else { vec![] }
    });
    let outcome = run(pair, &relay, Carriage::Trunk);
    assert!(outcome.passed(), "{outcome:#?}");
    assert!(
        outcome.last.to_callee.reordered > 0,
        "full voice frames came again, after their successors"
    );
}
