//! One leg as the capture shows it: what went each way, and what is still owed.

use std::collections::VecDeque;
use std::time::Duration;

use dataplane::wire::{CallNumber, FullFrame, FullHeader, IaxSubclass, SeqNo, Timestamp};

use super::content;
use super::finding::Log;
use super::media::Media;

/// A numbered frame the switch sent, and how it fared.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) frame_no: usize,
    pub(super) first: Duration,
    pub(super) last: Duration,
    pub(super) header: FullHeader,
    pub(super) data: Vec<u8>,
    pub(super) name: &'static str,
    pub(super) copies: u32,
    pub(super) acked: Option<Duration>,
}

/// A numbered frame the switch was sent; each copy is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    pub(super) subclass: Option<IaxSubclass>,
    pub(super) timestamp: Timestamp,
    pub(super) oseqno: SeqNo,
    pub(super) iseqno: SeqNo,
}

impl Heard {
    pub(super) fn new(frame: &FullFrame<'_>) -> Self {
        let &FullHeader { timestamp, oseqno, iseqno, .. } = frame.header();
        Self { subclass: content::iax(frame), timestamp, oseqno, iseqno }
    }

    /// Whether `answer` copies this frame's time-stamp. A 0 may be copied, or be answered with the clock.
    pub(super) fn is_echoed_by(&self, answer: Timestamp) -> bool {
        self.timestamp == answer || self.timestamp == Timestamp(0)
    }
}

/// What the switch owes the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owed {
    /// An ISeqno beyond this number, in any frame.
    Acknowledgement(SeqNo),
    /// The same, for a frame that ends the leg: owed even when the leg has gone.
    LastAcknowledgement(SeqNo),
    /// PONG or LAGRP with this time-stamp.
    Answer(IaxSubclass, Timestamp),
}

/// A debt, since when, and what for.
#[derive(Debug)]
pub(super) struct Debt {
    pub(super) owed: Owed,
    pub(super) frame_no: usize,
    pub(super) since: Duration,
    pub(super) due: Duration,
    pub(super) name: &'static str,
}

/// One leg. Its sending half is in `leg_sent.rs`, its hearing half in `leg_heard.rs`.
#[derive(Debug)]
pub(super) struct Leg {
    /// The switch's number.
    pub(super) ours: CallNumber,
    /// The peer's, once it has told it.
    pub(super) theirs: Option<CallNumber>,
    /// Whether the switch opened it.
    pub(super) originating: bool,
    /// Last frame either way.
    pub(super) active: Duration,
    /// Numbered frames sent, the newest last; bounded.
    pub(super) sent: VecDeque<Sent>,
    /// The number the next frame sent must have.
    pub(super) next: SeqNo,
    /// The number the peer's next frame must have to be taken.
    pub(super) expected: SeqNo,
    /// Numbered frames heard, the newest last; bounded.
    pub(super) heard: VecDeque<Heard>,
    /// The last ISeqno sent in a frame for the first time.
    pub(super) shown: SeqNo,
    /// Time-stamp of the newest signalling frame sent.
    pub(super) stamped: Option<Timestamp>,
    /// When the peer last asked for frames again, and from which number on.
    pub(super) vnak: Option<(Duration, SeqNo)>,
    /// Number of the peer's frame that ends the leg.
    pub(super) last_heard: Option<SeqNo>,
    /// Whether ACCEPT went either way.
    pub(super) accepted: bool,
    /// The switch's own last frame went.
    pub(super) ending: bool,
    /// Since when both sides know that it is over.
    pub(super) closed: Option<Duration>,
    /// Voice sent.
    pub(super) media: Media,
    /// What the peer waits for.
    pub(super) debts: Vec<Debt>,
}

impl Leg {
    /// Frames remembered each way: the peer must not lag further behind.
    pub(super) const MEMORY: usize = 128;

    /// A leg the switch opens, or whose opening the capture does not show.
    pub(super) fn opened_by_switch(ours: CallNumber, now: Duration) -> Self {
        Self {
            ours,
            theirs: None,
            originating: true,
            active: now,
            sent: VecDeque::new(),
            next: SeqNo(0),
            expected: SeqNo(0),
            heard: VecDeque::new(),
            shown: SeqNo(0),
            stamped: None,
            vnak: None,
            last_heard: None,
            accepted: false,
            ending: false,
            closed: None,
            media: Media::default(),
            debts: Vec::new(),
        }
    }

    /// A leg that answers the peer's opening frame.
    pub(super) fn opened_by_peer(
        ours: CallNumber,
        theirs: CallNumber,
        opener: Heard,
        now: Duration,
    ) -> Self {
        Self {
            theirs: Some(theirs),
            originating: false,
            expected: opener.oseqno.next(),
            heard: VecDeque::from([opener]),
            ..Self::opened_by_switch(ours, now)
        }
    }

    /// The peer wants a call token: the dialogue starts again, without anything that was.
    pub(super) fn start_again(&mut self) {
        (self.next, self.expected, self.shown) = (SeqNo(0), SeqNo(0), SeqNo(0));
        (self.theirs, self.stamped) = (None, None);
        self.sent.clear();
        self.heard.clear();
    }

    /// Whether a frame of the peer that does not know our number belongs here. An opening frame does so only as a
    /// copy: a peer that has started anew may choose a number that we still think it uses.
    pub(super) fn is_meant_by(&self, frame: &FullFrame<'_>) -> bool {
        let subclass = content::iax(frame);
        let timestamp = frame.header().timestamp;
        let known = |heard: &Heard| (heard.subclass, heard.timestamp) == (subclass, timestamp);
        self.theirs == Some(frame.header().source)
            && self.closed.is_none()
            && (!content::is_opener(subclass) || self.heard.iter().any(known))
    }

    /// Adds a debt unless it stands already.
    pub(super) fn owe(&mut self, owed: Owed, name: &'static str, within: Duration, log: &Log) {
        if self.debts.iter().any(|debt| debt.owed == owed) {
            return;
        }
        let (frame_no, since) = (log.frame_no, log.now);
        self.debts.push(Debt { owed, frame_no, since, due: since + within, name });
    }

    /// Pays every debt that `pays` says a frame just sent pays; late payment is told.
    pub(super) fn pay(&mut self, log: &mut Log, pays: impl Fn(Owed) -> bool) {
        self.debts.retain(|debt| {
            let paid = pays(debt.owed);
            if paid && log.now > debt.due {
                let late = (log.now - debt.since).as_millis();
                log.wrong(format!(
                    "{} of frame {} answered after {late} ms",
                    debt.name, debt.frame_no
                ));
            }
            !paid
        });
    }

    /// Both sides know that the leg is over; what else was owed is void.
    pub(super) fn close(&mut self, now: Duration) {
        self.closed.get_or_insert(now);
        self.debts.retain(|debt| matches!(debt.owed, Owed::LastAcknowledgement(_)));
    }

    /// The capture has ended, or the number serves another call: tells what was never done.
    pub(super) fn finish(&mut self, now: Duration, resend_within: Duration, log: &mut Log) {
        for debt in self.debts.drain(..).filter(|debt| debt.due < now) {
            let what = match debt.owed {
                Owed::Answer(..) => "answered",
                _ => "acknowledged",
            };
            log.wrong_at(debt.frame_no, debt.since, format!("{} is never {what}", debt.name));
        }
        let over = self.closed.unwrap_or(now);
        for sent in self.sent.iter().filter(|sent| sent.acked.is_none() && sent.copies == 1) {
            if sent.first + resend_within < over {
                let text = format!("{} is neither acknowledged nor sent again", sent.name);
                log.wrong_at(sent.frame_no, sent.first, text);
            }
        }
    }
}
