//! What crosses a call besides voice: digits, text, hold, silence asked for, and what is answered on each leg.

use dataplane::wire::{ControlSubclass, FrameType, IaxSubclass};
use tests::world::{CallId, Host, Told, World};

use crate::files::{SECOND, assert_perfect, ms, two_pbxes};

fn call_up(seed: u64) -> (World, (Host, CallId), (Host, CallId)) {
    let (world, alice, bob) = two_pbxes(seed);
    let call = alice.dials("600");
    world.run_for(SECOND);
    let leg = bob.call_in();
    assert!(alice.is_answered(call));
    (world, (alice, call), (bob, leg))
}

#[test]
fn digits_cross_as_they_came_both_ways() {
    let (world, (alice, call), (bob, leg)) = call_up(1);
    for digit in "0123456789*#ABCD".chars() {
        alice.presses(call, digit);
        bob.says_frame(leg, FrameType::DtmfEnd, digit as u8, &[]);
        world.run_for(ms(40));
    }
    let begun = |d| [Told::DigitBegins(d), Told::Digit(d)];
    let expected: Vec<Told> = "0123456789*#ABCD".chars().flat_map(begun).collect();
    assert_eq!(bob.told(leg), expected);
    let alone: Vec<Told> = "0123456789*#ABCD".chars().map(Told::Digit).collect();
    assert!(alice.told(call).ends_with(&alone), "a lone end stays alone");
    world.ends();
}

#[test]
fn text_crosses_octet_for_octet() {
    let (world, (alice, call), (bob, leg)) = call_up(2);
    alice.writes(call, "hello");
    bob.writes(leg, "a line longer than most: grüße");
    alice.says_frame(call, FrameType::Text, 0, &[]);
    let long = vec![b'x'; 3000];
    bob.says_frame(leg, FrameType::Text, 0, &long);
    world.run_for(SECOND);
    assert_eq!(bob.told(leg), [Told::Text(b"hello\0".to_vec()), Told::Text(Vec::new())]);
    let told = alice.told(call);
    assert_eq!(told[told.len() - 2], Told::Text("a line longer than most: grüße\0".into()));
    assert_eq!(told[told.len() - 1], Told::Text(long));
    world.ends();
}

#[test]
fn hold_and_other_control_frames_cross_and_internal_ones_do_not() {
    let (world, (alice, call), (bob, leg)) = call_up(3);
    alice.says(call, ControlSubclass::Hold);
    alice.says(call, ControlSubclass::Unhold);
    alice.says(call, ControlSubclass::Flash);
    alice.says(call, ControlSubclass::SourceUpdate);
    alice.says(call, ControlSubclass::EndOfQueue);
    alice.says(call, ControlSubclass::ConnectedLine);
    alice.says_frame(call, FrameType::Control, 77, &[]);
    alice.says(call, ControlSubclass::StopTones);
    world.run_for(SECOND);
    let crossed = [Told::Hold, Told::Unhold, Told::Control(9), Told::Control(255)];
    assert_eq!(bob.told(leg), crossed, "connectedline is off");
    world.ends();
}

#[test]
fn quelch_silences_the_voice_to_whoever_asked_until_unquelch() {
    let (world, (alice, call), (bob, leg)) = call_up(4);
    alice.talks(call, 6 * SECOND);
    bob.talks(leg, 6 * SECOND);
    world.run_for(2 * SECOND);
    bob.says_iax(leg, IaxSubclass::Quelch, &[]);
    world.run_for(2 * SECOND);
    let quiet = bob.listened(leg)[0].blocks.len();
    world.run_for(ms(500));
    assert_eq!(bob.listened(leg)[0].blocks.len(), quiet);
    assert!((95..=106).contains(&quiet), "{quiet}");
    let full = bob.ear(leg).1;
    bob.says_iax(leg, IaxSubclass::Unquelch, &[]);
    world.run_for(3 * SECOND);
    let heard = bob.listened(leg)[0].blocks.len();
    assert!(heard > quiet + 60, "{heard}");
    assert_eq!(bob.ear(leg).1, full + 1, "the voice after UNQUELCH begins with a full frame");
    assert_perfect(&alice, call, 300);
    world.ends();
}

#[test]
fn quelch_with_music_is_hold_to_the_other_side() {
    let (world, (alice, call), (bob, leg)) = call_up(5);
    alice.says_iax(call, IaxSubclass::Quelch, &[26, 0]);
    world.run_for(ms(200));
    assert_eq!(bob.told(leg), [Told::Hold]);
    alice.says_iax(call, IaxSubclass::Unquelch, &[]);
    world.run_for(ms(200));
    assert_eq!(bob.told(leg), [Told::Hold, Told::Unhold], "and so is its end");
    world.ends();
}

#[test]
fn ping_and_lagrq_are_answered_on_the_leg_they_come_on() {
    let (world, (alice, call), (bob, leg)) = call_up(6);
    alice.keeps_datagrams();
    bob.keeps_datagrams();
    alice.says_iax(call, IaxSubclass::Ping, &[]);
    alice.says_iax(call, IaxSubclass::LagRq, &[]);
    world.run_for(ms(100));
    let kinds = |host: &Host| -> Vec<u8> {
        host.datagrams().iter().filter(|octets| octets[10] == 6).map(|octets| octets[11]).collect()
    };
    assert_eq!(kinds(&alice), [3, 12], "PONG and LAGRP, and no ACK beside them");
    assert!(kinds(&bob).is_empty(), "nothing crosses");
    world.run_for(120 * SECOND);
    assert!(alice.is_answered(call) && !alice.is_over(call) && !bob.is_over(leg));
    world.ends();
}

#[test]
fn what_is_not_understood_is_told_so_and_the_call_goes_on() {
    let (world, (alice, call), (bob, _leg)) = call_up(7);
    for subclass in [31, 32, 35, 37, 41, 99] {
        alice.says_frame(call, FrameType::Iax, subclass, &[]);
    }
    alice.says_frame(call, FrameType::from_wire(0x20), 0, &[1, 2, 3]);
    alice.says_iax(call, IaxSubclass::TxReq, &[]);
    world.run_for(SECOND);
    let unsupported = alice.told(call).iter().filter(|told| **told == Told::Unsupported).count();
    assert_eq!(unsupported, 6);
    assert_eq!((alice.calls().len(), bob.calls().len()), (1, 1));
    world.ends();
}

#[test]
fn inval_ends_a_call_only_with_both_numbers_right() {
    let (world, (alice, call), (bob, leg)) = call_up(8);
    let (ours, theirs) = bob.numbers(leg);
    let inval = |source: u16, destination: u16| {
        let [s0, s1] = (source | 0x8000).to_be_bytes();
        let [d0, d1] = destination.to_be_bytes();
        vec![s0, s1, d0, d1, 0, 0, 0, 0, 0, 0, 6, 10]
    };
    bob.sends(&inval(ours ^ 1, theirs));
    bob.sends(&inval(ours, theirs ^ 1));
    bob.sends(&inval(ours, 0));
    world.run_for(SECOND);
    assert!(!alice.is_over(call));
    bob.sends(&inval(ours, theirs));
    world.run_for(SECOND);
    assert_eq!(alice.told_last(call), Some(Told::HungUp(41)));
    bob.restarts();
    world.ends();
}
