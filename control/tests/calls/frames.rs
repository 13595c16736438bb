//! What crosses a call, what is answered by us, and what goes no further with its reason.

use std::time::Duration;

use dataplane::handoff::Command;
use dataplane::wire::{
    Capability, ControlSubclass, FrameType, IaxSubclass, IeKind, MediaFormat, Subclass, Timestamp,
};

use crate::stage::{ALAW, Caller, End, Sent, Stage, ULAW, caller, host};

const H264: MediaFormat = match MediaFormat::from_bit(21) {
    Some(format) => format,
    None => panic!("a bit"),
};
const IAX: &str = "\
    [a]\ntype=user\ncontext=in\ndeny=0.0.0.0/0\npermit=127.0.0.1\n\
    disallow=all\nallow=ulaw,alaw,gsm,h264,jpeg\n\
    [b]\ntype=peer\nhost=127.0.0.2\ndisallow=all\nallow=ulaw,alaw,h264,jpeg\n";
const TO_B: &str = "[in]\nexten => _X.,1,Dial(IAX2/b/${EXTEN})\n";

fn with_video<'a>() -> Caller<'a> {
    let capability = ULAW.mask() | ALAW.mask() | MediaFormat::GSM.mask() | H264.mask();
    Caller { capability, ..caller("a", "600") }
}

fn talking(iax: &str) -> (Stage, End, End) {
    let mut stage = Stage::new(iax, TO_B, "");
    let (mut near, mut far) = stage.talk(host(1), &with_video(), host(2));
    stage.said_to(&mut near);
    stage.said_to(&mut far);
    (stage, near, far)
}

fn of_type(said: Vec<Sent>, frame_type: FrameType) -> Vec<Sent> {
    said.into_iter().filter(|sent| sent.header().frame_type == frame_type).collect()
}

#[test]
fn what_concerns_both_ends_crosses_octet_for_octet_both_ways() {
    let (mut stage, near, far) = talking(IAX);
    let hold = Subclass::control(ControlSubclass::Hold);
    let video_update = Subclass::control(ControlSubclass::VideoUpdate);
    let frames: [(FrameType, Subclass, &[u8]); 10] = [
        (FrameType::DtmfBegin, Subclass(b'5'), b""),
        (FrameType::DtmfEnd, Subclass(b'5'), b""),
        (FrameType::Text, Subclass(0), b"!NEWKEY1!\0"),
        (FrameType::Html, Subclass(1), b"http://example.com/"),
        (FrameType::Image, Subclass(0x90), &[0xff, 0xd8, 0, 0xff]),
        (FrameType::ComfortNoise, Subclass(50), b""),
        (FrameType::Control, hold, b"classical\0"),
        (FrameType::Control, hold, b""),
        (FrameType::Control, video_update, b""),
        (FrameType::Control, Subclass::control(ControlSubclass::RadioKey), b""),
    ];
    for (from, to) in [(&near, &far), (&far, &near)] {
        let (mut from, mut to) = (from.clone(), to.clone());
        for (frame_type, subclass, data) in frames {
            stage.says(&mut from, frame_type, subclass, data);
            let said = stage.said_to(&mut to);
            assert_eq!(said.len(), 1, "{frame_type:?}");
            let header = said[0].header();
            assert_eq!((header.frame_type, header.subclass), (frame_type, subclass));
            assert_eq!(said[0].data(), data);
        }
        stage.said_to(&mut from);
    }
}

#[test]
fn what_is_not_done_is_refused_with_its_reason() {
    for (asked, answer) in [
        (IaxSubclass::Mwi, IaxSubclass::Unsupport),
        (IaxSubclass::Provision, IaxSubclass::Unsupport),
        (IaxSubclass::FwDownl, IaxSubclass::Unsupport),
        (IaxSubclass::Transfer, IaxSubclass::Unsupport),
        (IaxSubclass::TxReq, IaxSubclass::TxRej),
    ] {
        let (mut stage, mut near, mut far) = talking(IAX);
        stage.says_iax(&mut near, asked, &[]);
        let said = stage.told(&mut near, answer);
        if answer == IaxSubclass::Unsupport {
            assert_eq!(said.element(IeKind::IaxUnknown), Some(vec![asked.to_wire()]));
        }
        assert!(stage.said_to(&mut far).is_empty(), "{asked:?}");
        let told = usize::from(matches!(asked, IaxSubclass::Transfer | IaxSubclass::TxReq));
        assert_eq!(stage.lines_with("that is not done").len(), told, "{asked:?}");
    }
}

#[test]
fn firmware_is_served_to_nobody() {
    let mut stage = Stage::new(IAX, TO_B, "");
    for asked in [IaxSubclass::FwDownl, IaxSubclass::Provision] {
        let mut end = stage.begins(host(9), asked, &[]);
        assert!(stage.said_to(&mut end).is_empty(), "{asked:?}");
    }
}

fn voice(format: MediaFormat) -> (FrameType, Subclass) {
    (FrameType::Voice, Subclass::voice(format))
}

#[test]
fn a_voice_format_that_both_can_do_passes_in_a_full_frame() {
    let (mut stage, mut near, mut far) = talking(IAX);
    stage.says_at(&mut near, Timestamp(100), voice(ULAW), &[1; 160]);
    stage.says_at(&mut near, Timestamp(120), voice(ALAW), &[2; 160]);
    let heard = of_type(stage.said_to(&mut far), FrameType::Voice);
    assert_eq!(
        heard.iter().map(|s| s.header().subclass).collect::<Vec<_>>(),
        [Subclass::voice(ULAW), Subclass::voice(ALAW)]
    );
    assert_eq!(heard[1].header().timestamp.0 - heard[0].header().timestamp.0, 20);
}

#[test]
fn a_voice_format_that_the_other_cannot_do_is_dropped_and_told_once() {
    let (mut stage, mut near, mut far) = talking(IAX);
    stage.says_at(&mut near, Timestamp(100), voice(ULAW), &[1; 160]);
    assert_eq!(of_type(stage.said_to(&mut far), FrameType::Voice).len(), 1);
    stage.commands.clear();
    for at in [120, 140] {
        stage.says_at(&mut near, Timestamp(at), voice(MediaFormat::GSM), &[3; 33]);
    }
    assert!(stage.said_to(&mut far).is_empty());
    assert!(matches!(stage.commands[..], [Command::Quelch(_, true)]), "{:?}", stage.commands);
    assert_eq!(
        stage.lines_with("goes no further"),
        [
            "call 1 of a: voice in gsm from 127.0.0.1:4569 goes no further, as the other leg cannot do it"
        ]
    );
    stage.commands.clear();
    stage.says_at(&mut near, Timestamp(160), voice(ULAW), &[1; 160]);
    assert!(
        matches!(stage.commands[..], [Command::Quelch(_, false), Command::Voice { .. }]),
        "{:?}",
        stage.commands
    );
}

#[test]
fn a_law_of_g711_that_the_other_cannot_do_is_converted_unless_that_is_turned_off() {
    let iax = IAX.replace(
        "127.0.0.2\ndisallow=all\nallow=ulaw,alaw,",
        "127.0.0.2\ndisallow=all\nallow=alaw,",
    );
    let mut stage = Stage::new(&iax, TO_B, "");
    let who = Caller { capability: ULAW.mask(), ..caller("a", "600") };
    let mut near = stage.calls(host(1), &who);
    let (mut far, _) = stage.called_at(host(2)).expect("b is called");
    stage.answers(&mut far, ALAW);
    stage.said_to(&mut near);
    stage.said_to(&mut far);
    for (from, to, said, heard) in
        [(&mut near.clone(), &mut far.clone(), ULAW, ALAW), (&mut far, &mut near, ALAW, ULAW)]
    {
        stage.says_at(from, Timestamp(100), voice(said), &[1; 160]);
        let voice = of_type(stage.said_to(to), FrameType::Voice);
        assert_eq!(voice.len(), 1, "{:?}", stage.lines);
        assert_eq!(voice[0].header().subclass, Subclass::voice(heard));
    }
    assert!(stage.lines_with("goes no further").is_empty());

    let off = "[general]\ng711_conversion=no\n";
    let gsm = IAX.replace(
        "127.0.0.2\ndisallow=all\nallow=ulaw,alaw,",
        "127.0.0.2\ndisallow=all\nallow=ulaw,gsm,",
    );
    let mut stage = Stage::new(&gsm, TO_B, off);
    let (mut near, mut far) = stage.talk(host(1), &with_video(), host(2));
    stage.said_to(&mut far);
    stage.says_at(&mut near, Timestamp(100), voice(ALAW), &[1; 160]);
    assert!(stage.said_to(&mut far).is_empty(), "in mid-call neither");
    let mut stage = Stage::new(&iax, TO_B, off);
    let mut near = stage.calls(host(1), &who);
    assert_eq!(stage.told(&mut near, IaxSubclass::Reject).cause(), Some(58));
}

#[test]
fn a_new_offers_all_that_both_can_do_and_keeps_every_bit() {
    let opus = MediaFormat::OPUS;
    let iax = IAX.replace("alaw,", "alaw,opus,");
    let mut stage = Stage::new(&iax, TO_B, "");
    let who = Caller { capability: u64::MAX, ..caller("a", "600") };
    let _near = stage.calls(host(1), &who);
    let (_, new) = stage.called_at(host(2)).expect("b is called");
    let long = new.element(IeKind::Capability2).expect("64 bits");
    let said = Capability(u64::from_be_bytes(long[1..].try_into().expect("8 octets")));
    let jpeg = MediaFormat::from_bit(16).expect("a bit");
    let expected = [ULAW, ALAW, opus, H264, jpeg];
    let expected = expected.iter().fold(Capability::NONE, |set, format| set.with(*format));
    assert_eq!(said, expected);
}

fn video(subclass: u8) -> (FrameType, Subclass) {
    (FrameType::Video, Subclass(subclass))
}

#[test]
fn video_crosses_with_its_subclass_and_the_offset_of_the_voice() {
    let (mut stage, mut near, mut far) = talking(IAX);
    stage.passes(Duration::from_secs(3));
    stage.says_at(&mut near, Timestamp(100), voice(ULAW), &[1; 160]);
    let heard = of_type(stage.said_to(&mut far), FrameType::Voice);
    let offset = heard[0].header().timestamp.0 - 100;
    for (at, subclass) in [(110, 0x95), (120, 0xd5), (130, 0x00)] {
        stage.says_at(&mut near, Timestamp(at), video(subclass), &[9; 700]);
        let heard = of_type(stage.said_to(&mut far), FrameType::Video);
        assert_eq!(heard.len(), 1, "{subclass:#x}");
        let header = heard[0].header();
        assert_eq!(header.subclass, Subclass(subclass), "as it came");
        assert_eq!(header.timestamp, Timestamp(at + offset));
        assert_eq!(heard[0].data(), [9; 700]);
    }
    assert!(stage.lines_with("goes no further").is_empty());
}

#[test]
fn video_is_not_agreed_on_where_voice_shares_trunk_frames() {
    for iax in [
        IAX.replace("host=127.0.0.2\n", "host=127.0.0.2\ntrunk=yes\n"),
        format!("{IAX}[at-a]\ntype=peer\nhost=127.0.0.1\ntrunk=yes\n"),
        IAX.replace("h264,jpeg\n[b]", "jpeg\n[b]"),
    ] {
        let mut stage = Stage::new(&iax, TO_B, "");
        let mut near = stage.calls(host(1), &with_video());
        let (mut far, new) = stage.called_at(host(2)).expect("b is called");
        let long = new.element(IeKind::Capability2).expect("64 bits");
        assert_eq!(long[6] & 0x20, 0, "no H.264 offered");
        stage.answers(&mut far, ULAW);
        stage.said_to(&mut far);
        for at in [110, 120] {
            stage.says_at(&mut near, Timestamp(at), video(0x95), &[9; 700]);
        }
        assert!(of_type(stage.said_to(&mut far), FrameType::Video).is_empty());
        assert_eq!(stage.lines_with("video in h264 from 127.0.0.1:4569 goes no further").len(), 1);
    }
}
