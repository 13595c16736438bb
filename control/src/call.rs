//! A call: a caller's leg, the dialplan's walk for it, and the legs called until one answers.

use std::sync::Arc;
use std::time::Duration;

use dataplane::time::Instant;
use dataplane::wire::{ControlSubclass, FrameType, IaxSubclass, MediaFormat, Subclass};

use crate::cause::Cause;
use crate::conf::User;
use crate::dial::Dial;
use crate::dialplan::{DialOptions, DialResult, DialStatus, Step, Walk};
use crate::engine::{Control, Due};
use crate::identity::Identity;
use crate::leg::{Ending, Event, LegState};
use crate::message;
use crate::output::{LogLevel, Topic};
use crate::reliable::OnAck;
use crate::slab::Key;
use crate::transport::iax;

/// Steps of a dialplan taken for one call without waiting; more is a loop.
const STEPS_MAX: u32 = 100;
/// Octets kept of why one destination after the other failed.
const REASON_MAX: usize = 600;

/// Two legs bridged, or one being routed.
#[derive(Debug)]
pub(crate) struct Call {
    /// A number for the log, never used twice.
    pub(crate) id: u64,
    pub(crate) caller: Key,
    pub(crate) user: Arc<User>,
    /// The leg the caller talks to; before the answer only where a single one is called.
    pub(crate) callee: Option<Key>,
    /// Formats in which the caller's leg may be accepted, the best first; one, once it has been.
    pub(crate) candidates: Vec<MediaFormat>,
    pub(crate) answered: Option<Instant>,
    /// The Dial under way.
    pub(crate) dial: Option<Box<Dial>>,
    /// The dialplan's walk; gone once it has no more say.
    pub(crate) walk: Option<Box<Walk>>,
    pub(crate) identity: Option<Box<Identity>>,
    /// The cause the caller will be told if nothing better comes.
    pub(crate) cause: Cause,
    pub(crate) reason: Option<String>,
    /// Something of it went wrong that is no everyday answer of the called side: its line is a warning.
    pub(crate) went_wrong: bool,
    pub(crate) options: DialOptions,
    /// Time-out of the Dial, or end of the conversation it allows.
    pub(crate) due_at: Instant,
    /// When the sections of caller and called side allow no more of it.
    pub(crate) ends_at: Instant,
}

impl Control {
    /// Goes on with a call's dialplan until it has to wait, or the call ends.
    pub(crate) fn run_dialplan(&mut self, now: Instant, key: Key) {
        for _ in 0..STEPS_MAX {
            let Some(walk) = self.calls.get_mut(key).and_then(|call| call.walk.as_mut()) else {
                return;
            };
            match walk.step() {
                Step::Dial(request) => {
                    if self.dial(now, key, request) {
                        return;
                    }
                }
                Step::Answer => self.answer_caller(now, key),
                Step::Progress => self.tell_caller(now, key, ControlSubclass::Progress),
                Step::Ringing => self.tell_caller(now, key, ControlSubclass::Ringing),
                Step::Proceeding => self.tell_caller(now, key, ControlSubclass::Proceeding),
                Step::Busy => {
                    return self.end_with_tone(now, key, ControlSubclass::Busy, Cause::BUSY);
                }
                Step::Congestion => {
                    let congestion = ControlSubclass::Congestion;
                    return self.end_with_tone(now, key, congestion, Cause::CONGESTION);
                }
                Step::Hangup(cause) => return self.end_by_dialplan(now, key, Cause(cause)),
                Step::FallThrough => return self.end_by_fall_through(now, key),
            }
        }
        self.refuse_call(now, key, Cause::TEMPORARY_FAILURE, "its dialplan goes round in circles");
    }

    /// Why a call may fail, kept for its one line in the log behind what failed before; `wrong`: not because the
    /// called side is busy, does not answer, or the like.
    pub(crate) fn note_reason(&mut self, key: Key, cause: Cause, why: &str, wrong: bool) {
        let Some(call) = self.calls.get_mut(key) else { return };
        call.cause = cause;
        call.went_wrong |= wrong;
        match &mut call.reason {
            Some(reason) if reason.len() + why.len() > REASON_MAX => {}
            Some(reason) => {
                reason.push_str("; ");
                reason.push_str(why);
            }
            None => call.reason = Some(why.to_owned()),
        }
    }

    /// ACCEPT to the caller, if it has not had it: in this format, or the best.
    pub(crate) fn accept_caller(&mut self, now: Instant, key: Key, format: Option<MediaFormat>) {
        let Some(call) = self.calls.get_mut(key) else { return };
        let caller = call.caller;
        if self.state_of(caller) != Some(LegState::Waiting) {
            return;
        }
        let Some(call) = self.calls.get_mut(key) else { return };
        let Some(format) = format.or(call.candidates.first().copied()) else { return };
        call.candidates = vec![format]; // whoever is called later is offered only this
        if let Some(leg) = self.legs.get_mut(caller) {
            leg.state = leg.state.on(Event::Accept).unwrap_or(leg.state);
            leg.media.agreed = Some(format);
        }
        let data = message::format(format);
        self.send(now, caller, iax(IaxSubclass::Accept), &data, OnAck::Nothing);
    }

    /// ANSWER to the caller, once.
    pub(crate) fn answer_caller(&mut self, now: Instant, key: Key) {
        self.accept_caller(now, key, None);
        let Some(call) = self.calls.get_mut(key).filter(|call| call.answered.is_none()) else {
            return;
        };
        call.answered = Some(now);
        self.calls_up += 1;
        let limits = call.user.limits;
        let caller = call.caller;
        if let Some(leg) = self.legs.get_mut(caller) {
            leg.state = leg.state.on(Event::Answer).unwrap_or(leg.state);
        }
        self.say(now, caller, ControlSubclass::Answer);
        self.limit_duration(now, key, limits);
        self.rearm_call(key);
    }

    /// A control frame to the caller, which is accepted first if need be.
    pub(crate) fn tell_caller(&mut self, now: Instant, key: Key, control: ControlSubclass) {
        self.accept_caller(now, key, None);
        if let Some(call) = self.calls.get(key).filter(|call| call.answered.is_none()) {
            self.say(now, call.caller, control);
        }
    }

    fn say(&mut self, now: Instant, leg: Key, control: ControlSubclass) {
        let kind = (FrameType::Control, Subclass::control(control));
        self.send(now, leg, kind, &[], OnAck::Nothing);
    }

    /// A leg of a call is over, by its peer's doing or ours: what that means for the rest of the call.
    pub(crate) fn call_leg_ended(
        &mut self,
        now: Instant,
        leg: Key,
        cause: Cause,
        why: Option<&str>,
        how: Ending,
    ) {
        let Some(key) = self.legs.get(leg).and_then(|leg| leg.call) else {
            self.unrouted_ended(now, leg, cause, why.unwrap_or("the caller left"));
            return self.end_leg(now, leg, how);
        };
        let Some(call) = self.calls.get(key) else { return self.end_leg(now, leg, how) };
        if call.caller == leg {
            let said = why.map_or_else(String::new, |why| format!(": {why}"));
            let text = format!("the caller left{said}");
            return self.caller_ended(now, key, cause, (&text, why.is_some()), how);
        }
        if call.dial.is_some() {
            return self.callee_failed(now, key, leg, cause, why, how);
        }
        if call.callee == Some(leg) {
            let who = self.who_is_at(leg);
            self.end_leg(now, leg, how);
            return self.conversation_ended(now, key, cause, &who, why);
        }
        self.end_leg(now, leg, how);
    }

    /// The caller has gone: so goes everything.
    fn caller_ended(
        &mut self,
        now: Instant,
        key: Key,
        cause: Cause,
        (why, failed): (&str, bool),
        how: Ending,
    ) {
        let Some(call) = self.calls.get_mut(key) else { return };
        let caller = call.caller;
        let mut legs: Vec<Key> = call.callee.into_iter().collect();
        if let Some(dial) = call.dial.take() {
            legs.extend(dial.legs.into_iter().filter(|leg| call.callee != Some(*leg)));
        }
        self.end_leg(now, caller, how);
        for leg in legs {
            self.end_leg(now, leg, Ending::Hangup(cause));
        }
        self.call_over(now, key, cause, why, failed);
    }

    /// The leg that was talked to has gone.
    fn conversation_ended(
        &mut self,
        now: Instant,
        key: Key,
        cause: Cause,
        who: &str,
        why: Option<&str>,
    ) {
        let Some(call) = self.calls.get_mut(key) else { return };
        call.callee = None;
        if call.options.go_on && why.is_none() && call.walk.is_some() {
            self.dial_over(key, DialResult { status: DialStatus::Answer, cause: cause.0 });
            return self.run_dialplan(now, key);
        }
        let caller = call.caller;
        self.end_leg(now, caller, Ending::Hangup(cause));
        let said = why.map_or_else(String::new, |why| format!(": {why}"));
        self.call_over(now, key, cause, &format!("{who} left{said}"), why.is_some());
    }

    /// The Dial's time is up, or the conversation's.
    pub(crate) fn call_due(&mut self, now: Instant, key: Key) {
        let Some(call) = self.calls.get_mut(key) else { return };
        if now >= call.ends_at {
            return self.duration_over(now, key);
        }
        if now < call.due_at {
            return self.rearm_call(key);
        }
        call.due_at = Instant::FAR_FUTURE;
        let Some(dial) = call.dial.take() else {
            return self.abandon(
                now,
                key,
                Cause::NORMAL,
                ("its time is up (option L or S)", false),
            );
        };
        let cancel = call.options.cancel_cause.map_or(Cause::NORMAL, Cause);
        for leg in dial.legs {
            self.end_leg(now, leg, Ending::Hangup(cancel));
        }
        self.note_reason(key, Cause::NO_ANSWER, "nobody answered in time", false);
        let result = DialResult { status: DialStatus::NoAnswer, cause: Cause::NO_ANSWER.0 };
        self.dial_over(key, result);
        self.run_dialplan(now, key);
    }

    /// Arms a call's timer.
    pub(crate) fn rearm_call(&mut self, key: Key) {
        let due_at = self.calls.get(key).map(|call| call.due_at.min(call.ends_at));
        if let Some(due_at) = due_at.filter(|due_at| *due_at != Instant::FAR_FUTURE) {
            self.timers.arm(due_at, Due::Call(key));
        }
    }

    /// A call has lasted as long as its sections allow.
    fn duration_over(&mut self, now: Instant, key: Key) {
        let Some(call) = self.calls.get(key) else { return };
        let why = self.duration_reached(now, call);
        self.abandon(now, key, Cause::NORMAL, (&why, true));
    }

    /// Ends a call because the process ends.
    pub(crate) fn abandon_call(&mut self, now: Instant, key: Key) {
        self.abandon(now, key, Cause::TEMPORARY_FAILURE, ("the switch is stopping", true));
    }

    fn abandon(&mut self, now: Instant, key: Key, cause: Cause, why: (&str, bool)) {
        let Some(call) = self.calls.get(key) else { return };
        let caller = call.caller;
        let how = self.ending_for_caller(caller, cause);
        self.caller_ended(now, key, cause, why, how);
    }

    /// BUSY or CONGESTION to a caller that has been accepted, then the end; a plain refusal to one that has not.
    fn end_with_tone(&mut self, now: Instant, key: Key, tone: ControlSubclass, cause: Cause) {
        let Some(call) = self.calls.get(key) else { return };
        let caller = call.caller;
        if call.answered.is_none() && self.is_linked(caller) {
            self.say(now, caller, tone);
        }
        self.end_by_dialplan(now, key, cause);
    }

    /// The dialplan has no more lines: DIALSTATUS decides how, the last Dial's cause is told.
    fn end_by_fall_through(&mut self, now: Instant, key: Key) {
        let Some(call) = self.calls.get(key) else { return };
        match call.cause {
            Cause::BUSY => self.end_with_tone(now, key, ControlSubclass::Busy, Cause::BUSY),
            Cause::NORMAL | Cause::NO_ANSWER => self.end_by_dialplan(now, key, call.cause),
            cause => self.end_with_tone(now, key, ControlSubclass::Congestion, cause),
        }
    }

    fn end_by_dialplan(&mut self, now: Instant, key: Key, cause: Cause) {
        let Some(call) = self.calls.get(key) else { return };
        let line = call.walk.as_ref().map_or("", |walk| walk.line()).to_owned();
        let failure = call.walk.as_ref().and_then(|walk| walk.failure().map(str::to_owned));
        let failed = failure.is_some() || call.went_wrong;
        let reason = failure.or_else(|| call.reason.clone());
        let why = reason.unwrap_or_else(|| format!("{line} ended it"));
        if call.answered.is_some() {
            let how = Ending::Hangup(cause);
            let caller = call.caller;
            self.end_leg(now, caller, how);
            return self.call_over(now, key, cause, &why, false);
        }
        self.end_unanswered(now, key, cause, (&why, failed));
    }

    /// Refuses a call for a reason of ours.
    pub(crate) fn refuse_call(&mut self, now: Instant, key: Key, cause: Cause, why: &str) {
        self.end_unanswered(now, key, cause, (why, true));
    }

    /// Ends a call that nobody answered: REJECT, or HANGUP to a caller that has been accepted.
    fn end_unanswered(
        &mut self,
        now: Instant,
        key: Key,
        cause: Cause,
        (why, failed): (&str, bool),
    ) {
        let Some(call) = self.calls.get(key) else { return };
        let caller = call.caller;
        let how = self.ending_for_caller(caller, cause);
        self.end_leg(now, caller, how);
        self.call_over(now, key, cause, why, failed);
    }

    fn ending_for_caller(&self, caller: Key, cause: Cause) -> Ending {
        match self.state_of(caller) {
            Some(LegState::Waiting) => Ending::Reject(cause),
            _ => Ending::Hangup(cause),
        }
    }

    /// Forgets a call whose legs have been told, with its one line in the log.
    fn call_over(&mut self, now: Instant, key: Key, cause: Cause, why: &str, failed: bool) {
        let Some(call) = self.calls.remove(key) else { return };
        self.uncount_in(&call);
        let talked = call.answered.map(|answered| now.since(answered));
        if talked.is_some() {
            self.calls_up -= 1;
        }
        let unanswered = talked.is_none();
        let level = if failed { LogLevel::Warning } else { LogLevel::Info };
        let talked = talked.unwrap_or(Duration::ZERO).as_secs_f64();
        let state =
            if unanswered { "not answered".to_owned() } else { format!("talked {talked:.1} s") };
        let text = format!("call {} of {}: {why}; cause {cause}, {state}", call.id, call.user.name);
        self.log(level, Topic::Call, text);
    }
}
