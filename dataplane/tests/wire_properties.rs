//! The codec on values and octets nobody chose.

use dataplane::wire::{
    CallNumber, EntryForm, Frame, FrameType, FullFrame, FullHeader, IeKind, IeWriter, Ies,
    MiniFrame, MiniTimestamp, SeqNo, Subclass, TRUNK_HEADER_LEN, Timestamp, TrunkFrame,
    VideoMiniFrame, VideoTimestamp, emit_entry_header, emit_mini_header, emit_trunk_header,
    emit_video_mini_header,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn call_numbers() -> impl Strategy<Value = CallNumber> {
    (1..=0x7fff_u16).prop_filter_map("never 0", CallNumber::from_wire)
}

fn forms() -> impl Strategy<Value = EntryForm> {
    prop_oneof![Just(EntryForm::Timed), Just(EntryForm::Untimed)]
}

fn full_headers() -> impl Strategy<Value = FullHeader> {
    let numbers = (call_numbers(), proptest::option::of(call_numbers()), any::<bool>());
    let octets = (any::<u32>(), any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>());
    (numbers, octets).prop_map(|((source, destination, retransmission), (at, o, i, kind, sub))| {
        FullHeader {
            source,
            destination,
            retransmission,
            timestamp: Timestamp(at),
            oseqno: SeqNo(o),
            iseqno: SeqNo(i),
            frame_type: FrameType::from_wire(kind),
            subclass: Subclass(sub),
        }
    })
}

/// Octets of one trunk frame, written with the codec's own header writers.
fn trunk(form: EntryForm, time_ms: u32, entries: &[(CallNumber, u16, Vec<u8>)]) -> Vec<u8> {
    let mut octets = vec![0; TRUNK_HEADER_LEN];
    emit_trunk_header(form, time_ms, &mut octets).expect("room for the header");
    for (source, stamp, payload) in entries {
        let mut header = [0; 6];
        let len = u16::try_from(payload.len()).expect("short");
        let header_len = emit_entry_header(form, *source, MiniTimestamp(*stamp), len, &mut header)
            .expect("room for an entry's header");
        octets.extend_from_slice(&header[..header_len]);
        octets.extend_from_slice(payload);
    }
    octets
}

proptest! {
    #[test]
    fn a_full_frame_reads_as_it_was_written(header in full_headers(), data in vec(any::<u8>(), 0..64)) {
        let mut octets = vec![0; FullHeader::LEN];
        prop_assert_eq!(header.emit(&mut octets), Ok(FullHeader::LEN));
        octets.extend_from_slice(&data);
        let frame = FullFrame::parse(&octets).expect("written by ourselves");
        prop_assert_eq!(*frame.header(), header);
        prop_assert_eq!(frame.data(), &data[..]);
        prop_assert_eq!(Frame::parse(&octets), Ok(Frame::Full(frame)));
    }

    #[test]
    fn a_full_frame_writes_as_it_was_read(mut octets in vec(any::<u8>(), 12..64)) {
        octets[0] |= 0x80;
        if let Ok(frame) = FullFrame::parse(&octets) {
            let mut out = [0; FullHeader::LEN];
            prop_assert_eq!(frame.header().emit(&mut out), Ok(FullHeader::LEN));
            prop_assert_eq!([&out[..], frame.data()].concat(), octets);
        } else {
            prop_assert_eq!(&octets[..2], &[0x80, 0][..], "only source 0 is refused");
        }
    }

    #[test]
    fn mini_and_video_write_as_they_were_read(mut octets in vec(any::<u8>(), 6..64)) {
        if let Ok(mini) = MiniFrame::parse(&octets) {
            let mut out = [0; 4];
            prop_assert_eq!(emit_mini_header(mini.source(), mini.timestamp(), &mut out), Ok(4));
            prop_assert_eq!([&out[..], mini.payload()].concat(), octets.clone());
        }
        octets[..2].fill(0);
        octets[2] |= 0x80;
        if let Ok(video) = VideoMiniFrame::parse(&octets) {
            let mut out = [0; 6];
            prop_assert_eq!(emit_video_mini_header(video.source(), video.timestamp(), &mut out), Ok(6));
            prop_assert_eq!([&out[..], video.payload()].concat(), octets);
        }
    }

    #[test]
    fn video_time_and_mark_share_a_word(word in any::<u16>()) {
        let stamp = VideoTimestamp(word);
        let mark = u16::from(stamp.ends_picture()) << 15;
        prop_assert_eq!(stamp.low15() | mark, word);
    }

    #[test]
    fn a_trunk_frame_reads_as_it_was_written(
        form in forms(),
        time_ms in any::<u32>(),
        entries in vec((call_numbers(), any::<u16>(), vec(any::<u8>(), 0..200)), 0..12),
    ) {
        let octets = trunk(form, time_ms, &entries);
        let frame = TrunkFrame::parse(&octets).expect("written by ourselves");
        prop_assert_eq!((frame.form(), frame.time_ms()), (form, time_ms));
        let mut read = Vec::new();
        for entry in frame.entries() {
            let entry = entry.expect("every entry is whole");
            prop_assert_eq!(entry.timestamp.is_some(), form == EntryForm::Timed);
            let stamp = entry.timestamp.map_or(0, |stamp| stamp.0);
            read.push((entry.source.expect("named"), stamp, entry.payload.to_vec()));
        }
        if form == EntryForm::Timed {
            prop_assert_eq!(&read, &entries);
        }
        prop_assert_eq!(trunk(form, time_ms, &read), octets, "and writes as it was read");
    }

    #[test]
    fn elements_write_as_they_were_read(octets in vec(any::<u8>(), 0..300)) {
        let mut out = [0; 300];
        let mut writer = IeWriter::new(&mut out);
        let mut whole = true;
        for ie in Ies::new(&octets) {
            match ie {
                Ok(ie) => _ = writer.raw(ie.kind, ie.data),
                Err(_) => whole = false,
            }
        }
        let len = writer.finish().expect("no longer than what was read");
        prop_assert_eq!(&out[..len], &octets[..len]);
        prop_assert!(!whole || len == octets.len());
    }

    #[test]
    fn a_writer_without_room_says_so(values in vec(vec(any::<u8>(), 0..300), 0..4), room in 0..600_usize) {
        let mut out = [0xee; 700];
        let mut writer = IeWriter::new(&mut out[..room]);
        for value in &values {
            writer.raw(IeKind::Variable, value);
        }
        let need: usize = values.iter().map(|value| value.len().min(255) + 2).sum();
        prop_assert_eq!(writer.finish().ok(), (need <= room).then_some(need));
        prop_assert!(out[room..].iter().all(|octet| *octet == 0xee));
    }

    #[test]
    fn no_octets_upset_the_codec(octets in vec(any::<u8>(), 0..256), meta in any::<bool>()) {
        let mut octets = octets;
        if meta && let Some(head) = octets.first_chunk_mut() {
            *head = [0, 0, 1, head[3] & 1];
        }
        match Frame::parse(&octets) {
            Ok(Frame::Trunk(trunk)) => {
                let (mut audio, mut walked) = (0, 0);
                for entry in trunk.entries() {
                    walked += 1;
                    audio += entry.map_or(0, |entry| entry.payload.len() + trunk.form().header_len());
                }
                prop_assert!(audio + TRUNK_HEADER_LEN <= octets.len());
                prop_assert!(walked <= octets.len() / 4);
            }
            Ok(Frame::Full(full)) => {
                let values: usize = full.ies().flatten().map(|ie| ie.data.len() + 2).sum();
                prop_assert!(values <= full.data().len());
            }
            Ok(Frame::Mini(_) | Frame::Video(_)) | Err(_) => {}
        }
    }

    #[test]
    fn time_stamps_within_half_a_wrap_come_back(newest in any::<u32>(), off in -32_768_i32..=32_767) {
        let sent = Timestamp(newest.wrapping_add_signed(off));
        prop_assert_eq!(Timestamp(newest).extend(sent.low16()), sent);
        prop_assert_eq!(sent.is_before(Timestamp(newest)), off < 0);
        prop_assert_eq!(sent.latest(Timestamp(newest)), if off > 0 { sent } else { Timestamp(newest) });
    }

    #[test]
    fn sequence_numbers_count_modulo_256(first in any::<u8>(), steps in 0..=255_u8) {
        let mut number = SeqNo(first);
        for _ in 0..steps {
            number = number.next();
        }
        prop_assert_eq!(number.ahead_of(SeqNo(first)), steps);
    }
}
