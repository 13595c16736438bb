//! Others register with the switch.

use tests::world::{Host, Told, World};

use crate::files::{SECOND, ms};

const IAX: &str = "
[general]
minregexpire=30
maxregexpire=120
[alice]
type=friend
host=dynamic
secret=tulip
context=x
qualify=no
[fixed]
type=peer
host=127.0.0.8
secret=tulip
[open]
type=friend
host=dynamic
context=x
[caller]
type=user
context=x
";
const PLAN: &str = "[x]\nexten => 600,1,Dial(IAX2/alice/600)\nsame => n,Hangup(${HANGUPCAUSE})\n";

fn world(seed: u64) -> (World, Host, Host) {
    let world = World::new(seed, IAX, PLAN);
    let alice = world.host_with("127.0.0.2:4569", |manner| {
        (manner.username, manner.secret) = (Some("alice".into()), Some("tulip".into()));
    });
    let caller =
        world.host_with("127.0.0.5:4569", |manner| manner.username = Some("caller".to_owned()));
    (world, alice, caller)
}

#[test]
fn a_registered_peer_can_be_called_until_it_lapses() {
    let (world, alice, caller) = world(1);
    let before = caller.dials("600");
    world.run_for(SECOND);
    assert_eq!(caller.told_last(before), Some(Told::Rejected(20)), "not registered");
    let registration = alice.registers(60);
    world.run_for(SECOND);
    assert_eq!(alice.told(registration), [Told::Challenged, Told::Registered(60)]);
    assert_eq!(world.stats().registered, 1);
    let call = caller.dials("600");
    world.run_for(SECOND);
    assert!(caller.is_answered(call));
    world.run_for(66 * SECOND);
    assert_eq!(world.stats().registered, 1, "ten seconds' grace");
    world.run_for(3 * SECOND);
    assert_eq!(world.stats().registered, 0);
    assert_eq!(world.logged("not refreshed in time"), 1);
    assert!(!caller.is_over(call), "a call goes on");
    let after = caller.dials("600");
    world.run_for(SECOND);
    assert_eq!(caller.told_last(after), Some(Told::Rejected(20)));
    world.ends();
}

#[test]
fn what_is_asked_for_is_clamped() {
    let (world, alice, _caller) = world(2);
    for (asked, granted) in [(0, 30), (5, 30), (60, 60), (120, 120), (3600, 120), (65535, 120)] {
        let registration = alice.registers(asked);
        world.run_for(SECOND);
        assert_eq!(alice.told_last(registration), Some(Told::Registered(granted)));
    }
    let release = alice.unregisters();
    world.run_for(SECOND);
    assert_eq!(alice.told_last(release), Some(Told::Registered(0)));
    assert_eq!(world.stats().registered, 0);
    assert_eq!(world.logged("is not registered any more: released"), 1);
    world.ends();
}

#[test]
fn who_may_not_register_is_refused_after_the_same_challenge() {
    for (name, secret, word) in [
        ("alice", "wrong", "wrong secret"),
        ("nobody", "tulip", "no peer [nobody]"),
        ("fixed", "tulip", "fixed host"),
        ("caller", "tulip", "no peer [caller]"),
    ] {
        let (world, alice, _caller) = world(3);
        alice.behaves(|manner| {
            (manner.username, manner.secret) = (Some(name.into()), Some(secret.into()));
        });
        let registration = alice.registers(60);
        world.run_for(2 * SECOND);
        assert_eq!(alice.told(registration), [Told::Challenged, Told::Refused], "{name}");
        assert_eq!(world.stats().registered, 0);
        let _ = word;
        world.ends();
    }
}

#[test]
fn a_peer_without_a_secret_registers_at_once() {
    let (world, alice, _caller) = world(4);
    alice.behaves(|manner| manner.username = Some("open".to_owned()));
    let registration = alice.registers(60);
    world.run_for(SECOND);
    assert_eq!(alice.told(registration), [Told::Registered(60)]);
    alice.unregisters();
    world.run_for(SECOND);
    world.ends();
}

#[test]
fn the_last_address_counts() {
    let (world, alice, caller) = world(5);
    let elsewhere = world.host_with("127.0.0.9:4444", |manner| {
        (manner.username, manner.secret) = (Some("alice".into()), Some("tulip".into()));
    });
    alice.registers(60);
    world.run_for(SECOND);
    elsewhere.registers(60);
    world.run_for(SECOND);
    let call = caller.dials("600");
    world.run_for(SECOND);
    assert!(caller.is_answered(call));
    assert_eq!((alice.calls().len(), elsewhere.calls().len()), (0, 1));
    elsewhere.unregisters();
    world.run_for(SECOND);
    world.ends();
}

#[test]
fn a_registration_over_a_bad_link_ends_in_one() {
    for seed in 0..30 {
        let (world, alice, _caller) = world(seed);
        world.link(&alice, |link| {
            link.loses(20, tests::world::PERCENT).doubles(20, tests::world::PERCENT);
            link.reorders(30, tests::world::PERCENT).delays(ms(5), ms(80));
        });
        let mut tries = 0;
        let registered = loop {
            tries += 1;
            let registration = alice.registers(60);
            world.run_for(25 * SECOND);
            if alice.told_last(registration) == Some(Told::Registered(60)) {
                break true;
            }
            if tries == 6 {
                break false;
            }
        };
        assert!(registered, "seed {seed}");
        world.run_for(100 * SECOND);
        assert_eq!(world.stats().registered, 0);
        world.ends();
    }
}
