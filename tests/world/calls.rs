//! Calls from dialling to hang-up over good links.

use tests::world::Told;

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
