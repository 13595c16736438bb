//! The syntax that `iax.conf`, `extensions.conf`, `acl.conf` and `trunkline.conf` share: sections of `key = value`
//! lines, with comments, templates, inheritance, continuation and includes resolved.
//!
//! What a key or a section means is left to the caller. Whatever would make a PBX refuse or silently lose part of
//! the file is an error here, and all of them are reported, not only the first.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::header::{Filter, Header, Parent};
use super::lines::{self, LogicalLine};
use super::{Diagnostic, Place, Sources, glob};

/// How deep includes may nest.
const INCLUDE_DEPTH_MAX: usize = 10;

/// Lines of one configuration, copies by templates and repeated includes counted.
const LINES_MAX: usize = 1_000_000;

/// One `key = value` line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// The key as written; keys are compared without regard to case.
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) key_place: Place,
    /// The value: comments gone, `\;` turned into `;`, blanks stripped at both ends.
    pub(crate) value: String,
    /// Where the value stands; empty, after the `=`, for an empty value.
    pub(crate) value_place: Place,
    /// Whether it came from a section that this one inherits from.
    pub(crate) inherited: bool,
    /// Whether the value is verbatim at its place.
    verbatim: bool,
}

impl Line {
    /// Whether its key is `name`, without regard to case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.key.eq_ignore_ascii_case(name)
    }

    /// From the first octet of the key to the last of the value.
    pub(crate) fn place(&self) -> Place {
        let (key, value) = (&self.key_place, &self.value_place);
        if key.line != value.line || key.file != value.file {
            return value.clone();
        }
        Place { span: key.span.start..value.span.end.max(key.span.end), ..key.clone() }
    }

    /// Where these octets of the value stand; the whole value where an escape or a comment inside it hides that.
    pub(crate) fn value_part(&self, part: Range<usize>) -> Place {
        if !self.verbatim || part.start > part.end || part.end > self.value.len() {
            return self.value_place.clone();
        }
        let start = self.value_place.span.start;
        Place { span: start + part.start..start + part.end, ..self.value_place.clone() }
    }
}

/// A `[section]` with its lines in order: inherited ones first, continuations last.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    /// Its name as written between the brackets.
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) place: Place,
    /// Whether it is only there to be inherited from: `[name](!)`.
    pub(crate) template: bool,
    /// Its lines.
    pub(crate) lines: Vec<Line>,
}

impl Section {
    /// Whether it is called `name`, without regard to case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Reads `file` and whatever it includes. Sections come in file order; those of the same name are not merged.
///
/// A file that is not among the sources reads as empty: whether it has to be there is the caller's to say.
pub(crate) fn read(
    sources: &Sources,
    file: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Section> {
    let mut reader = Reader {
        sources,
        diagnostics,
        sections: Vec::new(),
        first: HashMap::new(),
        current: Current::Outside,
        open_files: Vec::new(),
        lines_left: LINES_MAX,
    };
    reader.file(file);
    reader.sections
}

/// Where a `key = value` line goes.
#[derive(Debug, Clone, Copy)]
enum Current {
    /// Nowhere: no section has begun.
    Outside,
    /// Nowhere: the section's header, or the lack of one, has been reported.
    Reported,
    /// Into this section.
    Section(usize),
}

struct Reader<'a> {
    sources: &'a Sources,
    diagnostics: &'a mut Vec<Diagnostic>,
    sections: Vec<Section>,
    /// The first section of each name, the name in lower case.
    first: HashMap<String, usize>,
    current: Current,
    /// The file being read and those that include it, outermost first.
    open_files: Vec<String>,
    lines_left: usize,
}

impl Reader<'_> {
    fn file(&mut self, name: &str) {
        let Some((name, text)) = self.sources.iter().find(|(known, _)| *known == name) else {
            return;
        };
        self.open_files.push(name.to_owned());
        for line in lines::split(&Arc::from(name), text, self.diagnostics) {
            let all = line.trim(0..line.text.len());
            match line.text.as_bytes().get(all.start) {
                Some(b'[') => self.header(&line, all),
                Some(b'#') => self.directive(&line, all),
                _ => self.assignment(&line, all),
            }
        }
        self.open_files.pop();
    }

    /// `[name]`, `[name](!,a,b)` or `[name](+)`.
    fn header(&mut self, line: &LogicalLine, all: Range<usize>) {
        let Some(header) = Header::parse(line, all, self.diagnostics) else {
            self.current = Current::Reported;
            return;
        };
        if let Some(filters) = &header.continues {
            let found = self.continued(&header.name, filters);
            if let Some(found) = found {
                self.current = Current::Section(found);
                self.inherit(found, &header.parents);
                return;
            }
            self.diagnostics.push(
                Diagnostic::error(
                    header.place.clone(),
                    format!("there is no section [{}] above to continue", header.name),
                )
                .help("remove (+), or move this below the section"),
            );
        }
        let lower = header.name.to_ascii_lowercase();
        self.sections.push(Section {
            name: header.name,
            place: header.place,
            template: header.template,
            lines: Vec::new(),
        });
        let new = self.sections.len() - 1;
        self.first.entry(lower).or_insert(new);
        self.current = Current::Section(new);
        self.inherit(new, &header.parents);
    }

    /// The first section of that name that fits all filters.
    fn continued(&self, name: &str, filters: &[Filter]) -> Option<usize> {
        let first = *self.first.get(&name.to_ascii_lowercase())?;
        let fits = |section: &Section| {
            section.is(name) && filters.iter().all(|filter| filter.matches(section))
        };
        let offset = self.sections.get(first..)?.iter().position(fits)?;
        Some(first + offset)
    }

    fn inherit(&mut self, heir: usize, parents: &[Parent]) {
        for parent in parents {
            let found =
                self.first.get(&parent.name.to_ascii_lowercase()).filter(|first| **first < heir);
            let Some(found) = found.and_then(|first| self.sections.get(*first)) else {
                let message =
                    format!("there is no section [{}] above to inherit from", parent.name);
                self.diagnostics.push(
                    Diagnostic::error(parent.place.clone(), message)
                        .help("templates stand before the sections that use them; no blanks in the parentheses"),
                );
                continue;
            };
            for line in found.lines.clone() {
                self.push(heir, Line { inherited: true, ..line });
            }
        }
    }

    /// `#include` and its kin.
    fn directive(&mut self, line: &LogicalLine, all: Range<usize>) {
        let text = line.text.get(all.clone()).unwrap_or_default();
        let word_len = text.find(lines::is_blank).unwrap_or(text.len());
        let word = text.get(1..word_len).unwrap_or_default();
        let argument = line.trim(all.start + word_len..all.end);
        match word.to_ascii_lowercase().as_str() {
            "include" => self.include(line, argument, true),
            "tryinclude" => self.include(line, argument, false),
            "exec" => self.diagnostics.push(
                Diagnostic::error(
                    line.place(all),
                    "#exec is refused: a configuration file runs no program",
                )
                .help("write the program's output to a file and #include that"),
            ),
            _ => self.diagnostics.push(
                Diagnostic::warning(
                    line.place(all),
                    format!("there is no directive #{word}: the line is ignored"),
                )
                .help("comments begin with ;"),
            ),
        }
    }

    fn include(&mut self, line: &LogicalLine, argument: Range<usize>, required: bool) {
        let place = line.place(argument.clone());
        let written = line.text.get(argument).unwrap_or_default();
        let wanted = unquoted(written);
        if wanted.is_empty() {
            self.diagnostics.push(Diagnostic::error(place, "#include needs the name of a file"));
            return;
        }
        if self.open_files.len() > INCLUDE_DEPTH_MAX {
            let message = format!("files include each other more than {INCLUDE_DEPTH_MAX} deep");
            self.diagnostics.push(Diagnostic::error(place, message));
            return;
        }
        let names = self.resolve(wanted);
        if names.is_empty() && required {
            let message = match glob::is_pattern(wanted) {
                true => format!("no file of the configuration directory matches {wanted}"),
                false => format!("there is no file {wanted} in the configuration directory"),
            };
            self.diagnostics.push(
                Diagnostic::error(place.clone(), message)
                    .help("write #tryinclude for a file that may be missing"),
            );
        }
        for name in names {
            if self.open_files.contains(&name) {
                let message = format!("{name} includes itself here");
                self.diagnostics.push(Diagnostic::error(place.clone(), message));
                continue;
            }
            self.file(&name);
        }
    }

    /// The names that an include means, in order. Absolute names are understood where they mean the PBX's own
    /// directory, whose copy the configuration directory is.
    fn resolve(&self, wanted: &str) -> Vec<String> {
        let wanted = wanted.strip_prefix("/etc/asterisk/").unwrap_or(wanted);
        let wanted = wanted.strip_prefix("./").unwrap_or(wanted);
        if self.sources.get(wanted).is_some() {
            return vec![wanted.to_owned()];
        }
        if !glob::is_pattern(wanted) {
            return Vec::new();
        }
        let names = self.sources.iter().map(|(name, _)| name);
        names.filter(|name| glob::matches(wanted, name)).map(str::to_owned).collect()
    }

    /// `key = value`, `key => value`, `key += value`.
    fn assignment(&mut self, line: &LogicalLine, all: Range<usize>) {
        let text = line.text.get(all.clone()).unwrap_or_default();
        // A backslash in front takes the first character literally, even `=`.
        let literal = text.strip_prefix('\\').and_then(|rest| rest.chars().next());
        let begin = usize::from(literal.is_some());
        let search_from = begin + literal.map_or(0, char::len_utf8);
        let equals = text.get(search_from..).and_then(|rest| rest.find('='));
        let Some(equals) = equals.map(|at| all.start + search_from + at) else {
            self.diagnostics.push(
                Diagnostic::warning(line.place(all), "this line has no = and is ignored")
                    .help("write key = value, or begin a comment with ;"),
            );
            return;
        };
        let before = line.text.get(..equals).unwrap_or_default();
        let appends = before.ends_with('+');
        let arrow = line.text.as_bytes().get(equals + 1) == Some(&b'>');
        let key =
            line.trim(all.start + begin..(equals - usize::from(appends)).max(all.start + begin));
        let value = line.trim(equals + 1 + usize::from(arrow)..all.end);
        if key.is_empty() {
            self.diagnostics.push(Diagnostic::warning(
                line.place(all),
                "this line has no key before = and is ignored",
            ));
            return;
        }
        let line = Line {
            key: line.text.get(key.clone()).unwrap_or_default().to_owned(),
            key_place: line.place(key),
            value: line.text.get(value.clone()).unwrap_or_default().to_owned(),
            value_place: line.place(value.clone()),
            inherited: false,
            verbatim: line.is_verbatim(&value),
        };
        self.add(line, appends);
    }

    fn add(&mut self, line: Line, appends: bool) {
        let section = match self.current {
            Current::Section(section) => section,
            Current::Reported => return,
            Current::Outside => {
                self.current = Current::Reported;
                self.diagnostics.push(
                    Diagnostic::error(line.place(), "this line stands before any [section]")
                        .help("write [general] above it"),
                );
                return;
            }
        };
        if appends && let Some(earlier) = self.earlier(section, &line.key) {
            earlier.value.push_str(&line.value);
            earlier.value_place = line.value_place;
            earlier.verbatim = false;
        } else {
            self.push(section, line);
        }
    }

    /// The last line with exactly this key.
    fn earlier(&mut self, section: usize, key: &str) -> Option<&mut Line> {
        self.sections.get_mut(section)?.lines.iter_mut().rev().find(|line| line.key == key)
    }

    fn push(&mut self, section: usize, line: Line) {
        if self.lines_left == 1 {
            let message = format!("templates and includes make more than {LINES_MAX} lines");
            self.diagnostics.push(Diagnostic::error(line.place(), message));
        }
        self.lines_left = self.lines_left.saturating_sub(1);
        if self.lines_left > 0
            && let Some(section) = self.sections.get_mut(section)
        {
            section.lines.push(line);
        }
    }
}

/// A file name without the `"..."` or `<...>` around it.
fn unquoted(name: &str) -> &str {
    let inner = |open: char, close: char| name.strip_prefix(open)?.strip_suffix(close);
    inner('"', '"').or_else(|| inner('<', '>')).unwrap_or(name).trim_matches(lines::is_blank)
}

#[cfg(test)]
mod tests;
