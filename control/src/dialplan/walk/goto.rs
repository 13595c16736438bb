//! Where a Goto leads a call.

use super::{NO_ROUTE, Walk};
use crate::dialplan::plan::Caller;
use crate::dialplan::scope::{missing, wanted};
use crate::dialplan::split::{split, unquoted};
use crate::dialplan::step::Step;

impl Walk {
    /// Goes to `[[context,]number,]priority`.
    pub(super) fn goto(&mut self, target: &str) -> Option<Step> {
        let parts =
            split(target, b',').into_iter().map(|part| target.get(part).unwrap_or_default());
        let parts: Vec<String> = parts.map(unquoted).collect();
        let (context, number, place) = match parts.as_slice() {
            [place] => ("", "", place.as_str()),
            [number, place] => ("", number.as_str(), place.as_str()),
            [context, number, place] => (context.as_str(), number.as_str(), place.as_str()),
            _ => return Some(self.fail(NO_ROUTE, &format!("Goto({target}) has too many parts"))),
        };
        let context_id =
            if context.is_empty() { Some(self.context) } else { self.plan.context(context) };
        let Some(context_id) = context_id else {
            return Some(self.fail(NO_ROUTE, &format!("Goto to a missing context [{context}]")));
        };
        // Relative places count from the line that jumps, which is the one before the next to run.
        let wanted = wanted(place, self.running());
        let found = if context.is_empty() && number.is_empty() {
            let here = self.plan.extension(self.extension).and_then(|here| here.find(wanted));
            here.map(|priority| (self.extension, priority))
        } else {
            let number = if number.is_empty() { &self.number } else { number };
            let caller = Caller::Number(self.caller.number.as_deref());
            self.plan.find(context_id, number, caller, wanted)
        };
        let Some((extension, priority)) = found else {
            let why = format!("Goto({target}) to a missing {}", missing(place));
            return Some(self.fail(NO_ROUTE, &why));
        };
        self.context = context_id;
        if !number.is_empty() {
            self.number = number.to_owned();
        }
        (self.extension, self.priority) = (extension, priority);
        None
    }
}
