//! Who may come in: names, secrets, addresses, call tokens.

use tests::world::{Host, Told, World};

use crate::files::{SECOND, ms, two_pbxes};

#[test]
fn a_wrong_secret_and_an_unknown_user_look_alike() {
    let mut seen = Vec::new();
    for (user, secret) in [("alice", "wrong"), ("mallory", "tulip")] {
        let (world, alice, bob) = two_pbxes(1);
        alice.behaves(|manner| {
            (manner.username, manner.secret) = (Some(user.to_owned()), Some(secret.to_owned()));
        });
        alice.keeps_datagrams();
        let call = alice.dials("600");
        world.run_for(3 * SECOND);
        assert_eq!(alice.told(call), [Told::Challenged, Told::Rejected(50)]);
        assert!(bob.calls_in().is_empty());
        let shapes: Vec<(u8, usize)> =
            alice.datagrams().iter().map(|octets| (octets[11], octets.len())).collect();
        seen.push(shapes);
        world.ends();
    }
    let longer = "mallory".len() - "alice".len();
    let first: Vec<_> = seen[0].iter().map(|(kind, _)| kind).collect();
    let second: Vec<_> = seen[1].iter().map(|(kind, _)| kind).collect();
    assert_eq!(first, second, "the same messages");
    let lengths = |shapes: &[(u8, usize)]| shapes.iter().map(|(_, len)| len).sum::<usize>();
    assert_eq!(lengths(&seen[1]), lengths(&seen[0]) + longer, "but for the name's length");
}

#[test]
fn refusals_wait_a_second_under_delayreject() {
    let iax = "[general]\ndelayreject=yes\n[alice]\ntype=friend\nhost=dynamic\nsecret=tulip\n";
    for user in ["alice", "mallory"] {
        let world = World::new(2, iax, "[default]\nexten => 600,1,Hangup()\n");
        let alice = world.host_with("127.0.0.2:4569", |manner| {
            (manner.username, manner.secret) = (Some(user.to_owned()), Some("no".to_owned()));
        });
        for registers in [false, true] {
            let call = if registers { alice.registers(60) } else { alice.dials("600") };
            world.run_for(ms(950));
            assert_eq!(alice.told(call), [Told::Challenged], "{user}");
            world.run_for(ms(300));
            let refused = if registers { Told::Refused } else { Told::Rejected(50) };
            assert_eq!(alice.told_last(call), Some(refused));
        }
        world.ends();
    }
}

#[test]
fn each_of_a_users_secrets_opens() {
    let iax = "[alice]\ntype=user\nsecret=one\nsecret=two\nsecret=three\ncontext=x\n";
    for (secret, opens) in [("one", true), ("two", true), ("three", true), ("four", false)] {
        let world = World::new(3, iax, "[x]\nexten => 600,1,Answer()\nsame => n,Hangup(16)\n");
        let alice = world.host_with("127.0.0.2:4569", |manner| {
            (manner.username, manner.secret) = (Some("alice".into()), Some(secret.to_owned()));
        });
        let call = alice.dials("600");
        world.run_for(SECOND);
        assert_eq!(alice.is_answered(call), opens, "{secret}");
        world.ends();
    }
}

#[test]
fn a_user_without_a_secret_to_answer_with_hangs_up() {
    let (world, alice, _bob) = two_pbxes(4);
    alice.behaves(|manner| manner.secret = None);
    let call = alice.dials("600");
    world.run_for(SECOND);
    assert!(alice.is_over(call));
    assert_eq!(world.stats().calls, 0);
    world.ends();
}

#[test]
fn a_callee_that_challenges_is_answered_and_a_wrong_secret_ends_the_call() {
    let (world, alice, bob) = two_pbxes(5);
    bob.behaves(|manner| manner.demands = vec!["another".to_owned()]);
    let call = alice.dials("600");
    world.run_for(2 * SECOND);
    assert_eq!(alice.told_last(call), Some(Told::Rejected(50)));
    assert_eq!(world.stats().calls, 0);
    world.ends();
}

const GUESTS: &str = "
[general]
calltokenoptional=127.0.0.0/255.0.0.0
[other]
type=user
context=x
[here]
type=user
deny=0.0.0.0/0.0.0.0
permit=127.0.0.2/255.255.255.255
context=here
[guest]
type=user
context=guests
";
const GUESTS_PLAN: &str = "[here]\nexten => 600,1,Hangup(91)\n[guests]\nexten => 600,1,Hangup(92)\n[x]\nexten => 600,1,Hangup(93)\n";

fn anonymous(world: &World, address: &str) -> Host {
    world.host(address)
}

#[test]
fn a_call_without_a_name_comes_in_by_the_section_of_its_address_else_as_guest() {
    let world = World::new(6, GUESTS, GUESTS_PLAN);
    let here = anonymous(&world, "127.0.0.2:4569");
    let elsewhere = anonymous(&world, "127.0.0.3:4569");
    let (first, second) = (here.dials("600"), elsewhere.dials("600"));
    world.run_for(SECOND);
    assert_eq!(here.told_last(first), Some(Told::Rejected(91)));
    assert_eq!(elsewhere.told_last(second), Some(Told::Rejected(92)));
    world.ends();
}

#[test]
fn a_call_without_a_name_from_nowhere_known_is_refused() {
    let world = World::new(7, &GUESTS.replace("[guest]", "[nobody]"), GUESTS_PLAN);
    let stranger = anonymous(&world, "127.0.0.9:4569");
    let call = stranger.dials("600");
    world.run_for(3 * SECOND);
    assert_eq!(stranger.told_last(call), Some(Told::Rejected(50)));
    world.ends();
}

#[test]
fn a_section_that_permits_only_some_addresses_challenges_the_others_and_refuses_them() {
    let iax =
        "[alice]\ntype=user\nsecret=tulip\ndeny=0.0.0.0/0.0.0.0\npermit=127.0.0.7\ncontext=x\n";
    let world = World::new(8, iax, "[x]\nexten => 600,1,Hangup()\n");
    let alice = world.host_with("127.0.0.2:4569", |manner| {
        (manner.username, manner.secret) = (Some("alice".into()), Some("tulip".into()));
    });
    let call = alice.dials("600");
    world.run_for(3 * SECOND);
    assert_eq!(alice.told(call), [Told::Challenged, Told::Rejected(50)]);
    world.ends();
}

#[test]
fn a_token_is_demanded_unless_the_file_says_otherwise() {
    for (line, passes) in [
        ("", false),
        ("requirecalltoken=yes", false),
        ("requirecalltoken=no", true),
        ("requirecalltoken=auto", true),
    ] {
        let iax = format!("[alice]\ntype=user\ncontext=x\n{line}\n");
        let world = World::new(9, &iax, "[x]\nexten => 600,1,Answer()\nsame => n,Hangup(16)\n");
        let alice = world.host_with("127.0.0.2:4569", |manner| {
            (manner.username, manner.knows_tokens) = (Some("alice".into()), false);
        });
        let call = alice.dials("600");
        world.run_for(SECOND);
        assert_eq!(alice.is_answered(call), passes, "{line}");
        if !passes {
            assert_eq!(alice.told(call), [Told::Rejected(0)], "{line}");
        }
        world.ends();
    }
}

#[test]
fn auto_means_yes_once_a_token_has_come() {
    let iax = "[alice]\ntype=user\ncontext=x\nrequirecalltoken=auto\n";
    let world = World::new(10, iax, "[x]\nexten => 600,1,Answer()\nsame => n,Hangup(16)\n");
    let alice =
        world.host_with("127.0.0.2:4569", |manner| manner.username = Some("alice".to_owned()));
    for (knows_tokens, passes) in [(false, true), (true, true), (false, false)] {
        alice.behaves(|manner| manner.knows_tokens = knows_tokens);
        let call = alice.dials("600");
        world.run_for(SECOND);
        assert_eq!(alice.is_answered(call), passes);
    }
    world.ends();
}

/// A NEW as octets, with a token.
fn new_with_token(source: u16, token: &[u8]) -> Vec<u8> {
    let mut octets = vec![0x80 | (source >> 8) as u8, source as u8, 0, 0, 0, 0, 0, 3, 0, 0, 6, 1];
    octets.extend_from_slice(&[11, 2, 0, 2, 1, 3]);
    octets.extend_from_slice(b"600");
    octets.extend_from_slice(&[6, 5]);
    octets.extend_from_slice(b"alice");
    octets.extend_from_slice(&[9, 4, 0, 0, 0, 4, 8, 4, 0, 0, 0, 4, 54, token.len() as u8]);
    octets.extend_from_slice(token);
    octets
}

/// (subclass, source call number) of the last datagram heard.
fn last_heard(host: &Host) -> (u8, u16) {
    let datagrams = host.datagrams();
    let last = datagrams.last().expect("an answer");
    (last[11], u16::from_be_bytes([last[0] & 0x7f, last[1]]))
}

#[test]
fn a_token_opens_for_its_address_and_for_ten_seconds_only() {
    let iax = "[alice]\ntype=user\nsecret=tulip\ncontext=x\n";
    let world = World::new(11, iax, "[x]\nexten => 600,1,Hangup()\n");
    let (here, elsewhere) = (world.host("127.0.0.2:4569"), world.host("127.0.0.2:5000"));
    here.keeps_datagrams();
    elsewhere.keeps_datagrams();
    here.sends(&new_with_token(1000, b""));
    world.run_for(ms(100));
    let datagrams = here.datagrams();
    let answer = datagrams.last().unwrap();
    assert_eq!((answer[11], answer[13]), (40, 16), "CALLTOKEN with 16 characters");
    assert!(answer.len() < new_with_token(1000, b"").len(), "no amplifier");
    let token = answer[14..].to_vec();
    assert_eq!(world.stats().associations, 0, "nothing is remembered of it");

    elsewhere.sends(&new_with_token(1000, &token));
    world.run_for(ms(100));
    assert_eq!(last_heard(&elsewhere), (6, 1), "REJECT that belongs to no call");
    let mut changed = token.clone();
    changed[3] ^= 1;
    here.sends(&new_with_token(1001, &changed));
    world.run_for(ms(100));
    assert_eq!(last_heard(&here), (6, 1));
    assert_eq!(world.stats().associations, 0);

    here.sends(&new_with_token(1000, &token));
    world.run_for(ms(50));
    assert_eq!(last_heard(&here).0, 8, "AUTHREQ");
    assert_eq!(world.stats().legs, 1);
    here.sends(&new_with_token(1000, &token));
    world.run_for(ms(40));
    assert_eq!(world.stats().legs, 1, "the same NEW twice is one call");
    world.run_for(11 * SECOND);
    here.sends(&new_with_token(1002, &token));
    world.run_for(ms(100));
    assert_eq!(last_heard(&here), (6, 1), "too old");
    world.run_for(40 * SECOND);
    assert_eq!(world.stats().legs, 0);
}
