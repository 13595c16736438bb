//! Qualify: POKE to each monitored peer now and then, and what its PONG, or silence, says of it (RFC 5456 §6.7).

use std::time::Duration;

use dataplane::time::Instant;
use dataplane::wire::{FullHeader, IaxSubclass};

use crate::engine::{Control, Due};
use crate::leg::Work;
use crate::message;
use crate::output::{LogLevel, Topic};
use crate::peer::Reach;
use crate::reliable::{OnAck, RTT_AT_FIRST};
use crate::slab::Key;
use crate::transport::{Opening, iax};

/// First probes are spread over this, so that a thousand peers are not asked in one burst.
const SPREAD: Duration = Duration::from_secs(1);

impl Control {
    /// Peers with an address are monitored from the start.
    pub(crate) fn start_peers(&mut self, now: Instant) {
        for index in 0..self.peers.len() {
            if self.peers.get(index).is_some_and(|peer| peer.address.is_some()) {
                let spread = self.random.below(SPREAD.as_micros() as u32);
                self.probe_from(now + Duration::from_micros(u64::from(spread)), index);
            }
        }
    }

    /// A peer is somewhere else: what is asked of its old address says nothing of it any more.
    pub(crate) fn probe_anew(&mut self, now: Instant, index: u32) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        peer.reach = Reach::Unknown;
        peer.averaged = None;
        if let Some(probe) = peer.probe.take() {
            self.release(now, probe, false);
        }
        self.probe_from(now, index);
    }

    /// Monitors a peer from `at` on, if its section asks for it.
    pub(crate) fn probe_from(&mut self, at: Instant, index: u32) {
        if let Some(peer) = self.peers.get_mut(index).filter(|peer| peer.config.qualify.is_some()) {
            peer.probe_at = at;
            self.rearm_peer(index);
        }
    }

    /// Arms a peer's timer if it is due earlier than the timer is armed for.
    pub(crate) fn rearm_peer(&mut self, index: u32) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        let deadline = peer.deadline();
        if deadline < peer.armed {
            peer.armed = deadline;
            self.timers.arm(deadline, Due::Peer(index));
        }
    }

    /// A peer's probe or the end of its registration is due.
    pub(crate) fn peer_due(&mut self, now: Instant, index: u32) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        if peer.armed > now {
            return; // armed again for another time since
        }
        peer.armed = Instant::FAR_FUTURE;
        let lapsed = peer.registered_until.is_some_and(|until| until <= now);
        let probe = peer.probe_at <= now;
        if lapsed {
            self.registration_lapsed(now, index);
        }
        if probe && !lapsed {
            self.probe(now, index);
        }
        self.rearm_peer(index);
    }

    fn probe(&mut self, now: Instant, index: u32) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        peer.probe_at = Instant::FAR_FUTURE;
        let (Some(qualify), Some(remote)) = (peer.config.qualify, peer.address) else { return };
        if peer.probe.is_some() || self.closing {
            return;
        }
        let source = peer.config.source;
        let rtt = (qualify.max / 8).max(RTT_AT_FIRST / 4);
        let wait = match peer.reach {
            Reach::Unreachable => qualify.freq_not_ok * 5 / 6,
            _ => (qualify.max + Duration::from_secs(8)).min(qualify.freq_ok * 5 / 6),
        };
        let Ok(local) = self.socket_for(remote, source) else { return };
        let opening = Opening { core: self.core_for(local, remote), address: (local, remote), rtt };
        let Some(key) = self.open_leg(now, opening, Work::Probe(index)) else {
            return self.probe_from(now + qualify.freq_not_ok, index);
        };
        if let Some(leg) = self.legs.get_mut(key) {
            leg.due_at = now + wait;
        }
        if let Some(peer) = self.peers.get_mut(index) {
            peer.probe = Some(key);
        }
        let data = message::call_token(&[]);
        self.send(now, key, iax(IaxSubclass::Poke), &data, OnAck::Nothing);
    }

    /// PONG: how long it took, and what that makes of the peer.
    pub(crate) fn probe_answered(
        &mut self,
        now: Instant,
        index: u32,
        key: Key,
        header: &FullHeader,
        rtt: Duration,
    ) {
        self.send_ack_to_stateless(key, header);
        self.release(now, key, true);
        let Some(peer) = self.peers.get_mut(index) else { return };
        let Some(qualify) = peer.config.qualify else { return };
        let averaged = match peer.averaged.filter(|_| qualify.smoothing) {
            Some(before) => (before + rtt) / 2,
            None => rtt,
        };
        peer.averaged = Some(averaged);
        let before = peer.reach;
        peer.reach = if rtt <= qualify.max { Reach::Reachable(rtt) } else { Reach::Lagged(rtt) };
        let well = averaged <= qualify.max;
        let (reach, name) = (peer.reach, peer.config.name.clone());
        let ms = rtt.as_millis();
        match (before, reach) {
            (Reach::Reachable(_), Reach::Reachable(_)) | (Reach::Lagged(_), Reach::Lagged(_)) => {}
            (_, Reach::Lagged(_)) => {
                let most = qualify.max.as_millis();
                let text = format!("peer {name} is LAGGED: {ms} ms, more than qualify={most}");
                self.log(LogLevel::Warning, Topic::Qualify, text);
            }
            _ => self.log(LogLevel::Info, Topic::Qualify, format!("peer {name} is OK ({ms} ms)")),
        }
        let pause = if well { qualify.freq_ok } else { qualify.freq_not_ok };
        self.probe_from(now + pause, index);
    }

    /// No PONG came.
    pub(crate) fn probe_unanswered(&mut self, now: Instant, index: u32) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        let Some(qualify) = peer.config.qualify else { return };
        let before = std::mem::replace(&mut peer.reach, Reach::Unreachable);
        peer.averaged = None;
        if before != Reach::Unreachable {
            let (name, address) = (peer.config.name.clone(), peer.address);
            let at = address.map_or_else(String::new, |address| format!(" at {address}"));
            let text = format!("peer {name}{at} is UNREACHABLE: it does not answer POKE");
            self.log(LogLevel::Warning, Topic::Qualify, text);
        }
        self.probe_from(now + qualify.freq_not_ok, index);
    }

    /// A probe's leg has gone.
    pub(crate) fn probe_over(&mut self, index: u32, key: Key) {
        if let Some(peer) = self.peers.get_mut(index).filter(|peer| peer.probe == Some(key)) {
            peer.probe = None;
        }
    }

    /// The ACK of a PONG, which came from the number that belongs to no call.
    fn send_ack_to_stateless(&mut self, key: Key, header: &FullHeader) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        let before = leg.theirs.replace(header.source);
        self.send_ack(key, header);
        if let Some(leg) = self.legs.get_mut(key) {
            leg.theirs = before; // number 1 names no leg: the tombstone must not answer to it
        }
    }
}
