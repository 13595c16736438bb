//! What is wrong with one value of `extensions.conf`, before it is known whether a call can come there.

use std::ops::Range;

/// Why a stretch of text cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextError {
    /// Octets of the text it is about.
    pub(super) at: Range<usize>,
    /// What is wrong, in one line.
    pub(super) message: String,
    /// What to write instead.
    pub(super) help: Option<String>,
}

impl TextError {
    /// An error without help.
    pub(super) fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), help: None }
    }

    /// With a line that says what to write instead.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same error of a text that this one stands in, `by` octets from its begin.
    pub(super) fn moved(mut self, by: usize) -> Self {
        self.at = self.at.start + by..self.at.end + by;
        self
    }
}

/// How an issue bears on calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// The line does what it can; something about it is probably not meant.
    Doubtful,
    /// A call that comes to this line cannot go on as written: an error where a user's context leads here.
    Unroutable,
}

/// An error or a doubt about a line's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Issue {
    /// How it bears on calls.
    pub(super) weight: Weight,
    /// What and where, within the line's value.
    pub(super) error: TextError,
}

impl Issue {
    /// Something a call cannot get past.
    pub(super) fn unroutable(error: TextError) -> Self {
        Self { weight: Weight::Unroutable, error }
    }

    /// Whether a call cannot get past it.
    pub(super) fn is_unroutable(&self) -> bool {
        self.weight == Weight::Unroutable
    }

    /// Something that is probably not meant.
    pub(super) fn doubtful(error: TextError) -> Self {
        Self { weight: Weight::Doubtful, error }
    }
}
