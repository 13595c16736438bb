//! The nearest word to a misspelt one.

/// Farthest a word may be from what was probably meant.
const NEAR: usize = 3;

/// How many octets must be added, removed or changed to make `a` of `b`, without regard to ASCII case.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b = b.as_bytes();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (n, of_a) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], n + 1);
        for (m, of_b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(!of_a.eq_ignore_ascii_case(of_b));
            diagonal = row[m + 1];
            row[m + 1] = changed.min(diagonal + 1).min(row[m] + 1);
        }
    }
    row[b.len()]
}

/// The nearest of `words`, if one is near enough to be meant; the first among equals.
pub(crate) fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bound = NEAR.min(word.len() / 2);
    let near = words.filter(|known| known.len().abs_diff(word.len()) <= bound);
    let (distance, known) =
        near.map(|known| (distance(word, known), known)).min_by_key(|(distance, _)| *distance)?;
    (distance <= bound).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_single_changes() {
        for (a, b, expected) in [
            ("", "", 0),
            ("inkey", "inkeys", 1),
            ("permt", "PERMIT", 1),
            ("secert", "secret", 2),
            ("abc", "", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        let words = ["trunkfreq", "trunkmtu", "qualify"];
        for (word, expected) in [
            ("trunkfrek", Some("trunkfreq")),
            ("qualfy", Some("qualify")),
            ("xyz", None),
            ("q", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, words.into_iter()), expected, "{word}");
        }
    }
}
