//! A Dial under way: the legs called for a caller, until one of them answers or all have failed.

use dataplane::time::Instant;
use dataplane::wire::{ControlSubclass, MediaFormat};

use crate::cause::Cause;
use crate::conversion;
use crate::dialplan::{DialRequest, DialResult, DialStatus};
use crate::engine::Control;
use crate::leg::{Ending, Event, LegState};
use crate::slab::Key;

/// A Dial under way.
#[derive(Debug)]
pub(crate) struct Dial {
    /// Legs that have not failed yet.
    pub(crate) legs: Vec<Key>,
    /// The best of what failed so far.
    pub(crate) result: DialResult,
    pub(crate) rang: bool,
}

impl Control {
    /// Places the calls of a Dial. `false`: none could be placed, and the walk has been told.
    pub(crate) fn dial(&mut self, now: Instant, key: Key, request: DialRequest) -> bool {
        let Some(call) = self.calls.get_mut(key) else { return true };
        call.options = request.options;
        let offered = self.offer_for(key, &request.destinations, request.options.ring);
        let result = DialResult { status: DialStatus::ChanUnavail, cause: Cause::ABSENT.0 };
        let mut dial = Dial { legs: Vec::new(), result, rang: false };
        for destination in &request.destinations {
            match self.place(now, key, destination, &offered, &request.caller) {
                Ok(leg) => dial.legs.push(leg),
                Err(refusal) => {
                    dial.result = result_of(refusal.cause, dial.result);
                    self.note_reason(
                        key,
                        refusal.cause,
                        &format!("{}: {}", request.line, refusal.why),
                        true,
                    );
                }
            }
        }
        let placed = !dial.legs.is_empty();
        if !placed {
            self.dial_over(key, dial.result);
            return false;
        }
        let Some(call) = self.calls.get_mut(key) else { return true };
        call.due_at = request.timeout.map_or(Instant::FAR_FUTURE, |timeout| now + timeout);
        call.dial = Some(Box::new(dial));
        self.rearm_call(key);
        if request.options.ring {
            self.accept_caller(now, key, offered.first().copied());
            self.tell_caller(now, key, ControlSubclass::Ringing);
        }
        true
    }

    /// A Dial ended without an answer: the walk hears of it, the call keeps the cause.
    pub(crate) fn dial_over(&mut self, key: Key, result: DialResult) {
        let Some(call) = self.calls.get_mut(key) else { return };
        call.dial = None;
        call.callee = None;
        call.due_at = Instant::FAR_FUTURE;
        call.cause = Cause(result.cause);
        if let Some(walk) = &mut call.walk {
            walk.dialled(result);
        }
    }

    /// A leg called has agreed on a format.
    pub(crate) fn callee_accepted(
        &mut self,
        now: Instant,
        key: Key,
        leg: Key,
        format: MediaFormat,
    ) {
        let Some(call) = self.calls.get(key) else { return };
        let caller_has = match self.state_of(call.caller) {
            Some(LegState::Waiting) | None => None,
            Some(_) => call.candidates.first().copied(),
        };
        let fits =
            |other: &MediaFormat| *other == format || conversion::between(*other, format).is_some();
        if let Some(other) = caller_has.filter(|other| !fits(other)) {
            let why = format!("it accepted {format}, and the caller talks {other} already");
            let cause = Cause::NO_CODEC;
            return self.call_leg_ended(now, leg, cause, Some(&why), Ending::Hangup(cause));
        }
        let Some(call) = self.calls.get_mut(key) else { return };
        let alone = call.dial.as_ref().is_some_and(|dial| dial.legs.len() == 1);
        if alone {
            call.callee = Some(leg);
        }
        let of_caller = conversion::for_caller(&call.candidates, format).unwrap_or(format);
        self.accept_caller(now, key, Some(of_caller));
        if alone {
            self.bridge(now, key);
        }
    }

    /// RINGING, PROCEEDING, PROGRESS, ANSWER, BUSY or CONGESTION from a leg called.
    pub(crate) fn callee_says(&mut self, now: Instant, leg: Key, control: ControlSubclass) {
        let event = match control {
            ControlSubclass::Answer => Event::Answer,
            ControlSubclass::Ringing => Event::Ringing,
            ControlSubclass::Progress => Event::Progress,
            _ => Event::Proceeding,
        };
        let Some(callee) = self.legs.get(leg).filter(|leg| leg.state.on(event).is_some()) else {
            return;
        };
        let Some(key) = callee.call else { return };
        match control {
            ControlSubclass::Answer => self.callee_answered(now, key, leg),
            ControlSubclass::Busy => {
                self.call_leg_ended(now, leg, Cause::BUSY, None, Ending::Hangup(Cause::BUSY));
            }
            ControlSubclass::Congestion => {
                let cause = Cause::CONGESTION;
                self.call_leg_ended(now, leg, cause, None, Ending::Hangup(cause));
            }
            _ => {
                let Some(call) = self.calls.get_mut(key) else { return };
                let alone = call.callee == Some(leg);
                let first_ring = control == ControlSubclass::Ringing
                    && call
                        .dial
                        .as_mut()
                        .is_some_and(|dial| !std::mem::replace(&mut dial.rang, true));
                if alone || first_ring {
                    self.tell_caller(now, key, control);
                }
            }
        }
    }

    fn callee_answered(&mut self, now: Instant, key: Key, leg: Key) {
        let Some(call) = self.calls.get_mut(key) else { return };
        let Some(dial) = call.dial.take() else { return };
        call.callee = Some(leg);
        call.due_at = call.options.limit.map_or(Instant::FAR_FUTURE, |limit| now + limit);
        let elsewhere = call.options.answered_elsewhere;
        let cancel = call.options.cancel_cause.map(Cause);
        let normal = if elsewhere { Cause::ANSWERED_ELSEWHERE } else { Cause::NORMAL };
        for other in dial.legs.into_iter().filter(|other| *other != leg) {
            self.end_leg(now, other, Ending::Hangup(cancel.unwrap_or(normal)));
        }
        if let Some(state) = self.legs.get_mut(leg).map(|leg| &mut leg.state) {
            *state = state.on(Event::Answer).unwrap_or(*state);
        }
        self.answer_caller(now, key);
        if let Some((_, limits)) = self.limits_out(leg) {
            self.limit_duration(now, key, limits);
        }
        self.bridge(now, key);
        self.rearm_call(key);
        if let Some(call) = self.calls.get_mut(key).filter(|call| !call.options.go_on) {
            call.walk = None; // the leg's end will end the call
            call.identity = None;
        }
    }

    /// A leg called has failed before the answer: the next one, or the dialplan's next line.
    pub(crate) fn callee_failed(
        &mut self,
        now: Instant,
        key: Key,
        leg: Key,
        cause: Cause,
        why: Option<&str>,
        how: Ending,
    ) {
        let who = self.who_is_at(leg);
        self.end_leg(now, leg, how);
        let Some(call) = self.calls.get_mut(key) else { return };
        let Some(dial) = &mut call.dial else { return };
        let before = dial.legs.len();
        dial.legs.retain(|other| *other != leg);
        if dial.legs.len() == before {
            return;
        }
        dial.result = result_of(cause, dial.result);
        let over = dial.legs.is_empty().then_some(dial.result);
        let said = why.map_or_else(String::new, |why| format!(" {why},"));
        self.note_reason(key, cause, &format!("{who}:{said} cause {cause}"), why.is_some());
        if let Some(result) = over {
            self.dial_over(key, result);
            self.run_dialplan(now, key);
        }
    }
}

/// What several failures of one Dial come to: BUSY if any was busy, else CONGESTION, else the last.
fn result_of(cause: Cause, before: DialResult) -> DialResult {
    let status = match cause {
        Cause::BUSY => DialStatus::Busy,
        Cause::CONGESTION | Cause::SWITCH_CONGESTION => DialStatus::Congestion,
        Cause::NORMAL | Cause::NO_ANSWER => DialStatus::NoAnswer,
        _ => DialStatus::ChanUnavail,
    };
    let rank = |status| match status {
        DialStatus::Busy => 3,
        DialStatus::Congestion => 2,
        DialStatus::NoAnswer => 1,
        _ => 0,
    };
    if rank(status) >= rank(before.status) { DialResult { status, cause: cause.0 } } else { before }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_failures_come_to_the_one_that_tells_most() {
        let none = DialResult { status: DialStatus::ChanUnavail, cause: Cause::ABSENT.0 };
        let result = |causes: &[Cause]| causes.iter().fold(none, |so_far, c| result_of(*c, so_far));
        let busy = DialResult { status: DialStatus::Busy, cause: Cause::BUSY.0 };
        assert_eq!(result(&[Cause::BUSY, Cause::OUT_OF_ORDER]), busy);
        assert_eq!(result(&[Cause::OUT_OF_ORDER, Cause::BUSY]), busy);
        let last = result(&[Cause::NO_CODEC, Cause::NO_ROUTE]);
        assert_eq!((last.status, last.cause), (DialStatus::ChanUnavail, Cause::NO_ROUTE.0));
    }
}
