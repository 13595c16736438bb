//! Writes small captures in the words of the field: one switch, one peer, virtual time.

use std::net::SocketAddr;
use std::time::Duration;

use dataplane::wire::{
    CallNumber, EntryForm, FrameType, FullHeader, IaxSubclass, IeKind, IeWriter, MediaFormat,
    MiniTimestamp, SeqNo, Subclass, Timestamp, emit_entry_header, emit_mini_header,
    emit_trunk_header,
};
use tests::checker::{Options, Report, check_capture};
use tests::pcap;

/// Our side of the captures.
pub(crate) const SWITCH: ([u8; 4], u16) = ([127, 0, 0, 1], 4569);
/// The peer's.
pub(crate) const PEER: ([u8; 4], u16) = ([127, 0, 0, 2], 4569);
/// The switch's call number.
pub(crate) const OURS: u16 = 16_001;
/// The peer's call number.
pub(crate) const THEIRS: u16 = 2_002;

/// A full frame to be put into a capture.
#[derive(Debug, Clone)]
pub(crate) struct Full {
    pub(crate) source: u16,
    pub(crate) destination: u16,
    pub(crate) again: bool,
    pub(crate) at: u32,
    pub(crate) oseqno: u8,
    pub(crate) iseqno: u8,
    pub(crate) frame_type: FrameType,
    pub(crate) subclass: Subclass,
    pub(crate) data: Vec<u8>,
}

impl Full {
    /// A message of the protocol, without elements.
    pub(crate) fn iax(subclass: IaxSubclass, at: u32, oseqno: u8, iseqno: u8) -> Self {
        let (frame_type, subclass) = (FrameType::Iax, Subclass::iax(subclass));
        let (source, destination, again, data) = (OURS, THEIRS, false, Vec::new());
        Self { source, destination, again, at, oseqno, iseqno, frame_type, subclass, data }
    }

    /// 20 ms of µ-law in a full frame.
    pub(crate) fn voice(at: u32, oseqno: u8, iseqno: u8) -> Self {
        let subclass = Subclass::voice(MediaFormat::ULAW);
        let frame = Self::iax(IaxSubclass::Ack, at, oseqno, iseqno).with(&[0xd5; 160]);
        Self { frame_type: FrameType::Voice, subclass, ..frame }
    }

    /// With data, or with elements written by [`elements`].
    pub(crate) fn with(mut self, data: &[u8]) -> Self {
        self.data = data.to_vec();
        self
    }

    /// With the R bit.
    pub(crate) fn again(mut self) -> Self {
        self.again = true;
        self
    }

    /// Between these call numbers.
    pub(crate) fn between(mut self, source: u16, destination: u16) -> Self {
        (self.source, self.destination) = (source, destination);
        self
    }

    fn octets(&self) -> Vec<u8> {
        let mut octets = vec![0; FullHeader::LEN];
        let header = FullHeader {
            source: CallNumber::from_wire(self.source).expect("a source"),
            destination: CallNumber::from_wire(self.destination),
            retransmission: self.again,
            timestamp: Timestamp(self.at),
            oseqno: SeqNo(self.oseqno),
            iseqno: SeqNo(self.iseqno),
            frame_type: self.frame_type,
            subclass: self.subclass,
        };
        header.emit(&mut octets).expect("room");
        octets.extend_from_slice(&self.data);
        octets
    }
}

/// Elements in wire form.
pub(crate) fn elements(write: impl FnOnce(&mut IeWriter<'_>)) -> Vec<u8> {
    let mut out = [0; 512];
    let mut writer = IeWriter::new(&mut out);
    write(&mut writer);
    let len = writer.finish().expect("room");
    out[..len].to_vec()
}

/// Elements of a NEW for extension 600 in µ-law, with an empty call token.
pub(crate) fn new_600() -> Vec<u8> {
    elements(|w| {
        w.u16(IeKind::Version, 2).raw(IeKind::CalledNumber, b"600").format(MediaFormat::ULAW);
        w.capability(MediaFormat::ULAW.into()).raw(IeKind::CallToken, b"");
    })
}

/// Elements of an ACCEPT in µ-law.
pub(crate) fn ulaw() -> Vec<u8> {
    elements(|w| _ = w.format(MediaFormat::ULAW))
}

/// A capture in the making.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    records: Vec<(Duration, Vec<u8>)>,
    now: Duration,
}

impl Captured {
    /// Lets `millis` pass.
    pub(crate) fn wait(&mut self, millis: u64) -> &mut Self {
        self.now += Duration::from_millis(millis);
        self
    }

    /// The switch sends a full frame.
    pub(crate) fn sends(&mut self, full: Full) -> &mut Self {
        self.datagram(SWITCH, PEER, &full.octets())
    }

    /// The switch is sent a full frame; call numbers as seen by the switch are exchanged.
    pub(crate) fn hears(&mut self, full: Full) -> &mut Self {
        let (source, destination) = match full.destination {
            THEIRS => (THEIRS, OURS),
            other => (full.source, other),
        };
        self.datagram(PEER, SWITCH, &full.between(source, destination).octets())
    }

    /// The switch sends 20 ms of µ-law as a mini frame.
    pub(crate) fn sends_mini(&mut self, at: u32) -> &mut Self {
        let mut octets = [0xd5; 164];
        let (source, at) = (CallNumber::from_wire(OURS).expect("ours"), Timestamp(at).low16());
        emit_mini_header(source, at, &mut octets).expect("room");
        self.datagram(SWITCH, PEER, &octets)
    }

    /// The switch sends entries of 160 octets under these call numbers in one trunk frame.
    pub(crate) fn sends_trunk(&mut self, time_ms: u32, at: u32, calls: &[u16]) -> &mut Self {
        let octets = trunk(EntryForm::Timed, time_ms, Timestamp(at).low16(), calls);
        self.datagram(SWITCH, PEER, &octets)
    }

    /// The switch sends these octets.
    pub(crate) fn sends_octets(&mut self, octets: &[u8]) -> &mut Self {
        self.datagram(SWITCH, PEER, octets)
    }

    /// A call the switch places, up to ANSWER: our next number is 1, the peer's 2.
    pub(crate) fn answered() -> Self {
        let mut call = Self::default();
        call.sends(Full::iax(IaxSubclass::New, 3, 0, 0).between(OURS, 0).with(&new_600()));
        call.wait(5).hears(Full::iax(IaxSubclass::Accept, 5, 0, 1).with(&ulaw()));
        call.wait(1).sends(Full::iax(IaxSubclass::Ack, 5, 1, 1));
        let answer = Full::iax(IaxSubclass::Ack, 100, 1, 1);
        let (frame_type, subclass) = (FrameType::Control, Subclass(4));
        call.wait(95).hears(Full { frame_type, subclass, ..answer });
        call.wait(1).sends(Full::iax(IaxSubclass::Ack, 100, 1, 2));
        call
    }

    /// The same with voice: a full VOICE frame at 120 ms that the peer has acknowledged. Our next number is 2.
    pub(crate) fn talking() -> Self {
        let mut call = Self::answered();
        call.wait(18).sends(Full::voice(120, 1, 2));
        call.wait(2).hears(Full::iax(IaxSubclass::Ack, 120, 2, 2));
        call
    }

    /// The capture as a libpcap file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        for (time, ip) in &self.records {
            let len = u32::try_from(ip.len()).expect("short");
            let seconds = u32::try_from(time.as_secs()).expect("short");
            for word in [seconds, time.subsec_micros(), len, len] {
                file.extend_from_slice(&word.to_le_bytes());
            }
            file.extend_from_slice(ip);
        }
        file
    }

    /// The checker's judgement.
    pub(crate) fn judged(&self) -> Report {
        let capture = pcap::parse(&self.file()).expect("a libpcap file");
        check_capture(&capture, SocketAddr::from(SWITCH), &Options::default())
    }

    /// What the checker finds wrong, as (frame, text).
    pub(crate) fn found(&self) -> Vec<(usize, String)> {
        self.judged().violations.into_iter().map(|v| (v.frame_no, v.text)).collect()
    }

    fn datagram(&mut self, from: ([u8; 4], u16), to: ([u8; 4], u16), payload: &[u8]) -> &mut Self {
        let total = u16::try_from(28 + payload.len()).expect("short");
        let mut ip = vec![0x45, 0];
        ip.extend_from_slice(&total.to_be_bytes());
        ip.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0]);
        ip.extend_from_slice(&[from.0, to.0].concat());
        for word in [from.1, to.1, total - 20, 0] {
            ip.extend_from_slice(&word.to_be_bytes());
        }
        ip.extend_from_slice(payload);
        self.records.push((self.now, ip));
        self
    }
}

/// A trunk frame of one 160-octet entry for each call number.
pub(crate) fn trunk(form: EntryForm, time_ms: u32, at: MiniTimestamp, calls: &[u16]) -> Vec<u8> {
    let mut octets = vec![0; 8];
    emit_trunk_header(form, time_ms, &mut octets).expect("room");
    for number in calls {
        let mut header = [0; 6];
        let source = CallNumber::from_wire(*number).expect("named");
        let len = emit_entry_header(form, source, at, 160, &mut header).expect("room");
        octets.extend_from_slice(&header[..len]);
        octets.extend_from_slice(&[0xd5; 160]);
    }
    octets
}
