//! Patterns of numbers: `_9NXX`, `_[1-4]X.`, `_00!`; what they match and which is the more specific.

use std::cmp::Ordering;
use std::ops::Range;

use super::issue::TextError;

/// A set of octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Set([u64; 4]);

impl Set {
    fn of(octets: std::ops::RangeInclusive<u8>) -> Self {
        let mut set = Self::default();
        octets.for_each(|octet| set.insert(octet));
        set
    }

    fn insert(&mut self, octet: u8) {
        if let Some(word) = self.0.get_mut(usize::from(octet / 64)) {
            *word |= 1 << (octet % 64);
        }
    }

    /// Whether `octet` is among these.
    pub(super) fn contains(&self, octet: u8) -> bool {
        self.0.get(usize::from(octet / 64)).is_some_and(|word| word >> (octet % 64) & 1 == 1)
    }

    fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    fn only(&self) -> Option<u8> {
        (self.len() == 1).then(|| (0..=255).find(|octet| self.contains(*octet))).flatten()
    }
}

impl Ord for Set {
    /// Fewer members first; of the same size, lower members first.
    fn cmp(&self, other: &Self) -> Ordering {
        let low_first = |set: &Self| set.0.map(u64::reverse_bits);
        self.len().cmp(&other.len()).then_with(|| low_first(other).cmp(&low_first(self)))
    }
}

impl PartialOrd for Set {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One position of a pattern. The order of the variants is their rank: the more specific first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Position {
    /// This octet.
    One(u8),
    /// One of these.
    Of(Set),
    /// `.`: one or more of anything, to the end.
    Rest,
    /// `!`: zero or more of anything, to the end.
    RestOrNone,
}

/// A pattern in one canonical form: `_nxx`, `_N-XX` and `_[2-9]XX` are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Pattern(Vec<Position>);

impl Pattern {
    /// Reads what follows the `_`. Ranges of the error are within `text`.
    pub(super) fn parse(text: &str) -> Result<Self, TextError> {
        let mut positions = Vec::new();
        let mut at = 0;
        while let Some(&octet) = text.as_bytes().get(at) {
            let begin = at;
            at += 1;
            positions.push(match octet {
                b'X' | b'x' => Position::Of(Set::of(b'0'..=b'9')),
                b'Z' | b'z' => Position::Of(Set::of(b'1'..=b'9')),
                b'N' | b'n' => Position::Of(Set::of(b'2'..=b'9')),
                b'-' => continue,
                b'[' => {
                    let close = text.get(at..).and_then(|rest| rest.find(']'));
                    let Some(close) = close.map(|close| at + close) else {
                        return Err(TextError::new(begin..text.len(), "this [ has no ]")
                            .help("write a set of digits as [1-4] or [137]"));
                    };
                    let set = parse_set(text, at..close)?;
                    at = close + 1;
                    match set.only() {
                        Some(only) => Position::One(only),
                        None if set == Set::default() => continue, // an empty set is skipped
                        None => Position::Of(set),
                    }
                }
                b'.' | b'!' => {
                    let all = if octet == b'.' { Position::Rest } else { Position::RestOrNone };
                    positions.push(all);
                    break;
                }
                other => Position::One(other),
            });
        }
        Ok(Self(positions))
    }

    /// Its positions, from the left.
    pub(super) fn positions(&self) -> &[Position] {
        &self.0
    }

    /// Whether `number`, its dashes removed, matches.
    pub(super) fn matches(&self, number: &str) -> bool {
        let mut rest = number.as_bytes();
        for position in &self.0 {
            let found = match (position, rest.first()) {
                (Position::Rest, first) => return first.is_some(),
                (Position::RestOrNone, _) => return true,
                (Position::One(wanted), Some(found)) => wanted == found,
                (Position::Of(set), Some(found)) => set.contains(*found),
                (_, None) => false,
            };
            if !found {
                return false;
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        rest.is_empty()
    }

    /// Whether it matches whatever is called: `_.` and `_!`.
    pub(super) fn matches_anything(&self) -> bool {
        matches!(self.0.first(), Some(Position::Rest | Position::RestOrNone))
    }
}

impl Ord for Pattern {
    /// The more specific first, position by position; where one ends the other goes first.
    fn cmp(&self, other: &Self) -> Ordering {
        let differing = self.0.iter().zip(&other.0).map(|(a, b)| a.cmp(b)).find(|o| o.is_ne());
        differing.unwrap_or_else(|| other.0.len().cmp(&self.0.len()))
    }
}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `15-7a`: the members between the brackets.
fn parse_set(text: &str, inside: Range<usize>) -> Result<Set, TextError> {
    let mut set = Set::default();
    let mut members = text.get(inside.clone()).unwrap_or_default().as_bytes();
    loop {
        members = match members {
            [] => return Ok(set),
            [low, b'-', high, rest @ ..] => {
                if low > high {
                    return Err(TextError::new(inside, "this range runs backwards")
                        .help("write the lower digit first"));
                }
                (*low..=*high).for_each(|octet| set.insert(octet));
                rest
            }
            [b'-', rest @ ..] => rest, // dashes of a number are ignored: it never has one
            [one, rest @ ..] => {
                set.insert(*one);
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn each_character_matches_what_the_reference_says() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("9NXX", &["9200", "9999"], &["9100", "920", "92000", "9a00"]),
            ("9nxx", &["9200"], &["9100"]),
            ("Z", &["1", "9"], &["0", "", "11"]),
            ("[15-7a]0", &["10", "50", "60", "70", "a0"], &["20", "80", "-0", "A0"]),
            ("1[]2", &["12"], &["1", "1[]2"]),
            ("[5]", &["5"], &["4"]),
            ("00.", &["001", "00 anything"], &["00", "0"]),
            ("00!", &["00", "001"], &["0"]),
            (".", &["1", "s", "h"], &[""]),
            ("!", &["", "1"], &[]),
            ("1-800-X", &["18005"], &["1-800-5"]),
            ("phone", &["pho2e", "pho9e"], &["phone", "pho1e"]),
            ("*72#+", &["*72#+"], &["72"]),
            ("1.9", &["12", "128"], &["1"]),
            ("", &[""], &["1"]),
        ];
        for (text, yes, no) in cases {
            for number in *yes {
                assert!(pattern(text).matches(number), "_{text} should match {number:?}");
            }
            for number in *no {
                assert!(!pattern(text).matches(number), "_{text} should not match {number:?}");
            }
        }
    }

    #[test]
    fn the_more_specific_pattern_goes_first() {
        let in_order = [
            "100", "10[12]", "10[13]", "10[2-4]", "10N", "10Z", "10X", "10.", "10!", "10",
            "1[0-1]5", "1X", "1.", "2", "[12]5", "NX", "N.", "ZXXX", "X", ".", "!", "",
        ];
        for pair in in_order.windows(2) {
            assert!(pattern(pair[0]) < pattern(pair[1]), "_{} before _{}", pair[0], pair[1]);
        }
    }

    #[test]
    fn spellings_of_one_pattern_are_equal() {
        for (a, b) in [("NXX", "n-xx"), ("N", "[2-9]"), ("[5]1", "51"), ("1.", "1.22")] {
            assert_eq!(pattern(a), pattern(b));
        }
    }

    #[test]
    fn broken_sets_are_told_with_their_place() {
        assert_eq!(Pattern::parse("12[3").unwrap_err().at, 2..4);
        assert_eq!(Pattern::parse("1[9-2]").unwrap_err().at, 2..5);
    }
}
