//! One leg as a host keeps it: sequence numbers, acknowledgement and repeats as Asterisk has them, written
//! independently of `control`.

use std::collections::VecDeque;

use dataplane::time::Instant;
use dataplane::wire::{
    CallNumber, FrameType, FullHeader, IaxSubclass, MediaFormat, SeqNo, Subclass, Timestamp,
};

use super::ledger::Ledger;
use super::manner::{Manner, Retry};
use super::speech::{Ear, Speech};

/// What a leg is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// This host placed the call.
    Caller,
    /// The switch placed it.
    Callee,
    /// This host registers.
    Registrant,
    /// The switch registers here.
    Registrar,
    /// This host sends POKE.
    Prober,
}

/// What a leg has been told, in order; the words of a test's expectations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A challenge.
    Challenged,
    /// ACCEPT with this format.
    Accepted(MediaFormat),
    /// A control frame that is none of the following.
    Control(u8),
    /// RINGING.
    Ringing,
    /// PROCEEDING.
    Proceeding,
    /// PROGRESS.
    Progress,
    /// ANSWER.
    Answered,
    /// BUSY.
    Busy,
    /// CONGESTION.
    Congestion,
    /// HOLD.
    Hold,
    /// UNHOLD.
    Unhold,
    /// QUELCH.
    Quelched,
    /// UNQUELCH.
    Unquelched,
    /// A digit begins.
    DigitBegins(char),
    /// A digit ends.
    Digit(char),
    /// TEXT.
    Text(Vec<u8>),
    /// A full VOICE frame of a format not heard before.
    Speaks(MediaFormat),
    /// HANGUP with this cause, 0 if none.
    HungUp(u8),
    /// REJECT with this cause, 0 if none.
    Rejected(u8),
    /// INVAL.
    Invalid,
    /// REGACK for so many seconds.
    Registered(u16),
    /// REGREJ.
    Refused,
    /// UNSUPPORT.
    Unsupported,
    /// PONG to a POKE.
    Pong,
    /// The other side acknowledges nothing any more.
    Lost,
}

/// What a call that came in said of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// CALLED_NUMBER.
    pub called: String,
    /// CALLING_NUMBER.
    pub number: String,
    /// CALLING_NAME.
    pub name: String,
    /// USERNAME.
    pub username: String,
    /// CALLED_CONTEXT.
    pub context: String,
    /// Formats offered.
    pub offered: Vec<MediaFormat>,
}

/// What a host's work is done with.
pub(super) struct Ctx<'a> {
    pub(super) now: Instant,
    pub(super) manner: &'a Manner,
    pub(super) ledger: &'a mut Ledger,
    pub(super) out: &'a mut Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Sent {
    octets: Vec<u8>,
    next: Instant,
    wait: std::time::Duration,
    sends: u32,
    last: bool,
}

/// One leg.
#[derive(Debug)]
pub(super) struct PeerLeg {
    pub(super) role: Role,
    pub(super) ours: CallNumber,
    pub(super) theirs: Option<CallNumber>,
    oseqno: u8,
    pub(super) iseqno: u8,
    told_iseqno: u8,
    queue: VecDeque<Sent>,
    began: Instant,
    last_stamp: u32,
    /// Gone: nothing is known of it any more.
    pub(super) over: bool,
    /// HANGUP, REJECT or the like has been sent.
    pub(super) ending: Option<Instant>,
    pub(super) accepted: bool,
    pub(super) answered: bool,
    pub(super) format: MediaFormat,
    pub(super) opening: (IaxSubclass, Vec<u8>),
    pub(super) token_taken: bool,
    pub(super) challenge: Option<String>,
    pub(super) said: Said,
    pub(super) told: Vec<Told>,
    pub(super) speech: Option<Speech>,
    pub(super) ear: Ear,
    /// The other side asked for silence.
    pub(super) quelched: bool,
    /// When ringing becomes an answer.
    pub(super) answer_at: Instant,
    pub(super) ping_at: Instant,
    pub(super) lagrq_at: Instant,
}

/// What a frame's number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Next,
    Dealt,
}

impl PeerLeg {
    pub(super) fn new(now: Instant, role: Role, ours: CallNumber) -> Self {
        let far = Instant::FAR_FUTURE;
        Self {
            role,
            ours,
            theirs: None,
            oseqno: 0,
            iseqno: 0,
            told_iseqno: 0,
            queue: VecDeque::new(),
            began: now,
            last_stamp: 0,
            over: false,
            ending: None,
            accepted: false,
            answered: false,
            format: MediaFormat::ULAW,
            opening: (IaxSubclass::New, Vec::new()),
            token_taken: false,
            challenge: None,
            said: Said::default(),
            told: Vec::new(),
            speech: None,
            ear: Ear::default(),
            quelched: false,
            answer_at: far,
            ping_at: far,
            lagrq_at: far,
        }
    }

    /// Milliseconds of its clock.
    pub(super) fn clock(&self, now: Instant) -> u32 {
        now.millis_since(self.began)
    }

    /// Sequence numbers begin anew, as after CALLTOKEN.
    pub(super) fn restart_numbers(&mut self) {
        (self.oseqno, self.iseqno, self.told_iseqno) = (0, 0, 0);
        self.queue.clear();
    }

    /// Numbers the frame that opened the leg as heard.
    pub(super) fn opened_by(&mut self, header: &FullHeader) {
        self.theirs = Some(header.source);
        self.iseqno = header.oseqno.0.wrapping_add(1);
    }

    fn stamp(&mut self, now: Instant) -> u32 {
        self.last_stamp = self.clock(now).max(self.last_stamp + 3);
        self.last_stamp
    }

    /// Voice was stamped so.
    pub(super) fn stamped(&mut self, stamp: u32) {
        self.last_stamp = self.last_stamp.max(stamp);
    }

    pub(super) fn send_iax(&mut self, ctx: &mut Ctx<'_>, subclass: IaxSubclass, ies: &[u8]) {
        let stamp = self.stamp(ctx.now);
        self.send_at(ctx, (FrameType::Iax, Subclass::iax(subclass)), stamp, ies);
    }

    pub(super) fn send_kind(
        &mut self,
        ctx: &mut Ctx<'_>,
        kind: (FrameType, Subclass),
        data: &[u8],
    ) {
        let stamp = self.stamp(ctx.now);
        self.send_at(ctx, kind, stamp, data);
    }

    /// The leg's last frame: once acknowledged, the leg is gone.
    pub(super) fn send_last(&mut self, ctx: &mut Ctx<'_>, subclass: IaxSubclass, ies: &[u8]) {
        self.send_iax(ctx, subclass, ies);
        self.ending = Some(ctx.now);
        self.speech = None;
        if let Some(sent) = self.queue.back_mut() {
            sent.last = true;
        }
    }

    /// A numbered frame with a time-stamp of the caller's choice.
    pub(super) fn send_at(
        &mut self,
        ctx: &mut Ctx<'_>,
        kind: (FrameType, Subclass),
        stamp: u32,
        data: &[u8],
    ) {
        let octets = self.frame(kind, stamp, (self.oseqno, self.iseqno), data);
        self.told_iseqno = self.iseqno;
        self.oseqno = self.oseqno.wrapping_add(1);
        ctx.out.push(octets.clone());
        let Retry { first, .. } = ctx.manner.retry;
        let next = ctx.now + first;
        self.queue.push_back(Sent { octets, next, wait: first, sends: 1, last: false });
    }

    fn frame(
        &self,
        (frame_type, subclass): (FrameType, Subclass),
        stamp: u32,
        (oseqno, iseqno): (u8, u8),
        data: &[u8],
    ) -> Vec<u8> {
        let header = FullHeader {
            source: self.ours,
            destination: self.theirs,
            retransmission: false,
            timestamp: Timestamp(stamp),
            oseqno: SeqNo(oseqno),
            iseqno: SeqNo(iseqno),
            frame_type,
            subclass,
        };
        let mut octets = vec![0; FullHeader::LEN];
        header.emit(&mut octets).expect("twelve octets");
        octets.extend_from_slice(data);
        octets
    }

    pub(super) fn send_ack(&mut self, ctx: &mut Ctx<'_>, header: &FullHeader) {
        let kind = (FrameType::Iax, Subclass::iax(IaxSubclass::Ack));
        let octets = self.frame(kind, header.timestamp.0, (header.iseqno.0, self.iseqno), &[]);
        self.told_iseqno = self.iseqno;
        ctx.out.push(octets);
    }

    pub(super) fn send_vnak(&mut self, ctx: &mut Ctx<'_>) {
        let kind = (FrameType::Iax, Subclass::iax(IaxSubclass::Vnak));
        let octets = self.frame(kind, self.clock(ctx.now), (self.iseqno, self.iseqno), &[]);
        self.told_iseqno = self.iseqno;
        ctx.out.push(octets);
    }

    /// Sorts a frame by its number, answers what is old or too early, and takes its acknowledgement.
    pub(super) fn order(
        &mut self,
        ctx: &mut Ctx<'_>,
        header: &FullHeader,
        unnumbered: bool,
        iax: Option<IaxSubclass>,
    ) -> Order {
        let behind = self.iseqno.wrapping_sub(header.oseqno.0);
        if behind != 0 && !unnumbered {
            if behind < 128 {
                self.send_ack(ctx, header);
            } else {
                self.send_vnak(ctx);
            }
            return Order::Dealt;
        }
        if !unnumbered {
            self.iseqno = self.iseqno.wrapping_add(1);
        }
        if iax != Some(IaxSubclass::Inval) {
            self.acknowledged_to(header.iseqno.0);
        }
        Order::Next
    }

    fn acknowledged_to(&mut self, iseqno: u8) {
        let Some(oldest) = self.queue.front().map(|sent| sent.octets[8]) else { return };
        let upto = iseqno.wrapping_sub(oldest);
        if upto > self.oseqno.wrapping_sub(oldest) {
            return;
        }
        while let Some(sent) = self.queue.front() {
            if sent.octets[8].wrapping_sub(oldest) >= upto {
                break;
            }
            self.over |= sent.last;
            self.queue.pop_front();
        }
    }

    /// The explicit ACK, if nothing sent meanwhile has told.
    pub(super) fn ack_if_owed(&mut self, ctx: &mut Ctx<'_>, header: &FullHeader) {
        if !self.over && self.told_iseqno != self.iseqno {
            self.send_ack(ctx, header);
        }
    }

    /// VNAK: everything from its number on, once more.
    pub(super) fn resend_from(&mut self, ctx: &mut Ctx<'_>, iseqno: u8) {
        for sent in &self.queue {
            if sent.octets[8].wrapping_sub(iseqno) < 128 {
                ctx.out.push(sent.octets.clone());
            }
        }
    }

    /// Whether frames sent wait for their acknowledgement.
    pub(super) fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// When its transport has something to do.
    pub(super) fn transport_deadline(&self) -> Instant {
        self.queue.iter().map(|sent| sent.next).min().unwrap_or(Instant::FAR_FUTURE)
    }

    /// Sends again what is due. Given up, the leg is gone.
    pub(super) fn retransmit(&mut self, ctx: &mut Ctx<'_>) {
        let Retry { growth, most, sends, .. } = ctx.manner.retry;
        for sent in self.queue.iter_mut().filter(|sent| sent.next <= ctx.now) {
            if sent.sends >= sends {
                self.over = true;
                self.told.push(Told::Lost);
                return;
            }
            sent.octets[2] |= 0x80;
            sent.octets[9] = self.iseqno;
            ctx.out.push(sent.octets.clone());
            sent.sends += 1;
            sent.wait = (sent.wait * growth).min(most);
            sent.next = ctx.now + sent.wait;
        }
    }
}
