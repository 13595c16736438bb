//! The routes: contexts, their extensions and what each priority does.

use std::collections::HashMap;
use std::sync::Arc;

use super::apps::App;
use super::dial_string::ELEMENT_MAX;
use super::pattern::Pattern;
use super::pattern_tree::PatternTree;
use crate::conf::Place;

/// Most contexts one search goes through, includes counted.
pub(super) const SEARCH_MAX: usize = 128;

/// The dialplan of the whole switch. Immutable; calls share it.
#[derive(Debug, Clone, Default)]
pub struct Dialplan {
    by_name: HashMap<Box<str>, ContextId>,
    contexts: Vec<Context>,
    extensions: Vec<Extension>,
    /// `[globals]`, filled in.
    pub(super) globals: HashMap<String, String>,
    /// Private keys that dial strings name, and where.
    pub(super) keys: Vec<(String, Place)>,
}

/// Index of a context.
pub(super) type ContextId = usize;

/// Index of an extension.
pub(super) type ExtensionId = usize;

#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) name: Box<str>,
    /// By number without dashes; those with a caller-id condition first.
    literals: HashMap<Box<str>, Vec<ExtensionId>>,
    patterns: PatternTree<ExtensionId>,
    /// Where a number is looked for, in order: this context, then its includes, depth first, each once.
    pub(super) search: Vec<ContextId>,
}

/// One number or pattern with its priorities.
#[derive(Debug, Clone)]
pub(super) struct Extension {
    /// As the file spells it.
    pub(super) written: Box<str>,
    pub(super) number: NumberMatch,
    pub(super) caller: Option<CallerMatch>,
    /// In order.
    pub(super) priorities: Vec<Priority>,
    pub(super) labels: Vec<(Box<str>, u32)>,
}

/// One line to run.
#[derive(Debug, Clone)]
pub(super) struct Priority {
    pub(super) number: u32,
    pub(super) app: App,
    /// `extensions.conf:12`.
    pub(super) line: Arc<str>,
}

/// Which called numbers an extension is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum NumberMatch {
    /// This one, dashes removed.
    Literal(Box<str>),
    Pattern(Pattern),
}

/// Which callers an extension is for; the order is that of trying.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum CallerMatch {
    /// This number, dashes removed.
    Literal(Box<str>),
    Pattern(Pattern),
    /// Callers without a number.
    Withheld,
}

impl CallerMatch {
    fn matches(&self, caller: Option<&str>) -> bool {
        let caller = without_dashes(caller.unwrap_or_default());
        match self {
            Self::Literal(number) => **number == *caller,
            Self::Pattern(pattern) => !caller.is_empty() && pattern.matches(&caller),
            Self::Withheld => caller.is_empty(),
        }
    }
}

/// Who calls, as far as a search minds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Caller<'a> {
    /// A call's number, if it has one.
    Number(Option<&'a str>),
    /// Whoever an extension wants: for checks of the file.
    Anyone,
}

/// Where in an extension to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    Priority(u32),
    Label(&'a str),
}

impl Dialplan {
    /// A dialplan without routes: every call is refused.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Whether a call of `number` in `context` has somewhere to begin: priority 1 of an extension that matches the
    /// number and the caller's number.
    pub fn exists(&self, context: &str, number: &str, caller: Option<&str>) -> bool {
        let start = self.context(context).and_then(|context| {
            self.find(context, number, Caller::Number(caller), Wanted::Priority(1))
        });
        start.is_some()
    }

    /// Whether longer numbers that begin with `number` may be called in `context`, whoever calls. Looks at every
    /// number of the contexts searched.
    pub fn may_go_on(&self, context: &str, number: &str) -> bool {
        let number = without_dashes(number);
        let longer = |known: &str| known.len() > number.len() && known.starts_with(&*number);
        let goes_on = |context: &Context| {
            context.patterns.goes_on_after(number.as_bytes())
                || context.literals.keys().any(|known| longer(known))
        };
        let context = self.context(context).and_then(|context| self.contexts.get(context));
        let mut searched = context.iter().flat_map(|context| &context.search);
        searched.any(|context| self.contexts.get(*context).is_some_and(goes_on))
    }

    /// Whether there is a context of this name, compared with case.
    pub fn has_context(&self, context: &str) -> bool {
        self.context(context).is_some()
    }

    /// Names of private keys in dial strings, and where those stand; without what only a call knows.
    pub fn named_keys(&self) -> &[(String, Place)] {
        &self.keys
    }

    pub(super) fn context(&self, name: &str) -> Option<ContextId> {
        self.by_name.get(name).copied()
    }

    pub(super) fn context_of(&self, context: ContextId) -> Option<&Context> {
        self.contexts.get(context)
    }

    pub(super) fn context_names(&self) -> impl Iterator<Item = &str> {
        self.contexts.iter().map(|context| &*context.name)
    }

    pub(super) fn extension(&self, extension: ExtensionId) -> Option<&Extension> {
        self.extensions.get(extension)
    }

    /// The extension that matches and has what is wanted, and that priority.
    pub(super) fn find(
        &self,
        context: ContextId,
        number: &str,
        caller: Caller<'_>,
        wanted: Wanted<'_>,
    ) -> Option<(ExtensionId, u32)> {
        if !can_be_called(number) {
            return None;
        }
        let number = without_dashes(number);
        let mut accept = |id: ExtensionId| {
            let extension = self.extensions.get(id)?;
            let caller_fits = match (&extension.caller, caller) {
                (None, _) | (_, Caller::Anyone) => true,
                (Some(condition), Caller::Number(caller)) => condition.matches(caller),
            };
            let priority = extension.find(wanted).filter(|_| caller_fits)?;
            Some((id, priority))
        };
        self.contexts.get(context)?.search.iter().find_map(|context| {
            let context = self.contexts.get(*context)?;
            let literals = context.literals.get(&*number).map_or(&[][..], Vec::as_slice);
            literals
                .iter()
                .find_map(|id| accept(*id))
                .or_else(|| context.patterns.find(number.as_bytes(), &mut accept))
        })
    }

    /// The context of this name, made if there is none.
    pub(super) fn context_named(&mut self, name: &str) -> ContextId {
        *self.by_name.entry(name.into()).or_insert_with(|| {
            self.contexts.push(Context {
                name: name.into(),
                literals: HashMap::new(),
                patterns: PatternTree::default(),
                search: vec![self.contexts.len()],
            });
            self.contexts.len() - 1
        })
    }

    /// Adds an extension that no search finds before [`Dialplan::index`] has been called.
    pub(super) fn add(&mut self, extension: Extension) -> ExtensionId {
        self.extensions.push(extension);
        self.extensions.len() - 1
    }

    pub(super) fn extension_mut(&mut self, extension: ExtensionId) -> Option<&mut Extension> {
        self.extensions.get_mut(extension)
    }

    /// Makes a context's extensions findable, those with a caller-id condition before those without.
    pub(super) fn index(&mut self, context: ContextId, mut extensions: Vec<ExtensionId>) {
        let condition = |id: &ExtensionId| {
            let caller = self.extensions.get(*id).and_then(|extension| extension.caller.as_ref());
            (caller.is_none(), caller.cloned())
        };
        extensions.sort_by_cached_key(condition);
        let Some(context) = self.contexts.get_mut(context) else { return };
        for id in extensions {
            match self.extensions.get(id).map(|extension| &extension.number) {
                Some(NumberMatch::Literal(number)) => {
                    context.literals.entry(number.clone()).or_default().push(id);
                }
                Some(NumberMatch::Pattern(pattern)) => context.patterns.insert(pattern, id),
                None => {}
            }
        }
    }

    /// Sets where numbers are looked for from each context on, given what each includes. The contexts whose search
    /// is cut off at [`SEARCH_MAX`] are returned.
    pub(super) fn include(&mut self, includes: &[Vec<ContextId>]) -> Vec<ContextId> {
        let mut cut = Vec::new();
        for (id, context) in self.contexts.iter_mut().enumerate() {
            context.search.clear();
            let mut waiting = vec![id];
            while let Some(next) = waiting.pop() {
                if context.search.contains(&next) {
                    continue;
                }
                if context.search.len() == SEARCH_MAX {
                    cut.push(id);
                    break;
                }
                context.search.push(next);
                waiting.extend(includes.get(next).into_iter().flatten().rev());
            }
        }
        cut
    }
}

impl Extension {
    /// The priority wanted, if there is such.
    pub(super) fn find(&self, wanted: Wanted<'_>) -> Option<u32> {
        match wanted {
            Wanted::Priority(number) => self.priority(number).map(|priority| priority.number),
            Wanted::Label(label) => {
                self.labels.iter().find(|(known, _)| **known == *label).map(|(_, number)| *number)
            }
        }
    }

    pub(super) fn priority(&self, number: u32) -> Option<&Priority> {
        let found =
            self.priorities.binary_search_by_key(&number, |priority| priority.number).ok()?;
        self.priorities.get(found)
    }

    /// Adds a priority; `false` if there is one of that number.
    pub(super) fn add(&mut self, priority: Priority) -> bool {
        match self.priorities.binary_search_by_key(&priority.number, |known| known.number) {
            Ok(_) => false,
            Err(place) => {
                self.priorities.insert(place, priority);
                true
            }
        }
    }
}

/// Whether `number` may be looked for at all. Characters that separate in dial strings and arguments are refused, so
/// that no caller can write a destination of its own into a `${EXTEN}`.
pub(super) fn can_be_called(number: &str) -> bool {
    !number.is_empty() && number.len() <= ELEMENT_MAX && !number.contains(is_structural)
}

/// Whether a character separates something in dial strings, arguments or variables.
pub(super) fn is_structural(character: char) -> bool {
    ",&/@()[]{}$\"\\^|;:?=".contains(character) || character.is_control()
}

/// `number` as it is compared.
pub(super) fn without_dashes(number: &str) -> std::borrow::Cow<'_, str> {
    if number.contains('-') { number.replace('-', "").into() } else { number.into() }
}
