//! The applications a call can run, read from the text of a line.

use std::ops::Range;

use super::issue::{Issue, TextError};
use super::split;
use super::template::{Reference, Template};
use crate::conf::nearest;

/// What one priority does.
#[derive(Debug, Clone)]
pub(super) enum App {
    /// `Dial(destinations,timeout,options)`, split once it is filled in.
    Dial(Template),
    /// `Goto([[context,]number,]priority)`, likewise.
    Goto(Template),
    /// `GotoIf(condition?yes:no)`; a missing target goes on with the next priority.
    GotoIf {
        condition: Template,
        yes: Option<Template>,
        no: Option<Template>,
    },
    /// `Set(name=value)`.
    Set {
        name: Template,
        value: Template,
    },
    /// `NoOp`, `Verbose`.
    Nothing,
    /// `Hangup(cause)`.
    Hangup(Template),
    Busy,
    Congestion,
    Answer,
    Progress,
    Ringing,
    Proceeding,
    /// A line that cannot be run, and why.
    Unusable(Box<str>),
}

/// Names of all applications, as diagnostics spell them.
const NAMES: &[&str] = &[
    "Dial",
    "Goto",
    "GotoIf",
    "Set",
    "NoOp",
    "Verbose",
    "Hangup",
    "Busy",
    "Congestion",
    "Answer",
    "Progress",
    "Ringing",
    "Proceeding",
];

/// Variables that the switch itself sets.
pub(super) const BUILT_IN: &[&str] = &["EXTEN", "CONTEXT", "CHANNEL", "UNIQUEID", "PRIORITY"];

/// `App(args)` within a line's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AppText {
    /// Octets of the name.
    pub(super) name: Range<usize>,
    /// Octets between the first `(` and the last `)`; empty, after the name, where there are none.
    pub(super) args: Range<usize>,
}

impl AppText {
    /// Finds name and arguments in `range` of `value`.
    pub(super) fn find(value: &str, range: Range<usize>) -> Result<Self, TextError> {
        let all = split::trim(value, range);
        let text = value.get(all.clone()).unwrap_or_default();
        let Some(open) = text.find('(') else {
            let name = text.find(',').map_or(all.end, |comma| all.start + comma);
            if name < all.end {
                let (name, args) = (
                    &text[..name - all.start],
                    text.get(name - all.start + 1..).unwrap_or_default(),
                );
                let message = format!("the arguments of {name} stand in no parentheses");
                return Err(TextError::new(all, message).help(format!("write {name}({args})")));
            }
            return Ok(Self { name: all.clone(), args: all.end..all.end });
        };
        let Some(close) = text.rfind(')').filter(|close| *close > open) else {
            let at = all.start + open..all.end;
            return Err(TextError::new(at, "this ( has no )").help("end the line with )"));
        };
        let name = split::trim(value, all.start..all.start + open);
        Ok(Self { name, args: all.start + open + 1..all.start + close })
    }

    /// What stands behind the last parenthesis has no effect.
    pub(super) fn doubt(&self, value: &str) -> Option<TextError> {
        let after = split::trim(value, (self.args.end + 1).min(value.len())..value.len());
        (!after.is_empty()).then(|| {
            TextError::new(after, "what follows the last parenthesis is ignored")
                .help("move it inside the parentheses, or remove it")
        })
    }
}

impl App {
    /// Reads the application at `text` of a line's `value`. What is wrong with it goes to `issues`.
    pub(super) fn parse(value: &str, text: &AppText, issues: &mut Vec<Issue>) -> Self {
        let before = issues.len();
        let app = match Self::read(value, text) {
            Ok(app) => app,
            Err(error) => {
                let app = Self::Unusable(error.message.as_str().into());
                issues.push(Issue::unroutable(error));
                app
            }
        };
        app.check(value, text, issues);
        match issues.get(before..).and_then(|new| new.iter().find(|issue| issue.is_unroutable())) {
            Some(issue) => Self::Unusable(issue.error.message.as_str().into()),
            None => app,
        }
    }

    fn read(value: &str, text: &AppText) -> Result<Self, TextError> {
        let name = value.get(text.name.clone()).unwrap_or_default();
        let template = |range: Range<usize>| {
            let range = split::trim(value, range);
            Template::parse(value.get(range.clone()).unwrap_or_default(), range.start)
        };
        let args = text.args.clone();
        Ok(match name.to_ascii_lowercase().as_str() {
            "dial" => Self::Dial(template(args)?),
            "goto" => Self::Goto(template(args)?),
            "gotoif" => {
                let [condition, yes, no] = gotoif_parts(value, args)?;
                let target = |range: Range<usize>| {
                    let range = split::trim(value, range);
                    (!range.is_empty()).then(|| template(range)).transpose()
                };
                Self::GotoIf { condition: template(condition)?, yes: target(yes)?, no: target(no)? }
            }
            "set" => {
                let inside = value.get(..args.end).unwrap_or_default();
                let equals = split::find(inside, b'=', args.start);
                let Some(equals) = equals.filter(|at| *at > args.start) else {
                    return Err(
                        TextError::new(args, "Set has no name=value").help("write Set(NAME=value)")
                    );
                };
                Self::Set {
                    name: template(args.start..equals)?,
                    value: template(equals + 1..args.end)?,
                }
            }
            "noop" | "verbose" => Self::Nothing,
            "hangup" => Self::Hangup(template(args)?),
            "busy" => Self::Busy,
            "congestion" => Self::Congestion,
            "answer" => Self::Answer,
            "progress" => Self::Progress,
            "ringing" => Self::Ringing,
            "proceeding" => Self::Proceeding,
            "" => {
                return Err(TextError::new(
                    text.name.start..text.args.end,
                    "no application is named",
                )
                .help("write number,priority,Application(arguments)"));
            }
            _ => {
                let error = TextError::new(
                    text.name.clone(),
                    format!("this switch has no application {name}"),
                );
                let near = nearest(name, NAMES.iter().copied());
                return Err(error.help(match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("it has {}", NAMES.join(", ")),
                }));
            }
        })
    }

    /// What can be said of it without the rest of the file.
    fn check(&self, value: &str, text: &AppText, issues: &mut Vec<Issue>) {
        let args = split::trim(value, text.args.clone());
        let written = value.get(args.clone()).unwrap_or_default();
        match self {
            Self::Hangup(_) if !is_cause(written) => {
                let error = TextError::new(args, "this is no Q.850 cause of 1 to 127")
                    .help("write Hangup(17) for busy, Hangup(34) for congestion, Hangup() for the last cause");
                issues.push(Issue::unroutable(error));
            }
            Self::Goto(_) if written.is_empty() => {
                let error = TextError::new(text.name.clone(), "this Goto names no place to go")
                    .help("write Goto(priority), Goto(number,priority) or Goto(context,number,priority)");
                issues.push(Issue::unroutable(error));
            }
            Self::Set { .. } => check_set_name(value, text, issues),
            _ => {}
        }
        self.references(&mut |reference| issues.extend(check_function(reference)));
    }

    /// Shows `visit` every variable, by its name as written.
    pub(super) fn references(&self, visit: &mut dyn FnMut(&Reference)) {
        match self {
            Self::Dial(text) | Self::Goto(text) | Self::Hangup(text) => text.references(visit),
            Self::GotoIf { condition, yes, no } => {
                let targets = yes.iter().chain(no);
                std::iter::once(condition).chain(targets).for_each(|text| text.references(visit));
            }
            Self::Set { name, value } => {
                name.references(visit);
                value.references(visit);
            }
            _ => {}
        }
    }
}

/// Whether `written` may be the cause of a Hangup.
fn is_cause(written: &str) -> bool {
    written.is_empty()
        || written.contains('$')
        || written.parse::<u8>().is_ok_and(|cause| cause <= 127)
}

/// Condition, target if true, target if not; ranges of `value`.
pub(super) fn gotoif_parts(
    value: &str,
    args: Range<usize>,
) -> Result<[Range<usize>; 3], TextError> {
    let inside = value.get(..args.end).unwrap_or_default();
    let Some(question) = split::find(inside, b'?', args.start) else {
        return Err(TextError::new(args, "GotoIf has no ? after its condition")
            .help("write GotoIf($[...]?priority_if_true:priority_if_not)"));
    };
    let colon = split::find(inside, b':', question + 1).unwrap_or(args.end);
    let no = (colon + 1).min(args.end)..args.end;
    let targets = value.get(question + 1..args.end).unwrap_or_default();
    if targets.trim_matches([' ', '\t', ':']).is_empty() {
        return Err(TextError::new(args, "GotoIf names no place to go")
            .help("write GotoIf($[...]?priority_if_true:priority_if_not)"));
    }
    Ok([args.start..question, question + 1..colon, no])
}

fn check_set_name(value: &str, text: &AppText, issues: &mut Vec<Issue>) {
    let inside = value.get(..text.args.end).unwrap_or_default();
    let Some(equals) = split::find(inside, b'=', text.args.start) else { return };
    let at = split::trim(value, text.args.start..equals);
    let name = value.get(at.clone()).unwrap_or_default();
    if name.contains("${") {
        return;
    }
    if let Some((function, _)) = name.split_once('(') {
        if caller_id_part(name).is_none() {
            issues.push(Issue::unroutable(unknown_function(at, function, name)));
        }
    } else if BUILT_IN.contains(&name) {
        let error = TextError::new(at, format!("{name} is set by the switch: this has no effect"));
        issues.push(Issue::doubtful(error.help("choose another name")));
    }
}

fn check_function(reference: &Reference) -> Option<Issue> {
    let (function, _) = reference.name.split_once('(')?;
    let known = function.contains('$') || caller_id_part(&reference.name).is_some();
    (!known).then(|| {
        Issue::unroutable(unknown_function(reference.at.clone(), function, &reference.name))
    })
}

fn unknown_function(at: Range<usize>, function: &str, name: &str) -> TextError {
    let message = match function.eq_ignore_ascii_case("CALLERID") {
        true => format!("this switch does not know {name}"),
        false => format!("this switch has no function {function}"),
    };
    TextError::new(at, message).help("it has CALLERID(num), CALLERID(name) and CALLERID(all)")
}

/// A part of the caller id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallerIdPart {
    Number,
    Name,
    All,
}

/// The part that `CALLERID(...)` names.
pub(super) fn caller_id_part(name: &str) -> Option<CallerIdPart> {
    let (function, argument) = name.strip_suffix(')')?.split_once('(')?;
    if !function.eq_ignore_ascii_case("CALLERID") {
        return None;
    }
    match argument.trim().to_ascii_lowercase().as_str() {
        "num" | "number" => Some(CallerIdPart::Number),
        "name" => Some(CallerIdPart::Name),
        "all" => Some(CallerIdPart::All),
        _ => None,
    }
}
