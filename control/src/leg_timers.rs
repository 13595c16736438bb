//! What time brings a leg: frames to send again, keep-alives, new keys, and the end of its peer's patience or ours.

use dataplane::time::Instant;
use dataplane::wire::IaxSubclass;

use crate::cause::Cause;
use crate::engine::{Control, Due};
use crate::leg::{Ending, LegState, Work};
use crate::reliable::OnAck;
use crate::slab::Key;
use crate::transport::iax;

impl Control {
    /// A leg's timer went off.
    pub(crate) fn leg_due(&mut self, now: Instant, at: Instant, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        if leg.armed != at {
            return; // armed again for another time since
        }
        leg.armed = Instant::FAR_FUTURE;
        if leg.over.is_none() {
            self.leg_timers(now, key);
        }
        self.rearm(now, key);
    }

    fn leg_timers(&mut self, now: Instant, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        let mut again = Vec::new();
        let result =
            leg.reliable.retransmit(now, |octets, under| again.push((under, octets.to_vec())));
        for (under, octets) in again {
            self.transmit_under(key, under, octets);
        }
        if result.is_err() {
            return self.leg_lost(now, key, "it does not answer");
        }
        let Some(leg) = self.legs.get_mut(key) else { return };
        if leg.due_at <= now {
            leg.due_at = Instant::FAR_FUTURE;
            self.work_due(now, key);
        }
        self.rotate_key(now, key);
        self.keep_alive(now, key);
    }

    /// PING and LAGRQ of a call, once the peer's number is known.
    fn keep_alive(&mut self, now: Instant, key: Key) {
        let (ping_time, lagrq_time) =
            (self.config.general.ping_time, self.config.general.lagrq_time);
        let Some(leg) = self.legs.get_mut(key) else { return };
        let talks = leg.theirs.is_some() && leg.state != LegState::Ending && leg.ending.is_none();
        let (ping, lagrq) = (leg.ping_at <= now, leg.lagrq_at <= now);
        if ping {
            leg.ping_at = now + ping_time;
        }
        if lagrq {
            leg.lagrq_at = now + lagrq_time;
        }
        if ping && talks {
            self.send(now, key, iax(IaxSubclass::Ping), &[], OnAck::Nothing);
        }
        if lagrq && talks {
            self.send(now, key, iax(IaxSubclass::LagRq), &[], OnAck::Nothing);
        }
    }

    /// Starts the keep-alive timers of a call's leg.
    pub(crate) fn start_keep_alive(&mut self, now: Instant, key: Key) {
        let (ping_time, lagrq_time) =
            (self.config.general.ping_time, self.config.general.lagrq_time);
        let Some(leg) = self.legs.get_mut(key) else { return };
        leg.ping_at = now + ping_time;
        leg.lagrq_at = if lagrq_time.is_zero() { Instant::FAR_FUTURE } else { now + lagrq_time };
        self.rearm(now, key);
    }

    /// Arms a leg's timer if it is due earlier than the timer is armed for.
    pub(crate) fn rearm(&mut self, _now: Instant, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        let deadline = leg.deadline();
        if leg.over.is_none() && deadline < leg.armed {
            leg.armed = deadline;
            self.timers.arm(deadline, Due::Leg(key));
        }
    }

    /// The peer of a leg is gone: nothing more is said to it.
    pub(crate) fn leg_lost(&mut self, now: Instant, key: Key, why: &str) {
        let Some(leg) = self.legs.get(key) else { return };
        let was_ending = leg.state == LegState::Ending || leg.ending.is_some();
        match leg.work {
            Work::Caller(_) | Work::Callee(_) if !was_ending => {
                self.call_leg_ended(now, key, Cause::OUT_OF_ORDER, Some(why), Ending::Silent);
            }
            Work::Registrant(index) if !was_ending => {
                self.release(now, key, false);
                self.registration_timed_out(now, index);
            }
            Work::Probe(peer) => {
                self.release(now, key, false);
                self.probe_unanswered(now, peer);
            }
            Work::Registrar(_) => {
                self.registrar_left(now, key, why);
                self.release(now, key, false);
            }
            _ => self.release(now, key, false),
        }
    }
}
