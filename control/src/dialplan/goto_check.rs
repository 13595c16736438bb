//! Where Gotos lead, as far as the file says.

use std::collections::HashSet;
use std::ops::Range;

use super::apps::{App, gotoif_parts};
use super::checks::{finding, is_marked};
use super::issue::{Issue, TextError};
use super::parse::{Finding, Reading, Route};
use super::plan::{Caller, ContextId, ExtensionId, Wanted};
use super::scope::{missing, wanted};
use super::split;
use super::template::{Known, Template};
use crate::conf::nearest;

/// Where the literal Gotos of the file lead.
#[derive(Default)]
pub(super) struct Jumps {
    /// Extensions and priorities that some Goto names.
    pub(super) targets: HashSet<(ExtensionId, u32)>,
    /// From and to.
    pub(super) contexts: Vec<(ContextId, ContextId)>,
}

impl Reading<'_> {
    /// Follows the targets of a Goto or GotoIf, and tells those that lead nowhere.
    pub(super) fn check_gotos(
        &self,
        route: &Route<'_>,
        known: &dyn Fn(&str) -> Known,
        jumps: &mut Jumps,
        found: &mut Vec<Finding>,
    ) {
        let value = &route.line.value;
        let targets = match self.app(route) {
            Some(App::Goto(_)) => vec![route.app.args.clone()],
            Some(App::GotoIf { .. }) => gotoif_parts(value, route.app.args.clone())
                .map_or_else(|_| Vec::new(), |[_, yes, no]| vec![yes, no]),
            _ => return,
        };
        for at in targets {
            let at = split::trim(value, at);
            if !at.is_empty()
                && let Some(error) = self.check_goto(route, at, known, jumps)
            {
                found.push(finding(route, Issue::unroutable(error)));
            }
        }
    }

    /// Follows one target as far as the file says where it leads.
    fn check_goto(
        &self,
        route: &Route<'_>,
        at: Range<usize>,
        known: &dyn Fn(&str) -> Known,
        jumps: &mut Jumps,
    ) -> Option<TextError> {
        let written = Template::parse(route.line.value.get(at.clone())?, 0).ok()?.render(known);
        let parts = split::split(&written, b',');
        let parts: Vec<String> =
            parts.into_iter().filter_map(|part| written.get(part).map(split::unquoted)).collect();
        let (context, number, place) = match parts.as_slice() {
            [place] => ("", "", place),
            [number, place] => ("", number.as_str(), place),
            [context, number, place] => (context.as_str(), number.as_str(), place),
            _ => {
                let help =
                    "write Goto(priority), Goto(number,priority) or Goto(context,number,priority)";
                return Some(
                    TextError::new(at, "this names more than context, number and priority")
                        .help(help),
                );
            }
        };
        if is_marked(context) {
            return None;
        }
        let target =
            if context.is_empty() { Some(route.context) } else { self.plan.context(context) };
        let Some(target) = target else {
            let near = nearest(context, self.plan.context_names());
            let error = TextError::new(at, format!("there is no context [{context}] to go to"));
            return Some(error.help(near.map_or_else(
                || format!("write a section [{context}]"),
                |near| format!("did you mean {near}?"),
            )));
        };
        if !context.is_empty() {
            jumps.contexts.push((route.context, target));
        }
        if is_marked(number) || is_marked(place) {
            return None;
        }
        let wanted = wanted(place, route.priority);
        let reached = match number {
            "" if context.is_empty() => {
                let here = self.plan.extension(route.extension)?;
                here.find(wanted).map(|priority| (route.extension, priority))
            }
            "" => return None, // the number called, which the file does not know
            _ => self.find_from(target, context.is_empty(), number, wanted),
        };
        if let Some(reached) = reached {
            jumps.targets.insert(reached);
            return None;
        }
        Some(self.nowhere(route, at, (target, number, place)))
    }

    fn nowhere(
        &self,
        route: &Route<'_>,
        at: Range<usize>,
        (target, number, place): (ContextId, &str, &str),
    ) -> TextError {
        let here = self.plan.extension(route.extension);
        let context = self.plan.context_of(target).map_or("", |context| &context.name);
        let kind = missing(place);
        let message = match (number, here) {
            ("", Some(here)) => format!("{} has no {kind} {place}", here.written),
            _ => format!("[{context}] has no {number} with a {kind} {place}"),
        };
        let labels =
            here.into_iter().flat_map(|here| here.labels.iter().map(|(label, _)| &**label));
        let near = if number.is_empty() { nearest(place, labels) } else { None };
        TextError::new(at, message).help(match near {
            Some(near) => format!("did you mean {near}?"),
            None => format!("give the line to go on with the {kind} {place}"),
        })
    }

    /// Looks where a call may look: in `context`, or, for a Goto that names none, in any that includes it too.
    fn find_from(
        &self,
        context: ContextId,
        from_includers: bool,
        number: &str,
        wanted: Wanted<'_>,
    ) -> Option<(ExtensionId, u32)> {
        let find = |context| self.plan.find(context, number, Caller::Anyone, wanted);
        find(context).or_else(|| {
            let all = if from_includers { self.plan.context_names().count() } else { 0 };
            let includes = |id: &ContextId| {
                self.plan.context_of(*id).is_some_and(|c| c.search.contains(&context))
            };
            (0..all).filter(includes).find_map(find)
        })
    }
}
