//! The option letters of Dial: honoured, ignored or refused.

use std::ops::Range;
use std::time::Duration;

use super::issue::{Issue, TextError};
use super::step::DialOptions;

/// Reads option letters with their arguments: what is honoured, and what is to be said of the others.
pub(super) fn options(text: &str) -> (DialOptions, Vec<Issue>) {
    let mut options = DialOptions::default();
    let mut issues = Vec::new();
    let mut rest = text.char_indices();
    while let Some((begin, letter)) = rest.next() {
        if letter.is_whitespace() || letter == '"' {
            continue;
        }
        let after = begin + letter.len_utf8();
        let argument = argument(text, after);
        let end = argument.as_ref().map_or(after, |argument| argument.end + 1).min(text.len());
        while rest.offset() < end && rest.next().is_some() {}
        let argument = argument.and_then(|argument| text.get(argument)).unwrap_or_default();
        if let Err(issue) = option(letter, argument, &mut options, begin..end) {
            issues.push(issue);
        }
    }
    (options, issues)
}

/// What stands between the parentheses that follow a letter, if any do.
fn argument(text: &str, after: usize) -> Option<Range<usize>> {
    let rest = text.get(after..)?.strip_prefix('(')?;
    let begin = after + 1;
    let mut depth = 1usize;
    for (at, found) in rest.bytes().enumerate() {
        match found {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(begin..begin + at);
        }
    }
    Some(begin..text.len())
}

fn option(
    letter: char,
    argument: &str,
    options: &mut DialOptions,
    at: Range<usize>,
) -> Result<(), Issue> {
    let wrong = |message: String, help: &str| {
        Err(Issue::unroutable(TextError::new(at.clone(), message).help(help)))
    };
    match letter {
        'g' => options.go_on = true,
        'r' | 'R' => options.ring = true,
        'c' => options.answered_elsewhere = true,
        'I' => options.ignore_connected_line = true,
        'i' => {} // forwards are never followed
        'L' => match argument.split(':').next().unwrap_or_default().trim().parse() {
            Ok(ms) => options.limit = Some(Duration::from_millis(ms)),
            Err(_) => {
                return wrong(
                    "L limits a call to milliseconds".into(),
                    "write L(60000) for a minute",
                );
            }
        },
        'S' => match argument.trim().parse::<u32>() {
            Ok(seconds) => options.limit = Some(Duration::from_secs(seconds.into())),
            Err(_) => {
                return wrong("S limits a call to seconds".into(), "write S(60) for a minute");
            }
        },
        'Q' => match argument.trim().parse::<u8>() {
            Ok(cause @ 1..=127) => options.cancel_cause = Some(cause),
            _ => {
                let help = "write Q(26), 26 being the Q.850 cause";
                return wrong("Q gives a cause of 1 to 127".into(), help);
            }
        },
        _ if FEATURES.contains(letter) => {
            let message =
                format!("option {letter} of Dial has no effect: this switch gives no such service");
            return Err(Issue::doubtful(TextError::new(at, message).help("leave it out")));
        }
        _ if REFUSED.contains(letter) => {
            let message =
                format!("option {letter} of Dial runs other dialplan, which this switch does not");
            return wrong(message, "leave it out and write what is meant as lines before or after");
        }
        _ => {
            return wrong(
                format!("Dial has no option {letter}"),
                "honoured are g r R c I i L() S() Q()",
            );
        }
    }
    Ok(())
}

/// Letters that ask for what a trunk switch has not; calls pass without.
const FEATURES: &str = "emtThHkKwWxXADpPnNfoOzusdaFCjvE";

/// Letters that would send the call elsewhere.
const REFUSED: &str = "MUGbB";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialplan::issue::Weight;

    #[test]
    fn honoured_letters_take_effect() {
        let (read, issues) = options("grcI iL(60000:30000:10000)Q(21)");
        assert_eq!(issues, []);
        let expected = DialOptions {
            go_on: true,
            ring: true,
            limit: Some(Duration::from_secs(60)),
            answered_elsewhere: true,
            cancel_cause: Some(21),
            ignore_connected_line: true,
        };
        assert_eq!(read, expected);
        assert_eq!(options("S(90)").0.limit, Some(Duration::from_secs(90)));
    }

    #[test]
    fn ignored_and_refused_letters_are_told_apart() {
        let (read, issues) = options("TtA(beep)gM(macro^a)U(sub(x))yL(abc)Q(500)G");
        assert!(read.go_on);
        let weights: Vec<_> = issues.iter().map(|i| (i.weight, i.error.at.clone())).collect();
        assert_eq!(
            weights,
            [
                (Weight::Doubtful, 0..1),
                (Weight::Doubtful, 1..2),
                (Weight::Doubtful, 2..9),
                (Weight::Unroutable, 10..20),
                (Weight::Unroutable, 20..29),
                (Weight::Unroutable, 29..30),
                (Weight::Unroutable, 30..36),
                (Weight::Unroutable, 36..42),
                (Weight::Unroutable, 42..43),
            ]
        );
    }

    proptest! {
        #[test]
        fn no_options_make_it_panic(text in "[a-zA-Z()0-9ü\" :]{0,30}") {
            let (_, issues) = options(&text);
            prop_assert!(issues.iter().all(|issue| text.get(issue.error.at.clone()).is_some()));
        }
    }
}
