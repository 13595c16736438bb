//! Voice at its edges: the wrap of 16 bits, changes of format, trunk frames in every form, mini frames.

use dataplane::wire::{IaxSubclass, MediaFormat};
use tests::world::Told;

use crate::files::{EXTENSIONS, IAX, SECOND, assert_perfect, two_pbxes, with_files};

#[test]
fn a_call_longer_than_sixteen_bits_of_milliseconds_keeps_its_audio() {
    for full_at_wrap in [false, true] {
        let (world, alice, bob) = two_pbxes(1);
        for host in [&alice, &bob] {
            host.behaves(|manner| manner.full_at_wrap = full_at_wrap);
        }
        let call = alice.dials("600");
        world.run_for(SECOND);
        let leg = bob.call_in();
        alice.talks(call, 140 * SECOND);
        bob.talks(leg, 140 * SECOND);
        world.run_for(141 * SECOND);
        assert_perfect(&bob, leg, 7000);
        assert_perfect(&alice, call, 7000);
        let (_, full, early, _) = bob.ear(leg);
        assert_eq!((full, early), (3, 0), "one full frame at the start and at each wrap");
        world.ends();
    }
}

#[test]
fn voice_crosses_whatever_each_side_packs_it_in() {
    for (seed, trunk) in [None, Some(true), Some(false)].into_iter().enumerate() {
        for line in ["trunk=yes", "trunk=no", "trunk=yes\ntrunktimestamps=no"] {
            let iax = IAX.replace("trunk=yes", line);
            let (world, alice, bob) = with_files(seed as u64, &iax, EXTENSIONS);
            alice.behaves(|manner| manner.trunk = trunk);
            bob.behaves(|manner| manner.trunk = trunk);
            let call = alice.dials("600");
            world.run_for(SECOND);
            let leg = bob.call_in();
            alice.talks(call, 3 * SECOND);
            bob.talks(leg, 3 * SECOND);
            world.run_for(4 * SECOND);
            assert_perfect(&bob, leg, 150);
            assert_perfect(&alice, call, 150);
            let entries = bob.ear(leg).0;
            assert_eq!(entries > 140, line.starts_with("trunk=yes"), "{line}: {entries}");
            let timed_only = !line.contains("trunktimestamps=no");
            let options =
                tests::checker::Options { timed_entries_only: timed_only, ..Default::default() };
            world.ends_with(&options);
        }
    }
}

#[test]
fn a_change_of_format_in_mid_call_crosses() {
    let (world, alice, bob) = two_pbxes(3);
    for host in [&alice, &bob] {
        host.behaves(|manner| manner.codecs = vec![MediaFormat::ULAW, MediaFormat::GSM]);
    }
    let call = alice.dials("600");
    world.run_for(SECOND);
    let leg = bob.call_in();
    alice.talks(call, 6 * SECOND);
    world.run_for(2 * SECOND);
    alice.changes_format(call, MediaFormat::GSM);
    world.run_for(2 * SECOND);
    alice.changes_format(call, MediaFormat::ULAW);
    world.run_for(3 * SECOND);
    let spoken: Vec<Told> =
        [MediaFormat::ULAW, MediaFormat::GSM, MediaFormat::ULAW].map(Told::Speaks).to_vec();
    assert_eq!(bob.told(leg), spoken);
    let heard = &bob.listened(leg)[0].blocks;
    assert!(heard.len() >= 298, "{} of 300", heard.len());
    world.ends();
}

#[test]
fn a_vnak_with_nothing_outstanding_is_answered_with_a_full_voice_frame() {
    let (world, alice, bob) = two_pbxes(4);
    let call = alice.dials("600");
    world.run_for(SECOND);
    let leg = bob.call_in();
    alice.talks(call, 4 * SECOND);
    world.run_for(2 * SECOND);
    assert_eq!(bob.ear(leg).1, 1);
    let (ours, theirs) = bob.numbers(leg);
    let mut vnak = vec![0x80 | (ours >> 8) as u8, ours as u8, (theirs >> 8) as u8, theirs as u8];
    let iseqno = bob.iseqno(leg);
    vnak.extend_from_slice(&[0, 0, 0, 9, iseqno, iseqno, 6, IaxSubclass::Vnak.to_wire()]);
    bob.sends(&vnak);
    world.run_for(3 * SECOND);
    assert_eq!(bob.ear(leg).1, 2);
    assert_perfect(&bob, leg, 200);
    world.ends();
}

#[test]
fn voice_before_the_first_full_frame_is_asked_for() {
    for seed in 0..10 {
        let (world, alice, bob) = two_pbxes(20 + seed);
        let call = alice.dials("600");
        world.run_for(SECOND);
        let leg = bob.call_in();
        world.link(&alice, |link| _ = link.loses(30, tests::world::PERCENT));
        alice.talks(call, 4 * SECOND);
        world.run_for(5 * SECOND);
        world.link(&alice, |link| _ = link.loses(0, tests::world::PERCENT));
        world.run_for(SECOND);
        let heard = bob.listened(leg);
        let count = heard.first().map_or(0, |listened| listened.blocks.len());
        assert!(count > 90, "seed {seed}: {count} of 200");
        world.ends();
    }
}

#[test]
fn of_two_talkers_in_gsm_and_g729_every_block_arrives() {
    let iax = IAX.replace("allow=ulaw,alaw,gsm", "allow=gsm,g729");
    for format in [MediaFormat::GSM, MediaFormat::G729] {
        let (world, alice, bob) = with_files(5, &iax, EXTENSIONS);
        for host in [&alice, &bob] {
            host.behaves(|manner| manner.codecs = vec![format]);
        }
        let call = alice.dials("600");
        world.run_for(SECOND);
        let leg = bob.call_in();
        alice.talks(call, 3 * SECOND);
        bob.talks(leg, 3 * SECOND);
        world.run_for(4 * SECOND);
        assert_perfect(&bob, leg, 150);
        assert_perfect(&alice, call, 150);
        world.ends();
    }
}
