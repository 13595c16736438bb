//! The fields of `exten => number[/caller],priority[(label)][+n],App(args)`.

use std::ops::Range;

use super::issue::{Issue, TextError};
use super::pattern::Pattern;
use super::plan::{CallerMatch, NumberMatch, can_be_called, without_dashes};
use super::split;

/// The number field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NumberField {
    pub(super) number: NumberMatch,
    pub(super) caller: Option<CallerMatch>,
}

impl NumberField {
    /// Reads the field, globals filled in. Doubts go to `issues`; ranges are within `text`.
    pub(super) fn parse(text: &str, issues: &mut Vec<Issue>) -> Result<Self, TextError> {
        let (number, caller) = match text.split_once('/') {
            Some((number, caller)) => (number, Some((number.len() + 1, caller))),
            None => (text, None),
        };
        let caller = caller.map(|(at, caller)| caller_match(at, caller)).transpose()?;
        let number = match number.strip_prefix('_') {
            Some(pattern) => {
                let read = Pattern::parse(pattern).map_err(|error| error.moved(1))?;
                doubt_pattern(number, &read, issues);
                NumberMatch::Pattern(read)
            }
            None => {
                doubt_literal(number, issues);
                NumberMatch::Literal(without_dashes(number).into())
            }
        };
        Ok(Self { number, caller })
    }
}

fn caller_match(at: usize, text: &str) -> Result<CallerMatch, TextError> {
    Ok(match text.strip_prefix('_') {
        _ if text.is_empty() => CallerMatch::Withheld,
        Some(pattern) => {
            CallerMatch::Pattern(Pattern::parse(pattern).map_err(|error| error.moved(at + 1))?)
        }
        None => CallerMatch::Literal(without_dashes(text).into()),
    })
}

/// `1XX` without its underscore matches nothing that is dialled.
fn doubt_literal(text: &str, issues: &mut Vec<Issue>) {
    let all = 0..text.len();
    let wild = |character: char| "XZNxzn.![]".contains(character);
    let dialled = |character: char| character.is_ascii_digit() || "*#+-".contains(character);
    if text.contains(wild)
        && text.chars().all(|found| wild(found) || dialled(found))
        && text.len() > 1
    {
        let message = format!(
            "{text} is a literal number: without a leading _ it matches only these letters"
        );
        let error = TextError::new(all, message).help(format!("did you mean _{text}?"));
        issues.push(Issue::doubtful(error));
    } else if !can_be_called(&without_dashes(text)) {
        let error = TextError::new(all, format!("{text} can never be called"))
            .help("a number has no blanks at its ends and none of , & / @ ( ) [ ] { } $ \" \\ ^ | ; : ? =");
        issues.push(Issue::unroutable(error));
    }
}

fn doubt_pattern(text: &str, pattern: &Pattern, issues: &mut Vec<Issue>) {
    if pattern.matches_anything() {
        let message = format!("{text} matches special extensions such as h, i and t as well");
        let error = TextError::new(0..text.len(), message).help("write _X. for all numbers");
        issues.push(Issue::doubtful(error));
    }
    let mut in_set = false;
    let plain = text.char_indices().filter(|(_, character)| {
        in_set = (in_set || *character == '[') && *character != ']';
        !in_set
    });
    let plain: Vec<(usize, char)> = plain.collect();
    if let Some((end, mark)) = plain.iter().find(|(_, found)| matches!(found, '.' | '!'))
        && end + 1 < text.len()
    {
        let message = format!("what follows the {mark} of a pattern is ignored");
        let error = TextError::new(end + 1..text.len(), message);
        issues.push(Issue::doubtful(error.help(format!("end the pattern with the {mark}"))));
    }
    let is_word = plain.iter().any(|(_, c)| c.is_ascii_lowercase() && !"xzn".contains(*c));
    if is_word && let Some((at, letter)) = plain.iter().find(|(_, c)| "xznXZN".contains(*c)) {
        let message = format!("the {letter} of {text} stands for a digit");
        let error = TextError::new(*at..at + 1, message)
            .help(format!("write [{letter}] for the letter itself, or leave off the _"));
        issues.push(Issue::doubtful(error));
    }
}

/// The priority field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PriorityField<'a> {
    pub(super) base: Base<'a>,
    pub(super) plus: u32,
    pub(super) label: Option<&'a str>,
}

/// What a priority counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base<'a> {
    Number(u32),
    /// `n`: one more than the line before.
    Next,
    /// `s`: that of the line before.
    Same,
    /// `hint`: not run.
    Hint,
    /// That of a label of the extension.
    Label(&'a str),
}

/// Highest priority there is.
const PRIORITY_MAX: u32 = 1_000_000;

impl<'a> PriorityField<'a> {
    /// Reads the field. Ranges are within `text`.
    pub(super) fn parse(text: &'a str) -> Result<Self, TextError> {
        let all = 0..text.len();
        let wrong = |at: Range<usize>, message: String| {
            Err(TextError::new(at, message)
                .help("write 1 for the first line of a number, n or n(label) for the next"))
        };
        let mut label = None;
        let mut base_end = text.len();
        let mut plus_text = "";
        if let Some(open) = text.find('(') {
            let Some(close) = text.get(open..).and_then(|rest| rest.find(')')) else {
                return wrong(open..text.len(), "this label has no )".to_owned());
            };
            label = text.get(open + 1..open + close).map(str::trim);
            base_end = open;
            plus_text = text.get(open + close + 1..).unwrap_or_default().trim();
        }
        let mut base = text.get(..base_end).unwrap_or_default().trim();
        if let Some((before, plus)) = base.split_once('+') {
            (base, plus_text) = (before.trim(), plus.trim());
        }
        let plus = match plus_text.strip_prefix('+').unwrap_or(plus_text).trim() {
            "" => 0,
            text => match text.parse::<u32>() {
                Ok(plus) if plus <= PRIORITY_MAX => plus,
                _ => return wrong(all, format!("+{text} is no number of lines")),
            },
        };
        if label.is_some_and(|label| label.is_empty() || label.parse::<u32>().is_ok()) {
            return wrong(all, "a label is a word".to_owned());
        }
        let base = match base.to_ascii_lowercase().as_str() {
            "n" | "next" => Base::Next,
            "s" | "same" => Base::Same,
            "hint" => Base::Hint,
            "" => return wrong(all, "the priority is missing".to_owned()),
            lower if lower.bytes().all(|octet| octet.is_ascii_digit()) => {
                match lower.parse::<u32>() {
                    Ok(number @ 1..=PRIORITY_MAX) => Base::Number(number),
                    _ => return wrong(all, format!("a priority is 1 to {PRIORITY_MAX}")),
                }
            }
            _ => Base::Label(base),
        };
        Ok(Self { base, plus, label })
    }
}

/// Cuts `value` from `from` on into the field up to the next comma and the begin of the rest; both trimmed.
pub(super) fn field(value: &str, from: usize) -> Option<(Range<usize>, usize)> {
    let comma = from + value.get(from..)?.find(',')?;
    Some((split::trim(value, from..comma), comma + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priority(text: &str) -> PriorityField<'_> {
        PriorityField::parse(text).unwrap()
    }

    #[test]
    fn every_form_of_a_priority_is_read() {
        let field = |base, plus, label| PriorityField { base, plus, label };
        for (text, expected) in [
            ("1", field(Base::Number(1), 0, None)),
            ("n", field(Base::Next, 0, None)),
            ("NEXT", field(Base::Next, 0, None)),
            ("s", field(Base::Same, 0, None)),
            ("same", field(Base::Same, 0, None)),
            ("hint", field(Base::Hint, 0, None)),
            ("n(busy)", field(Base::Next, 0, Some("busy"))),
            ("n( busy )+2", field(Base::Next, 2, Some("busy"))),
            ("n+101", field(Base::Next, 101, None)),
            ("n+101(busy)", field(Base::Next, 101, Some("busy"))),
            ("102(x)", field(Base::Number(102), 0, Some("x"))),
            ("start+1", field(Base::Label("start"), 1, None)),
        ] {
            assert_eq!(priority(text), expected, "{text}");
        }
        for text in ["", "0", "n(", "n()", "n(5)", "n+x", "99999999999", "n+9999999"] {
            assert!(PriorityField::parse(text).is_err(), "{text}");
        }
    }

    fn doubts(text: &str) -> Vec<String> {
        let mut issues = Vec::new();
        NumberField::parse(text, &mut issues).unwrap();
        issues.into_iter().map(|issue| issue.error.message).collect()
    }

    #[test]
    fn numbers_that_are_probably_not_meant_so_are_doubted() {
        for text in ["1XX", "2XX", "X.", "NXXXXXX", "00.", "[1-3]5"] {
            assert!(doubts(text)[0].contains("literal"), "{text}");
        }
        for text in ["100", "s", "i", "n", "john.doe", "Zentrale", "*72", "_1XX", "_00.", "_+X!"] {
            assert_eq!(doubts(text), [""; 0], "{text}");
        }
        assert!(doubts("_.")[0].contains("special"));
        assert!(doubts("_9.5")[0].contains("ignored"));
        assert!(doubts("_phone")[0].contains("the n of _phone"));
        assert!(doubts("a&b")[0].contains("never be called"));
    }

    #[test]
    fn the_caller_condition_is_read() {
        let mut issues = Vec::new();
        let mut caller = |text| NumberField::parse(text, &mut issues).map(|field| field.caller);
        assert_eq!(caller("100"), Ok(None));
        assert_eq!(caller("100/"), Ok(Some(CallerMatch::Withheld)));
        assert_eq!(caller("100/55-5"), Ok(Some(CallerMatch::Literal("555".into()))));
        let pattern = Pattern::parse("79X").unwrap();
        assert_eq!(caller("_X./_79X"), Ok(Some(CallerMatch::Pattern(pattern))));
        assert_eq!(caller("100/_7[9").unwrap_err().at, 6..8);
        assert_eq!(caller("_7[9").unwrap_err().at, 2..4);
    }
}
