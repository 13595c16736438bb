//! The codec against octets worked out by hand, and its tables against the reference's.

use std::collections::HashSet;
use std::net::SocketAddr;

use dataplane::wire::{
    ApparentAddr, CallNumber, Capability, CodecPrefs, ControlSubclass, DateTime, EntryForm, Frame,
    FrameError, FrameType, FullHeader, HtmlSubclass, IaxSubclass, IeKind, IeWriter, Ies,
    MediaFormat, MiniTimestamp, SeqNo, Subclass, Timestamp, TrunkFrame, VideoTimestamp,
    emit_entry_header, emit_mini_header, emit_trunk_header, emit_video_mini_header, versioned_mask,
};

/// ACK from 0x0abc to 0x1234, time-stamp 100, oseqno 2, iseqno 3.
const ACK: [u8; 12] = [0x8a, 0xbc, 0x12, 0x34, 0, 0, 0, 0x64, 2, 3, 6, 4];

/// Mini frame of 0x0abc, time-stamp 0x0514.
const MINI: [u8; 12] = [0x0a, 0xbc, 5, 0x14, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5];

/// Video mini frame of 0x0abc, low time-stamp bits 0x0514, last of its picture.
const VIDEO_MINI: [u8; 8] = [0, 0, 0x8a, 0xbc, 0x85, 0x14, 0xaa, 0xbb];

/// Header time 1000; call 0x4001 at 0x0514 says `01 02`, call 7 at 0x0528 says `03`.
const TIMED: [u8; 23] = [
    0, 0, 1, 1, 0, 0, 3, 0xe8, //
    0, 2, 0x40, 1, 5, 0x14, 1, 2, //
    0, 1, 0, 7, 5, 0x28, 3,
];

/// The same calls without time-stamps; length and call number have changed places.
const UNTIMED: [u8; 19] = [
    0, 0, 1, 0, 0, 0, 3, 0xe8, //
    0x40, 1, 0, 2, 1, 2, //
    0, 7, 0, 1, 3,
];

fn call(number: u16) -> CallNumber {
    CallNumber::from_wire(number).expect("a call number of a test is not 0")
}

fn ies(write: impl FnOnce(&mut IeWriter<'_>)) -> Vec<u8> {
    let mut out = [0; 512];
    let mut writer = IeWriter::new(&mut out);
    write(&mut writer);
    let len = writer.finish().expect("the buffer holds the elements of a test");
    out[..len].to_vec()
}

#[test]
fn ack_reads_and_writes() {
    let header = FullHeader {
        source: call(0x0abc),
        destination: Some(call(0x1234)),
        retransmission: false,
        timestamp: Timestamp(100),
        oseqno: SeqNo(2),
        iseqno: SeqNo(3),
        frame_type: FrameType::Iax,
        subclass: Subclass::iax(IaxSubclass::Ack),
    };
    let Ok(Frame::Full(frame)) = Frame::parse(&ACK) else { panic!("not a full frame") };
    assert_eq!((*frame.header(), frame.data()), (header, &[][..]));
    let mut out = [0; 12];
    assert_eq!(header.emit(&mut out), Ok(12));
    assert_eq!(out, ACK);

    let again = FullHeader { retransmission: true, destination: None, ..header };
    assert_eq!(again.emit(&mut out), Ok(12));
    assert_eq!(out[2..4], [0x80, 0]);
    let Ok(Frame::Full(frame)) = Frame::parse(&out) else { panic!("not a full frame") };
    assert_eq!(*frame.header(), again);
}

#[test]
fn mini_and_video_mini_read_and_write() {
    let Ok(Frame::Mini(mini)) = Frame::parse(&MINI) else { panic!("not a mini frame") };
    assert_eq!((mini.source(), mini.timestamp()), (call(0x0abc), MiniTimestamp(0x0514)));
    assert_eq!(mini.payload(), [0xd5; 8]);
    let mut out = [0; 6];
    assert_eq!(emit_mini_header(mini.source(), mini.timestamp(), &mut out), Ok(4));
    assert_eq!(out[..4], MINI[..4]);

    let Ok(Frame::Video(video)) = Frame::parse(&VIDEO_MINI) else { panic!("not video") };
    assert_eq!((video.source(), video.timestamp()), (call(0x0abc), VideoTimestamp(0x8514)));
    assert_eq!((video.timestamp().low15(), video.timestamp().ends_picture()), (0x0514, true));
    assert_eq!(video.payload(), [0xaa, 0xbb]);
    assert_eq!(emit_video_mini_header(video.source(), video.timestamp(), &mut out), Ok(6));
    assert_eq!(out, VIDEO_MINI[..6]);
}

#[test]
fn both_trunk_forms_read_and_write() {
    for (octets, form) in [(&TIMED[..], EntryForm::Timed), (&UNTIMED[..], EntryForm::Untimed)] {
        let Ok(Frame::Trunk(trunk)) = Frame::parse(octets) else { panic!("not a trunk frame") };
        assert_eq!((trunk.form(), trunk.time_ms()), (form, 1000));
        let entries: Result<Vec<_>, _> = trunk.entries().collect();
        let entries = entries.expect("both entries are whole");
        let heard: Vec<_> = entries.iter().map(|e| (e.source, e.payload)).collect();
        assert_eq!(heard, [(Some(call(0x4001)), &[1, 2][..]), (Some(call(7)), &[3][..])]);
        let stamps: Vec<_> = entries.iter().filter_map(|e| e.timestamp).collect();
        let timed = [MiniTimestamp(0x0514), MiniTimestamp(0x0528)];
        assert_eq!(stamps, if form == EntryForm::Timed { &timed[..] } else { &[] });

        let mut out = [0; 32];
        let mut at = emit_trunk_header(form, 1000, &mut out).expect("room");
        for (entry, stamp) in entries.iter().zip(timed) {
            let len = u16::try_from(entry.payload.len()).expect("short");
            let source = entry.source.expect("named");
            at += emit_entry_header(form, source, stamp, len, &mut out[at..]).expect("room");
            out[at..at + entry.payload.len()].copy_from_slice(entry.payload);
            at += entry.payload.len();
        }
        assert_eq!(&out[..at], octets);
    }
}

#[test]
fn trunk_lengths_past_the_end_stop_the_walk() {
    for cut in 0..TIMED.len() {
        let Ok(trunk) = TrunkFrame::parse(&TIMED[..cut]) else {
            assert!(cut < 8, "a whole header was refused at {cut}");
            continue;
        };
        let walked: Vec<_> = trunk.entries().collect();
        let expected = match cut {
            8..=13 => vec![],      // less than an entry's header is ignored
            14..=15 => vec![None], // a header whose audio is cut
            16..=21 => vec![Some(2)],
            _ => vec![Some(2), None],
        };
        let lens: Vec<_> =
            walked.iter().map(|entry| entry.ok().map(|entry| entry.payload.len())).collect();
        assert_eq!(lens, expected, "cut at {cut}");
        assert!(walked.iter().all(|entry| entry.is_ok() || *entry == Err(FrameError::EntryCut)));
    }
}

#[test]
fn datagrams_are_sorted_and_refused_as_the_field_does() {
    let refused = |octets: &[u8]| Frame::parse(octets).expect_err("must be refused");
    for len in 0..4 {
        assert_eq!(refused(&[0x80, 1, 0][..len]), FrameError::TooShort { need: 4, have: len });
    }
    assert_eq!(refused(&ACK[..11]), FrameError::TooShort { need: 12, have: 11 });
    assert_eq!(refused(&TIMED[..7]), FrameError::TooShort { need: 8, have: 7 });
    assert_eq!(refused(&VIDEO_MINI[..5]), FrameError::TooShort { need: 6, have: 5 });
    assert_eq!(refused(&[0, 0, 2, 0]), FrameError::UnknownMeta { command: 2 });
    assert_eq!(refused(&[0, 0, 1, 2, 0, 0, 0, 1]), FrameError::UnknownTrunkForm { form: 2 });
    assert_eq!(refused(&[0, 0, 0x80, 0, 0, 0]), FrameError::NoSource);
    let mut sourceless = ACK;
    sourceless[..2].copy_from_slice(&[0x80, 0]);
    assert_eq!(refused(&sourceless), FrameError::NoSource);
    assert!(matches!(Frame::parse(&MINI[..4]), Ok(Frame::Mini(mini)) if mini.payload().is_empty()));
}

#[test]
fn elements_are_written_as_worked_out_by_hand() {
    let v4: SocketAddr = "192.0.2.10:4569".parse().expect("an address");
    let (apparent, len) = ApparentAddr(v4).emit();
    let date = DateTime { year: 2024, month: 3, day: 15, hour: 13, minute: 45, second: 30 };
    let both = Capability::from(MediaFormat::OPUS).with(MediaFormat::ULAW);
    let prefs = [MediaFormat::ULAW, MediaFormat::ALAW, MediaFormat::GSM];
    let letters: Vec<u8> = prefs.into_iter().filter_map(CodecPrefs::letter).collect();

    let format = [9, 4, 0, 0, 0, 4, 0x38, 9, 0, 0, 0, 0, 0, 0, 0, 0, 4];
    assert_eq!(ies(|w| _ = w.format(MediaFormat::ULAW)), format);
    let capability = [8, 4, 0, 0, 0, 4, 0x37, 9, 0, 0, 0, 0, 4, 0, 0, 0, 4];
    assert_eq!(ies(|w| _ = w.capability(both)), capability);
    assert_eq!(ies(|w| _ = w.u16(IeKind::Version, 2)), [0x0b, 2, 0, 2]);
    assert_eq!(ies(|w| _ = w.raw(IeKind::CallToken, b"")), [0x36, 0]);
    assert_eq!(ies(|w| _ = w.u8(IeKind::CauseCode, 16)), [0x2a, 1, 16]);
    assert_eq!(
        ies(|w| _ = w.raw(IeKind::ApparentAddr, &apparent[..len])),
        [0x12, 0x10, 2, 0, 0x11, 0xd9, 192, 0, 2, 10, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!(ies(|w| _ = w.raw(IeKind::CodecPrefs, &letters)), [0x2d, 3, 0x44, 0x45, 0x43]);
    assert_eq!(
        ies(|w| _ = w.u32(IeKind::DateTime, date.to_wire())),
        [0x1f, 4, 0x30, 0x6f, 0x6d, 0xaf]
    );
    assert_eq!(versioned_mask(&[0, 0, 0, 0, 4, 0, 0, 0, 4]), Some(both));
    assert_eq!(versioned_mask(&[1, 0, 0, 0, 4, 0, 0, 0, 4]), None, "another version");
    assert_eq!(versioned_mask(&[]), None);
    assert_eq!(versioned_mask(&[0, 4]), None);
}

#[test]
fn an_element_past_the_end_is_one_error_and_the_last_item() {
    let broken: &[(&[u8], u8)] =
        &[(&[11, 2, 0, 2, 1], 1), (&[11, 2, 0, 2, 1, 3, b'6'], 1), (&[11, 2, 0, 2, 6, 255], 6)];
    for (octets, kind) in broken {
        let walked: Vec<_> = Ies::new(octets).collect();
        assert_eq!(walked.len(), 2);
        assert_eq!(walked[0].map(|ie| (ie.kind, ie.as_u16())), Ok((IeKind::Version, Some(2))));
        assert_eq!(walked[1], Err(FrameError::IeCut { kind: *kind }));
    }
}

#[test]
fn apparent_addresses_are_told_by_their_length() {
    for text in ["192.0.2.10:4569", "[2001:db8::5]:65535"] {
        let address: SocketAddr = text.parse().expect("an address");
        let (octets, len) = ApparentAddr(address).emit();
        assert_eq!(ApparentAddr::parse(&octets[..len]), Some(ApparentAddr(address)));
        assert_eq!(octets[..2], if address.is_ipv4() { [2, 0] } else { [10, 0] });
        let mut swapped = octets;
        swapped[..2].copy_from_slice(&[0, 28]); // another system's number for the family
        assert_eq!(ApparentAddr::parse(&swapped[..len]), Some(ApparentAddr(address)));
    }
    for len in (0..=28).filter(|len| ![16, 28].contains(len)) {
        assert_eq!(ApparentAddr::parse(&[0; 28][..len]), None, "length {len}");
    }
    assert_eq!(ApparentAddr::parse(&[0; 255]), None);
}

#[test]
fn dates_come_from_unix_time() {
    let parts = |seconds| {
        let d = DateTime::from_unix(seconds);
        (d.year, d.month, d.day, d.hour, d.minute, d.second)
    };
    assert_eq!(parts(0), (1970, 1, 1, 0, 0, 0));
    assert_eq!(parts(951_782_399), (2000, 2, 28, 23, 59, 59));
    assert_eq!(parts(951_782_400), (2000, 2, 29, 0, 0, 0));
    assert_eq!(parts(1_710_510_330), (2024, 3, 15, 13, 45, 30));
    assert_eq!(parts(1_735_689_599), (2024, 12, 31, 23, 59, 59));
    assert_eq!(parts(4_107_542_400), (2100, 3, 1, 0, 0, 0), "2100 is no leap year");
    assert_eq!(DateTime::from_unix(1_710_510_330).to_wire(), 0x306f_6daf);
    assert_eq!(DateTime::from_unix(0).to_wire() >> 25, 0, "years before 2000 show as 2000");
    assert_eq!(DateTime::from_unix(u64::MAX).to_wire() >> 25, 127);
}

#[test]
fn codec_preferences_end_at_the_first_letter_without_a_format() {
    let read = |letters: &[u8]| CodecPrefs(letters).formats().collect::<Vec<_>>();
    let three = [MediaFormat::ULAW, MediaFormat::ALAW, MediaFormat::GSM];
    assert_eq!(read(b"DEC"), three);
    for end in [b'A', b'\\', b'^', b'e', b'h', 0, 255] {
        assert_eq!(read(&[b'D', b'E', b'C', end, b'J']), three, "after {end:#04x}");
        assert_eq!(read(&[end, b'D']), [], "{end:#04x} first");
    }
    let all: Vec<_> = MediaFormat::NAMED.iter().map(|(_, _, letter)| *letter).collect();
    assert_eq!(read(&all).len(), MediaFormat::NAMED.len());
}

#[test]
fn time_stamps_are_restored_to_the_nearest() {
    let extend = |newest, mini| Timestamp(newest).extend(MiniTimestamp(mini)).0;
    assert_eq!(extend(65_500, 20), 65_556);
    assert_eq!(extend(65_556, 65_500), 65_500, "late, not a wrap ahead");
    assert_eq!(extend(1000, 0xffff), 0xffff_ffff);
    assert!(Timestamp(0xffff_ffff).is_before(Timestamp(1000)), "before the start of the call");
    assert_eq!(extend(131_072, 0), 131_072);
    assert_eq!(extend(0xffff_fff0, 4), 4, "across the wrap of 32 bits");
    assert_eq!(extend(100_000, 1695), 132_767, "32.767 s early");
    assert_eq!(extend(100_000, 1696), 67_232, "32.768 s late");
}

#[test]
fn every_format_has_one_subclass_and_is_read_in_both_forms() {
    let known = [(1, 0x02), (2, 0x04), (3, 0x08), (4, 0x10), (5, 0x20), (6, 0x40), (7, 0x87)];
    let known = known.into_iter().chain([(8, 0x88), (15, 0x8f), (21, 0x95), (26, 0x9a)]);
    for (bit, octet) in known.chain([(32, 0xa0), (33, 0xa1), (34, 0xa2)]) {
        let format = MediaFormat::from_bit(bit).expect("below 63");
        assert_eq!(Subclass::voice(format), Subclass(octet));
    }
    for bit in 0..63 {
        let format = MediaFormat::from_bit(bit).expect("below 63");
        assert_eq!(Subclass::voice(format).as_voice(), Some(format));
        assert_eq!(Subclass(0x80 | bit).as_voice(), Some(format), "the power form");
        assert_eq!(Subclass(0xc0 | bit).as_video(), (Some(format), true), "with the end mark");
        assert_eq!(Subclass(0x80 | bit).as_video(), (Some(format), false));
    }
    assert_eq!(MediaFormat::from_bit(63), None);
    for several in [0x00, 0x03, 0x06, 0x7f, 0xbf, 0xff] {
        assert_eq!(Subclass(several).as_voice(), None, "{several:#04x}");
    }
    assert_eq!(Subclass(0xd5).as_video().0.map(|f| f.bit()), Some(21), "h264, last packet");
}

#[test]
fn named_formats_are_complete_and_unique() {
    let names: HashSet<_> = MediaFormat::NAMED.iter().map(|(_, name, _)| *name).collect();
    let bits: HashSet<_> = MediaFormat::NAMED.iter().map(|(format, ..)| format.bit()).collect();
    let letters: HashSet<_> = MediaFormat::NAMED.iter().map(|(.., letter)| *letter).collect();
    for set in [names.len(), bits.len(), letters.len()] {
        assert_eq!(set, MediaFormat::NAMED.len());
    }
    for (format, name, letter) in MediaFormat::NAMED {
        assert_eq!(MediaFormat::from_name(name), Some(*format));
        assert_eq!((format.name(), CodecPrefs::letter(*format)), (Some(*name), Some(*letter)));
    }
    let audio: HashSet<_> = Capability::AUDIO.iter().collect();
    let best: HashSet<_> = MediaFormat::BEST_FIRST.iter().copied().collect();
    assert_eq!(audio, best, "every audio format has its rank");
    assert_eq!(MediaFormat::BEST_FIRST.len(), best.len());
    assert!(audio.iter().all(|format| format.name().is_some() && format.is_audio()));
    let reserved = (24..=25).chain(28..=31).chain(35..63).filter_map(MediaFormat::from_bit);
    assert!(reserved.into_iter().all(|format| format.name().is_none() && !format.is_audio()));
}

#[test]
fn payloads_play_as_long_as_their_format_says() {
    let table: &[(MediaFormat, usize, u128)] = &[
        (MediaFormat::ULAW, 160, 20_000),
        (MediaFormat::ALAW, 8, 1000),
        (MediaFormat::G722, 160, 20_000),
        (MediaFormat::GSM, 33, 20_000),
        (MediaFormat::GSM, 66, 40_000),
        (MediaFormat::G726, 80, 20_000),
        (MediaFormat::G726_AAL2, 4, 1000),
        (MediaFormat::ADPCM, 80, 20_000),
        (MediaFormat::SLIN, 320, 20_000),
        (MediaFormat::SLIN16, 640, 20_000),
        (MediaFormat::LPC10, 7, 22_500),
        (MediaFormat::G729, 20, 20_000),
        (MediaFormat::G729, 2, 10_000),
        (MediaFormat::G729, 12, 20_000),
        (MediaFormat::ILBC, 50, 30_000),
        (MediaFormat::ILBC, 38, 20_000),
        (MediaFormat::ILBC, 100, 60_000),
        (MediaFormat::ILBC, 76, 40_000),
        (MediaFormat::SIREN7, 80, 20_000),
        (MediaFormat::SIREN14, 120, 20_000),
        (MediaFormat::G719, 160, 20_000),
        (MediaFormat::ULAW, 0, 0),
        (MediaFormat::G723, 0, 0),
    ];
    let payload = [0; 640];
    for (format, len, micros) in table {
        let plays = format.duration(&payload[..*len]).map(|d| d.as_micros());
        assert_eq!(plays, Some(*micros), "{len} octets of {format}");
    }
    for variable in [MediaFormat::SPEEX, MediaFormat::SPEEX16, MediaFormat::OPUS] {
        assert_eq!(variable.duration(&payload[..20]), None);
    }
    let mut g723 = [0; 48];
    (g723[24], g723[44]) = (1, 2); // one frame of 24, one of 20, one of 4 octets
    assert_eq!(MediaFormat::G723.duration(&g723).map(|d| d.as_millis()), Some(90));
}

#[test]
fn names_of_octets_are_complete_and_unique() {
    fn names(range: impl Iterator<Item = u8>, name: impl Fn(u8) -> &'static str) -> usize {
        let all: Vec<_> = range.map(name).filter(|name| *name != "?").collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "a name stands twice");
        all.len()
    }
    assert_eq!(names(0..=255, |o| IeKind::from_wire(o).name()), 57);
    assert_eq!(names(1..=57, |o| IeKind::from_wire(o).name()), 57);
    assert_eq!(names(0..=255, |o| IaxSubclass::from_wire(o).name()), 40);
    assert_eq!(names(1..=40, |o| IaxSubclass::from_wire(o).name()), 40);
    assert_eq!(names(0..=255, |o| FrameType::from_wire(o).name()), 12);
    assert_eq!(names(1..=12, |o| FrameType::from_wire(o).name()), 12);
    assert_eq!(names(0..=255, |o| ControlSubclass::from_wire(o).name()), 32);
    assert_eq!(names(1..=31, |o| ControlSubclass::from_wire(o).name()), 31);
    assert_eq!(names(0..=255, |o| HtmlSubclass::from_wire(o).name()), 9);
    for octet in 0..=255 {
        assert_eq!(IeKind::from_wire(octet).to_wire(), octet);
        assert_eq!(IaxSubclass::from_wire(octet).to_wire(), octet);
        assert_eq!(FrameType::from_wire(octet).to_wire(), octet);
        assert_eq!(ControlSubclass::from_wire(octet).to_wire(), octet);
        assert_eq!(HtmlSubclass::from_wire(octet).to_wire(), octet);
    }
}

#[test]
fn frames_without_a_number_and_control_that_may_cross_are_as_listed() {
    let unnumbered: Vec<u8> =
        (0..=255).filter(|octet| !IaxSubclass::from_wire(*octet).is_numbered()).collect();
    assert_eq!(unnumbered, [4, 10, 18, 23, 24], "ACK, INVAL, VNAK, TXCNT, TXACC");
    let crossing: Vec<u8> =
        (0..=255).filter(|octet| ControlSubclass::from_wire(*octet).may_cross()).collect();
    let listed = (1..=18).chain([22, 23, 24, 28, 30, 31, 255]);
    assert_eq!(crossing, listed.collect::<Vec<_>>());
}
