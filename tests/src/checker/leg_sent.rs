//! What the switch says on a leg, held against the rules of numbers, time-stamps and answers.

use dataplane::wire::{CallNumber, FrameType, FullFrame, IaxSubclass as Iax, SeqNo};

use super::Options;
use super::content;
use super::finding::{Log, Stats};
use super::leg::{Heard, Leg, Owed, Sent};

impl Leg {
    /// A full frame of the switch on this leg.
    pub(super) fn send(
        &mut self,
        frame: &FullFrame<'_>,
        options: &Options,
        log: &mut Log,
        stats: &mut Stats,
    ) {
        let header = frame.header();
        self.active = log.now;
        stats.repeats += usize::from(header.retransmission);
        let ahead = header.iseqno.ahead_of(self.expected);
        if (1..=127).contains(&ahead) {
            let SeqNo(expected) = self.expected;
            let text = format!(
                "{} expects {}, the peer's next is {expected}",
                content::name(frame),
                header.iseqno.0
            );
            log.wrong(text);
        }
        match content::iax(frame) {
            Some(Iax::Ack) => self.send_ack(frame, log),
            Some(Iax::Vnak) => self.send_vnak(frame, log),
            Some(Iax::TxCnt | Iax::TxAcc) => self.check_destination(frame, log),
            _ => match header.oseqno.ahead_of(self.next) {
                0 => self.send_next(frame, log),
                1..=127 => {
                    let (is, SeqNo(next)) = (header.oseqno.0, self.next);
                    log.wrong(format!(
                        "{} has oseqno {is} where {next} follows",
                        content::name(frame)
                    ));
                    self.sent.clear();
                    self.send_next(frame, log);
                }
                _ => self.send_again(frame, options, log),
            },
        }
        let shows = |number: SeqNo| (1..=127).contains(&header.iseqno.ahead_of(number));
        self.pay(log, |owed| match owed {
            Owed::Acknowledgement(number) | Owed::LastAcknowledgement(number) => shows(number),
            Owed::Answer(answer, timestamp) => {
                content::iax(frame) == Some(answer)
                    && (header.timestamp == timestamp || timestamp.0 == 0)
            }
        });
        if self.last_heard.is_some_and(shows) {
            self.close(log.now);
        }
    }

    /// ACK: echoes time-stamp and ISeqno of the very copy it acknowledges, and takes no number.
    fn send_ack(&mut self, frame: &FullFrame<'_>, log: &mut Log) {
        let header = frame.header();
        self.check_destination(frame, log);
        if header.retransmission {
            log.wrong("ACK with the R bit");
        }
        let stamped = |heard: &&Heard| heard.is_echoed_by(header.timestamp);
        let mut candidates = self.heard.iter().filter(stamped).peekable();
        if candidates.peek().is_none() {
            return log
                .wrong(format!("ACK with time-stamp {} of no frame heard", header.timestamp.0));
        }
        let Some(acknowledged) = candidates.find(|heard| heard.iseqno == header.oseqno) else {
            return log.wrong(format!(
                "ACK's oseqno {} is not the ISeqno of the frame it acknowledges",
                header.oseqno.0
            ));
        };
        if !(1..=127).contains(&header.iseqno.ahead_of(acknowledged.oseqno)) {
            log.wrong(format!(
                "ACK of frame {} still expects {}",
                acknowledged.oseqno.0, header.iseqno.0
            ));
        }
    }

    /// VNAK: takes no number; its own is what it expects, or what would come next.
    fn send_vnak(&mut self, frame: &FullFrame<'_>, log: &mut Log) {
        let header = frame.header();
        self.check_destination(frame, log);
        if header.retransmission {
            log.wrong("VNAK with the R bit");
        }
        if header.oseqno != header.iseqno && header.oseqno != self.next {
            log.wrong(format!("VNAK's oseqno {} takes a number", header.oseqno.0));
        }
    }

    /// A numbered frame in its turn.
    fn send_next(&mut self, frame: &FullFrame<'_>, log: &mut Log) {
        let header = *frame.header();
        let (name, subclass) = (content::name(frame), content::iax(frame));
        if header.retransmission {
            log.wrong(format!("{name} has the R bit the first time"));
        }
        if !(self.theirs.is_none() && content::is_opener(subclass)) {
            self.check_destination(frame, log);
        }
        let answers = matches!(subclass, Some(Iax::Pong | Iax::LagRp));
        if header.frame_type == FrameType::Voice {
            self.check_carries_voice("full VOICE frame", log);
            if let Some(back) = self.media.full_sent(header.timestamp, log.now) {
                log.wrong(format!("voice of call {} goes back by {back} ms", self.ours));
            }
        } else if self.closed.is_some() || (self.ending && !answers) {
            log.wrong(format!("{name} after the end of the leg"));
        }
        if self.shown.ahead_of(header.iseqno) != 0 && self.shown.ahead_of(header.iseqno) < 128 {
            log.wrong(format!("{name} expects {} after {}", header.iseqno.0, self.shown.0));
        }
        self.shown = header.iseqno;
        self.check_time(frame, answers, log);
        match subclass {
            Some(Iax::Accept) => self.accepted = true,
            Some(Iax::Hangup | Iax::Reject | Iax::RegRej | Iax::RegAck) => self.ending = true,
            _ => {}
        }
        self.next = header.oseqno.next();
        if self.sent.len() == Self::MEMORY {
            self.sent.pop_front();
        }
        let (frame_no, first, data) = (log.frame_no, log.now, frame.data().to_vec());
        self.sent.push_back(Sent {
            frame_no,
            first,
            last: first,
            header,
            data,
            name,
            copies: 1,
            acked: None,
        });
    }

    /// Time-stamps begin at 1; answers copy theirs; signalling never goes back.
    fn check_time(&mut self, frame: &FullFrame<'_>, answers: bool, log: &mut Log) {
        let header = frame.header();
        let name = content::name(frame);
        if answers {
            let asked = self.heard.iter().any(|heard| {
                let asks = matches!(
                    (heard.subclass, content::iax(frame)),
                    (Some(Iax::Ping | Iax::Poke), Some(Iax::Pong))
                        | (Some(Iax::LagRq), Some(Iax::LagRp))
                );
                asks && heard.is_echoed_by(header.timestamp)
            });
            if !asked {
                log.wrong(format!(
                    "{name} with time-stamp {} answers nothing heard",
                    header.timestamp.0
                ));
            }
            return;
        }
        if header.timestamp.0 == 0 {
            log.wrong(format!("{name} with time-stamp 0"));
        }
        if matches!(header.frame_type, FrameType::Voice | FrameType::Video) {
            return; // media keeps its talker's time
        }
        if let Some(before) = self.stamped.filter(|before| !before.is_before(header.timestamp)) {
            log.wrong(format!("{name} has time-stamp {} after {}", header.timestamp.0, before.0));
        }
        self.stamped = Some(self.stamped.map_or(header.timestamp, |t| t.latest(header.timestamp)));
    }

    /// A numbered frame whose turn has been: it must be a copy, by the timer (R) or asked for by VNAK.
    fn send_again(&mut self, frame: &FullFrame<'_>, options: &Options, log: &mut Log) {
        let header = frame.header();
        let name = content::name(frame);
        let asked = self.vnak.is_some_and(|(at, from)| {
            log.now - at <= options.answer_within && header.oseqno.ahead_of(from) < 128
        });
        let Some(sent) = self.sent.iter_mut().find(|sent| sent.header.oseqno == header.oseqno)
        else {
            return log.wrong(format!("{name} repeats number {} of long ago", header.oseqno.0));
        };
        let same =
            (sent.header.frame_type, sent.header.subclass) == (header.frame_type, header.subclass);
        if !same || sent.data != frame.data() {
            log.wrong(format!("{name} has the number of another frame, {}", header.oseqno.0));
            return;
        }
        if sent.header.timestamp != header.timestamp {
            log.wrong(format!("{name} is repeated with another time-stamp"));
        }
        if sent.header.destination != header.destination {
            log.wrong(format!("{name} is repeated to another call number"));
        }
        if !header.retransmission && !asked {
            log.wrong(format!("{name} is repeated without the R bit, and no VNAK asked for it"));
        }
        if header.retransmission && !asked && log.now - sent.last < options.resend_after {
            log.wrong(format!("{name} is repeated after {} ms", (log.now - sent.last).as_millis()));
        }
        if log.now - sent.first > options.give_up_after {
            log.wrong(format!(
                "{name} is repeated {} s after it was sent",
                (log.now - sent.first).as_secs()
            ));
        }
        if sent.acked.is_some_and(|acked| log.now - acked > options.answer_within) {
            log.wrong(format!("{name} is repeated though it was acknowledged"));
        }
        sent.copies += 1;
        sent.last = log.now;
    }

    /// The destination is the peer's number, and 0 only until that is known.
    fn check_destination(&self, frame: &FullFrame<'_>, log: &mut Log) {
        let destination = frame.header().destination;
        let cancels = self.originating && content::iax(frame) == Some(Iax::Hangup);
        if destination.is_none() && cancels {
            return; // before the first answer came: the peer finds the call by the source
        }
        if destination.is_none() {
            log.wrong(format!("{} with destination 0", content::name(frame)));
        } else if destination != self.theirs {
            let (to, theirs) =
                (destination.map_or(0, CallNumber::get), self.theirs.map_or(0, CallNumber::get));
            log.wrong(format!("{} to call {to}, the peer's is {theirs}", content::name(frame)));
        }
    }

    /// Voice of any kind needs a call that is accepted and not over.
    pub(super) fn check_carries_voice(&mut self, what: &'static str, log: &mut Log) {
        if self.closed.is_some() || self.ending {
            log.wrong(format!("{what} of call {} after the end of the leg", self.ours));
        } else if !self.accepted {
            log.wrong(format!("{what} of call {} before ACCEPT", self.ours));
        }
    }
}
