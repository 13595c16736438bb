//! Callers that ask which numbers there are before they dial one: a NEW for "TBD", DPREQ and DPREP, then DIAL (RFC 5456
//! §6.8). Only for those who have proved who they are, and whose section allows it: it tells all there is.

use std::time::Duration;

use dataplane::time::Instant;
use dataplane::wire::{ControlSubclass, FrameType, IaxSubclass, Subclass};

use crate::cause::Cause;
use crate::elements::printable;
use crate::engine::Control;
use crate::leg::{Ending, Event, Leg, Work};
use crate::message;
use crate::reliable::OnAck;
use crate::slab::Key;
use crate::transport::{HeardFrame, iax};

/// What is called by who will ask first.
pub(crate) const TO_BE_DECIDED: &str = "TBD";
/// How long a caller may go without a question.
const IDLE: Duration = Duration::from_secs(30);
/// Seconds an answer may be remembered.
const REFRESH: u16 = 600;

/// The number exists.
const EXISTS: u16 = 0x0001;
/// It does not, but longer ones that begin so do.
const CAN_EXIST: u16 = 0x0002;
/// Neither it nor a longer one.
const NOT_THERE: u16 = 0x0004;
/// It exists, and longer ones do, too.
const MORE_MAY_MATCH: u16 = 0x8000;

impl Control {
    /// A caller that has proved what it must will ask for numbers: it is accepted, and the dialplan waits.
    pub(crate) fn queries_begin(&mut self, now: Instant, key: Key) {
        let Some(setup) = self.caller_setup(key) else { return };
        let Some(user) = setup.user.clone() else { return };
        let format = setup.candidates.first().copied();
        let refusal = match format {
            _ if !user.dialplan_queries => {
                let why = format!("dialplan_queries of [{}] is no", user.name);
                Err((Cause::NO_ROUTE, why))
            }
            _ if !user.credentials.are_required() => {
                let why = format!("callers to [{}] prove nothing, so they may not ask", user.name);
                Err((Cause::NO_ROUTE, why))
            }
            None => {
                let why = "no codec of its NEW is allowed by its section (allow, disallow)";
                Err((Cause::NO_CODEC, why.to_owned()))
            }
            Some(format) => Ok(format),
        };
        match refusal {
            Err((cause, why)) => self.reject_caller(now, key, cause, &why),
            Ok(format) => {
                setup.asks = true;
                setup.candidates = vec![format];
                let Some(leg) = self.legs.get_mut(key) else { return };
                leg.state = leg.state.on(Event::Accept).unwrap_or(leg.state);
                leg.due_at = now + IDLE;
                let data = message::format(format);
                self.send(now, key, iax(IaxSubclass::Accept), &data, OnAck::Nothing);
            }
        }
    }

    /// DPREQ. Whoever asks faster than a telephone is dialled is told that we do not answer.
    pub(crate) fn number_asked(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let asked = heard.elements.called_number.unwrap_or_default();
        let number = printable(asked);
        let pair = self.legs.get(key).map(|leg| leg.pair);
        let allowed = self.strangers.allows(now, ("DPREQ", pair));
        let Some(setup) = self.caller_setup(key).filter(|setup| setup.asks && allowed) else {
            return self.say_unsupported(now, key, IaxSubclass::DpReq);
        };
        let context = setup.context_to_begin_in();
        let caller = setup.identity.number.clone();
        let status = match (
            self.plan.exists(&context, &number, caller.as_deref()),
            self.plan.may_go_on(&context, &number),
        ) {
            (true, true) => EXISTS | MORE_MAY_MATCH,
            (true, false) => EXISTS,
            (false, true) => CAN_EXIST,
            (false, false) => NOT_THERE,
        };
        if let Some(leg) = self.legs.get_mut(key) {
            leg.due_at = now + IDLE;
        }
        let data = message::dialplan_reply(asked, status, REFRESH);
        self.send(now, key, iax(IaxSubclass::DpRep), &data, OnAck::Nothing);
    }

    /// DIAL: the number has been chosen.
    pub(crate) fn number_dialled(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let number = heard.elements.called_number.map_or("s".to_owned(), printable);
        let wanted = heard.elements.called_context.filter(|c| !c.is_empty()).map(printable);
        let Some(setup) = self.caller_setup(key).filter(|setup| setup.asks) else {
            return self.say_unsupported(now, key, IaxSubclass::Dial);
        };
        let may = setup
            .user
            .clone()
            .zip(wanted)
            .filter(|(user, context)| user.any_context || user.contexts.contains(context));
        if let Some((_, context)) = may {
            setup.context = Some(context);
        }
        setup.asks = false;
        setup.called.clone_from(&number);
        let context = setup.context_to_begin_in();
        let caller = setup.identity.number.clone();
        if !self.plan.exists(&context, &number, caller.as_deref()) {
            let why = format!("no extension \"{number}\" in context [{context}]");
            return self.reject_caller(now, key, Cause::NO_ROUTE, &why);
        }
        let progress = Subclass::control(ControlSubclass::Progress);
        self.send(now, key, (FrameType::Control, progress), &[], OnAck::Nothing);
        self.route(now, key);
    }

    /// A caller that asks no more is let go. `false`: it is no such caller.
    pub(crate) fn queries_end(&mut self, now: Instant, key: Key) -> bool {
        let asks = |leg: &Leg| match &leg.work {
            Work::Caller(Some(setup)) => setup.asks,
            _ => false,
        };
        if !self.legs.get(key).is_some_and(asks) {
            return false;
        }
        self.end_leg(now, key, Ending::Hangup(Cause::NO_RESPONSE));
        true
    }
}
