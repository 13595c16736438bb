//! Whoever guesses secrets.

use std::time::Duration;

use dataplane::wire::{IaxSubclass, IeKind};

use crate::stage::{Stage, caller, elements, host};

const IAX: &str = "\
    [general]\ncalltokenoptional=127.0.0.0/8\n\
    [a]\ntype=friend\nhost=dynamic\ncontext=in\nsecret=right\n\
    [b]\ntype=peer\nhost=127.0.0.2\n";
const TO_B: &str = "[in]\nexten => _X.,1,Dial(IAX2/b/${EXTEN})\n";

/// How long one wrong answer as `user` from `from` waits for its refusal.
fn wait(stage: &mut Stage, from: u8, user: &str) -> Duration {
    let mut guess = caller(user, "600");
    guess.secret = Some("wrong");
    let mut end = stage.calls(host(from), &guess);
    for tenths in 0..200 {
        if stage.said_to(&mut end).iter().any(|sent| sent.iax() == Some(IaxSubclass::Reject)) {
            return Duration::from_millis(tenths * 100);
        }
        stage.passes(Duration::from_millis(100));
    }
    panic!("no refusal");
}

#[test]
fn refusals_to_a_source_slow_down_whomever_it_says_it_is() {
    let mut stage = Stage::new(IAX, TO_B, "");
    for name in ["a", "a", "nobody", "a", "nobody2"] {
        assert_eq!(wait(&mut stage, 9, name), Duration::ZERO);
    }
    assert_eq!(
        stage.lines_with("slowed down"),
        ["127.0.0.9 has failed to prove it 5 times within a minute: refusals are slowed down"]
    );
    for (name, seconds) in [("nobody", 1), ("a", 2), ("nobody3", 4), ("nobody5", 8), ("nobody", 8)]
    {
        assert_eq!(wait(&mut stage, 9, name), Duration::from_secs(seconds), "{name}");
    }
    assert!(stage.lines_with("slowed down").is_empty(), "told once");
    assert_eq!(wait(&mut stage, 8, "nobody4"), Duration::ZERO, "another source");
    stage.passes(Duration::from_secs(60));
    assert_eq!(wait(&mut stage, 9, "a"), Duration::ZERO, "a quiet minute later");
}

#[test]
fn refusals_under_a_name_slow_down_wherever_it_comes_from_and_the_right_secret_never_waits() {
    for name in ["a", "nobody"] {
        let mut stage = Stage::new(IAX, TO_B, "");
        for source in 10..15 {
            assert_eq!(wait(&mut stage, source, name), Duration::ZERO);
        }
        assert_eq!(stage.lines_with("slowed down").len(), 1);
        assert_eq!(wait(&mut stage, 15, name), Duration::from_secs(1), "{name}");
        let mut right = caller("a", "600");
        right.secret = Some("right");
        let _near = stage.calls(host(16), &right);
        assert!(stage.called_at(host(2)).is_some(), "the call goes through at once");
    }
}

#[test]
fn registrations_count_and_wait_as_calls_do() {
    let mut stage = Stage::new(IAX, TO_B, "");
    let mut waits = Vec::new();
    for name in ["a", "nobody", "a", "nobody", "a", "nobody", "a"] {
        let request = |proof: Option<&[u8]>| {
            elements(|ies| {
                ies.raw(IeKind::Username, name.as_bytes()).u16(IeKind::Refresh, 60);
                if let Some(proof) = proof {
                    ies.raw(IeKind::Md5Result, proof);
                }
            })
        };
        let mut end = stage.begins(host(9), IaxSubclass::RegReq, &request(None));
        assert!(stage.told(&mut end, IaxSubclass::RegAuth).element(IeKind::Challenge).is_some());
        stage.says_iax(&mut end, IaxSubclass::RegReq, &request(Some(&[b'0'; 32])));
        let refused = |stage: &mut Stage, end: &mut crate::stage::End| {
            stage.said_to(end).iter().any(|sent| sent.iax() == Some(IaxSubclass::RegRej))
        };
        let tenths = (0..200)
            .find(|_| {
                let over = refused(&mut stage, &mut end);
                if !over {
                    stage.passes(Duration::from_millis(100));
                }
                over
            })
            .expect("a refusal");
        waits.push(tenths);
    }
    assert_eq!(waits, [0, 0, 0, 0, 0, 10, 20]);
    assert_eq!(wait(&mut stage, 9, "a"), Duration::from_secs(4), "calls and registrations alike");
}
