//! Reliable transport of one leg's full frames: numbers, acknowledgement, sending again (RFC 5456 §7, §7.2).

use std::collections::VecDeque;
use std::time::Duration;

use dataplane::handoff::CallKey;
use dataplane::time::Instant;
use dataplane::wire::{FullHeader, SeqNo};

/// What an acknowledgement of a frame means for its leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnAck {
    /// Nothing but that it arrived.
    Nothing,
    /// The peer knows the call's voice: trunk entries may follow.
    Voice,
    /// The leg's last frame: the leg is over.
    End,
}

/// What sequence numbers say of a frame received (RFC 5456 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// To be processed.
    Fresh,
    /// Seen before: acknowledge again, do nothing.
    Repeat,
    /// Frames before it are missing: ask for them, drop it.
    Gap,
}

/// A frame was sent for [`GIVE_UP`] without an acknowledgement: the peer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GaveUp;

/// Frames a peer may leave unacknowledged before its leg is given up; the numbers themselves would allow 127.
pub(crate) const UNACKED_MAX: usize = 100;

/// Round trip assumed until one is measured.
pub(crate) const RTT_AT_FIRST: Duration = Duration::from_millis(250);

const GIVE_UP: Duration = Duration::from_secs(10);
const INTERVAL_MIN: Duration = Duration::from_millis(100);
const INTERVAL_MAX: Duration = Duration::from_secs(2);
const VNAK_REST_MIN: Duration = Duration::from_millis(20);

#[derive(Debug)]
struct Sent {
    octets: Box<[u8]>,
    /// What it was encrypted with, and is each time it is sent.
    key: Option<CallKey>,
    first: Instant,
    next: Instant,
    interval: Duration,
    on_ack: OnAck,
}

impl Sent {
    fn oseqno(&self) -> SeqNo {
        SeqNo(self.octets.get(8).copied().unwrap_or_default())
    }
}

/// One leg's sequence numbers and its frames not yet acknowledged.
#[derive(Debug)]
pub(crate) struct Reliable {
    oseqno: SeqNo,
    iseqno: SeqNo,
    oldest: SeqNo,
    told: SeqNo,
    rtt: Duration,
    queue: VecDeque<Sent>,
    vnak_sent: Option<(Instant, SeqNo)>,
    vnak_obeyed: Option<Instant>,
}

impl Reliable {
    pub(crate) fn new(rtt: Duration) -> Self {
        Self {
            oseqno: SeqNo(0),
            iseqno: SeqNo(0),
            oldest: SeqNo(0),
            told: SeqNo(0),
            rtt,
            queue: VecDeque::new(),
            vnak_sent: None,
            vnak_obeyed: None,
        }
    }

    /// Forgets what was sent and heard: the call token step begins the count anew.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.rtt);
    }

    /// Sends nothing again of what was sent so far; it may have arrived all the same.
    pub(crate) fn stop_repeating(&mut self) {
        self.queue.clear();
    }

    /// The numbers for the next frame: (oseqno, iseqno). Whatever carries them tells the peer what we have.
    pub(crate) fn numbers(&mut self) -> (SeqNo, SeqNo) {
        self.told = self.iseqno;
        (self.oseqno, self.iseqno)
    }

    /// The numbers as they stand, for a tombstone.
    pub(crate) fn final_numbers(&self) -> (SeqNo, SeqNo) {
        (self.oseqno, self.iseqno)
    }

    /// Keeps a frame just sent with the number of [`Reliable::numbers`] until it is acknowledged.
    pub(crate) fn keep(
        &mut self,
        now: Instant,
        octets: &[u8],
        key: Option<CallKey>,
        on_ack: OnAck,
    ) {
        let interval = (2 * self.rtt).clamp(INTERVAL_MIN, INTERVAL_MAX);
        let next = now + interval;
        let octets = octets.into();
        self.queue.push_back(Sent { octets, key, first: now, next, interval, on_ack });
        self.oseqno = self.oseqno.next();
    }

    /// Whether the peer has left so many frames unacknowledged that there is no point in sending more.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= UNACKED_MAX
    }

    /// Whether every frame sent has been acknowledged.
    pub(crate) fn is_quiet(&self) -> bool {
        self.queue.is_empty()
    }

    /// Sorts a frame by its number. One that takes no number of its own is heard out of order too.
    pub(crate) fn arrive(&mut self, header: &FullHeader, numbered: bool) -> Arrival {
        if header.oseqno == self.iseqno {
            if numbered {
                self.iseqno = self.iseqno.next();
            }
            return Arrival::Fresh;
        }
        if !numbered {
            return Arrival::Fresh;
        }
        if self.iseqno.ahead_of(header.oseqno) < 128 { Arrival::Repeat } else { Arrival::Gap }
    }

    /// Whether the peer does not know yet that we have all its frames.
    pub(crate) fn owes_ack(&self) -> bool {
        self.told != self.iseqno
    }

    /// Takes a received ISeqno as acknowledgement of every frame before it; outside the window it is ignored.
    ///
    /// Reports each frame it retires; Asterisk's weaker window test would retire frames never received.
    pub(crate) fn acknowledge(&mut self, iseqno: SeqNo, mut retired: impl FnMut(OnAck)) {
        let upto = iseqno.ahead_of(self.oldest);
        if upto > self.oseqno.ahead_of(self.oldest) {
            return;
        }
        let oldest = self.oldest;
        while let Some(sent) = self.queue.front() {
            if sent.oseqno().ahead_of(oldest) >= upto {
                break;
            }
            retired(sent.on_ack);
            self.queue.pop_front();
        }
        self.oldest = iseqno;
    }

    /// Whether a gap may be told now: once per missing frame and round trip.
    pub(crate) fn may_vnak(&mut self, now: Instant) -> bool {
        let rest = self.rtt.max(VNAK_REST_MIN);
        let allowed =
            self.vnak_sent.is_none_or(|(at, for_seq)| for_seq != self.iseqno || now >= at + rest);
        if allowed {
            self.vnak_sent = Some((now, self.iseqno));
        }
        allowed
    }

    /// Sends again what a VNAK asks for, as it was last sent: the frame of that number and all after it. Obeyed once
    /// per round trip, since a storm of VNAKs would make us resend everything for each.
    pub(crate) fn resend_from(
        &mut self,
        now: Instant,
        iseqno: SeqNo,
        mut send: impl FnMut(&[u8], Option<CallKey>),
    ) {
        let rest = self.rtt.max(VNAK_REST_MIN);
        if self.vnak_obeyed.is_some_and(|at| now < at + rest) {
            return;
        }
        self.vnak_obeyed = Some(now);
        for sent in self.queue.iter().filter(|sent| sent.oseqno().ahead_of(iseqno) < 128) {
            send(&sent.octets, sent.key);
        }
    }

    /// Whether this ISeqno acknowledges a frame that still waits for that.
    pub(crate) fn is_acknowledged_by(&self, iseqno: SeqNo) -> bool {
        let outstanding = self.oseqno.ahead_of(self.oldest);
        (1..=outstanding).contains(&iseqno.ahead_of(self.oldest))
    }

    /// When [`Reliable::retransmit`] has something to do.
    pub(crate) fn deadline(&self) -> Instant {
        self.queue.iter().map(|sent| sent.next).min().unwrap_or(Instant::FAR_FUTURE)
    }

    /// Sends again each frame whose time has come, with the R bit and the present ISeqno.
    pub(crate) fn retransmit(
        &mut self,
        now: Instant,
        mut send: impl FnMut(&[u8], Option<CallKey>),
    ) -> Result<(), GaveUp> {
        let iseqno = self.iseqno;
        for sent in self.queue.iter_mut().filter(|sent| sent.next <= now) {
            if now >= sent.first + GIVE_UP {
                return Err(GaveUp);
            }
            if let Some([_, _, r, _, _, _, _, _, _, i, ..]) = sent.octets.first_chunk_mut::<12>() {
                *r |= 0x80;
                *i = iseqno.0;
            }
            send(&sent.octets, sent.key);
            sent.interval = (sent.interval * 2).min(INTERVAL_MAX);
            sent.next = (now + sent.interval).min(sent.first + GIVE_UP);
            self.told = iseqno;
        }
        Ok(())
    }

    /// The round trip reckoned with.
    pub(crate) fn rtt(&self) -> Duration {
        self.rtt
    }

    /// A round trip was measured, by a time-stamp the peer sent back and may have made up.
    pub(crate) fn measured(&mut self, rtt: Duration) {
        self.rtt = rtt.min(INTERVAL_MAX);
    }
}

#[cfg(test)]
mod tests {
    use dataplane::wire::{CallNumber, FrameType, IaxSubclass, Subclass, Timestamp};

    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    fn header(oseqno: u8, iseqno: u8) -> FullHeader {
        FullHeader {
            source: CallNumber::MAX,
            destination: Some(CallNumber::MAX),
            retransmission: false,
            timestamp: Timestamp(3),
            oseqno: SeqNo(oseqno),
            iseqno: SeqNo(iseqno),
            frame_type: FrameType::Iax,
            subclass: Subclass::iax(IaxSubclass::Ping),
        }
    }

    fn send(reliable: &mut Reliable, now: Instant, on_ack: OnAck) {
        let (oseqno, iseqno) = reliable.numbers();
        let mut octets = [0; 12];
        header(oseqno.0, iseqno.0).emit(&mut octets).unwrap();
        reliable.keep(now, &octets, None, on_ack);
    }

    fn retired(reliable: &mut Reliable, iseqno: u8) -> usize {
        let mut count = 0;
        reliable.acknowledge(SeqNo(iseqno), |_| count += 1);
        count
    }

    #[test]
    fn numbers_sort_frames_across_the_wrap() {
        let mut reliable = Reliable::new(RTT_AT_FIRST);
        for n in 0..600u32 {
            let seq = (n % 256) as u8;
            assert_eq!(reliable.arrive(&header(seq.wrapping_add(1), 0), true), Arrival::Gap);
            assert_eq!(reliable.arrive(&header(seq, 0), true), Arrival::Fresh);
            assert_eq!(reliable.arrive(&header(seq, 0), true), Arrival::Repeat);
            assert_eq!(reliable.arrive(&header(seq.wrapping_add(9), 0), false), Arrival::Fresh);
        }
    }

    #[test]
    fn an_acknowledgement_outside_the_window_retires_nothing() {
        let mut reliable = Reliable::new(RTT_AT_FIRST);
        for round in 0..300u32 {
            let base = (round * 3 % 256) as u8;
            for _ in 0..3 {
                send(&mut reliable, at(0), OnAck::Nothing);
            }
            assert_eq!(retired(&mut reliable, base.wrapping_add(4)), 0, "never sent");
            assert!(reliable.is_acknowledged_by(SeqNo(base.wrapping_add(3))));
            assert!(!reliable.is_acknowledged_by(SeqNo(base.wrapping_add(4))));
            assert!(!reliable.is_acknowledged_by(SeqNo(base)));
            assert_eq!(retired(&mut reliable, base.wrapping_sub(1)), 0, "long ago");
            assert_eq!(retired(&mut reliable, base.wrapping_add(2)), 2);
            assert_eq!(retired(&mut reliable, base.wrapping_add(3)), 1);
            assert!(reliable.is_quiet());
        }
    }

    #[test]
    fn a_frame_is_sent_again_ever_more_seldom_and_given_up_after_ten_seconds() {
        let mut reliable = Reliable::new(Duration::from_millis(10));
        send(&mut reliable, at(0), OnAck::End);
        let mut times = Vec::new();
        loop {
            let now = reliable.deadline();
            let mut again = 0;
            match reliable.retransmit(now, |octets, _| {
                again += 1;
                assert_eq!(octets[2] & 0x80, 0x80, "the R bit");
            }) {
                Ok(()) => times.push(now.as_micros() / 1000),
                Err(GaveUp) => {
                    assert_eq!((again, now), (0, at(10_000)));
                    break;
                }
            }
            assert_eq!(again, 1);
        }
        assert_eq!(times, [100, 300, 700, 1500, 3100, 5100, 7100, 9100]);
    }

    #[test]
    fn a_vnak_brings_its_frame_and_all_after_once_a_round_trip() {
        let mut reliable = Reliable::new(RTT_AT_FIRST);
        (0..4).for_each(|_| send(&mut reliable, at(0), OnAck::Nothing));
        let mut seen = Vec::new();
        reliable.resend_from(at(5), SeqNo(2), |octets, _| seen.push((octets[8], octets[2] & 0x80)));
        reliable.resend_from(at(6), SeqNo(0), |_, _| panic!("too soon"));
        assert_eq!(seen, [(2, 0), (3, 0)]);
    }
}
