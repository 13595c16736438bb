//! What is wrong with a configuration, and where.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Accepted, but has no effect here, or is probably not what was meant.
    Warning,
    /// Refused: going on would weaken security or misroute.
    Error,
}

/// A stretch of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file's name as the configuration directory's reader knows it, e.g. `iax.conf`.
    pub file: Arc<str>,
    /// Line, counted from 1.
    pub line: u32,
    /// Octets of the whole file that are meant.
    pub span: Range<usize>,
}

/// One thing to tell the operator about the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// What is wrong, in one line.
    pub message: String,
    /// The text it is about; `None` where it is about the whole.
    pub place: Option<Place>,
    /// What to write instead, in one line.
    pub help: Option<String>,
    /// Another place that explains this one, with a label: "first defined here".
    pub related: Option<(Place, String)>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(place: Place, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            message: message.into(),
            place: Some(place),
            help: None,
            related: None,
        }
    }

    /// A warning at a place.
    pub fn warning(place: Place, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(place, message) }
    }

    /// With a line that says what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With a second place that explains this one.
    #[must_use]
    pub fn related(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related = Some((place, label.into()));
        self
    }
}

/// The configuration's files, read before anything is parsed: name to text.
///
/// Names are relative to the configuration directory, as `#include` spells them once its wildcards are expanded by
/// the names present. Octets that are not UTF-8 are replaced on reading and reported by the reader.
#[derive(Debug, Clone, Default)]
pub struct Sources(BTreeMap<String, Arc<str>>);

impl Sources {
    /// No file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) {
        self.0.insert(name.into(), text.into());
    }

    /// A file's text.
    pub fn get(&self, name: &str) -> Option<&Arc<str>> {
        self.0.get(name)
    }

    /// All files in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<str>)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text))
    }
}
