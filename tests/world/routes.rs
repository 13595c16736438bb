//! Where the dialplan sends calls, and what it does when a route fails.

use dataplane::wire::MediaFormat;
use tests::world::{Host, Manner, Pickup, Told, World};

use crate::files::{SECOND, ms, two_pbxes};

const THREE: &str = "
[caller]
type=user
context=x
[one]
type=peer
host=127.0.0.11
[two]
type=peer
host=127.0.0.12
[three]
type=peer
host=127.0.0.13
";

fn caller(world: &World) -> Host {
    world.host_with("127.0.0.2:4569", |manner| manner.username = Some("caller".to_owned()))
}

fn callee(world: &World, last: u8, manner: impl FnOnce(&mut Manner)) -> Host {
    world.host_with(&format!("127.0.0.{last}:4569"), manner)
}

#[test]
fn an_extension_there_is_none_of_is_refused_with_cause_3() {
    let (world, alice, bob) = two_pbxes(1);
    let call = alice.dials("999");
    world.run_for(SECOND);
    assert_eq!(alice.told_last(call), Some(Told::Rejected(3)));
    assert!(bob.calls_in().is_empty());
    assert_eq!(world.logged("no extension \"999\" in context [from-alice]"), 1);
    world.ends();
}

#[test]
fn a_context_of_ones_own_may_be_asked_for_and_no_other() {
    for (context, comes_in) in [("from-alice", true), ("from-bob", false)] {
        let (world, alice, bob) = two_pbxes(2);
        alice.behaves(|manner| manner.context = Some(context.to_owned()));
        let call = alice.dials("600");
        world.run_for(3 * SECOND);
        assert_eq!(alice.is_answered(call), comes_in);
        assert_eq!(bob.calls_in().len(), usize::from(comes_in));
        if !comes_in {
            assert_eq!(alice.told(call), [Told::Challenged, Told::Rejected(50)]);
        }
        world.ends();
    }
}

#[test]
fn the_second_dial_is_tried_when_the_first_fails() {
    for pickup in [Pickup::Busy, Pickup::Congested, Pickup::Rejects(27), Pickup::Ignores] {
        let plan = "[x]\nexten => 600,1,Dial(IAX2/one/600,10)\nsame => n,Dial(IAX2/two/600,10)\n";
        let world = World::new(3, THREE, plan);
        let caller = caller(&world);
        let one = callee(&world, 11, |manner| manner.pickup = pickup);
        let two = callee(&world, 12, |_| {});
        let call = caller.dials("600");
        assert!(world.run_until(4 * SECOND, || caller.is_answered(call)), "{:?}", world.log());
        assert_eq!(one.calls_in().len(), usize::from(pickup != Pickup::Ignores));
        caller.talks(call, SECOND);
        world.run_for(2 * SECOND);
        crate::files::assert_perfect(&two, two.call_in(), 50);
        world.ends();
    }
}

#[test]
fn a_new_that_nobody_answers_is_given_up_after_two_seconds() {
    let world = World::new(4, THREE, "[x]\nexten => 600,1,Dial(IAX2/one/600)\n");
    let caller = caller(&world);
    let one = callee(&world, 11, |manner| manner.pickup = Pickup::Ignores);
    let call = caller.dials("600");
    world.run_for(ms(1900));
    assert_eq!(caller.told_last(call), None);
    world.run_for(ms(300));
    assert!(matches!(caller.told_last(call), Some(Told::Rejected(27))), "{:?}", caller.told(call));
    assert!(one.calls_in().is_empty());
    world.ends();
}

#[test]
fn a_dial_that_is_not_answered_in_time_is_cancelled() {
    let plan = "[x]\nexten => 600,1,Dial(IAX2/one/600,5)\nsame => n,NoOp(${DIALSTATUS})\n\
                same => n,Hangup(19)\n";
    let world = World::new(5, THREE, plan);
    let caller = caller(&world);
    let one = callee(&world, 11, |manner| manner.pickup = Pickup::Rings);
    let call = caller.dials("600");
    world.run_for(ms(4900));
    assert_eq!(caller.told_last(call), Some(Told::Ringing));
    world.run_for(ms(300));
    assert_eq!(caller.told_last(call), Some(Told::HungUp(19)));
    assert_eq!(one.told_last(one.call_in()), Some(Told::HungUp(16)));
    world.ends();
}

#[test]
fn of_several_that_ring_at_once_the_first_to_answer_has_the_call() {
    let plan = "[x]\nexten => 600,1,Dial(IAX2/one/1&IAX2/two/2&IAX2/three/3,20)\n";
    let world = World::new(6, THREE, plan);
    let caller = caller(&world);
    let one = callee(&world, 11, |manner| manner.pickup = Pickup::Rings);
    let two = callee(&world, 12, |manner| manner.pickup = Pickup::Answers(SECOND));
    let three = callee(&world, 13, |manner| manner.pickup = Pickup::Busy);
    let call = caller.dials("600");
    world.run_for(2 * SECOND);
    assert!(caller.is_answered(call));
    assert_eq!(one.told_last(one.call_in()), Some(Told::HungUp(16)));
    assert_eq!(three.calls(), []);
    let leg = two.call_in();
    caller.talks(call, SECOND);
    two.talks(leg, SECOND);
    world.run_for(2 * SECOND);
    crate::files::assert_perfect(&two, leg, 50);
    crate::files::assert_perfect(&caller, call, 50);
    world.ends();
}

#[test]
fn all_of_several_busy_is_busy() {
    let plan = "[x]\nexten => 600,1,Dial(IAX2/one/1&IAX2/two/2,20)\n";
    let world = World::new(7, THREE, plan);
    let caller = caller(&world);
    let _one = callee(&world, 11, |manner| manner.pickup = Pickup::Busy);
    let _two = callee(&world, 12, |manner| manner.pickup = Pickup::Rejects(1));
    let call = caller.dials("600");
    world.run_for(3 * SECOND);
    let told = caller.told(call);
    assert!(matches!(told.last(), Some(Told::HungUp(17) | Told::Rejected(17))), "{told:?}");
    world.ends();
}

#[test]
fn several_without_a_codec_in_common_do_not_end_in_two_formats() {
    let iax = THREE.replace("host=127.0.0.11", "host=127.0.0.11\ndisallow=all\nallow=ulaw");
    let iax = iax.replace("host=127.0.0.12", "host=127.0.0.12\ndisallow=all\nallow=alaw");
    let plan = "[x]\nexten => 600,1,Dial(IAX2/one/1&IAX2/two/2,20)\n";
    let world = World::new(8, &iax, plan);
    let caller = caller(&world);
    caller.behaves(|manner| manner.codecs = vec![MediaFormat::ULAW, MediaFormat::ALAW]);
    let one = callee(&world, 11, |manner| {
        (manner.codecs, manner.pickup) = (vec![MediaFormat::ULAW], Pickup::Rings);
    });
    let two = callee(&world, 12, |manner| {
        (manner.codecs, manner.pickup) = (vec![MediaFormat::ALAW], Pickup::Answers(SECOND));
    });
    let call = caller.dials("600");
    world.run_for(2 * SECOND);
    let formats: Vec<_> = [&one, &two]
        .iter()
        .flat_map(|host| host.calls().into_iter().map(|leg| host.format(leg)))
        .collect();
    assert!(formats.iter().all(|format| *format == caller.format(call)), "{formats:?}");
    world.ends();
}

#[test]
fn with_option_g_the_dialplan_goes_on_after_the_called_side_hangs_up() {
    let (world, alice, bob) = two_pbxes(9);
    let call = alice.dials("700");
    world.run_for(SECOND);
    bob.hangs_up(bob.call_in(), 16);
    world.run_for(SECOND);
    assert_eq!(alice.told_last(call), Some(Told::HungUp(31)));
    world.ends();
}

#[test]
fn a_caller_that_is_passed_on_hears_whoever_it_talks_to() {
    let plan = "[x]\nexten => 600,1,Dial(IAX2/one/1,20,g)\nsame => n,Dial(IAX2/two/2,20)\n";
    let world = World::new(10, THREE, plan);
    let caller = caller(&world);
    let one = callee(&world, 11, |_| {});
    let two = callee(&world, 12, |_| {});
    let call = caller.dials("600");
    world.run_for(SECOND);
    let (first, talker) = (one.call_in(), 1);
    one.talks(first, SECOND);
    caller.talks(call, 10 * SECOND);
    world.run_for(2 * SECOND);
    one.hangs_up(first, 16);
    world.run_for(SECOND);
    let second = two.call_in();
    assert!(two.is_answered(second));
    two.talks(second, 2 * SECOND);
    world.run_for(4 * SECOND);
    let heard = caller.listened(call);
    assert_eq!((heard[0].talker, heard[0].blocks.len()), (talker, 50));
    assert_eq!(heard[1].blocks.len(), 100);
    let heard = &two.listened(second)[0].blocks;
    assert!(heard.len() > 180, "the caller's voice goes on: {}", heard.len());
    world.ends();
}

#[test]
fn what_the_dialplan_says_itself_is_said() {
    let plan = "[x]\nexten => 1,1,Progress()\nsame => n,Busy()\nexten => 2,1,Answer()\n\
                same => n,Hangup(44)\nexten => 3,1,Congestion()\nexten => 4,1,Hangup(22)\n\
                exten => 5,1,Ringing()\nsame => n,Dial(IAX2/nobody/1)\n";
    let iax = THREE.replace("[three]", "[nobody]");
    let iax = iax.replace("host=127.0.0.13", "host=dynamic");
    let world = World::new(11, &iax, plan);
    let caller = caller(&world);
    let ends: Vec<Vec<Told>> = (1..=5)
        .map(|number| {
            let call = caller.dials(&number.to_string());
            world.run_for(SECOND);
            caller.told(call)
        })
        .collect();
    let accepted = Told::Accepted(MediaFormat::ULAW);
    assert_eq!(ends[0], [accepted.clone(), Told::Progress, Told::Busy, Told::HungUp(17)]);
    assert_eq!(ends[1], [accepted.clone(), Told::Answered, Told::HungUp(44)]);
    assert_eq!(ends[2], [Told::Rejected(34)]);
    assert_eq!(ends[3], [Told::Rejected(22)]);
    assert_eq!(ends[4][..2], [accepted, Told::Ringing]);
    assert_eq!(ends[4].last(), Some(&Told::HungUp(20)), "not registered: {:?}", ends[4]);
    world.ends();
}
