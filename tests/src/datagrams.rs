//! Datagrams written and read for tests.

use dataplane::cipher::{CipherKey, PAD_MAX, Pads};
use dataplane::handoff::CallKey;
use dataplane::wire::{
    CallNumber, EntryForm, Frame, FrameType, FullHeader, IaxSubclass, MediaFormat, MiniTimestamp,
    SeqNo, Subclass, Timestamp, VideoTimestamp, emit_entry_header, emit_mini_header,
    emit_trunk_header, emit_video_mini_header,
};

/// One voice frame on the wire, whichever way it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// The sender's number for the call.
    pub call: CallNumber,
    /// The time-stamp's low 16 bits; `None` in an untimed entry.
    pub at: Option<u16>,
    /// The audio.
    pub audio: Vec<u8>,
}

/// A mini frame.
pub fn mini(call: CallNumber, at: u16, audio: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; 4];
    emit_mini_header(call, MiniTimestamp(at), &mut octets).expect("4 octets");
    octets.extend_from_slice(audio);
    octets
}

/// A mini frame, encrypted behind a pad of its own.
pub fn encrypted(key: CallKey, frame: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; frame.len() + PAD_MAX];
    let mut seed = [0; 16];
    seed.iter_mut().zip(frame).for_each(|(seed, octet)| *seed = *octet);
    let pad = Pads::new(seed).fresh();
    let len = CipherKey::new(key).encrypt_mini(frame, &pad, &mut octets).expect("room");
    octets.truncate(len);
    octets
}

/// An encrypted mini frame in clear.
///
/// # Panics
/// If there is no frame behind the pad.
pub fn decrypted(key: CallKey, octets: &[u8]) -> Vec<u8> {
    let mut out = vec![0; octets.len()];
    CipherKey::new(key).decrypt_mini(octets, &mut out).expect("an encrypted mini frame").to_vec()
}

/// A video mini frame.
pub fn video(call: CallNumber, at: VideoTimestamp, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; 6];
    emit_video_mini_header(call, at, &mut octets).expect("6 octets");
    octets.extend_from_slice(payload);
    octets
}

/// A trunk frame with an entry for each (call, time-stamp, audio).
pub fn trunk<'a>(
    form: EntryForm,
    time_ms: u32,
    entries: impl IntoIterator<Item = (CallNumber, u16, &'a [u8])>,
) -> Vec<u8> {
    let mut octets = vec![0; 8];
    emit_trunk_header(form, time_ms, &mut octets).expect("8 octets");
    for (call, at, audio) in entries {
        let mut header = [0; 6];
        let len = audio.len() as u16;
        let header_len = emit_entry_header(form, call, MiniTimestamp(at), len, &mut header);
        octets.extend_from_slice(&header[..header_len.expect("6 octets")]);
        octets.extend_from_slice(audio);
    }
    octets
}

/// A PING, as a full frame to be punted.
pub fn ping(source: CallNumber) -> Vec<u8> {
    let subclass = Subclass(IaxSubclass::Ping.to_wire());
    full(source, Timestamp(0), FrameType::Iax, subclass, &[])
}

/// A full VOICE frame of a call that has just begun.
pub fn full_voice(source: CallNumber, at: u32, format: MediaFormat, audio: &[u8]) -> Vec<u8> {
    full(source, Timestamp(at), FrameType::Voice, Subclass::voice(format), audio)
}

fn full(
    source: CallNumber,
    timestamp: Timestamp,
    frame_type: FrameType,
    subclass: Subclass,
    data: &[u8],
) -> Vec<u8> {
    let header = FullHeader {
        source,
        destination: None,
        retransmission: false,
        timestamp,
        oseqno: SeqNo(0),
        iseqno: SeqNo(0),
        frame_type,
        subclass,
    };
    let mut octets = vec![0; FullHeader::LEN];
    header.emit(&mut octets).expect("12 octets");
    octets.extend_from_slice(data);
    octets
}

/// The voice frames in a datagram that holds nothing else, and a trunk frame's header time.
///
/// # Panics
/// If the datagram is no mini or trunk frame, or one with octets left over.
pub fn voices(datagram: &[u8]) -> (Vec<Voice>, Option<u32>) {
    match Frame::parse(datagram) {
        Ok(Frame::Mini(frame)) => {
            let at = Some(frame.timestamp().0);
            (vec![Voice { call: frame.source(), at, audio: frame.payload().to_vec() }], None)
        }
        Ok(Frame::Trunk(frame)) => {
            let entries = frame.entries().map(|entry| {
                let entry = entry.expect("a whole entry");
                let at = entry.timestamp.map(|at| at.0);
                let call = entry.source.expect("an entry of a call");
                Voice { call, at, audio: entry.payload.to_vec() }
            });
            let entries: Vec<_> = entries.collect();
            let header = frame.form().header_len();
            let octets = entries.iter().map(|entry| header + entry.audio.len()).sum::<usize>();
            assert_eq!(octets + 8, datagram.len(), "nothing is left over");
            (entries, Some(frame.time_ms()))
        }
        other => panic!("not voice: {other:?}"),
    }
}
