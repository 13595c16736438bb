//! Frames that open a dialogue, and the answers that remember nothing ("apathetic", from call number 1).

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use dataplane::wire::{CallNumber, FullFrame, IaxSubclass as Iax};

use super::content;
use super::finding::Log;
use super::leg::Heard;

/// An opening frame of a peer.
#[derive(Debug)]
struct Opener {
    heard: Heard,
    time: Duration,
    claimed: bool,
}

/// A POKE without its PONG.
#[derive(Debug)]
struct Poke {
    peer: SocketAddr,
    source: CallNumber,
    heard: Heard,
    frame_no: usize,
    since: Duration,
}

/// What peers opened, and what the switch answered without a leg.
#[derive(Debug, Default)]
pub(super) struct Stateless {
    openers: HashMap<(SocketAddr, CallNumber), VecDeque<Opener>>,
    pokes: Vec<Poke>,
}

impl Stateless {
    /// Opening frames remembered of one call number of one peer.
    const MEMORY: usize = 8;

    /// A peer's opening frame that belongs to no leg.
    pub(super) fn hear(&mut self, peer: SocketAddr, frame: &FullFrame<'_>, log: &Log) {
        let (source, heard) = (frame.header().source, Heard::new(frame));
        let openers = self.openers.entry((peer, source)).or_default();
        let again = openers.iter().any(|known| {
            (known.heard.subclass, known.heard.timestamp) == (heard.subclass, heard.timestamp)
                && frame.header().retransmission
        });
        if again {
            return;
        }
        if openers.len() == Self::MEMORY {
            openers.pop_front();
        }
        openers.push_back(Opener { heard, time: log.now, claimed: false });
        if heard.subclass == Some(Iax::Poke) {
            let (frame_no, since) = (log.frame_no, log.now);
            self.pokes.push(Poke { peer, source, heard, frame_no, since });
        }
    }

    /// Whether the peer has opened something with its number `theirs` after `since` that no leg has answered.
    pub(super) fn has_fresh(&self, peer: SocketAddr, theirs: CallNumber, since: Duration) -> bool {
        let openers = self.openers.get(&(peer, theirs));
        openers.is_some_and(|all| all.iter().any(|opener| !opener.claimed && opener.time > since))
    }

    /// The opening frame that a new leg to the peer's number `theirs` answers.
    pub(super) fn claim(&mut self, peer: SocketAddr, theirs: CallNumber) -> Option<Heard> {
        let openers = self.openers.get_mut(&(peer, theirs))?;
        let newest = openers.back().filter(|opener| !opener.claimed)?.heard;
        openers.iter_mut().for_each(|opener| opener.claimed = true);
        Some(newest)
    }

    /// An answer from call number 1: its shape, and the question it belongs to.
    pub(super) fn send(&mut self, peer: SocketAddr, frame: &FullFrame<'_>, log: &mut Log) {
        let header = frame.header();
        let name = content::name(frame);
        let questions: &[Iax] = match content::iax(frame) {
            Some(Iax::Pong) => &[Iax::Poke],
            Some(Iax::CallToken) => &[Iax::New, Iax::RegReq, Iax::RegRel, Iax::FwDownl],
            Some(Iax::Reject) => &[Iax::New],
            Some(Iax::RegRej) => &[Iax::RegReq, Iax::RegRel],
            _ => return log.wrong(format!("{name} from call number 1, which belongs to no call")),
        };
        if header.retransmission || header.oseqno.0 != 0 {
            log.wrong(format!("stateless {name} has an oseqno or the R bit"));
        }
        let Some(destination) = header.destination else {
            return log.wrong(format!("{name} with destination 0"));
        };
        let openers = self.openers.get(&(peer, destination)).into_iter().flatten();
        let asked = |opener: &&Opener| {
            opener.heard.subclass.is_some_and(|subclass| questions.contains(&subclass))
        };
        let asked: Vec<_> = openers.filter(asked).map(|opener| opener.heard).collect();
        if asked.is_empty() {
            return log
                .wrong(format!("stateless {name} to call {destination} answers nothing heard"));
        }
        match asked.iter().rfind(|heard| heard.timestamp == header.timestamp) {
            None => log.wrong(format!("stateless {name} does not copy the time-stamp")),
            Some(heard) if header.iseqno != heard.iseqno.next() => {
                log.wrong(format!("stateless {name} expects {}", header.iseqno.0));
            }
            Some(_) => {}
        }
    }

    /// A PONG from any number: it answers the POKE with its time-stamp.
    pub(super) fn pay(
        &mut self,
        peer: SocketAddr,
        pong: &FullFrame<'_>,
        within: Duration,
        log: &mut Log,
    ) {
        let header = pong.header();
        self.pokes.retain(|poke| {
            let paid = poke.peer == peer
                && Some(poke.source) == header.destination
                && poke.heard.is_echoed_by(header.timestamp);
            if paid && log.now > poke.since + within {
                let late = (log.now - poke.since).as_millis();
                log.wrong(format!("POKE of frame {} answered after {late} ms", poke.frame_no));
            }
            !paid
        });
    }

    /// The capture has ended: tells which POKEs were never answered.
    pub(super) fn finish(&mut self, now: Duration, within: Duration, log: &mut Log) {
        for poke in self.pokes.drain(..).filter(|poke| poke.since + within < now) {
            log.wrong_at(poke.frame_no, poke.since, "POKE is never answered");
        }
    }
}
