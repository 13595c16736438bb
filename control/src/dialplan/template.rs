//! Texts with `${...}` and `$[...]` in them: read once when the file is, filled in for each call.

use std::borrow::Cow;
use std::ops::Range;

use super::expression::Expression;
use super::issue::TextError;

/// Most octets a filled-in text has; what is beyond is cut off.
pub(super) const VALUE_MAX: usize = 4096;

/// How deep `${...}`, `$[...]` and parentheses may nest.
pub(super) const DEPTH_MAX: usize = 16;

/// Where values of variables come from.
pub(super) trait Lookup {
    /// The value of the variable or function `name`; `None` where there is none.
    fn value(&self, name: &str) -> Option<Cow<'_, str>>;
}

/// A text to be filled in.
#[derive(Debug, Clone, Default)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone)]
enum Piece {
    Text(Box<str>),
    Variable(Reference),
    /// `${A${B}}`: the name is itself filled in. The reference is as written, for checks only.
    Indirect(Template, Reference),
    Expression(Expression),
}

/// `${NAME:offset:length}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// The variable, or a function with its argument: `CALLERID(num)`.
    pub(super) name: Box<str>,
    /// Octets of the text it was read from, `${` and `}` included.
    pub(super) at: Range<usize>,
    cut: Option<Cut>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    offset: i64,
    length: Option<i64>,
}

impl Template {
    /// Reads `text`, which begins `base` octets into the line's value.
    pub(super) fn parse(text: &str, base: usize) -> Result<Self, TextError> {
        Self::parse_at_depth(text, base, 0)
    }

    /// The same inside `depth` other templates or expressions.
    pub(super) fn parse_at_depth(text: &str, base: usize, depth: usize) -> Result<Self, TextError> {
        if depth > DEPTH_MAX {
            let message = format!("variables and expressions nest more than {DEPTH_MAX} deep");
            return Err(TextError::new(base..base + text.len(), message));
        }
        let mut pieces = Vec::new();
        let mut done = 0;
        while let Some(open) = find_open(text, done) {
            push_text(&mut pieces, text, done..open);
            let Some(close) = find_close(text, open) else {
                let kind = if text.as_bytes().get(open + 1) == Some(&b'{') { "}" } else { "]" };
                let at = base + open..base + text.len();
                return Err(TextError::new(at, format!("this has no closing {kind}")));
            };
            let inside = text.get(open + 2..close).unwrap_or_default();
            let inside_base = base + open + 2;
            done = close + 1;
            pieces.push(if text.as_bytes().get(open + 1) == Some(&b'[') {
                Piece::Expression(Expression::parse(inside, inside_base, depth + 1)?)
            } else if find_open(inside, 0).is_some() {
                let name = Self::parse_at_depth(inside, inside_base, depth + 1)?;
                let at = base + open..base + done;
                Piece::Indirect(name, Reference { name: inside.into(), at, cut: None })
            } else {
                let at = base + open..base + done;
                Piece::Variable(Reference::parse(inside, at)?)
            });
        }
        push_text(&mut pieces, text, done..text.len());
        Ok(Self(pieces))
    }

    /// The text filled in, at most [`VALUE_MAX`] octets.
    pub(super) fn expand(&self, lookup: &dyn Lookup) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => push_bounded(&mut out, text),
                Piece::Variable(reference) => reference.expand(lookup, &mut out),
                Piece::Indirect(name, _) => {
                    let name = name.expand(lookup);
                    if let Ok(reference) = Reference::parse(&name, 0..0) {
                        reference.expand(lookup, &mut out);
                    }
                }
                Piece::Expression(expression) => {
                    push_bounded(&mut out, &expression.evaluate(lookup).text);
                }
            }
            if out.len() >= VALUE_MAX {
                break;
            }
        }
        out
    }

    /// The text as far as it is the same for every call: `known` says what a variable holds, and a mark stands for
    /// what only a call knows. Marks are private-use characters, so that no file has them by chance.
    pub(super) fn render(&self, known: &dyn Fn(&str) -> Known) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable(reference) => match known(&reference.name) {
                    Known::Value(value) => out.push_str(reference.cut_of(&value)),
                    Known::Number => out.push(NUMBER_MARK),
                    Known::Unknown => out.push(UNKNOWN_MARK),
                },
                Piece::Indirect(..) | Piece::Expression(_) => out.push(UNKNOWN_MARK),
            }
        }
        out
    }

    /// Shows `visit` every variable, by its name as written.
    pub(super) fn references(&self, visit: &mut dyn FnMut(&Reference)) {
        for piece in &self.0 {
            match piece {
                Piece::Text(_) => {}
                Piece::Variable(reference) => visit(reference),
                Piece::Indirect(name, written) => {
                    visit(written);
                    name.references(visit);
                }
                Piece::Expression(expression) => expression.references(visit),
            }
        }
    }
}

/// What the file alone says of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// It always holds this.
    Value(String),
    /// It holds what was dialled, or who dialled.
    Number,
    /// It may hold anything.
    Unknown,
}

/// Stands for a number in a rendered text.
pub(super) const NUMBER_MARK: char = '\u{e000}';

/// Stands for anything in a rendered text.
pub(super) const UNKNOWN_MARK: char = '\u{e001}';

impl Reference {
    fn parse(inside: &str, at: Range<usize>) -> Result<Self, TextError> {
        let colon = outside_parentheses(inside, ':');
        let name = inside.get(..colon.unwrap_or(inside.len())).unwrap_or_default().trim();
        if name.is_empty() {
            return Err(TextError::new(at, "this names no variable"));
        }
        let Some(colon) = colon else { return Ok(Self { name: name.into(), at, cut: None }) };
        let mut numbers = inside.get(colon + 1..).unwrap_or_default().split(':');
        let mut number = || match numbers.next().map(str::trim) {
            None => Some(None),
            Some("") => Some(Some(None)),
            Some(text) => text.parse::<i64>().ok().map(|number| Some(Some(number))),
        };
        let (Some(offset), Some(length)) = (number(), number()) else {
            return Err(TextError::new(at, "offset and length of a variable are numbers").help(
                "write ${EXTEN:1} to leave off one digit, ${EXTEN:1:3} for the three after it",
            ));
        };
        let offset = offset.flatten().unwrap_or(0);
        let cut = Some(Cut { offset, length: length.flatten() });
        Ok(Self { name: name.into(), at, cut })
    }

    fn expand(&self, lookup: &dyn Lookup, out: &mut String) {
        if let Some(value) = lookup.value(&self.name) {
            push_bounded(out, self.cut_of(&value));
        }
    }

    /// The part of `value` it asks for.
    fn cut_of<'v>(&self, value: &'v str) -> &'v str {
        let Some(Cut { offset, length }) = self.cut else { return value };
        let count = i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
        let from_end = |number: i64| count.saturating_add(number).max(0);
        let start = if offset < 0 { from_end(offset) } else { offset.min(count) };
        let end = match length {
            None => count,
            Some(length) if length < 0 => from_end(length),
            Some(length) => start.saturating_add(length).min(count),
        };
        let octet = |chars: i64| {
            let chars = usize::try_from(chars).unwrap_or(0);
            value.char_indices().nth(chars).map_or(value.len(), |(at, _)| at)
        };
        if end <= start { "" } else { value.get(octet(start)..octet(end)).unwrap_or_default() }
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str, range: Range<usize>) {
    match text.get(range) {
        None | Some("") => {}
        Some(text) => pieces.push(Piece::Text(text.into())),
    }
}

/// Appends as much of `text` as [`VALUE_MAX`] leaves room for, whole characters only.
fn push_bounded(out: &mut String, text: &str) {
    let room = VALUE_MAX.saturating_sub(out.len());
    let end = text.floor_char_boundary(room.min(text.len()));
    out.push_str(text.get(..end).unwrap_or_default());
}

/// The next `${` or `$[` at or after `from`.
fn find_open(text: &str, from: usize) -> Option<usize> {
    let octets = text.as_bytes();
    (from..octets.len().saturating_sub(1))
        .find(|at| octets[*at] == b'$' && matches!(octets[at + 1], b'{' | b'['))
}

/// The bracket that closes the `${` or `$[` at `open`.
pub(super) fn find_close(text: &str, open: usize) -> Option<usize> {
    let octets = text.as_bytes();
    let mut waiting = Vec::new();
    for at in open + 1..octets.len() {
        let after_dollar = octets[at - 1] == b'$';
        match octets[at] {
            b'{' if after_dollar || waiting.last() == Some(&b'}') => waiting.push(b'}'),
            b'[' if after_dollar || waiting.last() == Some(&b']') => waiting.push(b']'),
            octet if waiting.last() == Some(&octet) => {
                waiting.pop();
            }
            _ => {}
        }
        if waiting.is_empty() {
            return Some(at);
        }
    }
    None
}

/// The first `wanted` that stands in no parentheses.
fn outside_parentheses(text: &str, wanted: char) -> Option<usize> {
    let mut depth = 0usize;
    text.char_indices().find_map(|(at, found)| {
        match found {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (found == wanted && depth == 0).then_some(at)
    })
}

#[cfg(test)]
mod tests;
