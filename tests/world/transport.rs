//! Full frames over bad links: sent again, acknowledged again, asked for again, given up.

use tests::world::{PERCENT, Pickup, Retry, Told};

use crate::files::{SECOND, ms, two_pbxes};

#[test]
fn digits_arrive_once_and_in_order_over_a_bad_link() {
    for seed in 0..15 {
        let (world, alice, bob) = two_pbxes(seed);
        let call = alice.dials("600");
        world.run_for(SECOND);
        let leg = bob.call_in();
        for host in [&alice, &bob] {
            world.link(host, |link| {
                link.loses(10, PERCENT).doubles(10, PERCENT).reorders(20, PERCENT);
                link.delays(ms(5), ms(60));
            });
            host.behaves(|manner| manner.retry = Retry { growth: 2, sends: 9, ..Retry::ASTERISK });
        }
        let sent: String = (0..40).map(|n| char::from(b'0' + n % 10)).collect();
        for digit in sent.chars() {
            alice.says_frame(call, dataplane::wire::FrameType::DtmfEnd, digit as u8, &[]);
            world.run_for(ms(30));
        }
        world.run_for(20 * SECOND);
        let told = bob.told(leg);
        let heard: String = told
            .iter()
            .filter_map(|told| match told {
                Told::Digit(digit) => Some(*digit),
                _ => None,
            })
            .collect();
        assert_eq!(heard, sent, "seed {seed}");
        world.ends();
    }
}

#[test]
fn a_peer_that_falls_silent_in_mid_call_is_given_up_and_the_other_side_told() {
    let (world, alice, bob) = two_pbxes(1);
    let call = alice.dials("600");
    world.run_for(SECOND);
    bob.switches_off(true);
    assert!(world.run_until(35 * SECOND, || alice.is_over(call)), "{:?}", alice.told(call));
    assert_eq!(alice.told_last(call), Some(Told::HungUp(27)));
    assert_eq!(world.logged("it does not answer"), 1);
    world.ends();
}

#[test]
fn a_repeated_hang_up_is_acknowledged_after_the_end() {
    let (world, alice, bob) = two_pbxes(2);
    let call = alice.dials("600");
    world.run_for(SECOND);
    let leg = bob.call_in();
    let (ours, theirs) = bob.numbers(leg);
    bob.keeps_datagrams();
    bob.hangs_up(leg, 16);
    world.run_for(SECOND);
    assert!(alice.is_over(call));
    let mut hangup = vec![0x80 | (ours >> 8) as u8, ours as u8, 0x80 | (theirs >> 8) as u8];
    hangup.extend_from_slice(&[theirs as u8, 0, 0, 9, 9, 4, 7, 6, 5, 42, 1, 16]);
    for later in [1, 5, 20] {
        let before = bob.datagrams().len();
        world.run_for(later * SECOND);
        bob.sends(&hangup);
        world.run_for(ms(100));
        let datagrams = bob.datagrams();
        assert_eq!(datagrams.len(), before + 1);
        let ack = datagrams.last().unwrap();
        assert_eq!((ack[10], ack[11], ack[8]), (6, 4, 7), "ACK with the frame's ISeqno");
        assert_eq!(ack[4..8], hangup[4..8], "and its time-stamp");
    }
    world.run_for(140 * SECOND);
    assert_eq!(world.stats().associations, 0);
}

#[test]
fn a_call_is_set_up_over_a_link_that_loses_one_in_five() {
    let mut set_up = 0;
    for seed in 0..40 {
        let (world, alice, bob) = two_pbxes(1000 + seed);
        for host in [&alice, &bob] {
            world.link(host, |link| _ = link.loses(20, PERCENT).delays(ms(10), ms(20)));
            host.behaves(|manner| manner.retry = Retry { growth: 2, sends: 9, ..Retry::ASTERISK });
        }
        let call = alice.dials("600");
        world.run_for(12 * SECOND);
        set_up += u32::from(alice.is_answered(call));
        world.ends();
    }
    assert!(set_up >= 30, "{set_up} of 40");
}

#[test]
fn a_slow_link_rings_once() {
    for seed in 0..5 {
        let (world, alice, bob) = two_pbxes(50 + seed);
        bob.behaves(|manner| manner.pickup = Pickup::Rings);
        world.link(&bob, |link| _ = link.delays(ms(350), ms(360)));
        let call = alice.dials("600");
        world.run_for(5 * SECOND);
        assert_eq!(bob.calls().len(), 1, "seed {seed}: one call, however late its token came");
        assert_eq!(alice.told_last(call), Some(Told::Ringing));
        world.ends();
    }
}

#[test]
fn a_vnak_brings_what_is_missing_at_once() {
    let (world, alice, bob) = two_pbxes(3);
    let call = alice.dials("600");
    world.run_for(SECOND);
    let leg = bob.call_in();
    world.cuts(&bob, true);
    alice.presses(call, '1');
    world.run_for(ms(50));
    world.cuts(&bob, false);
    alice.presses(call, '2');
    world.run_for(ms(40));
    let digits =
        [Told::DigitBegins('1'), Told::Digit('1'), Told::DigitBegins('2'), Told::Digit('2')];
    assert_eq!(bob.told(leg), digits, "before any timer");
    world.ends();
}

#[test]
fn yates_patience_is_enough_too() {
    let (world, alice, bob) = two_pbxes(4);
    for host in [&alice, &bob] {
        host.behaves(|manner| {
            (manner.retry, manner.numbers_by_lot) = (Retry::YATE, false);
            (manner.new_call_per_token, manner.full_at_wrap) = (false, true);
        });
        world.link(host, |link| _ = link.loses(5, PERCENT));
    }
    for _ in 0..10 {
        let call = alice.dials("600");
        assert!(world.run_until(10 * SECOND, || alice.is_answered(call)));
        alice.hangs_up(call, 16);
        world.run_for(SECOND);
    }
    world.ends();
}
