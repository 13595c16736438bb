//! Restarts, moves and other upheavals in mid-call.

use tests::world::{Files, Told};

use crate::files::{EXTENSIONS, IAX, SECOND, assert_perfect, ms, two_pbxes, with_all_files};

#[test]
fn a_pbx_that_restarts_in_mid_call_loses_the_call_and_can_call_again() {
    let (world, alice, bob) = two_pbxes(1);
    let call = alice.dials("600");
    world.run_for(SECOND);
    alice.talks(call, 20 * SECOND);
    world.run_for(2 * SECOND);
    bob.restarts();
    let again = bob.dials("600");
    world.run_for(SECOND);
    assert!(bob.is_answered(again), "at once");
    assert!(world.run_until(30 * SECOND, || alice.is_over(call)));
    assert_eq!(alice.told_last(call), Some(Told::HungUp(27)));
    assert!(!bob.is_over(again));
    world.ends();
}

#[test]
fn a_restarted_pbx_that_counts_its_numbers_from_the_start_is_heard() {
    let (world, alice, bob) = two_pbxes(2);
    bob.behaves(|manner| manner.numbers_by_lot = false);
    let before = bob.dials("600");
    world.run_for(SECOND);
    assert!(bob.is_answered(before));
    world.run_for(11 * SECOND); // a token's life: until then it may be a first frame that was late
    bob.restarts();
    let again = bob.dials("601");
    assert_eq!(bob.numbers(again).0, bob.numbers(before).0, "the same number");
    world.run_for(3 * SECOND);
    assert!(bob.is_answered(again), "{:?}", bob.told(again));
    assert_eq!(alice.said(alice.call_in()).called, "601");
    bob.talks(again, SECOND);
    world.run_for(2 * SECOND);
    assert_perfect(&alice, alice.call_in(), 50);
    world.ends();
}

#[test]
fn the_caller_restarts_while_it_rings() {
    let (world, alice, bob) = two_pbxes(3);
    bob.behaves(|manner| manner.pickup = tests::world::Pickup::Rings);
    alice.dials("600");
    world.run_for(2 * SECOND);
    alice.restarts();
    let leg = bob.call_in();
    assert!(world.run_until(40 * SECOND, || bob.is_over(leg)), "it does not ring for ever");
    world.ends();
}

#[test]
fn voice_goes_on_when_a_peer_is_heard_on_another_core() {
    let files = Files {
        iax: IAX.to_owned(),
        extensions: EXTENSIONS.to_owned(),
        cores: 3,
        ..Files::default()
    };
    let (world, alice, bob) = with_all_files(4, &files);
    let call = alice.dials("600");
    world.run_for(SECOND);
    let leg = bob.call_in();
    alice.talks(call, 20 * SECOND);
    bob.talks(leg, 20 * SECOND);
    for core in [2, 1, 0, 2] {
        world.run_for(4 * SECOND);
        world.hears_on(&alice, core);
        world.run_for(ms(200));
        world.hears_on(&bob, (core + 1) % 3);
    }
    world.run_for(6 * SECOND);
    for (host, call) in [(&bob, leg), (&alice, call)] {
        let heard = &host.listened(call)[0].blocks;
        assert!(heard.len() > 960, "{} of 1000", heard.len());
        let base = heard[0].1;
        assert!(heard.iter().all(|(index, at)| *at == base + index * 20), "one offset for ever");
    }
    world.ends();
}

#[test]
fn a_link_that_breaks_for_five_seconds_does_not_end_calls() {
    let (world, alice, bob) = two_pbxes(5);
    let call = alice.dials("600");
    world.run_for(SECOND);
    alice.talks(call, 30 * SECOND);
    for _ in 0..2 {
        world.run_for(5 * SECOND);
        world.cuts(&bob, true);
        world.run_for(5 * SECOND);
        world.cuts(&bob, false);
    }
    world.run_for(15 * SECOND);
    assert!(!alice.is_over(call), "{:?} {:?}", alice.told(call), world.log());
    let heard = bob.listened(bob.call_in())[0].blocks.len();
    assert!(heard > 950, "{heard} of 1500");
    world.ends();
}

#[test]
fn while_the_switch_is_full_of_half_open_calls_a_good_one_still_passes() {
    let (world, alice, bob) = two_pbxes(6);
    let other = world.host_with("127.0.0.9:4569", |manner| {
        (manner.username, manner.secret) = (Some("alice".into()), Some("tulip".into()));
    });
    for _ in 0..200 {
        let call = other.dials("600");
        world.run_for(ms(4));
        let _ = call;
        other.restarts();
    }
    let call = alice.dials("601");
    world.run_for(2 * SECOND);
    assert!(alice.is_answered(call) || !alice.is_over(call), "{:?}", alice.told(call));
    let _ = bob;
    world.run_for(60 * SECOND);
    world.ends();
}
