//! What can be said of a dialplan once all of it is known: where Gotos lead, what never runs, who is dialled.

use std::collections::HashSet;

use super::apps::{App, BUILT_IN, caller_id_part};
use super::goto_check::Jumps;
use super::issue::{Issue, TextError, Weight};
use super::parse::{Finding, Reading, Route};
use super::plan::{Caller, ContextId, ExtensionId, NumberMatch, Wanted};
use super::template::{Known, NUMBER_MARK, UNKNOWN_MARK};
use crate::conf::{Diagnostic, Level, nearest};

/// Variables that a Dial sets.
const OF_DIAL: &[&str] = &["DIALSTATUS", "HANGUPCAUSE"];

/// Extensions that a PBX runs by itself and this switch does not.
const SPECIAL: &[&str] = &["h", "i", "t", "T", "o", "a", "e"];

impl Reading<'_> {
    /// Checks all that was read, and tells everything found in file order.
    pub(super) fn check(
        &mut self,
        reachable: &[&str],
        knows_peer: &dyn Fn(&str) -> bool,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let set = self.set_names();
        let known = |name: &str| match self.plan.globals.get(name) {
            Some(value) if !set.contains(name) => Known::Value(value.clone()),
            _ if name == "EXTEN" || name.eq_ignore_ascii_case("CALLERID(num)") => Known::Number,
            _ => Known::Unknown,
        };
        let mut found = Vec::new();
        let mut jumps = Jumps::default();
        let mut keys = Vec::new();
        for route in &self.routes {
            self.check_gotos(route, &known, &mut jumps, &mut found);
            super::dial_check::check_dial(self, route, &known, knows_peer, &mut found);
            self.check_variables(route, &set, &mut found);
            keys.extend(super::named_keys::named_keys(self, route, &known));
        }
        self.check_shape(&jumps, &mut found);
        self.plan.keys = keys;
        self.findings.append(&mut found);
        self.tell(reachable, &jumps, diagnostics);
    }

    pub(super) fn app(&self, route: &Route<'_>) -> Option<&App> {
        let priority = self.plan.extension(route.extension)?.priority(route.priority)?;
        Some(&priority.app)
    }

    /// Names that some Set of the file gives a value.
    fn set_names(&self) -> HashSet<String> {
        let mut names = HashSet::new();
        for route in &self.routes {
            if let Some(App::Set { name, .. }) = self.app(route) {
                let name = name.render(&|_| Known::Unknown);
                names.insert(name.trim().trim_start_matches('_').to_owned());
            }
        }
        names
    }

    /// A misspelt variable is empty, and nobody hears of it. One without a near name may come from `setvar`.
    fn check_variables(&self, route: &Route<'_>, set: &HashSet<String>, found: &mut Vec<Finding>) {
        let Some(app) = self.app(route) else { return };
        app.references(&mut |reference| {
            let name: &str = &reference.name;
            let known = |name: &str| {
                BUILT_IN.contains(&name)
                    || OF_DIAL.contains(&name)
                    || set.contains(name)
                    || self.plan.globals.contains_key(name)
                    || caller_id_part(name).is_some()
            };
            if known(name) || name.contains(['(', '$']) {
                return;
            }
            let names = BUILT_IN.iter().chain(OF_DIAL).copied();
            let names = names
                .chain(set.iter().map(String::as_str))
                .chain(self.plan.globals.keys().map(String::as_str));
            if let Some(near) = nearest(name, names) {
                let error = TextError::new(
                    reference.at.clone(),
                    format!("nothing in this file sets {name}"),
                )
                .help(format!("did you mean ${{{near}}}?"));
                found.push(finding(route, Issue::doubtful(error)));
            }
        });
    }

    /// Extensions that never begin, and priorities that nothing leads to.
    fn check_shape(&self, jumps: &Jumps, found: &mut Vec<Finding>) {
        let mut routes: Vec<&Route<'_>> = self.routes.iter().collect();
        routes.sort_by_key(|route| (route.extension, route.priority));
        let mut before: Option<&Route<'_>> = None;
        for route in routes {
            let first = before.is_none_or(|before| before.extension != route.extension);
            let expected =
                before.filter(|_| !first).map_or(1, |before| before.priority.saturating_add(1));
            let reached =
                route.labelled || jumps.targets.contains(&(route.extension, route.priority));
            before = Some(route);
            let Some(extension) = self.plan.extension(route.extension) else { continue };
            let written = &extension.written;
            if first
                && let NumberMatch::Literal(number) = &extension.number
                && SPECIAL.contains(&&**number)
                && !reached
            {
                let message = format!("the special extension {number} is never run by this switch");
                let error = TextError::new(route.head.clone(), message)
                    .help("remove it, or lead to it by Goto");
                found.push(finding(route, Issue::doubtful(error)));
            } else if route.priority != expected && !reached {
                let (priority, other) = (route.priority, self.another_has(route, expected));
                let message = match other {
                    None if first => {
                        format!("calls to {written} never begin: it has no priority 1")
                    }
                    Some(other) if first => {
                        format!(
                            "priority {priority} of {written} is never reached: calls begin in {other}"
                        )
                    }
                    _ => format!(
                        "priority {priority} of {written} is never reached: it has no priority {expected}"
                    ),
                };
                let help = match other {
                    Some(other) => format!(
                        "a PBX would change between {written} and {other}; here each is one list: write all its lines"
                    ),
                    None if first => "write 1 for the first line of a number".to_owned(),
                    None => "write n in place of counting by hand".to_owned(),
                };
                let error = TextError::new(route.head.clone(), message);
                found.push(finding(route, Issue::doubtful(error.help(help))));
            }
        }
    }

    /// Another extension that might fill a gap of the route's.
    fn another_has(&self, route: &Route<'_>, priority: u32) -> Option<&str> {
        let extension = self.plan.extension(route.extension)?;
        let NumberMatch::Literal(number) = &extension.number else { return None };
        let (other, _) =
            self.plan.find(route.context, number, Caller::Anyone, Wanted::Priority(priority))?;
        self.plan.extension(other).map(|other| &*other.written)
    }

    /// Turns findings into diagnostics: what stops a call is an error where a call can come.
    fn tell(&mut self, reachable: &[&str], jumps: &Jumps, diagnostics: &mut Vec<Diagnostic>) {
        let reached = self.reached(reachable, jumps, diagnostics);
        let entered: HashSet<ExtensionId> = jumps.targets.iter().map(|(id, _)| *id).collect();
        let mut told: Vec<Diagnostic> = Vec::new();
        for finding in std::mem::take(&mut self.findings) {
            let extension = finding.extension.and_then(|id| self.plan.extension(id));
            let special = extension.is_some_and(|extension| match &extension.number {
                NumberMatch::Literal(number) => SPECIAL.contains(&&**number),
                NumberMatch::Pattern(_) => false,
            });
            let special = special && finding.extension.is_some_and(|id| !entered.contains(&id));
            let unroutable = finding.issue.weight == Weight::Unroutable;
            let stops_calls = unroutable && !special && reached.contains(&finding.context);
            let mut message = finding.issue.error.message;
            if unroutable && !stops_calls {
                let context = self.plan.context_of(finding.context).map_or("", |c| &c.name);
                message += &match extension {
                    Some(extension) => {
                        format!("; calls to {} of [{context}] would end here", extension.written)
                    }
                    None => format!("; [{context}] goes without it"),
                };
            }
            told.push(Diagnostic {
                level: if stops_calls { Level::Error } else { Level::Warning },
                message,
                place: Some(finding.place),
                help: finding.issue.error.help,
                related: finding.related,
            });
        }
        told.sort_by(|a, b| {
            let key = |told: &Diagnostic| {
                told.place.clone().map(|place| (place.file, place.line, place.span.start))
            };
            key(a).cmp(&key(b))
        });
        told.dedup();
        diagnostics.append(&mut told);
    }

    /// The contexts whose lines a caller can come to: by entering, by include, by Goto.
    fn reached(
        &self,
        reachable: &[&str],
        jumps: &Jumps,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> HashSet<ContextId> {
        let mut waiting: Vec<ContextId> = Vec::new();
        for name in reachable {
            match self.plan.context(name) {
                Some(context) => waiting.push(context),
                None if *name == "*" => waiting.extend(0..self.plan.context_names().count()),
                None => {
                    let near = nearest(name, self.plan.context_names());
                    diagnostics.push(Diagnostic {
                        level: Level::Warning,
                        message: format!("a user's calls go to context {name}, which extensions.conf does not have"),
                        place: None,
                        help: Some(near.map_or_else(
                            || format!("write a section [{name}] with the routes"),
                            |near| format!("did you mean {near}?"),
                        )),
                        related: None,
                    });
                }
            }
        }
        let mut reached = HashSet::new();
        let mut entered = HashSet::new();
        while let Some(context) = waiting.pop() {
            if !entered.insert(context) {
                continue;
            }
            for searched in self.plan.context_of(context).into_iter().flat_map(|c| &c.search) {
                reached.insert(*searched);
                let leads = jumps.contexts.iter().filter(|(from, _)| from == searched);
                waiting.extend(leads.map(|(_, to)| *to));
            }
        }
        reached
    }
}

/// Whether a rendered text holds something that only a call knows.
pub(super) fn is_marked(text: &str) -> bool {
    text.contains([NUMBER_MARK, UNKNOWN_MARK])
}

/// An issue of the line that made a priority.
pub(super) fn finding(route: &Route<'_>, issue: Issue) -> Finding {
    Finding {
        context: route.context,
        extension: Some(route.extension),
        place: route.line.value_part(issue.error.at.clone()),
        issue,
        related: None,
    }
}

#[cfg(test)]
mod tests;
