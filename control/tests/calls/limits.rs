//! Calls at a time, calls a second and the longest call, in and out; loops.

use std::time::Duration;

use dataplane::wire::IaxSubclass;

use crate::stage::{Stage, ULAW, caller, host};

const IAX: &str = "\
    [a]\ntype=user\ncontext=in\ndeny=0.0.0.0/0\npermit=127.0.0.1\n\
    [b]\ntype=peer\nhost=127.0.0.2\n\
    [c]\ntype=peer\nhost=127.0.0.3\n";
const TO_B: &str = "[in]\nexten => _X.,1,Dial(IAX2/b/${EXTEN})\n";

fn stage(trunkline: &str) -> Stage {
    Stage::new(IAX, TO_B, trunkline)
}

#[test]
fn one_call_too_many_from_a_section_is_refused_and_told_once() {
    let mut stage = stage("[a]\ncalls_max_in=2\n");
    let (mut first, _far) = stage.talk(host(1), &caller("a", "600"), host(2));
    let mut ringing = stage.calls(host(1), &caller("a", "601"));
    stage.lines.clear();
    let mut third = stage.calls(host(1), &caller("a", "602"));
    assert_eq!(stage.told(&mut third, IaxSubclass::Reject).cause(), Some(42));
    let lines = stage.lines_with("calls_max_in");
    assert_eq!(
        lines,
        [
            "call from 127.0.0.1:4569 to \"602\" refused: [a] has 2 calls; calls_max_in is 2; cause 42 (switch congestion)"
        ]
    );
    stage.hangs_up(&mut first);
    let mut fourth = stage.calls(host(1), &caller("a", "603"));
    let (mut far, _) = stage.called_at(host(2)).expect("the ringing one's");
    stage.answers(&mut far, ULAW);
    let (mut far, _) = stage.called_at(host(2)).expect("the fourth's");
    stage.answers(&mut far, ULAW);
    assert!(stage.said_to(&mut fourth).iter().any(|sent| sent.iax() == Some(IaxSubclass::Accept)));
    stage.hangs_up(&mut ringing);
    stage.hangs_up(&mut fourth);
}

#[test]
fn call_limit_of_iax_conf_means_the_same() {
    let iax = IAX.replace("context=in\n", "context=in\ncall-limit=1\n");
    let mut stage = Stage::new(&iax, TO_B, "");
    let _call = stage.talk(host(1), &caller("a", "600"), host(2));
    let mut second = stage.calls(host(1), &caller("a", "601"));
    assert_eq!(stage.told(&mut second, IaxSubclass::Reject).cause(), Some(42));
}

#[test]
fn calls_a_second_from_a_section_are_bounded() {
    let mut stage = stage("[a]\ncps_max_in=3\n");
    let refused = |stage: &mut Stage| {
        let calls: Vec<_> =
            (0..5).map(|n| stage.calls(host(1), &caller("a", &format!("60{n}")))).collect();
        calls
            .into_iter()
            .filter(|call| {
                let said = stage.said_to(&mut call.clone());
                said.iter().any(|sent| sent.cause() == Some(42))
            })
            .count()
    };
    assert_eq!(refused(&mut stage), 2);
    assert_eq!(stage.lines_with("[a] has had its 3 calls a second; cps_max_in is 3").len(), 2);
    stage.passes(Duration::from_secs(1));
    assert_eq!(refused(&mut stage), 2, "a second later");
}

#[test]
fn a_peer_that_has_its_calls_is_not_called_and_the_next_route_is_tried() {
    let routes = "[in]\nexten => _X.,1,Dial(IAX2/b/${EXTEN})\nsame => n,Dial(IAX2/c/${EXTEN})\n";
    let mut stage = Stage::new(IAX, routes, "[b]\ncalls_max_out=1\n");
    let (mut near, mut far) = stage.talk(host(1), &caller("a", "600"), host(2));
    stage.lines.clear();
    let _second = stage.talk(host(1), &caller("a", "601"), host(3));
    assert!(stage.called_at(host(2)).is_none());
    assert_eq!(
        stage.lines_with("calls_max_out"),
        ["call to 127.0.0.2:4569 not placed: [b] has 1 calls; calls_max_out is 1"]
    );
    stage.hangs_up(&mut near);
    assert_eq!(stage.told(&mut far, IaxSubclass::Hangup).cause(), Some(16));
    let _third = stage.talk(host(1), &caller("a", "602"), host(2));
}

#[test]
fn a_peer_that_has_its_calls_and_is_the_only_route_ends_with_cause_34() {
    let mut stage = stage("[b]\ncps_max_out=1\n");
    let _first = stage.calls(host(1), &caller("a", "600"));
    stage.lines.clear();
    let mut second = stage.calls(host(1), &caller("a", "601"));
    assert_eq!(stage.told(&mut second, IaxSubclass::Reject).cause(), Some(34));
    assert_eq!(stage.lines_with("cps_max_out").len(), 1);
}

#[test]
fn a_call_ends_on_both_sides_when_a_section_allows_no_more_of_it() {
    for (trunkline, seconds, section) in
        [("[a]\ncall_seconds_max=60\n", 60, "a"), ("[b]\ncall_seconds_max=30\n", 30, "b")]
    {
        let mut stage = stage(trunkline);
        let (mut near, mut far) = stage.talk(host(1), &caller("a", "600"), host(2));
        stage.passes(Duration::from_millis(seconds * 1000 - 1));
        let ends = |said: Vec<crate::stage::Sent>| {
            said.iter().any(|sent| sent.iax() == Some(IaxSubclass::Hangup))
        };
        assert!(!ends(stage.said_to(&mut near)) && !ends(stage.said_to(&mut far)));
        stage.lines.clear();
        stage.passes(Duration::from_millis(1));
        assert_eq!(stage.told(&mut near, IaxSubclass::Hangup).cause(), Some(16));
        assert_eq!(stage.told(&mut far, IaxSubclass::Hangup).cause(), Some(16));
        let expected = format!(
            "call 1 of a: [{section}] allows {seconds} s a call (call_seconds_max); cause 16 (normal clearing), talked {seconds}.0 s"
        );
        assert_eq!(stage.lines_with("call_seconds_max"), [expected]);
    }
}

#[test]
fn a_limit_written_in_the_dial_ends_the_call() {
    for (option, millis) in [("S(20)", 20_000), ("L(1500)", 1500)] {
        let routes = format!("[in]\nexten => _X.,1,Dial(IAX2/b/${{EXTEN}},,{option})\n");
        let mut stage = Stage::new(IAX, &routes, "[a]\ncall_seconds_max=60\n");
        let (mut near, mut far) = stage.talk(host(1), &caller("a", "600"), host(2));
        stage.passes(Duration::from_millis(millis - 1));
        assert!(stage.said_to(&mut near).iter().all(|sent| sent.cause().is_none()));
        stage.passes(Duration::from_millis(1));
        assert_eq!(stage.told(&mut near, IaxSubclass::Hangup).cause(), Some(16), "{option}");
        assert_eq!(stage.told(&mut far, IaxSubclass::Hangup).cause(), Some(16));
    }
}

#[test]
fn the_fifth_like_call_within_two_seconds_goes_in_circles() {
    let mut stage = stage("");
    let mut like = caller("a", "600");
    like.number = Some("2000");
    for _ in 0..4 {
        let mut call = stage.calls(host(1), &like);
        assert!(stage.said_to(&mut call).iter().all(|sent| sent.cause().is_none()));
    }
    let mut fifth = stage.calls(host(1), &like);
    assert_eq!(stage.told(&mut fifth, IaxSubclass::Reject).cause(), Some(25));
    assert_eq!(stage.lines_with("loop_calls_max").len(), 1);
    like.called = "601";
    let mut other = stage.calls(host(1), &like);
    assert!(stage.said_to(&mut other).iter().all(|sent| sent.cause().is_none()));
    stage.passes(Duration::from_secs(2));
    like.called = "600";
    let mut later = stage.calls(host(1), &like);
    assert!(stage.said_to(&mut later).iter().all(|sent| sent.cause().is_none()));
}

#[test]
fn the_guard_against_loops_can_be_turned_off() {
    let mut stage = stage("[general]\nloop_calls_max=0\n");
    let mut like = caller("a", "600");
    like.number = Some("2000");
    for _ in 0..50 {
        let mut call = stage.calls(host(1), &like);
        assert!(stage.said_to(&mut call).iter().all(|sent| sent.cause().is_none()));
    }
}
