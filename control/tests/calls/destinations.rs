//! Several destinations of one Dial: all ring, the first answer wins.

use std::time::Duration;

use dataplane::wire::{ControlSubclass, IaxSubclass};

use crate::stage::{End, Stage, ULAW, caller, host};

const IAX: &str = "\
    [a]\ntype=user\ncontext=in\ndeny=0.0.0.0/0\npermit=127.0.0.1\n\
    [b]\ntype=peer\nhost=127.0.0.2\n\
    [c]\ntype=peer\nhost=127.0.0.3\n";

/// A caller, and the two it rings at.
fn ringing(options: &str) -> (Stage, End, End, End) {
    let routes = format!("[in]\nexten => 600,1,Dial(IAX2/b/1&IAX2/c/2,30{options})\n");
    let mut stage = Stage::new(IAX, &routes, "");
    let near = stage.calls(host(1), &caller("a", "600"));
    let (mut b, _) = stage.called_at(host(2)).expect("b is called");
    let (mut c, _) = stage.called_at(host(3)).expect("c is called");
    for end in [&mut b, &mut c] {
        stage.accepts(end, ULAW);
        stage.says_control(end, ControlSubclass::Ringing);
    }
    (stage, near, b, c)
}

fn count(said: &[crate::stage::Sent], control: ControlSubclass) -> usize {
    said.iter().filter(|sent| sent.control() == Some(control)).count()
}

#[test]
fn the_first_answer_wins_and_the_others_stop_ringing() {
    for (options, cause) in [("", 16), (",c", 26), (",Q(21)", 21)] {
        let (mut stage, mut near, mut b, mut c) = ringing(options);
        let said = stage.said_to(&mut near);
        assert_eq!(count(&said, ControlSubclass::Ringing), 1, "however many ring");
        stage.says_control(&mut c, ControlSubclass::Answer);
        assert_eq!(stage.told(&mut b, IaxSubclass::Hangup).cause(), Some(cause), "{options}");
        assert_eq!(count(&stage.said_to(&mut near), ControlSubclass::Answer), 1);
        stage.says_control(&mut b, ControlSubclass::Answer); // it crosses our HANGUP
        assert_eq!(count(&stage.said_to(&mut near), ControlSubclass::Answer), 0);
        stage.hangs_up(&mut near);
        assert_eq!(stage.told(&mut c, IaxSubclass::Hangup).cause(), Some(16));
    }
}

#[test]
fn one_that_refuses_leaves_the_others_ringing() {
    let (mut stage, mut near, mut b, mut c) = ringing("");
    stage.says_control(&mut b, ControlSubclass::Busy);
    assert!(stage.said_to(&mut near).iter().all(|sent| sent.cause().is_none()));
    stage.says_control(&mut c, ControlSubclass::Answer);
    assert_eq!(count(&stage.said_to(&mut near), ControlSubclass::Answer), 1);
}

#[test]
fn nobody_answers_in_time_and_all_stop_ringing() {
    let (mut stage, mut near, mut b, mut c) = ringing("");
    stage.passes(Duration::from_millis(29_999));
    assert!(stage.said_to(&mut near).iter().all(|sent| sent.cause().is_none()));
    stage.passes(Duration::from_millis(1));
    assert_eq!(stage.told(&mut b, IaxSubclass::Hangup).cause(), Some(16));
    assert_eq!(stage.told(&mut c, IaxSubclass::Hangup).cause(), Some(16));
    assert_eq!(stage.told(&mut near, IaxSubclass::Hangup).cause(), Some(19));
}

#[test]
fn a_caller_that_leaves_stops_all_of_them() {
    let (mut stage, mut near, mut b, mut c) = ringing("");
    stage.hangs_up(&mut near);
    for end in [&mut b, &mut c] {
        assert_eq!(stage.told(end, IaxSubclass::Hangup).cause(), Some(16));
    }
}
