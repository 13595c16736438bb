//! `exten` and `same` lines: to which extension they belong, which priority they are, what they run.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::apps::{App, AppText};
use super::exten_line::{Base, NumberField, PriorityField, field};
use super::issue::{Issue, TextError};
use super::parse::{Finding, Globals, Reading, Route};
use super::plan::{ContextId, Extension, ExtensionId, Priority};
use super::split;
use super::template::Template;
use crate::conf::Place;
use crate::conf::syntax::Line;

/// The extension that lines belong to, and where the counting of priorities stands.
#[derive(Default)]
pub(super) struct Current {
    extension: Option<ExtensionId>,
    /// Whether the lack of an extension has been told.
    reported: bool,
    priority: Option<u32>,
}

impl<'a> Reading<'a> {
    pub(super) fn exten(&mut self, context: ContextId, line: &'a Line, current: &mut Current) {
        let Some((at, rest)) = field(&line.value, 0) else {
            (current.extension, current.reported) = (None, true);
            let error = TextError::new(0..line.value.len(), "this exten line has no priority")
                .help("write exten => number,1,Application(arguments)");
            self.find(context, None, line, Issue::unroutable(error));
            return;
        };
        current.extension = self.number(context, line, at.clone());
        current.reported = true;
        if let Some(extension) = current.extension {
            self.priority(context, extension, line, (at.start, rest), current);
        }
    }

    pub(super) fn same(&mut self, context: ContextId, line: &'a Line, current: &mut Current) {
        match current.extension {
            Some(extension) => self.priority(context, extension, line, (0, 0), current),
            None if current.reported => {}
            None => {
                let error = TextError::new(0..line.value.len(), "this line continues no extension")
                    .help("write exten => number,1,Application(arguments) above it");
                self.find(context, None, line, Issue::unroutable(error));
            }
        }
    }

    /// The extension that the number field at `at` names, made if there is none.
    fn number(&mut self, context: ContextId, line: &Line, at: Range<usize>) -> Option<ExtensionId> {
        let written = line.value.get(at.clone()).unwrap_or_default();
        let mut issues = Vec::new();
        let globals = Globals(&self.plan);
        let number = match written.contains('$') {
            true => Template::parse(written, 0).map(|text| Cow::from(text.expand(&globals))),
            false => Ok(Cow::from(written)),
        };
        let verbatim = number.as_deref() == Ok(written);
        let read = number.and_then(|number| NumberField::parse(&number, &mut issues));
        let place_of = |mut error: TextError| {
            error.at = if verbatim { error.at } else { 0..written.len() };
            error.moved(at.start)
        };
        let key = match read {
            Ok(NumberField { number, caller }) => (context, number, caller),
            Err(error) => {
                self.find(context, None, line, Issue::unroutable(place_of(error)));
                return None;
            }
        };
        if let Some(known) = self.known.get(&key) {
            return Some(*known);
        }
        let (_, number, caller) = key.clone();
        let extension = self.plan.add(Extension {
            written: written.into(),
            number,
            caller,
            priorities: Vec::new(),
            labels: Vec::new(),
        });
        self.known.insert(key, extension);
        self.of_context.get_mut(context)?.extensions.push(extension);
        for issue in issues {
            let issue = Issue { error: place_of(issue.error), ..issue };
            self.find(context, Some(extension), line, issue);
        }
        Some(extension)
    }

    /// Reads `priority,App(args)` from the second of `at` on; the first is where the head of the line begins.
    fn priority(
        &mut self,
        context: ContextId,
        extension: ExtensionId,
        line: &'a Line,
        (head, from): (usize, usize),
        current: &mut Current,
    ) {
        let value = &line.value;
        let (at, rest) = field(value, from)
            .unwrap_or_else(|| (split::trim(value, from..value.len()), value.len()));
        let read = PriorityField::parse(value.get(at.clone()).unwrap_or_default())
            .map_err(|error| error.moved(at.start))
            .and_then(|field| {
                Ok((self.count(extension, &field, at.clone(), current)?, field.label))
            });
        let (number, label) = match read {
            Ok((Some(number), label)) => (number, label),
            Ok((None, _)) => return, // a hint
            Err(error) => {
                return self.find(context, Some(extension), line, Issue::unroutable(error));
            }
        };
        current.priority = Some(number);
        let mut issues = Vec::new();
        let text = AppText::find(value, rest..value.len());
        let (app, text) = match text {
            Ok(text) => {
                issues.extend(text.doubt(value).map(Issue::doubtful));
                (App::parse(value, &text, &mut issues), text)
            }
            Err(error) => {
                let app = App::Unusable(error.message.as_str().into());
                issues.push(Issue::unroutable(error));
                (app, AppText { name: rest..rest, args: rest..rest })
            }
        };
        for issue in issues {
            self.find(context, Some(extension), line, issue);
        }
        let written = Priority { number, app, line: line_name(&line.value_place) };
        let head = head..at.end;
        let labelled = label.is_some();
        self.add(
            Route { line, context, extension, priority: number, labelled, head, app: text },
            written,
            label,
        );
    }

    /// Adds what a line says unless its priority is taken.
    fn add(&mut self, route: Route<'a>, priority: Priority, label: Option<&str>) {
        let Some(extension) = self.plan.extension_mut(route.extension) else { return };
        if !extension.add(priority) {
            let first = self.routes.iter().find(|earlier| {
                (earlier.extension, earlier.priority) == (route.extension, route.priority)
            });
            let related = first.map(|first| {
                (first.line.value_part(first.head.clone()), "first defined here".to_owned())
            });
            let message = format!(
                "{} has a priority {} already: this line is ignored",
                extension.written, route.priority
            );
            let error =
                TextError::new(route.head.clone(), message).help("write n for the next priority");
            let place = route.line.value_part(route.head);
            let (context, extension) = (route.context, Some(route.extension));
            let issue = Issue::doubtful(error);
            self.findings.push(Finding { context, extension, issue, place, related });
            return;
        }
        if let Some(label) = label {
            if extension.labels.iter().any(|(known, _)| **known == *label) {
                let error = TextError::new(
                    route.head.clone(),
                    format!("the label {label} is taken: the first one counts"),
                )
                .help("choose another label");
                self.find(route.context, Some(route.extension), route.line, Issue::doubtful(error));
            } else {
                extension.labels.push((label.into(), route.priority));
            }
        }
        self.routes.push(route);
    }

    /// The number a priority field means; `None` for a hint.
    fn count(
        &self,
        extension: ExtensionId,
        field: &PriorityField<'_>,
        at: Range<usize>,
        current: &Current,
    ) -> Result<Option<u32>, TextError> {
        let missing = |what: String, help: &str| Err(TextError::new(at, what).help(help));
        let base = match (field.base, current.priority) {
            (Base::Hint, _) => return Ok(None),
            (Base::Number(number), _) => number,
            (Base::Next, Some(last)) => last.saturating_add(1),
            (Base::Same, Some(last)) => last,
            (Base::Next | Base::Same, None) => {
                return missing(
                    "no priority stands before this one".to_owned(),
                    "write 1 for the first line of a number",
                );
            }
            (Base::Label(label), _) => {
                let labels = self.plan.extension(extension).map(|extension| &extension.labels);
                match labels.and_then(|labels| labels.iter().find(|(known, _)| **known == *label)) {
                    Some((_, number)) => *number,
                    None => {
                        return missing(
                            format!("{label} is no priority, and no label of this number above"),
                            "write 1 for the first line of a number, n for the next ones",
                        );
                    }
                }
            }
        };
        Ok(Some(base.saturating_add(field.plus)))
    }
}

/// `extensions.conf:12`.
fn line_name(place: &Place) -> Arc<str> {
    format!("{}:{}", place.file, place.line).into()
}
