//! Control driven frame by frame: what peers may say at the wrong time, in the wrong order, or under another's name.

use std::net::SocketAddr;
use std::time::Duration;

use dataplane::cipher::Pads;
use dataplane::handoff::CallKey;
use dataplane::wire::{
    ControlSubclass, FullHeader, IaxSubclass, IeKind, MediaFormat, SeqNo, Timestamp,
};

use crate::leg::full_frame;
use crate::scripted_peers::{Bench, Peer, Said, cause_of, control, hangup, ies, new_for};
use crate::secrecy::sealed;
use crate::transport::iax;

#[test]
fn a_call_goes_through_and_both_may_hang_up_at_once() {
    let mut bench = Bench::new();
    let (mut alice, mut called) = bench.alice_calls("100", &["127.0.0.3"]);
    let bob = &mut called[0];
    bench.accepts(bob, MediaFormat::ULAW);
    bench.says(bob, control(ControlSubclass::Answer), &[]);
    assert!(bench.told(&mut alice, control(ControlSubclass::Answer)).is_some());
    assert_eq!((bench.installs(), bench.control.stats().calls_up), (2, 1));
    bench.says(&mut alice, iax(IaxSubclass::Hangup), &hangup(16));
    bench.said.clear();
    bench.says(bob, iax(IaxSubclass::Hangup), &hangup(16));
    assert!(bench.said.is_empty(), "neither is acknowledged while a core may send to it");
    assert_eq!(bench.cores_remove(), 2);
    let acks = bench.said.iter().filter(|(_, said)| said.is(iax(IaxSubclass::Ack))).count();
    assert_eq!((acks, bench.said.len()), (2, 2));
    assert_eq!(bench.lines.len(), 1, "{:?}", bench.lines);
    bench.assert_all_gone();
}

#[test]
fn a_second_route_is_bridged_when_the_first_has_left_the_cores() {
    let mut bench = Bench::new();
    let (mut alice, mut called) = bench.alice_calls("200", &["127.0.0.3"]);
    let bob = &mut called[0];
    bench.accepts(bob, MediaFormat::ULAW);
    assert_eq!(bench.installs(), 2, "early media");
    bench.says(bob, iax(IaxSubclass::Hangup), &hangup(34));
    let mut carol = bench.is_called("127.0.0.4");
    bench.accepts(&mut carol, MediaFormat::ULAW);
    bench.says(&mut carol, control(ControlSubclass::Answer), &[]);
    assert_eq!(bench.installs(), 2, "the old bridge is still there");
    assert_eq!(bench.cores_remove(), 2);
    assert_eq!(bench.installs(), 2, "the new one");
    assert!(bench.told(&mut alice, control(ControlSubclass::Answer)).is_some());
    bench.says(&mut carol, iax(IaxSubclass::Hangup), &hangup(16));
    assert_eq!(bench.cores_remove(), 2);
    assert_eq!(cause_of(&bench.told(&mut alice, iax(IaxSubclass::Hangup)).unwrap()), Some(16));
    bench.assert_all_gone();
}

#[test]
fn a_leg_that_accepts_another_format_than_the_caller_has_is_refused() {
    let mut bench = Bench::new();
    let (mut alice, mut called) = bench.alice_calls("300", &["127.0.0.5", "127.0.0.6"]);
    bench.accepts(&mut called[0], MediaFormat::ULAW);
    assert!(bench.told(&mut alice, iax(IaxSubclass::Accept)).is_some());
    bench.accepts(&mut called[1], MediaFormat::GSM);
    let refusal = bench.said.iter().find(|(to, said)| {
        *to == called[1].address
            && (said.is(iax(IaxSubclass::Hangup)) || said.is(iax(IaxSubclass::Reject)))
    });
    assert_eq!(refusal.and_then(|(_, said)| cause_of(said)), Some(58));
    bench.says(&mut alice, iax(IaxSubclass::Hangup), &hangup(16));
    assert!(bench.told(&mut called[0], iax(IaxSubclass::Hangup)).is_some());
    bench.told(&mut called[1], iax(IaxSubclass::Hangup));
    assert_eq!(bench.lines.len(), 1, "{:?}", bench.lines);
    bench.assert_all_gone();
}

#[test]
fn who_is_called_no_more_before_it_answered_is_told_so() {
    let mut bench = Bench::new();
    let (mut alice, mut called) = bench.alice_calls("100", &["127.0.0.3"]);
    bench.says(&mut alice, iax(IaxSubclass::Hangup), &hangup(16));
    let hangup_to = |(to, said): &&(SocketAddr, Said)| {
        *to == called[0].address && said.is(iax(IaxSubclass::Hangup))
    };
    let (_, said) = bench.said.iter().find(hangup_to).unwrap();
    assert_eq!((said.header.destination, said.header.oseqno), (None, SeqNo(1)));
    bench.accepts(&mut called[0], MediaFormat::ULAW); // it crossed
    called[0].iseqno = SeqNo(2);
    let ack = called[0].header(iax(IaxSubclass::Ack));
    bench.hears(&called[0], ack, &[]);
    bench.told(&mut alice, iax(IaxSubclass::Ack));
    assert_eq!(bench.control.stats().legs, 0);
    bench.assert_all_gone();
}

#[test]
fn a_late_frame_of_another_call_teaches_no_number() {
    let mut bench = Bench::new();
    let (mut alice, mut called) = bench.alice_calls("100", &["127.0.0.3"]);
    let bob = &mut called[0];
    let stale = Peer { ours: 44, oseqno: SeqNo(7), iseqno: SeqNo(9), ..*bob };
    bench.hears(&stale, stale.header(iax(IaxSubclass::Hangup)), &hangup(16));
    let forged = Peer { ours: 1, oseqno: SeqNo(0), ..*bob };
    bench.hears(&forged, forged.header(iax(IaxSubclass::Pong)), &[]);
    bench.accepts(bob, MediaFormat::ULAW);
    assert_eq!(bench.installs(), 2, "the real reply is still believed");
    bench.says(&mut alice, iax(IaxSubclass::Hangup), &hangup(16));
    bench.cores_remove();
    bench.told(bob, iax(IaxSubclass::Hangup)).unwrap();
    bench.assert_all_gone();
}

#[test]
fn one_call_token_is_taken_for_a_leg() {
    let mut bench = Bench::new();
    let (mut alice, called) = bench.alice_calls("100", &["127.0.0.3"]);
    let token = ies(|ies| _ = ies.raw(IeKind::CallToken, b"token"));
    let sender = Peer { ours: 1, ..called[0] };
    for sent in [1, 0] {
        bench.hears(&sender, sender.header(iax(IaxSubclass::CallToken)), &token);
        let news = bench.said.iter().filter(|(_, said)| said.is(iax(IaxSubclass::New))).count();
        assert_eq!(news, sent);
        bench.said.clear();
    }
    bench.says(&mut alice, iax(IaxSubclass::Hangup), &hangup(16));
    bench.assert_all_gone();
}

#[test]
fn a_dead_leg_acknowledges_what_ends_it_and_not_what_believes_in_it() {
    let mut bench = Bench::new();
    let (mut alice, mut called) = bench.alice_calls("100", &["127.0.0.3"]);
    let bob = &mut called[0];
    bench.says(bob, iax(IaxSubclass::Hangup), &hangup(17));
    assert_eq!(cause_of(&bench.told(&mut alice, iax(IaxSubclass::Reject)).unwrap()), Some(17));
    assert_eq!(bench.control.stats().legs, 0);
    bench.says(&mut alice, iax(IaxSubclass::Ping), &[]);
    assert!(bench.said.iter().all(|(to, _)| *to != alice.address), "{:?}", bench.said);
    let late = alice.header(iax(IaxSubclass::Hangup));
    bench.hears(&alice, FullHeader { oseqno: SeqNo(1), ..late }, &hangup(16));
    let (_, ack) = bench.said.last().unwrap();
    assert!(ack.is(iax(IaxSubclass::Ack)));
    assert_eq!((ack.header.iseqno, ack.header.oseqno), (SeqNo(2), late.iseqno));
    bench.assert_all_gone();
}

#[test]
fn a_caller_that_goes_silent_or_gives_a_wrong_secret_leaves_one_line() {
    for answers in [false, true] {
        let mut bench = Bench::new();
        let mut dora = Peer::new("127.0.0.9", 77);
        bench.says(&mut dora, iax(IaxSubclass::New), &new_for("100", Some("dora")));
        assert!(bench.told(&mut dora, iax(IaxSubclass::AuthReq)).is_some());
        if answers {
            let wrong = ies(|ies| _ = ies.raw(IeKind::Md5Result, &[b'0'; 32]));
            bench.says(&mut dora, iax(IaxSubclass::AuthRep), &wrong);
        }
        let waits = std::iter::repeat_n(Duration::from_secs(5), 8);
        let told = waits.map(|wait| {
            bench.passes(wait);
            bench.told(&mut dora, iax(IaxSubclass::Reject)).is_some()
        });
        assert_eq!(told.filter(|told| *told).count(), 1);
        assert_eq!(bench.lines.len(), 1, "{:?}", bench.lines);
        bench.assert_all_gone();
    }
}

#[test]
fn what_a_caller_encrypts_by_another_secret_is_never_answered_even_when_its_leg_is_dead() {
    let mut bench = Bench::new();
    let mut erin = Peer::new("127.0.0.9", 77);
    let offer = ies(|ies| _ = ies.u16(IeKind::Encryption, 0x8001));
    let new = [new_for("100", Some("erin")), offer].concat();
    bench.says(&mut erin, iax(IaxSubclass::New), &new);
    let asked = bench.said.pop().unwrap().1;
    assert!(asked.is(iax(IaxSubclass::AuthReq)));
    (erin.theirs, erin.iseqno) = (Some(asked.header.source), SeqNo(1));
    let (key, mut pads) = (CallKey([7; 16]), Pads::new([1; 16]));
    // Under a wrong key a frame is noise: of so many, some look like frames.
    let mut says_noise = |bench: &mut Bench, subclass| {
        for _ in 0..200 {
            let frame = full_frame(&erin.header(iax(subclass)), &[]);
            bench.hears_octets(&erin, &sealed(key, &frame, &mut pads));
        }
    };
    says_noise(&mut bench, IaxSubclass::AuthRep);
    bench.passes(Duration::from_secs(11));
    assert_eq!(bench.control.stats().legs, 0);
    bench.said.clear();
    says_noise(&mut bench, IaxSubclass::Hangup);
    assert!(bench.said.is_empty(), "{:?}", bench.said);
    assert_eq!(bench.control.stats().undecryptable, 400);
    bench.assert_all_gone();
}

#[test]
fn a_challenge_that_is_never_acknowledged_leaves_one_line() {
    let mut bench = Bench::new();
    let mut dora = Peer::new("127.0.0.9", 77);
    bench.says(&mut dora, iax(IaxSubclass::New), &new_for("100", Some("dora")));
    bench.passes(Duration::from_secs(11));
    assert_eq!(bench.lines.len(), 1, "{:?}", bench.lines);
    bench.assert_all_gone();
}

#[test]
fn who_may_not_be_a_user_does_not_use_up_its_challenges() {
    let mut bench = Bench::new();
    let known = |bench: &Bench| bench.control.challenges.get(&(true, "dora".to_owned())).copied();
    for number in 10..14 {
        let mut nobody = Peer::new("127.0.0.9", number);
        bench.says(&mut nobody, iax(IaxSubclass::New), &new_for("100", Some("bob")));
    }
    assert_eq!(bench.control.challenges.len(), 1, "bob is a peer and no user");
    assert_eq!(known(&bench), None);
    let mut dora = Peer::new("127.0.0.9", 77);
    bench.says(&mut dora, iax(IaxSubclass::New), &new_for("100", Some("dora")));
    assert_eq!(known(&bench), Some(1));
    bench.assert_all_gone();
}

#[test]
fn a_peer_that_started_anew_may_call_with_the_number_of_a_call_it_forgot() {
    let mut bench = Bench::new();
    let (_, mut called) = bench.alice_calls("100", &["127.0.0.3"]);
    bench.accepts(&mut called[0], MediaFormat::ULAW);
    bench.says(&mut called[0], control(ControlSubclass::Answer), &[]);
    bench.passes(Duration::from_secs(12));
    let mut again = Peer::new("127.0.0.2", 77);
    let later = FullHeader { timestamp: Timestamp(4711), ..again.header(iax(IaxSubclass::New)) };
    let new = new_for("100", Some("alice"));
    let token = bench.asks_for_token(&again, later, &new);
    bench.said.clear();
    bench.hears(&again, later, &[new, token].concat());
    again.oseqno = again.oseqno.next();
    let new = |(to, said): &&(SocketAddr, Said)| {
        *to == called[0].address && said.is(iax(IaxSubclass::New))
    };
    assert_eq!(bench.said.iter().filter(new).count(), 1, "the new call is placed");
    assert_eq!(bench.lines.len(), 1, "the old one has its line: {:?}", bench.lines);
    assert_eq!(bench.cores_remove(), 2);
    bench.says(&mut again, iax(IaxSubclass::Hangup), &hangup(16));
    bench.assert_all_gone();
}

#[test]
fn stopping_ends_what_is_still_being_decided() {
    let mut bench = Bench::new();
    let mut dora = Peer::new("127.0.0.9", 77);
    bench.says(&mut dora, iax(IaxSubclass::New), &new_for("100", Some("dora")));
    bench.control.shut_down(bench.now);
    bench.drain();
    let reject = bench.told(&mut dora, iax(IaxSubclass::Reject)).unwrap();
    assert_eq!(cause_of(&reject), Some(41));
    assert!(bench.control.is_idle());
}
