//! How calls end: by whom, before or after the answer, and with what cause at the other side.

use dataplane::wire::ControlSubclass;
use tests::world::{Pickup, Told};

use crate::files::{SECOND, ms, two_pbxes};

#[test]
fn a_hang_up_after_the_answer_carries_its_cause_to_the_other_side() {
    for (seed, cause) in [(1, 16), (2, 31), (3, 41), (4, 127)] {
        let (world, alice, bob) = two_pbxes(seed);
        let first = alice.dials("600");
        world.run_for(SECOND);
        alice.hangs_up(first, cause);
        world.run_for(SECOND);
        assert_eq!(bob.told_last(bob.call_in()), Some(Told::HungUp(cause)));
        let second = alice.dials("600");
        world.run_for(SECOND);
        bob.hangs_up(bob.call_in(), cause);
        world.run_for(SECOND);
        assert_eq!(alice.told_last(second), Some(Told::HungUp(cause)));
        world.ends();
    }
}

#[test]
fn a_cancelled_call_stops_ringing() {
    let (world, alice, bob) = two_pbxes(5);
    bob.behaves(|manner| manner.pickup = Pickup::Rings);
    let call = alice.dials("600");
    world.run_for(2 * SECOND);
    assert_eq!(alice.told_last(call), Some(Told::Ringing));
    alice.hangs_up(call, 16);
    world.run_for(SECOND);
    assert_eq!(bob.told_last(bob.call_in()), Some(Told::HungUp(16)));
    assert_eq!(world.stats().calls, 0);
    world.ends();
}

#[test]
fn a_call_cancelled_before_the_called_side_has_said_anything_does_not_ring_on() {
    for late in [1, 2, 3, 5, 9, 20, 40, 80] {
        let (world, alice, bob) = two_pbxes(late);
        bob.behaves(|manner| manner.pickup = Pickup::Rings);
        world.link(&bob, |link| _ = link.delays(ms(30), ms(31)));
        let call = alice.dials("600");
        world.run_for(ms(8 + late));
        alice.hangs_up(call, 16);
        world.run_for(2 * SECOND);
        let ringing = bob.calls();
        assert!(ringing.is_empty(), "{} ms: {:?} rings on", 8 + late, ringing);
        world.ends();
    }
}

#[test]
fn causes_before_the_answer_reach_the_caller() {
    for (cause, pickup) in [
        (1, Pickup::Rejects(1)),
        (17, Pickup::Busy),
        (21, Pickup::Rejects(21)),
        (34, Pickup::Congested),
        (42, Pickup::Rejects(42)),
    ] {
        let (world, alice, bob) = two_pbxes(u64::from(cause));
        bob.behaves(|manner| manner.pickup = pickup);
        let call = alice.dials("600");
        world.run_for(3 * SECOND);
        let told = alice.told(call);
        let ended = matches!(told.last(), Some(Told::HungUp(c) | Told::Rejected(c)) if *c == cause);
        assert!(ended, "cause {cause}: {told:?}; {:?}", world.log());
        world.ends();
    }
}

#[test]
fn a_busy_callee_is_told_as_busy_to_a_caller_already_accepted() {
    let (world, alice, bob) = two_pbxes(8);
    bob.behaves(|manner| manner.pickup = Pickup::Busy);
    let call = alice.dials("600");
    world.run_for(2 * SECOND);
    assert_eq!(alice.told(call)[2..], [Told::Busy, Told::HungUp(17)]);
    bob.behaves(|manner| manner.pickup = Pickup::Congested);
    let call = alice.dials("600");
    world.run_for(2 * SECOND);
    assert_eq!(alice.told(call)[2..], [Told::Congestion, Told::HungUp(34)]);
    world.ends();
}

#[test]
fn both_sides_may_hang_up_at_once() {
    for apart in 0..6 {
        let (world, alice, bob) = two_pbxes(20 + apart);
        let call = alice.dials("600");
        world.run_for(SECOND);
        alice.talks(call, 5 * SECOND);
        world.run_for(SECOND);
        alice.hangs_up(call, 16);
        world.run_for(ms(apart));
        bob.hangs_up(bob.call_in(), 17);
        world.run_for(SECOND);
        assert!(alice.is_over(call) && bob.is_over(bob.call_in()));
        world.ends();
    }
}

#[test]
fn nothing_follows_a_hang_up_not_even_a_pong() {
    let (world, alice, bob) = two_pbxes(9);
    world.link(&bob, |link| _ = link.delays(ms(50), ms(50)));
    alice.dials("600");
    world.run_for(2 * SECOND);
    let leg = bob.call_in();
    alice.hangs_up(alice.calls()[0], 16);
    for _ in 0..20 {
        bob.says_iax(leg, dataplane::wire::IaxSubclass::Ping, &[]);
        bob.says_iax(leg, dataplane::wire::IaxSubclass::LagRq, &[]);
        bob.presses(leg, '1');
        world.run_for(ms(5));
    }
    world.ends();
}

#[test]
fn a_control_frame_hangup_ends_the_call_as_the_message_does() {
    let (world, alice, bob) = two_pbxes(10);
    let call = alice.dials("600");
    world.run_for(SECOND);
    bob.says(bob.call_in(), ControlSubclass::Hangup);
    world.run_for(SECOND);
    assert_eq!(alice.told_last(call), Some(Told::HungUp(16)));
    world.ends();
}

#[test]
fn the_switch_going_down_hangs_up_with_a_cause_and_then_is_idle() {
    let (world, alice, bob) = two_pbxes(11);
    let up = alice.dials("600");
    world.run_for(SECOND);
    bob.behaves(|manner| manner.pickup = Pickup::Rings);
    let ringing = alice.dials("601");
    world.run_for(SECOND);
    alice.talks(up, 5 * SECOND);
    world.run_for(SECOND);
    world.shuts_down();
    world.run_for(SECOND);
    for call in [up, ringing] {
        assert_eq!(alice.told_last(call), Some(Told::HungUp(41)));
    }
    for leg in bob.calls_in() {
        assert_eq!(bob.told_last(leg), Some(Told::HungUp(41)));
    }
    let mut idle = false;
    world.with_control(|_, control| idle = control.is_idle());
    assert!(idle, "nothing is left in the air");
    let late = alice.dials("602");
    world.run_for(SECOND);
    assert_eq!(alice.told_last(late), Some(Told::Rejected(0)), "no new calls");
    world.ends();
}
