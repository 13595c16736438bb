//! Callers that ask for numbers first (DPREQ).

use std::time::Duration;

use dataplane::wire::{ControlSubclass, IaxSubclass, IeKind};

use crate::stage::{End, Stage, caller, elements, host};

const IAX: &str = "\
    [a]\ntype=user\ncontext=in\ncontext=other\nsecret=s\n\
    [open]\ntype=user\ncontext=in\ndeny=0.0.0.0/0\npermit=127.0.0.1\n\
    [b]\ntype=peer\nhost=127.0.0.2\n";
const ROUTES: &str = "\
    [in]\n\
    exten => 600,1,Dial(IAX2/b/${EXTEN})\n\
    exten => 6001,1,Dial(IAX2/b/${EXTEN})\n\
    exten => _7XX,1,Dial(IAX2/b/${EXTEN})\n\
    exten => _8!,1,Dial(IAX2/b/${EXTEN})\n\
    [other]\n\
    exten => 500,1,Dial(IAX2/b/${EXTEN})\n";

fn begins(trunkline: &str) -> (Stage, End) {
    let mut stage = Stage::new(IAX, ROUTES, trunkline);
    let mut asker = caller("a", "TBD");
    asker.secret = Some("s");
    let end = stage.calls(host(1), &asker);
    (stage, end)
}

fn number(number: &str) -> Vec<u8> {
    elements(|ies| _ = ies.raw(IeKind::CalledNumber, number.as_bytes()))
}

#[test]
fn who_may_ask_is_told_what_there_is() {
    let (mut stage, mut end) = begins("[a]\ndialplan_queries=yes\n");
    stage.told(&mut end, IaxSubclass::Accept);
    for (asked, status) in [
        ("600", 0x8001),
        ("6001", 0x0001),
        ("60", 0x0002),
        ("7", 0x0002),
        ("71", 0x0002),
        ("711", 0x0001),
        ("7111", 0x0004),
        ("8", 0x8001),
        ("9", 0x0004),
        ("500", 0x0004),
    ] {
        stage.says_iax(&mut end, IaxSubclass::DpReq, &number(asked));
        let reply = stage.told(&mut end, IaxSubclass::DpRep);
        assert_eq!(reply.text(IeKind::CalledNumber).as_deref(), Some(asked));
        let expected = u16::to_be_bytes(status).to_vec();
        assert_eq!(reply.element(IeKind::DpStatus), Some(expected), "{asked}");
        assert_eq!(reply.element(IeKind::Refresh), Some(vec![2, 88]));
    }
    stage.says_iax(&mut end, IaxSubclass::Dial, &number("6001"));
    let said = stage.said_to(&mut end);
    assert!(said.iter().any(|sent| sent.control() == Some(ControlSubclass::Progress)));
    let (mut far, new) = stage.called_at(host(2)).expect("b is called");
    assert_eq!(new.text(IeKind::CalledNumber).as_deref(), Some("6001"));
    stage.answers(&mut far, crate::stage::ULAW);
    let said = stage.said_to(&mut end);
    assert!(said.iter().any(|sent| sent.control() == Some(ControlSubclass::Answer)));
    stage.says_iax(&mut end, IaxSubclass::DpReq, &number("600"));
    stage.told(&mut end, IaxSubclass::Unsupport); // it is a call now
}

#[test]
fn a_number_dialled_after_all_that_is_not_there_is_refused() {
    let (mut stage, mut end) = begins("[a]\ndialplan_queries=yes\n");
    stage.told(&mut end, IaxSubclass::Accept);
    stage.says_iax(&mut end, IaxSubclass::Dial, &number("999"));
    assert_eq!(stage.told(&mut end, IaxSubclass::Reject).cause(), Some(3));
}

#[test]
fn limits_hold_for_what_is_dialled_after_asking() {
    let (mut stage, mut end) = begins("[a]\ndialplan_queries=yes\ncps_max_in=1\n");
    let mut plain = caller("a", "600");
    plain.secret = Some("s");
    let _call = stage.calls(host(1), &plain);
    stage.told(&mut end, IaxSubclass::Accept);
    stage.says_iax(&mut end, IaxSubclass::Dial, &number("600"));
    assert_eq!(stage.told(&mut end, IaxSubclass::Reject).cause(), Some(42));
}

#[test]
fn who_asks_no_more_is_let_go() {
    let (mut stage, mut end) = begins("[a]\ndialplan_queries=yes\n");
    stage.passes(Duration::from_secs(29));
    stage.said_to(&mut end);
    stage.says_iax(&mut end, IaxSubclass::DpReq, &number("600"));
    stage.passes(Duration::from_secs(29));
    stage.told(&mut end, IaxSubclass::DpRep);
    stage.passes(Duration::from_secs(1));
    assert_eq!(stage.told(&mut end, IaxSubclass::Hangup).cause(), Some(18));
}

#[test]
fn nobody_else_may_ask() {
    let (mut stage, mut end) = begins("");
    assert_eq!(stage.told(&mut end, IaxSubclass::Reject).cause(), Some(3));
    assert_eq!(stage.lines_with("dialplan_queries of [a] is no").len(), 1);

    let mut stage = Stage::new(IAX, ROUTES, "[open]\ndialplan_queries=yes\n");
    let mut end = stage.calls(host(1), &caller("open", "TBD"));
    assert_eq!(stage.told(&mut end, IaxSubclass::Reject).cause(), Some(3));
    assert_eq!(stage.lines_with("callers to [open] prove nothing").len(), 1);

    let mut stage = Stage::new(IAX, ROUTES, "");
    let (mut near, _far) = stage.talk(host(1), &caller("open", "600"), host(2));
    stage.said_to(&mut near);
    stage.says_iax(&mut near, IaxSubclass::DpReq, &number("600"));
    stage.told(&mut near, IaxSubclass::Unsupport);
}
