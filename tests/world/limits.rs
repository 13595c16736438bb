//! How much of anything there may be, and what is said to whoever wants more.

use tests::world::{Files, Host, Pickup, Told, World};

use crate::files::{SECOND, ms};

const PLAN: &str = "[x]\nexten => 600,1,Dial(IAX2/b/600)\n";

fn a_calls_b(seed: u64, general: &str, user: &str, trunkline: &str) -> (World, Host, Host) {
    let iax = format!(
        "[general]\n{general}\n[a]\ntype=user\ncontext=x\n{user}\n[b]\ntype=peer\nhost=127.0.0.3\n"
    );
    let files = Files {
        iax,
        extensions: PLAN.to_owned(),
        trunkline: trunkline.to_owned(),
        ..Files::default()
    };
    let world = World::of(seed, &files);
    let a = world.host_with("127.0.0.2:4569", |manner| manner.username = Some("a".to_owned()));
    let b = world.host("127.0.0.3:4569");
    (world, a, b)
}

#[test]
fn an_address_has_so_many_legs_and_numbers_at_rest_count() {
    let (world, a, _b) = a_calls_b(1, "maxcallnumbers=3", "", "");
    let calls: Vec<_> = (0..5).map(|_| a.dials("600")).collect();
    world.run_for(SECOND);
    let answered = calls.iter().filter(|call| a.is_answered(**call)).count();
    assert_eq!(answered, 3);
    assert_eq!(a.told_last(calls[4]), Some(Told::Rejected(0)));
    a.hangs_up(calls[0], 16);
    world.run_for(SECOND);
    let again = a.dials("600");
    world.run_for(SECOND);
    assert_eq!(a.told_last(again), Some(Told::Rejected(0)), "its number rests for a minute");
    world.run_for(60 * SECOND);
    let later = a.dials("600");
    world.run_for(SECOND);
    assert!(a.is_answered(later));
    world.ends();
}

#[test]
fn legs_without_a_token_have_a_limit_of_their_own() {
    let general = "calltokenoptional=127.0.0.0/8\nmaxcallnumbers_nonvalidated=2";
    let (world, a, _b) = a_calls_b(2, general, "", "");
    a.behaves(|manner| manner.knows_tokens = false);
    let calls: Vec<_> = (0..3).map(|_| a.dials("600")).collect();
    world.run_for(SECOND);
    assert_eq!(calls.iter().filter(|call| a.is_answered(**call)).count(), 2);
    a.behaves(|manner| manner.knows_tokens = true);
    let proved = a.dials("600");
    world.run_for(SECOND);
    assert!(a.is_answered(proved), "one that proves that it hears us is not counted");
    world.ends();
}

#[test]
fn unanswered_challenges_have_a_limit_for_users_and_strangers_alike() {
    for user in ["a", "stranger"] {
        let (world, a, _b) = a_calls_b(3, "", "secret=tulip\nmaxauthreq=3", "");
        a.keeps_datagrams();
        for source in 0..5u16 {
            a.sends(&crate::limits::new_of(user, 100 + source, &token_for(&world, &a, user)));
            world.run_for(ms(20));
        }
        let challenged =
            a.datagrams().iter().filter(|octets| octets[11] == 8 && octets[2] & 0x80 == 0).count();
        assert_eq!(challenged, 3, "{user}");
        let refused = a.datagrams().iter().filter(|octets| octets[11] == 6).count();
        assert!(refused >= 2, "{user}");
        world.run_for(60 * SECOND);
        assert_eq!(world.stats().legs, 0);
        a.sends(&crate::limits::new_of(user, 200, &token_for(&world, &a, user)));
        world.run_for(ms(20));
        assert_eq!(a.datagrams().last().unwrap()[11], 8, "{user}: what waited has been forgotten");
        world.run_for(60 * SECOND);
        assert_eq!(world.stats().legs, 0);
    }
}

fn new_of(user: &str, source: u16, token: &[u8]) -> Vec<u8> {
    let mut octets = vec![0x80 | (source >> 8) as u8, source as u8, 0, 0, 0, 0, 0, 3, 0, 0, 6, 1];
    octets.extend_from_slice(&[11, 2, 0, 2, 1, 3]);
    octets.extend_from_slice(b"600");
    octets.extend_from_slice(&[6, user.len() as u8]);
    octets.extend_from_slice(user.as_bytes());
    octets.extend_from_slice(&[9, 4, 0, 0, 0, 4, 8, 4, 0, 0, 0, 4, 54, token.len() as u8]);
    octets.extend_from_slice(token);
    octets
}

fn token_for(world: &World, host: &Host, user: &str) -> Vec<u8> {
    host.sends(&new_of(user, 99, b""));
    world.run_for(ms(20));
    let datagrams = host.datagrams();
    let answer = datagrams.iter().rfind(|octets| octets[11] == 40).expect("a token");
    answer[14..].to_vec()
}

#[test]
fn without_room_for_a_leg_a_call_is_refused_and_with_room_again_taken() {
    let trunkline = "[dataplane]\nlegs_max=6\n";
    let (world, a, b) = a_calls_b(4, "", "", trunkline);
    let calls: Vec<_> = (0..4).map(|_| a.dials("600")).collect();
    world.run_for(3 * SECOND);
    let answered: Vec<_> = calls.iter().filter(|call| a.is_answered(**call)).collect();
    assert!((2..=3).contains(&answered.len()), "{} of four", answered.len());
    for call in calls.iter().filter(|call| !a.is_answered(**call)) {
        assert!(a.is_over(*call), "{:?}", a.told(*call));
    }
    a.hangs_up(*answered[0], 16);
    world.run_for(SECOND);
    let again = a.dials("600");
    world.run_for(SECOND);
    assert!(a.is_answered(again), "{:?}", world.log());
    assert_eq!(b.calls().len(), answered.len());
    world.ends();
}

#[test]
fn a_peer_without_a_free_place_among_the_peers_is_refused() {
    let (world, a, b) = a_calls_b(5, "", "", "[dataplane]\npeers_max=2\n");
    let call = a.dials("600");
    world.run_for(SECOND);
    assert!(a.is_answered(call));
    let other = world.host_with("127.0.0.4:4569", |manner| manner.username = Some("a".to_owned()));
    let late = other.dials("600");
    world.run_for(SECOND);
    assert_eq!(other.told_last(late), Some(Told::Rejected(0)));
    assert_eq!(b.calls().len(), 1);
    world.ends();
}

#[test]
fn pokes_are_answered_and_a_flood_of_them_is_not() {
    let (world, a, _b) = a_calls_b(6, "", "", "");
    let poke = a.pokes();
    world.run_for(ms(100));
    assert_eq!(a.told(poke), [Told::Pong]);
    a.keeps_datagrams();
    for _ in 0..500 {
        a.sends(&[0x80, 9, 0, 0, 0, 0, 0, 3, 0, 0, 6, 30]);
    }
    world.run_for(ms(100));
    let answers = a.datagrams().len();
    assert!((1..=100).contains(&answers), "{answers} answers to 500 in no time");
    assert!(world.stats().limited > 300);
}

#[test]
fn what_is_no_frame_is_counted_and_disturbs_nothing() {
    let (world, a, b) = a_calls_b(7, "", "", "");
    let call = a.dials("600");
    world.run_for(SECOND);
    a.keeps_datagrams();
    for octets in [
        &[0x80][..],
        &[0x80, 2, 0, 0, 0, 0],
        &[0x80, 0, 0, 0, 0, 0, 0, 3, 0, 0, 6, 1],
        &[0x80, 9, 0, 0, 0, 0, 0, 3, 0, 0, 6, 1, 1, 200, 3],
        &[0x80, 9, 0, 0, 0, 0, 0, 3, 0, 0, 6, 1, 1],
        &[],
    ] {
        a.sends(octets);
        world.run_for(ms(10));
    }
    assert_eq!(a.datagrams().len(), 0, "nobody is answered");
    assert_eq!(world.stats().malformed, 2, "those with a header; the core counts the others");
    assert!(a.is_answered(call) && b.calls().len() == 1);
    world.ends();
}

#[test]
fn a_called_side_that_plays_with_challenges_or_tokens_does_not_keep_the_call() {
    let (world, a, b) = a_calls_b(8, "", "", "");
    b.behaves(|manner| manner.pickup = Pickup::Ignores);
    let call = a.dials("600");
    b.keeps_datagrams();
    for _ in 0..60 {
        world.run_for(ms(50));
        let datagrams = b.datagrams();
        if let Some(new) = datagrams.last().filter(|octets| octets[11] == 1) {
            let mut token = vec![0x80, 1, new[0] & 0x7f, new[1]];
            token.extend_from_slice(&new[4..8]);
            token.extend_from_slice(&[0, 1, 6, 40, 54, 2, b'x', b'y']);
            b.sends(&token);
        }
    }
    world.run_for(SECOND);
    assert!(a.is_over(call), "{:?}", a.told(call));
    assert!(b.datagrams().len() < 20, "{} datagrams for one call", b.datagrams().len());
}
