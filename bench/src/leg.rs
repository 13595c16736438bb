//! One leg as a PBX keeps it: numbers, sequence, frames not acknowledged yet, and where its voice stands.

use core::time::Duration;
use std::collections::VecDeque;

use dataplane::time::Instant;
use dataplane::wire::{
    CallNumber, ControlSubclass, FrameType, FullFrame, FullHeader, IaxSubclass, MediaFormat, SeqNo,
    Subclass, Timestamp,
};

use crate::tally::Stream;

/// How far a leg has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// NEW went or came; nothing is agreed.
    Waiting,
    /// ACCEPT went or came.
    Linked,
    /// The answer came, or was acknowledged: voice flows.
    Up,
    /// We sent HANGUP or REJECT, which is not acknowledged yet.
    HangingUp,
    /// Nothing is owed either way; the leg stays as its own tombstone.
    Ended,
}

/// What a full frame is: its type and its subclass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct What {
    pub(crate) frame_type: FrameType,
    pub(crate) subclass: Subclass,
}

impl What {
    /// A message of the protocol.
    pub(crate) const fn iax(subclass: IaxSubclass) -> Self {
        Self { frame_type: FrameType::Iax, subclass: Subclass::iax(subclass) }
    }

    /// Call control.
    pub(crate) const fn control(subclass: ControlSubclass) -> Self {
        Self { frame_type: FrameType::Control, subclass: Subclass::control(subclass) }
    }

    /// Audio, in the one format we speak.
    pub(crate) const VOICE: Self =
        Self { frame_type: FrameType::Voice, subclass: Subclass::voice(MediaFormat::ULAW) };

    /// Its name in messages.
    pub(crate) fn name(self) -> String {
        match self.frame_type {
            FrameType::Iax => self.subclass.as_iax().name().to_owned(),
            FrameType::Control => self.subclass.as_control().name().to_owned(),
            other => other.name().to_owned(),
        }
    }
}

/// A frame sent and not acknowledged.
#[derive(Debug)]
pub(crate) struct Unacked {
    pub(crate) what: What,
    pub(crate) oseqno: SeqNo,
    /// The whole frame; the R bit and ISeqno are renewed when it goes again.
    pub(crate) octets: Vec<u8>,
    pub(crate) first_sent: Instant,
    /// Time until it goes again.
    pub(crate) wait: Duration,
    /// Names it in the PBX's timers, where numbers of 8 bits would soon repeat.
    pub(crate) serial: u32,
}

/// What is said on a leg.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Voice {
    /// Place of the next frame in the stream.
    pub(crate) seq: u32,
    /// Time-stamp of the last frame; `None` before the first.
    pub(crate) last: Option<Timestamp>,
    /// The next frame must be a full one.
    pub(crate) owes_full: bool,
    /// A full frame has been acknowledged: entries of trunk frames may follow.
    pub(crate) known: bool,
}

/// A leg.
#[derive(Debug)]
pub(crate) struct Leg {
    /// The scenario's number of the call.
    pub(crate) call: u32,
    pub(crate) ours: CallNumber,
    /// The far side's number, once it has told it.
    pub(crate) theirs: Option<CallNumber>,
    pub(crate) state: State,
    /// Whether the far side has sent a challenge, or we have.
    pub(crate) challenge: Option<String>,
    /// Whether we have sent NEW with a token.
    pub(crate) token_sent: bool,
    pub(crate) voice: Voice,
    pub(crate) heard: Stream,
    pub(crate) unacked: VecDeque<Unacked>,
    pub(crate) iseqno: SeqNo,
    /// The last ISeqno sent: if it is behind, an ACK is owed.
    iseqno_told: SeqNo,
    oseqno: SeqNo,
    /// Zero of the leg's time-stamps.
    start: Instant,
    last: Timestamp,
}

impl Leg {
    /// A leg that begins now.
    pub(crate) fn new(call: u32, ours: CallNumber, now: Instant) -> Self {
        Self {
            call,
            ours,
            theirs: None,
            state: State::Waiting,
            challenge: None,
            token_sent: false,
            voice: Voice { owes_full: true, ..Voice::default() },
            heard: Stream::default(),
            unacked: VecDeque::new(),
            iseqno: SeqNo(0),
            iseqno_told: SeqNo(0),
            oseqno: SeqNo(0),
            start: now,
            last: Timestamp(0),
        }
    }

    /// Forgets what was sent, as a call token asks: the frame that carries it starts afresh.
    pub(crate) fn restart(&mut self) {
        self.unacked.clear();
        (self.oseqno, self.iseqno, self.iseqno_told) = (SeqNo(0), SeqNo(0), SeqNo(0));
        self.theirs = None;
    }

    /// Makes a numbered frame, which stays in `unacked` until it is acknowledged. Voice and answers that echo a
    /// time-stamp bring their own.
    pub(crate) fn emit(
        &mut self,
        now: Instant,
        what: What,
        timestamp: Option<Timestamp>,
        data: &[u8],
        serial: u32,
    ) -> &Unacked {
        let timestamp = timestamp.unwrap_or_else(|| self.next_timestamp(now));
        let oseqno = self.oseqno;
        let mut octets = self.header(what, timestamp, oseqno).to_vec();
        octets.extend_from_slice(data);
        self.oseqno = oseqno.next();
        self.iseqno_told = self.iseqno;
        let wait = RETRY_FIRST;
        self.unacked.push_back(Unacked { what, oseqno, octets, first_sent: now, wait, serial });
        self.unacked.back().expect("pushed the line before")
    }

    /// The frame of that serial, made ready to go again; `None` once it is acknowledged.
    pub(crate) fn emit_again(&mut self, serial: u32) -> Option<&mut Unacked> {
        let unacked = self.unacked.iter_mut().find(|unacked| unacked.serial == serial)?;
        if let Some([_, _, destination, _, _, _, _, _, _, iseqno]) =
            unacked.octets.first_chunk_mut()
        {
            *destination |= 0x80;
            *iseqno = self.iseqno.0;
        }
        unacked.wait = (unacked.wait * 2).min(RETRY_LONGEST);
        self.iseqno_told = self.iseqno;
        Some(unacked)
    }

    /// An answer without a number of its own: ACK and VNAK. ACK copies the time-stamp and echoes the ISeqno of what it
    /// acknowledges.
    pub(crate) fn emit_ack(&mut self, of: &FullHeader) -> [u8; FullHeader::LEN] {
        self.iseqno_told = self.iseqno;
        self.header(What::iax(IaxSubclass::Ack), of.timestamp, of.iseqno)
    }

    /// Asks for all frames from the expected one on.
    pub(crate) fn emit_vnak(&mut self, now: Instant) -> [u8; FullHeader::LEN] {
        let timestamp = self.next_timestamp(now);
        self.header(What::iax(IaxSubclass::Vnak), timestamp, self.iseqno)
    }

    /// Whether frames have come that nothing sent since acknowledges.
    pub(crate) fn owes_ack(&self) -> bool {
        self.iseqno != self.iseqno_told
    }

    /// Takes note of the far side's ISeqno: the frames before it have come. Returns what they were. A number outside
    /// what is unacknowledged says nothing.
    pub(crate) fn acknowledged(&mut self, iseqno: SeqNo) -> Vec<What> {
        let Some(oldest) = self.unacked.front().map(|unacked| unacked.oseqno) else {
            return Vec::new();
        };
        let count = iseqno.ahead_of(oldest);
        if count > self.oseqno.ahead_of(oldest) {
            return Vec::new();
        }
        self.unacked.drain(..usize::from(count).min(self.unacked.len())).map(|u| u.what).collect()
    }

    /// The time-stamp of the next voice frame: 20 ms after the last, the first on the clock's next 20 ms.
    pub(crate) fn voice_timestamp(&mut self, now: Instant) -> Timestamp {
        let timestamp = match self.voice.last {
            Some(last) => last.offset_by(FRAME_MS),
            None => Timestamp(now.millis_since(self.start).next_multiple_of(FRAME_MS)),
        };
        self.last = self.last.latest(timestamp);
        timestamp
    }

    /// A full frame's header from this leg.
    pub(crate) fn header(
        &self,
        what: What,
        timestamp: Timestamp,
        oseqno: SeqNo,
    ) -> [u8; FullHeader::LEN] {
        let header = FullHeader {
            source: self.ours,
            destination: self.theirs,
            retransmission: false,
            timestamp,
            oseqno,
            iseqno: self.iseqno,
            frame_type: what.frame_type,
            subclass: what.subclass,
        };
        full_header(&header)
    }

    /// Whether the frame's numbers name this leg: ours always, theirs if we know it.
    pub(crate) fn is_named_by(&self, frame: &FullFrame<'_>) -> bool {
        self.theirs.is_none_or(|theirs| theirs == frame.header().source)
    }

    /// Signalling is stamped with the clock, or 3 ms after the last frame where the clock has not passed it.
    fn next_timestamp(&mut self, now: Instant) -> Timestamp {
        let clock = Timestamp(now.millis_since(self.start));
        self.last = if self.last.is_before(clock) { clock } else { self.last.offset_by(3) };
        self.last
    }
}

/// A header as octets.
pub(crate) fn full_header(header: &FullHeader) -> [u8; FullHeader::LEN] {
    let mut octets = [0; FullHeader::LEN];
    header.emit(&mut octets).expect("a header fits its own length");
    octets
}

/// Milliseconds of audio in a frame.
pub(crate) const FRAME_MS: u32 = 20;
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_LONGEST: Duration = Duration::from_secs(2);
