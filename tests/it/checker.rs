//! The strict checker finds nothing in a clean call, and in each broken one exactly what is broken.

use std::net::SocketAddr;

use dataplane::wire::{
    ApparentAddr, EntryForm, FrameType, IaxSubclass as Iax, IeKind, MiniTimestamp, Subclass,
};

use crate::captured::{Captured, Full, OURS, SWITCH, THEIRS, elements, new_600, trunk, ulaw};

/// Appends a proper end of a call by the switch.
fn hangs_up(call: &mut Captured, at: u32, oseqno: u8, iseqno: u8) {
    let cause = elements(|w| _ = w.u8(IeKind::CauseCode, 16));
    call.wait(20).sends(Full::iax(Iax::Hangup, at, oseqno, iseqno).with(&cause));
    call.wait(2).hears(Full::iax(Iax::Ack, at, iseqno, oseqno + 1));
    call.wait(5000);
}

/// The capture shows this one violation, at this frame.
#[track_caller]
fn assert_found(call: &Captured, frame_no: usize, text: &str) {
    assert_eq!(call.found(), [(frame_no, text.to_owned())]);
}

#[test]
fn a_clean_call_has_nothing_wrong() {
    let mut call = Captured::talking();
    call.wait(18).sends_mini(140).wait(20).sends_trunk(0, 160, &[OURS]);
    call.wait(20).sends_trunk(20, 180, &[OURS]);
    call.wait(5).hears(Full::iax(Iax::Ping, 210, 2, 2));
    call.wait(1).sends(Full::iax(Iax::Pong, 210, 2, 3));
    call.wait(2).hears(Full::iax(Iax::Ack, 210, 3, 3));
    hangs_up(&mut call, 300, 3, 3);
    let report = call.judged();
    assert_eq!(report.violations, []);
    assert_eq!((report.stats.legs, report.stats.mini, report.stats.entries), (1, 1, 2));
    assert_eq!((report.stats.sent, report.stats.heard), (9, 6));
}

#[test]
fn a_clean_call_from_the_peer_with_token_and_repeats_has_nothing_wrong() {
    let mut call = Captured::default();
    let token = b"0123456789abcdef";
    let new = |at| Full::iax(Iax::New, at, 0, 0).between(THEIRS, 0).with(&new_600());
    call.hears(new(3));
    let answer = elements(|w| _ = w.raw(IeKind::CallToken, token));
    call.wait(1).sends(Full::iax(Iax::CallToken, 3, 0, 1).between(1, THEIRS).with(&answer));
    call.wait(1).hears(new(6));
    call.wait(1).sends(Full::iax(Iax::Ack, 6, 0, 1));
    call.wait(1).hears(new(6).again()).wait(1).sends(Full::iax(Iax::Ack, 6, 0, 1));
    call.wait(10).sends(Full::iax(Iax::Accept, 12, 0, 1).with(&ulaw()));
    call.wait(500).sends(Full::iax(Iax::Accept, 12, 0, 1).with(&ulaw()).again());
    call.wait(5).hears(Full::iax(Iax::Vnak, 530, 1, 0));
    call.wait(1).sends(Full::iax(Iax::Accept, 12, 0, 1).with(&ulaw()));
    call.wait(5).hears(Full::iax(Iax::Ack, 12, 1, 1));
    call.wait(9).hears(Full::iax(Iax::Hangup, 540, 1, 1));
    call.wait(1).sends(Full::iax(Iax::Ack, 540, 1, 2));
    call.wait(1000).hears(Full::iax(Iax::Hangup, 540, 1, 1).again());
    call.wait(1).sends(Full::iax(Iax::Ack, 540, 1, 2)).wait(9000);
    assert_eq!(call.found(), []);
}

#[test]
fn our_new_starts_again_after_a_token() {
    let mut call = Captured::default();
    let new = |at, token: &[u8]| {
        let mut elements = new_600();
        elements.truncate(elements.len() - 2);
        elements.extend_from_slice(&[IeKind::CallToken.to_wire(), token.len() as u8]);
        elements.extend_from_slice(token);
        Full::iax(Iax::New, at, 0, 0).between(OURS, 0).with(&elements)
    };
    call.sends(new(3, b""));
    let token = elements(|w| _ = w.raw(IeKind::CallToken, b"t"));
    call.wait(5).hears(Full::iax(Iax::CallToken, 3, 0, 1).between(1, OURS).with(&token));
    call.wait(1).sends(new(9, b"t"));
    call.wait(5).hears(Full::iax(Iax::Reject, 5, 0, 1));
    call.wait(1).sends(Full::iax(Iax::Ack, 5, 1, 1)).wait(5000);
    call.sends(new(3, b"")); // the number has rested
    assert_eq!(call.found(), []);
}

#[test]
fn a_peer_that_starts_anew_may_use_its_number_again() {
    let mut call = Captured::talking();
    let new = Full::iax(Iax::New, 7, 0, 0).between(THEIRS, 0).with(&new_600());
    call.wait(300).hears(new);
    call.wait(1).sends(Full::iax(Iax::Ack, 7, 0, 1).between(OURS + 1, THEIRS));
    call.wait(1).sends(Full::iax(Iax::Accept, 9, 0, 1).between(OURS + 1, THEIRS).with(&ulaw()));
    assert_eq!(call.found(), []);
}

#[test]
fn shapes_of_frames() {
    let mut call = Captured::answered();
    call.sends_octets(&[0x80, 1, 0]);
    assert_found(&call, 6, "no IAX2 frame: 3 octets where 4 are needed");

    let mut call = Captured::answered();
    call.sends_octets(&[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 6, 4]);
    assert_found(&call, 6, "no IAX2 frame: source call number 0");

    let mut call = Captured::answered();
    call.sends(Full { subclass: Subclass(99), ..Full::iax(Iax::Ping, 120, 1, 2) });
    assert_found(&call, 6, "unknown IAX subclass 99");

    let mut call = Captured::answered();
    let frame_type = FrameType::Control;
    call.sends(Full { frame_type, subclass: Subclass(20), ..Full::iax(Iax::Ping, 120, 1, 2) });
    assert_found(&call, 6, "control subclass 20 does not belong on the wire");

    let mut call = Captured::answered();
    let frame_type = FrameType::DtmfEnd;
    call.sends(Full { frame_type, subclass: Subclass(b'x'), ..Full::iax(Iax::Ping, 120, 1, 2) });
    assert_found(&call, 6, "DTMF_END of no digit, subclass 0x78");
}

#[test]
fn shapes_of_elements() {
    let found = |subclass: Iax, data: &[u8]| {
        let mut call = Captured::answered();
        call.sends(Full::iax(subclass, 120, 1, 2).with(data));
        call.found().into_iter().map(|(_, text)| text).collect::<Vec<_>>()
    };
    assert_eq!(
        found(Iax::Hangup, &[42, 2, 0, 16]),
        ["CAUSECODE in HANGUP: 2 octets long where 1 belong"]
    );
    assert_eq!(
        found(Iax::Hangup, &[22, 9, 0]),
        ["HANGUP: information element 0x16 past the end of its frame"]
    );
    assert_eq!(found(Iax::Hangup, &[42, 1, 16, 42, 1, 16]), ["CAUSECODE in HANGUP: twice"]);
    assert_eq!(found(Iax::Hangup, &[22, 2, b'a', 0]), ["CAUSE in HANGUP: with a NUL inside"]);
    assert_eq!(found(Iax::Ping, &[22, 1, b'a']), ["CAUSE in PING: does not belong there"]);
    assert_eq!(found(Iax::Ping, &[99, 0]), ["? in PING: of a kind nobody knows"]);
    assert_eq!(found(Iax::Unsupport, &[]), ["UNSUPPORT without IAX_UNKNOWN"]);
    let token_first = [54, 0, 6, 1, b'a'];
    assert_eq!(
        found(Iax::RegReq, &token_first),
        ["USERNAME in REGREQ: behind CALLTOKEN, which must be the last"]
    );
    let (address, len) = ApparentAddr(SocketAddr::from(SWITCH)).emit();
    let apparent = elements(|w| _ = w.raw(IeKind::ApparentAddr, &address[..len]));
    let elsewhere = "APPARENT_ADDR in REGACK: not the address 127.0.0.2:4569 it goes to";
    assert_eq!(found(Iax::RegAck, &apparent), [elsewhere]);
    let two = elements(|w| _ = w.u32(IeKind::Format, 6));
    assert_eq!(found(Iax::Accept, &two), ["ACCEPT does not name one format"]);
    let differ = elements(|w| {
        _ = w.u32(IeKind::Format, 8).raw(IeKind::Format2, &[0, 0, 0, 0, 0, 0, 0, 0, 4])
    });
    assert_eq!(found(Iax::Accept, &differ), ["FORMAT and FORMAT2 differ in ACCEPT"]);
}

#[test]
fn sequence_numbers() {
    let mut call = Captured::answered();
    call.sends(Full::iax(Iax::Ping, 120, 2, 2));
    assert_found(&call, 6, "PING has oseqno 2 where 1 follows");

    let mut call = Captured::answered();
    call.sends(Full::iax(Iax::Ping, 120, 1, 3));
    assert_found(&call, 6, "PING expects 3, the peer's next is 2");

    let mut call = Captured::answered();
    call.sends(Full::iax(Iax::Ping, 120, 1, 2)).sends(Full::iax(Iax::LagRq, 123, 2, 1));
    assert_found(&call, 7, "LAGRQ expects 1 after 2");

    let mut call = Captured::answered();
    call.sends(Full::iax(Iax::Ping, 120, 1, 2).again());
    assert_found(&call, 6, "PING has the R bit the first time");

    let mut call = Captured::answered();
    call.sends(Full::iax(Iax::Ping, 120, 1, 2).between(OURS, 0));
    assert_found(&call, 6, "PING with destination 0");

    let mut call = Captured::answered();
    call.sends(Full::iax(Iax::Ping, 120, 1, 2).between(OURS, 7));
    assert_found(&call, 6, "PING to call 7, the peer's is 2002");

    let mut call = Captured::answered();
    call.sends(Full::iax(Iax::Ping, 120, 1, 2).between(77, THEIRS));
    assert_found(&call, 6, "PING of a call nobody opened");
}

#[test]
fn repeats() {
    let ping = || Full::iax(Iax::Ping, 120, 1, 2);
    let repeated = |millis, copy: Full| {
        let mut call = Captured::answered();
        call.sends(ping()).wait(millis).sends(copy);
        call.found()
    };
    let one = |text: &str| vec![(7, text.to_owned())];
    assert_eq!(repeated(200, ping().again()), []);
    assert_eq!(
        repeated(200, ping()),
        one("PING is repeated without the R bit, and no VNAK asked for it")
    );
    assert_eq!(repeated(20, ping().again()), one("PING is repeated after 20 ms"));
    assert_eq!(repeated(11_000, ping().again()), one("PING is repeated 11 s after it was sent"));
    let restamped = Full { at: 320, ..ping() }.again();
    assert_eq!(repeated(200, restamped), one("PING is repeated with another time-stamp"));
    let other = Full::iax(Iax::LagRq, 120, 1, 2).again();
    assert_eq!(repeated(200, other), one("LAGRQ has the number of another frame, 1"));

    let mut call = Captured::answered();
    call.sends(ping()).wait(5).hears(Full::iax(Iax::Ack, 120, 2, 2));
    call.wait(3000).sends(ping().again());
    assert_found(&call, 8, "PING is repeated though it was acknowledged");

    let mut call = Captured::answered();
    call.sends(ping()).wait(6000).hears(Full::iax(Iax::Ack, 1, 2, 1));
    assert_found(&call, 6, "PING is neither acknowledged nor sent again");
}

#[test]
fn acknowledgements() {
    let acked = |ack: Full| {
        let mut call = Captured::answered();
        call.hears(Full::iax(Iax::LagRp, 130, 2, 1)).wait(1).sends(ack).wait(3000);
        call.hears(Full::iax(Iax::Ack, 1, 3, 1));
        call.found()
    };
    let one = |text: &str| vec![(7, text.to_owned())];
    assert_eq!(acked(Full::iax(Iax::Ack, 130, 1, 3)), []);
    assert_eq!(
        acked(Full::iax(Iax::Ack, 131, 1, 3)),
        one("ACK with time-stamp 131 of no frame heard")
    );
    assert_eq!(
        acked(Full::iax(Iax::Ack, 130, 2, 3)),
        one("ACK's oseqno 2 is not the ISeqno of the frame it acknowledges")
    );
    assert_eq!(acked(Full::iax(Iax::Ack, 130, 1, 3).again()), one("ACK with the R bit"));
    let behind = acked(Full::iax(Iax::Ack, 130, 1, 2));
    assert_eq!(
        behind,
        [
            (6, "LAGRP is never acknowledged".to_owned()),
            (7, "ACK of frame 2 still expects 2".to_owned()),
        ]
    );

    let mut call = Captured::answered();
    call.hears(Full::iax(Iax::LagRp, 0, 2, 1)).wait(1).sends(Full::iax(Iax::Ack, 131, 1, 3));
    assert_eq!(call.found(), [], "time-stamp 0 may be answered with the clock");

    let mut call = Captured::answered();
    call.sends(Full::iax(Iax::Vnak, 120, 9, 2));
    assert_found(&call, 6, "VNAK's oseqno 9 takes a number");
}

#[test]
fn answers() {
    let mut call = Captured::answered();
    call.hears(Full::iax(Iax::LagRq, 130, 2, 1)).wait(1).sends(Full::iax(Iax::Ack, 130, 1, 3));
    call.wait(3000).hears(Full::iax(Iax::Ack, 1, 3, 1));
    assert_found(&call, 6, "LAGRQ is never answered");

    let mut call = Captured::answered();
    call.hears(Full::iax(Iax::Ping, 130, 2, 1)).wait(1).sends(Full::iax(Iax::Ack, 130, 1, 3));
    call.wait(3000).sends(Full::iax(Iax::Pong, 130, 1, 3));
    assert_found(&call, 8, "PING of frame 6 answered after 3001 ms");

    let mut call = Captured::answered();
    call.hears(Full::iax(Iax::Ping, 130, 2, 1)).wait(1).sends(Full::iax(Iax::Pong, 133, 1, 3));
    assert_found(&call, 7, "PONG with time-stamp 133 answers nothing heard");

    let mut call = Captured::answered();
    call.hears(Full::iax(Iax::Hangup, 130, 2, 1)).wait(3000).hears(Full::iax(Iax::Vnak, 1, 3, 1));
    assert_found(&call, 6, "HANGUP is never acknowledged");
}

#[test]
fn stateless_answers() {
    let poke = || Full::iax(Iax::Poke, 40, 0, 0).between(THEIRS, 0);
    let answered = |pong: Full| {
        let mut call = Captured::default();
        call.hears(poke()).wait(1).sends(pong);
        call.found()
    };
    let pong = || Full::iax(Iax::Pong, 40, 0, 1).between(1, THEIRS);
    let one = |text: &str| vec![(2, text.to_owned())];
    assert_eq!(answered(pong()), []);
    assert_eq!(
        answered(Full { at: 41, ..pong() }),
        one("stateless PONG does not copy the time-stamp")
    );
    assert_eq!(answered(Full { iseqno: 0, ..pong() }), one("stateless PONG expects 0"));
    assert_eq!(answered(pong().again()), one("stateless PONG has an oseqno or the R bit"));
    assert_eq!(answered(pong().between(1, 0)), one("PONG with destination 0"));
    assert_eq!(
        answered(pong().between(1, 9)),
        one("stateless PONG to call 9 answers nothing heard")
    );
    let ping = Full::iax(Iax::Ping, 40, 0, 1).between(1, THEIRS);
    assert_eq!(answered(ping), one("PING from call number 1, which belongs to no call"));

    let mut call = Captured::default();
    call.hears(poke()).wait(3000).hears(Full::iax(Iax::Poke, 50, 0, 0).between(9, 0));
    assert_found(&call, 1, "POKE is never answered");
}

#[test]
fn time_stamps() {
    let mut call = Captured::answered();
    call.sends(Full::iax(Iax::Ping, 3, 1, 2));
    assert_found(&call, 6, "PING has time-stamp 3 after 3");

    let mut call = Captured::default();
    call.sends(Full::iax(Iax::New, 0, 0, 0).between(OURS, 0).with(&new_600()));
    assert_found(&call, 1, "NEW with time-stamp 0");
}

#[test]
fn voice_starts_with_a_full_frame_that_arrived() {
    let mut call = Captured::answered();
    call.sends_mini(120).sends_mini(140);
    assert_found(&call, 6, "mini frame of call 16001 before its first full VOICE frame");

    let mut call = Captured::answered();
    call.sends(Full::voice(120, 1, 2)).sends_mini(140).sends_trunk(0, 160, &[OURS]);
    let text = "trunk entry of call 16001 before its full VOICE frame is acknowledged";
    assert_found(&call, 8, text);

    let mut call = Captured::default();
    call.sends(Full::iax(Iax::New, 3, 0, 0).between(OURS, 0).with(&new_600()));
    call.wait(5).hears(Full::iax(Iax::Ack, 3, 0, 1));
    call.sends(Full::voice(20, 1, 0));
    assert_found(&call, 3, "full VOICE frame of call 16001 before ACCEPT");

    let mut call = Captured::answered();
    call.sends_trunk(0, 120, &[77]);
    assert_found(&call, 6, "trunk entry of call 77, which is none");
}

#[test]
fn voice_ends_with_the_leg() {
    let mut call = Captured::talking();
    call.sends(Full::iax(Iax::Hangup, 140, 2, 2)).sends_mini(140);
    assert_found(&call, 9, "mini frame of call 16001 after the end of the leg");

    let mut call = Captured::talking();
    call.hears(Full::iax(Iax::Hangup, 140, 2, 2)).sends_mini(140);
    call.sends(Full::iax(Iax::Ack, 140, 2, 3)).sends_trunk(0, 160, &[OURS]);
    assert_found(&call, 11, "trunk entry of call 16001 after the end of the leg");

    let mut call = Captured::talking();
    hangs_up(&mut call, 140, 2, 2);
    call.sends(Full::iax(Iax::Ping, 9000, 3, 2));
    assert_found(&call, 10, "PING after the end of the leg");

    let mut call = Captured::talking();
    call.sends(Full::iax(Iax::Inval, 140, 0, 0));
    assert_found(&call, 8, "INVAL for call 16001, which lives");
}

#[test]
fn each_wrap_has_its_full_frame() {
    let mut call = Captured::talking();
    call.wait(65_400).sends_mini(65_520).wait(20).sends_mini(65_540);
    call.wait(5).sends(Full::voice(65_540, 2, 2)).wait(5).hears(Full::iax(Iax::Ack, 1, 2, 3));
    call.wait(10).sends_mini(65_530).wait(1000).sends_mini(66_560);
    assert_eq!(call.found(), []);

    let mut call = Captured::talking();
    call.wait(65_400).sends_mini(65_520).wait(20).sends_mini(65_540).wait(600).sends_mini(66_140);
    assert_found(&call, 9, "call 16001 passes a wrap of 16 bits without a full VOICE frame");

    let mut call = Captured::talking();
    call.wait(131_000).sends_mini(131_120).wait(600).sends_mini(131_720);
    assert_found(&call, 8, "call 16001 passes a wrap of 16 bits without a full VOICE frame");
}

#[test]
fn voice_does_not_go_back() {
    let mut call = Captured::talking();
    call.wait(400).sends_mini(520).sends_mini(400).sends_mini(300);
    assert_found(&call, 10, "voice of call 16001 goes back by 220 ms");

    let mut call = Captured::talking();
    call.wait(400).sends_mini(520).sends(Full::voice(300, 2, 2));
    assert_found(&call, 9, "voice of call 16001 goes back by 220 ms");
}

#[test]
fn trunk_datagrams() {
    let found = |octets: &[&[u8]]| {
        let mut call = Captured::talking();
        octets.iter().for_each(|octets| _ = call.sends_octets(octets));
        call.found()
    };
    let one = |frame, text: &str| vec![(frame, text.to_owned())];
    let whole = |time, calls: &[u16]| trunk(EntryForm::Timed, time, MiniTimestamp(140), calls);
    assert_eq!(found(&[&whole(0, &[OURS; 7]), &whole(20, &[OURS])]), []);
    assert_eq!(
        found(&[&whole(0, &[OURS; 8])]),
        one(8, "trunk datagram of 1336 octets, 1240 allowed")
    );
    assert_eq!(found(&[&whole(0, &[])]), one(8, "trunk datagram without an entry"));
    assert_eq!(
        found(&[&whole(0, &[OURS]), &whole(0, &[OURS])]),
        one(9, "trunk header time 0 again")
    );
    let untimed = trunk(EntryForm::Untimed, 0, MiniTimestamp(140), &[OURS]);
    assert_eq!(found(&[&untimed]), one(8, "trunk entries without time-stamps"));
    let mut anew = Captured::talking();
    anew.sends_octets(&whole(0, &[OURS])).wait(600).sends_octets(&whole(0, &[OURS]));
    assert_eq!(anew.found(), [], "a trunk that was quiet may begin anew");
    let back = found(&[&whole(5000, &[OURS]), &whole(4700, &[OURS])]);
    assert_eq!(back, one(9, "trunk header time 4700 after 5000"));
    let empty = [&whole(0, &[])[..], &[0, 0, 0x3e, 0x81, 0, 140]].concat();
    assert_eq!(found(&[&empty]), one(8, "trunk entry of call 16001 without audio"));
    let two = whole(0, &[OURS; 2]);
    assert_eq!(found(&[&two[..200]]), one(8, "trunk entry past the end of its datagram"));
    assert_eq!(found(&[&two[..177]]), one(8, "3 octets behind the last trunk entry"));
}

#[test]
fn call_numbers_rest() {
    let new = || Full::iax(Iax::New, 3, 0, 0).between(OURS, 0).with(&new_600());
    let mut call = Captured::talking();
    call.sends(Full::iax(Iax::Hangup, 140, 2, 2)).wait(2).hears(Full::iax(Iax::Ack, 140, 2, 3));
    call.wait(1000).sends(new());
    assert_found(&call, 10, "call number 16001 rested 1000 ms");

    let mut call = Captured::talking();
    call.wait(10_000).sends(new());
    assert_found(&call, 8, "call number 16001 serves a second call while the first is up");
}
