//! `extensions.conf` from text to routes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::apps::AppText;
use super::issue::{Issue, TextError};
use super::plan::{CallerMatch, ContextId, Dialplan, ExtensionId, NumberMatch, SEARCH_MAX};
use super::route_line::Current;
use super::split;
use super::template::{Lookup, Template};
use crate::conf::syntax::{self, Line, Section};
use crate::conf::{Diagnostic, Level, Place, Sources, nearest};

/// The file that holds the dialplan.
const FILE: &str = "extensions.conf";

impl Dialplan {
    /// Reads `extensions.conf`, and says all that is wrong with it.
    ///
    /// `reachable` are the contexts where callers can come in; `*` stands for any. Lines that this switch cannot run
    /// are errors where such a context leads to them, and warnings elsewhere. `knows_peer` tells whether `iax.conf`
    /// has a peer of that name. A missing file is an empty dialplan and a warning.
    pub fn parse(
        sources: &Sources,
        reachable: &[&str],
        knows_peer: &dyn Fn(&str) -> bool,
    ) -> (Self, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        if sources.get(FILE).is_none() {
            diagnostics.push(Diagnostic {
                level: Level::Warning,
                message: format!("there is no {FILE}: every call is refused"),
                place: None,
                help: Some("write the routes of calls there".to_owned()),
                related: None,
            });
            return (Self::empty(), diagnostics);
        }
        let sections = syntax::read(sources, FILE, &mut diagnostics);
        let mut reading = Reading::default();
        for section in sections.iter().filter(|section| section.is("globals")) {
            reading.globals(section, &mut diagnostics);
        }
        let context = |section: &&Section| {
            !section.template && !section.is("globals") && !section.is("general")
        };
        for section in sections.iter().filter(context) {
            reading.context(section);
        }
        reading.index();
        reading.check(reachable, knows_peer, &mut diagnostics);
        (reading.plan, diagnostics)
    }
}

/// A dialplan being read.
#[derive(Default)]
pub(super) struct Reading<'a> {
    pub(super) plan: Dialplan,
    /// Every line that made a priority, in file order.
    pub(super) routes: Vec<Route<'a>>,
    pub(super) findings: Vec<Finding>,
    /// By context.
    pub(super) of_context: Vec<OfContext<'a>>,
    pub(super) known: HashMap<(ContextId, NumberMatch, Option<CallerMatch>), ExtensionId>,
}

#[derive(Default)]
pub(super) struct OfContext<'a> {
    pub(super) extensions: Vec<ExtensionId>,
    includes: Vec<Include<'a>>,
}

pub(super) struct Include<'a> {
    line: &'a Line,
    name: String,
    at: Range<usize>,
}

/// A line that made a priority.
pub(super) struct Route<'a> {
    pub(super) line: &'a Line,
    pub(super) context: ContextId,
    pub(super) extension: ExtensionId,
    pub(super) priority: u32,
    pub(super) labelled: bool,
    /// Octets of the line's value that say which priority this is, the number included where it is written.
    pub(super) head: Range<usize>,
    pub(super) app: AppText,
}

/// Something to tell once it is known where calls can come.
pub(super) struct Finding {
    pub(super) context: ContextId,
    /// The extension it belongs to, if to one.
    pub(super) extension: Option<ExtensionId>,
    pub(super) issue: Issue,
    pub(super) place: Place,
    pub(super) related: Option<(Place, String)>,
}

impl<'a> Reading<'a> {
    fn globals(&mut self, section: &Section, diagnostics: &mut Vec<Diagnostic>) {
        for line in &section.lines {
            match Template::parse(&line.value, 0) {
                Ok(value) => {
                    let value = value.expand(&Globals(&self.plan));
                    self.plan.globals.insert(line.key.clone(), value);
                }
                Err(error) => {
                    let place = line.value_part(error.at);
                    let help = error.help;
                    diagnostics
                        .push(Diagnostic { help, ..Diagnostic::error(place, error.message) });
                }
            }
        }
    }

    fn context(&mut self, section: &'a Section) {
        let context = self.plan.context_named(&section.name);
        self.of_context.resize_with(self.of_context.len().max(context + 1), OfContext::default);
        let mut current = Current::default();
        for line in &section.lines {
            match line.key.to_ascii_lowercase().as_str() {
                "exten" => self.exten(context, line, &mut current),
                "same" => self.same(context, line, &mut current),
                "include" => self.include(context, line),
                "ignorepat" | "autohints" => {}
                kind @ ("switch" | "lswitch" | "eswitch") => {
                    let message =
                        format!("{kind} => asks another dialplan, which this switch does not");
                    let error = TextError::new(0..line.value.len(), message).help(
                        "write exten => _X.,1,Dial(IAX2/PEER/${EXTEN}) in a context included last",
                    );
                    self.find(context, None, line, Issue::unroutable(error));
                }
                _ => self.unknown_key(context, line),
            }
        }
    }

    fn unknown_key(&mut self, context: ContextId, line: &Line) {
        let near = nearest(&line.key, ["exten", "same", "include"].into_iter());
        let error =
            TextError::new(0..0, format!("a context has no key {}: the line is ignored", line.key));
        let error = match near {
            Some(near) => error.help(format!("did you mean {near}?")),
            None => error.help("a context has exten =>, same => and include =>"),
        };
        let issue = if near.is_some() { Issue::unroutable(error) } else { Issue::doubtful(error) };
        let place = line.key_place.clone();
        self.findings.push(Finding { context, extension: None, issue, place, related: None });
    }

    fn include(&mut self, context: ContextId, line: &'a Line) {
        let value = &line.value;
        let end = value.find(',').unwrap_or(value.len());
        let times = value.get(end..).unwrap_or_default();
        if !times.trim_matches([',', '*', ' ']).is_empty() {
            let error = TextError::new(
                end..value.len(),
                "includes at certain times are not known to this switch",
            )
            .help("include the context without times");
            self.find(context, None, line, Issue::unroutable(error));
            return;
        }
        let at = split::trim(value, 0..end);
        let written = value.get(at.clone()).unwrap_or_default();
        let name = Template::parse(written, 0).map(|name| name.expand(&Globals(&self.plan)));
        let Some(of) = self.of_context.get_mut(context) else { return };
        match name {
            Ok(name) => of.includes.push(Include { line, name, at }),
            Err(error) => self.find(context, None, line, Issue::unroutable(error)),
        }
    }

    /// Makes everything findable, once all contexts are known.
    fn index(&mut self) {
        let mut all = std::mem::take(&mut self.of_context);
        let mut includes: Vec<Vec<ContextId>> = Vec::new();
        for (context, of) in all.iter_mut().enumerate() {
            self.plan.index(context, std::mem::take(&mut of.extensions));
            let mut ids = Vec::new();
            for include in &of.includes {
                match self.plan.context(&include.name) {
                    Some(id) if id == context => {
                        let error =
                            TextError::new(include.at.clone(), "this context includes itself");
                        self.find(
                            context,
                            None,
                            include.line,
                            Issue::doubtful(error.help("remove the line")),
                        );
                    }
                    Some(id) => ids.push(id),
                    None => {
                        let near = nearest(&include.name, self.plan.context_names());
                        let help = near.map_or_else(
                            || format!("write a section [{}], or remove the line", include.name),
                            |near| format!("did you mean {near}?"),
                        );
                        let error = TextError::new(
                            include.at.clone(),
                            format!("there is no context [{}] to include", include.name),
                        );
                        self.find(context, None, include.line, Issue::doubtful(error.help(help)));
                    }
                }
            }
            includes.push(ids);
        }
        for context in self.plan.include(&includes) {
            let Some(include) = all.get(context).and_then(|of| of.includes.first()) else {
                continue;
            };
            let message = format!(
                "more than {SEARCH_MAX} contexts are included from here on: the last are not searched"
            );
            let error = TextError::new(include.at.clone(), message)
                .help("put numbers that belong together into one context");
            self.find(context, None, include.line, Issue::unroutable(error));
        }
    }

    pub(super) fn find(
        &mut self,
        context: ContextId,
        extension: Option<ExtensionId>,
        line: &Line,
        issue: Issue,
    ) {
        let place = line.value_part(issue.error.at.clone());
        self.findings.push(Finding { context, extension, issue, place, related: None });
    }
}

/// What a file can fill in before there is a call.
pub(super) struct Globals<'p>(pub(super) &'p Dialplan);

impl Lookup for Globals<'_> {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.globals.get(name).map(|value| Cow::from(value.as_str()))
    }
}

#[cfg(test)]
mod tests;
