//! What the peer tells on a leg: the state the switch's own frames are held against.

use std::time::Duration;

use dataplane::wire::{FrameType, FullFrame, IaxSubclass as Iax, IeKind, SeqNo};

use super::Options;
use super::content;
use super::finding::Log;
use super::leg::{Heard, Leg, Owed, Sent};

impl Leg {
    /// A full frame from the peer that names this leg, by our number or by its own.
    pub(super) fn hear(&mut self, frame: &FullFrame<'_>, options: &Options, log: &Log) {
        let header = frame.header();
        let subclass = content::iax(frame);
        if self.theirs.is_some_and(|theirs| theirs != header.source) {
            return; // left over from the call that had our number before
        }
        self.active = log.now;
        match subclass {
            Some(Iax::CallToken) if self.wants_a_token() => return self.start_again(),
            Some(Iax::CallToken) => return,
            Some(Iax::Inval) => return self.close(log.now),
            Some(Iax::Vnak) => self.asked_again(header.iseqno, log),
            _ => {}
        }
        self.theirs = Some(header.source);
        self.acknowledge(header.iseqno, log);
        if !content::is_numbered(frame) {
            return;
        }
        let ends = matches!(subclass, Some(Iax::Hangup | Iax::Reject | Iax::RegAck | Iax::RegRej));
        match self.expected.ahead_of(header.oseqno) {
            0 => {
                self.expected = header.oseqno.next();
                self.remember(frame);
                self.take(frame, ends, options, log);
            }
            1..=127 => {
                self.remember(frame);
                if ends {
                    let owed = Owed::LastAcknowledgement(header.oseqno);
                    self.owe(owed, content::name(frame), options.answer_within, log);
                }
            }
            _ if ends && (self.closed.is_some() || options.peers_vanish) => {
                self.remember(frame); // what is missing before it matters to nobody any more
                self.expected = header.oseqno.next();
            }
            _ => {} // a gap: the switch may ask for it again, and the peer's own timer will
        }
    }

    /// Whether what opened the leg had no token yet. A second token, for a copy of it, changes nothing.
    fn wants_a_token(&self) -> bool {
        let bare = |sent: &Sent| sent.data.ends_with(&[IeKind::CallToken.to_wire(), 0]);
        self.originating && self.theirs.is_none() && self.sent.back().is_some_and(bare)
    }

    /// VNAK. Of several in a row the one that asks for most may be the one that is obeyed.
    fn asked_again(&mut self, from: SeqNo, log: &Log) {
        let before = self.vnak.filter(|(at, before)| {
            log.now - *at < AT_ONCE && from.ahead_of(*before) < 128 // in one breath
        });
        self.vnak = Some((log.now, before.map_or(from, |(_, before)| before)));
    }

    /// A frame in its turn: what it changes, and what the switch owes for it.
    fn take(&mut self, frame: &FullFrame<'_>, ends: bool, options: &Options, log: &Log) {
        let header = frame.header();
        let (name, within) = (content::name(frame), options.answer_within);
        match content::iax(frame) {
            Some(Iax::Ping) => {
                self.owe(Owed::Answer(Iax::Pong, header.timestamp), name, within, log)
            }
            Some(Iax::LagRq) => {
                self.owe(Owed::Answer(Iax::LagRp, header.timestamp), name, within, log)
            }
            Some(Iax::Accept) => self.accepted = true,
            Some(Iax::Pong) if self.opened_with(Iax::Poke) => return self.close(log.now),
            _ => {}
        }
        if ends {
            self.last_heard = Some(header.oseqno);
            self.owe(Owed::LastAcknowledgement(header.oseqno), name, within, log);
        } else if self.closed.is_none() {
            self.owe(Owed::Acknowledgement(header.oseqno), name, within, log);
        }
    }

    fn remember(&mut self, frame: &FullFrame<'_>) {
        if self.heard.len() == Self::MEMORY {
            self.heard.pop_front();
        }
        self.heard.push_back(Heard::new(frame));
    }

    /// Whether the switch's first frame was this message.
    fn opened_with(&self, subclass: Iax) -> bool {
        self.originating
            && self.sent.front().is_some_and(|sent| {
                sent.header.frame_type == FrameType::Iax
                    && sent.header.subclass.as_iax() == subclass
            })
    }

    /// The peer expects `iseqno`: all before it has arrived. An ISeqno outside what was sent means nothing.
    fn acknowledge(&mut self, iseqno: SeqNo, log: &Log) {
        let outstanding = self.next.ahead_of(iseqno);
        if usize::from(outstanding) > self.sent.len() {
            return;
        }
        let arrived = self.sent.len() - usize::from(outstanding);
        let mut last_arrived = false;
        for sent in self.sent.iter_mut().take(arrived).filter(|sent| sent.acked.is_none()) {
            sent.acked = Some(log.now);
            match sent.header.frame_type {
                FrameType::Voice => self.media.full_acknowledged(),
                FrameType::Iax => {
                    last_arrived |= matches!(
                        sent.header.subclass.as_iax(),
                        Iax::Hangup | Iax::Reject | Iax::RegAck | Iax::RegRej
                    );
                }
                _ => {}
            }
        }
        if last_arrived {
            self.close(log.now);
        }
    }
}

/// VNAKs closer together than this may have been read together.
const AT_ONCE: Duration = Duration::from_millis(50);
