//! One call's walk through the dialplan.

mod dial;
mod goto;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::apps::{App, CallerIdPart, caller_id_part};
use super::plan::{Caller, ContextId, Dialplan, ExtensionId, Wanted};
use super::scope::{Scope, is_true, status_name};
use super::step::{DialResult, DialStatus, Step};
use super::template::{Lookup, Template};
use crate::conf::{CallerId, caller_id};

/// Most priorities run between two Dials.
const PRIORITIES_MAX: u32 = 1000;

/// Most Dials of one call.
const DIALS_MAX: u32 = 100;

/// Most variables of one call.
const VARIABLES_MAX: usize = 256;

/// Q.850: no route to destination.
const NO_ROUTE: u8 = 3;
/// Q.850: normal clearing.
const NORMAL_CLEARING: u8 = 16;
/// Q.850: exchange routing error.
const ROUTING_ERROR: u8 = 25;
/// Q.850: service or option not implemented.
const NOT_IMPLEMENTED: u8 = 79;

/// Who calls what, and where.
#[derive(Debug, Clone)]
pub struct WalkStart<'a> {
    /// The context to begin in.
    pub context: &'a str,
    /// The number called.
    pub number: &'a str,
    /// Who calls.
    pub caller: CallerId,
    /// For `${CHANNEL}`.
    pub channel: &'a str,
    /// For `${UNIQUEID}`.
    pub unique_id: &'a str,
    /// `setvar` of the user, in order.
    pub variables: &'a [(String, String)],
}

/// One call's walk through the dialplan: where it is and what it has set.
///
/// Ask [`Walk::step`] for the next thing to do; after [`Step::Dial`] tell [`Walk::dialled`] how it ended first. Once
/// a step has ended the call, every further one says the same.
#[derive(Debug)]
pub struct Walk {
    pub(super) plan: Arc<Dialplan>,
    context: ContextId,
    number: String,
    pub(super) caller: CallerId,
    pub(super) channel: String,
    pub(super) unique_id: String,
    pub(super) variables: HashMap<String, String>,
    extension: ExtensionId,
    /// The priority to run next.
    priority: u32,
    /// Priorities run since the last Dial.
    run: u32,
    dials: u32,
    line: Arc<str>,
    /// How far the last Dial came.
    last_dial: LastDial,
    failure: Option<String>,
    ended: Option<Step>,
}

/// How far the last Dial of a walk came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastDial {
    None,
    /// Nothing could be called: nobody but the walk has heard of it.
    Unusable,
    Placed {
        /// Option `g`.
        go_on: bool,
    },
}

impl Walk {
    /// Begins at priority 1 of the extension that matches; `None` if there is none.
    pub fn start(plan: &Arc<Dialplan>, start: WalkStart<'_>) -> Option<Self> {
        let context = plan.context(start.context)?;
        let caller = Caller::Number(start.caller.number.as_deref());
        let (extension, priority) =
            plan.find(context, start.number, caller, Wanted::Priority(1))?;
        let line = &plan.extension(extension)?.priority(priority)?.line;
        let mut walk = Self {
            plan: Arc::clone(plan),
            context,
            number: start.number.to_owned(),
            caller: start.caller,
            channel: start.channel.to_owned(),
            unique_id: start.unique_id.to_owned(),
            variables: HashMap::from([("HANGUPCAUSE".to_owned(), "0".to_owned())]),
            extension,
            priority,
            run: 0,
            dials: 0,
            line: Arc::clone(line),
            last_dial: LastDial::None,
            failure: None,
            ended: None,
        };
        for (name, value) in start.variables {
            walk.set_variable(name, value.clone());
        }
        Some(walk)
    }

    /// Runs priorities up to the next thing the caller of this must do. Bounded: a walk that neither dials nor ends
    /// within a thousand priorities is ended with cause 25.
    pub fn step(&mut self) -> Step {
        let plan = Arc::clone(&self.plan);
        loop {
            if let Some(end) = &self.ended {
                return end.clone();
            }
            let extension = plan.extension(self.extension);
            let Some(priority) = extension.and_then(|found| found.priority(self.priority)) else {
                return self.fall_through();
            };
            self.line = Arc::clone(&priority.line);
            self.run += 1;
            if self.run > PRIORITIES_MAX {
                let why = format!("more than {PRIORITIES_MAX} priorities run without a Dial");
                return self.fail(ROUTING_ERROR, &why);
            }
            self.priority = self.priority.saturating_add(1);
            if let Some(step) = self.run_app(&priority.app) {
                return step;
            }
        }
    }

    /// How the Dial of the last step ended: sets `DIALSTATUS` and `HANGUPCAUSE`. The walk goes on with the next
    /// priority unless the caller is gone, or the call was answered and the Dial had no option `g`.
    pub fn dialled(&mut self, result: DialResult) {
        self.set_result(result);
        self.run = 0;
        let over = match result.status {
            DialStatus::Answer => self.last_dial != LastDial::Placed { go_on: true },
            DialStatus::Cancel => true,
            _ => false,
        };
        if over {
            self.end(Step::Hangup(NORMAL_CLEARING));
        }
    }

    /// The number as it is now: `${EXTEN}`.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// The context as it is now: `${CONTEXT}`.
    pub fn context(&self) -> &str {
        self.plan.context_of(self.context).map_or("", |context| &context.name)
    }

    /// `extensions.conf:12`: the last priority run, for logs.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// What went wrong on the way, with its line, if anything did since the last Dial that could be placed: why the
    /// walk ended where the dialplan itself did not ask for that.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The value a line would read for `${name}`; `None` if it is not set.
    pub fn variable(&self, name: &str) -> Option<String> {
        Scope { walk: self, structural: false }.value(name).map(Cow::into_owned)
    }

    /// The priority being run.
    pub(super) fn running(&self) -> u32 {
        self.priority.saturating_sub(1)
    }

    fn run_app(&mut self, app: &App) -> Option<Step> {
        match app {
            App::Dial(arguments) => return self.dial(arguments),
            App::Goto(target) => {
                let target = self.expand_structural(target);
                return self.goto(&target);
            }
            App::GotoIf { condition, yes, no } => {
                let target = if is_true(&self.expand(condition)) { yes } else { no };
                if let Some(target) = target {
                    let target = self.expand_structural(target);
                    return self.goto(&target);
                }
            }
            App::Set { name, value } => {
                let (name, value) = (self.expand(name), self.expand(value));
                self.set(&name, value);
            }
            App::Nothing => {}
            App::Hangup(cause) => {
                let cause = self.hangup_cause(cause);
                return Some(self.end(Step::Hangup(cause)));
            }
            App::Busy => return Some(self.end(Step::Busy)),
            App::Congestion => return Some(self.end(Step::Congestion)),
            App::Answer => return Some(Step::Answer),
            App::Progress => return Some(Step::Progress),
            App::Ringing => return Some(Step::Ringing),
            App::Proceeding => return Some(Step::Proceeding),
            App::Unusable(why) => return Some(self.fail(NOT_IMPLEMENTED, why)),
        }
        None
    }

    fn set(&mut self, name: &str, value: String) {
        let name = name.trim();
        let given = |value: String| (!value.is_empty()).then_some(value);
        match caller_id_part(name) {
            Some(CallerIdPart::Number) => self.caller.number = given(value),
            Some(CallerIdPart::Name) => self.caller.name = given(value),
            Some(CallerIdPart::All) => self.caller = caller_id(&value).unwrap_or_default(),
            None => self.set_variable(name, value),
        }
    }

    fn set_variable(&mut self, name: &str, value: String) {
        let name = name.trim_start_matches('_'); // `_X` and `__X` say who inherits it, and no more
        if self.variables.len() < VARIABLES_MAX || self.variables.contains_key(name) {
            self.variables.insert(name.to_owned(), value);
        } else {
            self.failure = Some(format!("{}: more than {VARIABLES_MAX} variables", self.line));
        }
    }

    fn set_result(&mut self, result: DialResult) {
        self.variables.insert("DIALSTATUS".to_owned(), status_name(result.status).to_owned());
        self.variables.insert("HANGUPCAUSE".to_owned(), result.cause.to_string());
    }

    /// The cause written, else that of the last Dial, else normal clearing.
    fn hangup_cause(&mut self, written: &Template) -> u8 {
        let written = self.expand(written);
        let cause = |text: &str| text.trim().parse::<u8>().ok().filter(|cause| *cause <= 127);
        match cause(&written) {
            Some(0) => NORMAL_CLEARING,
            Some(cause) => cause,
            None if written.trim().is_empty() => {
                let last = self.variables.get("HANGUPCAUSE").and_then(|text| cause(text));
                last.filter(|cause| *cause > 0).unwrap_or(NORMAL_CLEARING)
            }
            None => {
                let line = &self.line;
                self.failure = Some(format!("{line}: {} is no Q.850 cause", written.trim()));
                NORMAL_CLEARING
            }
        }
    }

    /// No priority is left: the last Dial says how the call ends.
    fn fall_through(&mut self) -> Step {
        self.end(match self.last_dial {
            LastDial::None => Step::Hangup(NORMAL_CLEARING),
            LastDial::Unusable => Step::Congestion,
            LastDial::Placed { .. } => Step::FallThrough,
        })
    }

    fn fail(&mut self, cause: u8, why: &str) -> Step {
        self.failure = Some(format!("{}: {why}", self.line));
        self.end(Step::Hangup(cause))
    }

    fn end(&mut self, step: Step) -> Step {
        self.ended = Some(step.clone());
        step
    }

    fn expand(&self, template: &Template) -> String {
        template.expand(&Scope { walk: self, structural: false })
    }

    /// For texts that are split afterwards: what a caller wrote brings no separators.
    fn expand_structural(&self, template: &Template) -> String {
        template.expand(&Scope { walk: self, structural: true })
    }
}

#[cfg(test)]
mod tests;
