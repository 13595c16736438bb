//! One codec for both legs, without transcoding: whose order decides, and what is offered onwards.

use dataplane::wire::MediaFormat;
use tests::world::{Host, Told, World};

use crate::files::{SECOND, assert_perfect};

const ULAW: MediaFormat = MediaFormat::ULAW;
const ALAW: MediaFormat = MediaFormat::ALAW;
const GSM: MediaFormat = MediaFormat::GSM;

fn world(mode: &str, allow: &str, far: &str) -> (World, Host, Host) {
    let iax = format!(
        "[a]\ntype=user\ncontext=x\ndisallow=all\nallow={allow}\ncodecpriority={mode}\n\
         [b]\ntype=peer\nhost=127.0.0.3\ndisallow=all\nallow={far}\n"
    );
    let world = World::new(1, &iax, "[x]\nexten => 600,1,Dial(IAX2/b/600)\n");
    let caller = world.host_with("127.0.0.2:4569", |manner| {
        manner.username = Some("a".to_owned());
        manner.codecs = vec![GSM, ULAW, ALAW];
        manner.wants = Some(ULAW);
    });
    let callee = world.host_with("127.0.0.3:4569", |manner| manner.codecs = vec![ALAW, GSM, ULAW]);
    (world, caller, callee)
}

/// The called side takes the first of what is offered that it prefers; what it is asked for is FORMAT.
#[test]
fn each_mode_orders_the_offer_as_the_field_does() {
    for (mode, first) in [("host", ALAW), ("caller", GSM), ("disabled", ULAW), ("reqonly", ULAW)] {
        let (world, caller, callee) = world(mode, "alaw,gsm,ulaw", "alaw,gsm,ulaw");
        callee.keeps_datagrams();
        let call = caller.dials("600");
        world.run_for(SECOND);
        assert!(caller.is_answered(call));
        let leg = callee.call_in();
        assert_eq!(caller.format(call), callee.format(leg), "{mode}");
        assert_eq!(wanted_of(&callee), first, "{mode}");
        let offered = callee.said(leg).offered;
        assert_eq!(offered == [ULAW], mode == "reqonly", "{mode}: {offered:?}");
        caller.talks(call, SECOND);
        callee.talks(leg, SECOND);
        world.run_for(2 * SECOND);
        assert_perfect(&callee, leg, 50);
        assert_perfect(&caller, call, 50);
        world.ends();
    }
}

/// FORMAT of the NEW that came last.
fn wanted_of(host: &Host) -> MediaFormat {
    use dataplane::wire::{Frame, IaxSubclass, IeKind};
    let mut wanted = None;
    for datagram in host.datagrams() {
        let Ok(Frame::Full(frame)) = Frame::parse(&datagram) else { continue };
        if frame.header().subclass.as_iax() == IaxSubclass::New {
            let format = frame.ies().filter_map(Result::ok).find(|ie| ie.kind == IeKind::Format);
            let mask = format.and_then(|ie| ie.as_u32()).expect("FORMAT has 32 bits");
            wanted = MediaFormat::from_bit(mask.trailing_zeros() as u8);
        }
    }
    wanted.expect("a NEW with FORMAT")
}

#[test]
fn the_called_side_is_offered_only_what_all_three_can_do() {
    let (world, caller, callee) = world("host", "ulaw,gsm", "gsm,alaw");
    let call = caller.dials("600");
    world.run_for(SECOND);
    assert_eq!(callee.said(callee.call_in()).offered, [GSM]);
    assert_eq!(caller.format(call), GSM);
    caller.talks(call, SECOND);
    world.run_for(2 * SECOND);
    assert_perfect(&callee, callee.call_in(), 50);
    world.ends();
}

#[test]
fn no_common_codec_ends_in_cause_58_on_whichever_side_it_is_missing() {
    for (allow, far) in [("g729", "g729"), ("ulaw", "gsm")] {
        let (world, caller, callee) = world("host", allow, far);
        let call = caller.dials("600");
        world.run_for(SECOND);
        assert_eq!(caller.told_last(call), Some(Told::Rejected(58)));
        assert!(callee.calls_in().is_empty());
        world.ends();
    }
    let (world, caller, callee) = world("host", "ulaw", "ulaw");
    callee.behaves(|manner| manner.codecs = vec![GSM]);
    let call = caller.dials("600");
    world.run_for(SECOND);
    assert_eq!(caller.told_last(call), Some(Told::Rejected(58)), "refused by the called side");
    world.ends();
}

#[test]
fn the_format_asked_for_or_none_under_reqonly() {
    let (world, caller, _callee) = world("reqonly", "gsm,alaw", "gsm,alaw");
    let call = caller.dials("600");
    world.run_for(SECOND);
    assert_eq!(caller.told_last(call), Some(Told::Rejected(58)), "ulaw was asked for");
    world.ends();
}
