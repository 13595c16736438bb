//! Calls from dialling to hang-up over good links.

use dataplane::wire::{ControlSubclass, MediaFormat};
use tests::world::{Pickup, Told, World};

use crate::files::{SECOND, assert_perfect, ms, two_pbxes};

#[test]
fn a_call_passes_with_voice_both_ways_through_the_trunk() {
    let (world, alice, bob) = two_pbxes(1);
    let call = alice.dials("600");
    assert!(world.run_until(SECOND, || alice.is_answered(call)), "{:?}", alice.told(call));
    let leg = bob.call_in();
    assert_eq!(bob.said(leg).called, "600");
    assert_eq!(bob.said(leg).number, "100");
    assert_eq!(bob.said(leg).name, "Alice");
    assert_eq!(bob.said(leg).username, "trunkline");
    alice.talks(call, 10 * SECOND);
    world.run_for(ms(33));
    bob.talks(leg, 10 * SECOND);
    world.run_for(11 * SECOND);
    assert_perfect(&bob, leg, 500);
    assert_perfect(&alice, call, 500);
    let (entries, full, early, _) = bob.ear(leg);
    assert!(entries > 480, "{entries} came in trunk frames");
    assert_eq!((full, early), (1, 0));
    alice.hangs_up(call, 16);
    world.run_for(SECOND);
    assert_eq!(bob.told_last(leg), Some(Told::HungUp(16)));
    world.ends();
}

#[test]
fn what_the_called_side_says_before_it_answers_reaches_the_caller_in_order() {
    let (world, alice, bob) = two_pbxes(2);
    bob.behaves(|manner| manner.pickup = Pickup::Accepts);
    let call = alice.dials("600");
    world.run_for(SECOND);
    let leg = bob.call_in();
    for control in [
        ControlSubclass::Proceeding,
        ControlSubclass::Ringing,
        ControlSubclass::Progress,
        ControlSubclass::Answer,
    ] {
        bob.says(leg, control);
        world.run_for(ms(100));
    }
    let said = [Told::Proceeding, Told::Ringing, Told::Progress, Told::Answered];
    assert_eq!(alice.told(call)[2..], said);
    assert_eq!(alice.told(call)[..2], [Told::Challenged, Told::Accepted(MediaFormat::ULAW)]);
    assert_eq!(world.stats().calls_up, 1);
    world.ends();
}

#[test]
fn early_media_flows_both_ways_before_the_answer() {
    let (world, alice, bob) = two_pbxes(3);
    bob.behaves(|manner| manner.pickup = Pickup::Accepts);
    let call = alice.dials("600");
    world.run_for(SECOND);
    let leg = bob.call_in();
    bob.says(leg, ControlSubclass::Progress);
    bob.talks(leg, 2 * SECOND);
    alice.talks(call, 2 * SECOND);
    world.run_for(3 * SECOND);
    assert!(!alice.is_answered(call));
    assert_perfect(&alice, call, 100);
    assert_perfect(&bob, leg, 100);
    bob.answers(leg);
    world.run_for(SECOND);
    assert!(alice.is_answered(call));
    world.ends();
}

#[test]
fn the_caller_is_accepted_only_when_the_called_side_has_accepted() {
    let (world, alice, bob) = two_pbxes(4);
    bob.behaves(|manner| manner.pickup = Pickup::Acknowledges);
    let call = alice.dials("600");
    world.run_for(5 * SECOND);
    assert_eq!(alice.told(call), [Told::Challenged], "no ACCEPT before there is a codec");
    alice.hangs_up(call, 16);
    world.run_for(SECOND);
    assert_eq!(bob.told_last(bob.call_in()), Some(Told::HungUp(16)), "cancelled");
    world.ends();
}

#[test]
fn fifty_calls_at_a_time_are_fifty_conversations() {
    let (world, alice, bob) = two_pbxes(5);
    let calls: Vec<_> = (0..50)
        .map(|n| {
            world.run_for(ms(7));
            alice.dials(&format!("6{n:02}"))
        })
        .collect();
    world.run_for(2 * SECOND);
    assert_eq!(world.stats().calls_up, 50);
    for call in &calls {
        alice.talks(*call, 2 * SECOND);
    }
    let legs = bob.calls();
    for leg in &legs {
        bob.talks(*leg, 2 * SECOND);
    }
    world.run_for(3 * SECOND);
    for (n, call) in calls.iter().enumerate() {
        let number = format!("6{n:02}");
        let leg = legs.iter().find(|leg| bob.said(**leg).called == number).unwrap();
        assert_perfect(&bob, *leg, 100);
        assert_perfect(&alice, *call, 100);
    }
    world.ends();
}

#[test]
fn a_number_that_bob_calls_reaches_alice() {
    let (world, alice, bob) = two_pbxes(6);
    let call = bob.dials("655");
    world.run_for(SECOND);
    assert!(bob.is_answered(call));
    let leg = alice.call_in();
    assert_eq!((alice.said(leg).number, alice.said(leg).name), ("200".into(), "Bob".into()));
    assert_eq!(alice.said(leg).username, "", "the section has no username=");
    world.ends();
}

#[test]
fn an_ipv6_pbx_and_an_ipv4_pbx_talk() {
    let iax = "[general]\nbindaddr=[::1]\n[six]\ntype=friend\nhost=::2\ncontext=x\ntrunk=yes\n\
               [four]\ntype=peer\nhost=127.0.0.3\n";
    let world = World::new(7, iax, "[x]\nexten => 600,1,Dial(IAX2/four/600)\n");
    let six = world.host_with("[::2]:4569", |manner| manner.username = Some("six".to_owned()));
    let four = world.host("127.0.0.3:4569");
    let call = six.dials("600");
    world.run_for(SECOND);
    assert!(six.is_answered(call), "{:?}", world.log());
    six.talks(call, SECOND);
    world.run_for(2 * SECOND);
    assert_perfect(&four, four.call_in(), 50);
    world.ends();
}
