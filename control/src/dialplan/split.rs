//! Where the arguments of an application begin and end.

use std::ops::Range;

/// The parts of `text` between separators that stand in no parentheses, brackets, braces or quotes and after no
/// backslash. Never empty: a text without a separator is one part.
pub(super) fn split(text: &str, separator: u8) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut begin = 0;
    while let Some(at) = find(text, separator, begin) {
        parts.push(begin..at);
        begin = at + 1;
    }
    parts.push(begin..text.len());
    parts
}

/// The first `wanted` at or after `from` that stands in no parentheses, brackets, braces or quotes.
pub(super) fn find(text: &str, wanted: u8, from: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut quoted = false;
    let mut escaped = false;
    for (at, octet) in text.bytes().enumerate().skip(from) {
        if escaped {
            escaped = false;
            continue;
        }
        match octet {
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            _ if octet == wanted && depth == 0 => return Some(at),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// `range` of `text` without the blanks at its ends.
pub(super) fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let part = text.get(range.clone()).unwrap_or_default();
    let begin = range.start + (part.len() - part.trim_start().len());
    begin..begin + part.trim().len()
}

/// An argument as the application sees it: quotes and backslashes removed.
pub(super) fn unquoted(argument: &str) -> String {
    let mut escaped = false;
    let kept = |character: &char| {
        let keep = escaped || !matches!(character, '"' | '\\');
        escaped = !escaped && *character == '\\';
        keep
    };
    argument.trim().chars().filter(kept).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn separators_inside_brackets_and_quotes_do_not_separate() {
        let cases: &[(&str, &[&str])] = &[
            ("a,b", &["a", "b"]),
            ("", &[""]),
            (",", &["", ""]),
            ("f(a,b),c", &["f(a,b)", "c"]),
            ("\"a,b\",c", &["\"a,b\"", "c"]),
            ("${A:1,2},$[1,2],[k,l]", &["${A:1,2}", "$[1,2]", "[k,l]"]),
            ("a\\,b,c", &["a\\,b", "c"]),
            ("a),b", &["a)", "b"]),
        ];
        for (text, parts) in cases {
            let found: Vec<&str> = split(text, b',').into_iter().map(|part| &text[part]).collect();
            assert_eq!(&found, parts, "{text}");
        }
    }

    #[test]
    fn quotes_and_backslashes_are_removed() {
        for (text, expected) in
            [(" \"a b\" ", "a b"), ("a\\,b", "a,b"), ("a\\\\b", "a\\b"), ("\\", "")]
        {
            assert_eq!(unquoted(text), expected);
        }
    }

    proptest! {
        #[test]
        fn the_parts_and_separators_are_the_text(text in "[a,\\\\\"(){}\\[\\]ü]{0,40}") {
            let parts: Vec<&str> =
                split(&text, b',').into_iter().map(|part| &text[part]).collect();
            prop_assert_eq!(parts.join(","), text.clone());
            let trimmed = trim(&text, 0..text.len());
            prop_assert_eq!(&text[trimmed], text.trim());
        }
    }
}
