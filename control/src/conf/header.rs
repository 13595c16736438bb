//! Section headers: `[name]`, `[name](!)`, `[name](a,b)`, `[name](+)` and `[name](+key=text)`.

use std::ops::Range;

use super::lines::LogicalLine;
use super::syntax::Section;
use super::{Diagnostic, Place};

/// A header taken apart.
#[derive(Debug)]
pub(super) struct Header {
    /// Between the brackets.
    pub(super) name: String,
    /// Where the name stands.
    pub(super) place: Place,
    /// `(!)`.
    pub(super) template: bool,
    /// `(+)`: it continues a section that every one of these fits.
    pub(super) continues: Option<Vec<Filter>>,
    /// Sections to inherit from, in order.
    pub(super) parents: Vec<Parent>,
}

/// A name in the parentheses.
#[derive(Debug)]
pub(super) struct Parent {
    /// As written.
    pub(super) name: String,
    /// Where it stands.
    pub(super) place: Place,
}

/// `key=text` after `+`: chooses among sections of the same name.
#[derive(Debug)]
pub(super) struct Filter {
    key: String,
    text: String,
}

impl Filter {
    /// Whether a line of the section has that key and that text in its value, `^` and `$` being the value's ends.
    pub(super) fn matches(&self, section: &Section) -> bool {
        section.lines.iter().filter(|line| line.is(&self.key)).any(|line| {
            let (anchored, text) = match self.text.strip_prefix('^') {
                Some(text) => (true, text),
                None => (false, self.text.as_str()),
            };
            match (anchored, text.strip_suffix('$')) {
                (true, Some(text)) => line.value == text,
                (true, None) => line.value.starts_with(text),
                (false, Some(text)) => line.value.ends_with(text),
                (false, None) => line.value.contains(text),
            }
        })
    }
}

impl Header {
    /// Reads the header that `all` of the line is. `None`: it was reported.
    pub(super) fn parse(
        line: &LogicalLine,
        all: Range<usize>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let text = line.text.get(all.clone()).unwrap_or_default();
        let Some(close) = text.find(']') else {
            diagnostics.push(
                Diagnostic::error(line.place(all), "this section header has no ]")
                    .help("write [name]"),
            );
            return None;
        };
        let name = all.start + 1..all.start + close;
        let mut header = Self {
            name: line.text.get(name.clone()).unwrap_or_default().to_owned(),
            place: line.place(name),
            template: false,
            continues: None,
            parents: Vec::new(),
        };
        if text.as_bytes().get(close + 1) != Some(&b'(') {
            return Some(header);
        }
        let Some(len) = text.get(close + 2..).and_then(|rest| rest.find(')')) else {
            diagnostics.push(
                Diagnostic::error(line.place(all), "this section header has no ) after its (")
                    .help("write [name](template)"),
            );
            return None;
        };
        let mut at = all.start + close + 2;
        for option in text.get(close + 2..close + 2 + len).unwrap_or_default().split(',') {
            header.option(option, line.place(at..at + option.len()), diagnostics);
            at += option.len() + 1;
        }
        Some(header)
    }

    /// One item of the parentheses.
    fn option(&mut self, option: &str, place: Place, diagnostics: &mut Vec<Diagnostic>) {
        match option.strip_prefix('+') {
            Some(filters) => self.continues = Some(self.filters(filters, &place, diagnostics)),
            None if option == "!" => self.template = true,
            None => self.parents.push(Parent { name: option.to_owned(), place }),
        }
    }

    fn filters(&self, text: &str, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Vec<Filter> {
        let mut filters = Vec::new();
        for filter in text.split('&').filter(|filter| !filter.is_empty()) {
            match filter.split_once('=') {
                Some((key, text)) if !text.contains(['.', '*', '[', '\\', '|', '?', '{']) => {
                    filters.push(Filter { key: key.to_owned(), text: text.to_owned() });
                }
                _ => diagnostics.push(
                    Diagnostic::error(place.clone(), format!("the filter {filter} cannot be read"))
                        .help("write (+key=text): plain text with ^ and $ is understood, other patterns are not"),
                ),
            }
        }
        filters
    }
}
