//! A caller's number and name as the dialplan reads and writes them.

use crate::conf::CallerId;

/// Reads `"Name" <number>`, `Name <number>`, `<number>`, a number or a name.
pub(super) fn parse(text: &str) -> CallerId {
    let text = text.trim();
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    if let Some((name, number)) = text.rsplit_once('<') {
        let number = number.split_once('>').map_or(number, |(number, _)| number);
        let name = name.trim();
        let name = name.strip_prefix('"').unwrap_or(name);
        let name = name.strip_suffix('"').unwrap_or(name).replace("\\\"", "\"");
        return CallerId { number: given(&shrunk(number)), name: given(&name) };
    }
    let number = shrunk(text);
    let dialable = |octet: u8| octet.is_ascii_digit() || b"*#+".contains(&octet);
    if !number.is_empty() && number.bytes().all(dialable) {
        return CallerId { number: Some(number), name: None };
    }
    CallerId { number: None, name: given(text.trim_matches('"')) }
}

/// `"Name" <number>`, or the one of them that there is.
pub(super) fn format(caller: &CallerId) -> String {
    match (&caller.name, &caller.number) {
        (Some(name), Some(number)) => format!("\"{name}\" <{number}>"),
        (Some(only), None) | (None, Some(only)) => only.clone(),
        (None, None) => String::new(),
    }
}

/// A number without what people write into it to make it readable.
fn shrunk(number: &str) -> String {
    let number = number.trim();
    let last = number.char_indices().next_back().map(|(at, _)| at);
    let kept = |(at, character): &(usize, char)| match character {
        ' ' | '(' | ')' | '-' => false,
        '.' => Some(*at) == last,
        _ => true,
    };
    number.char_indices().filter(kept).map(|(_, character)| character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caller_ids_are_read_and_written() {
        let cases = [
            (
                "\"John Doe\" <555-1234>",
                Some("5551234"),
                Some("John Doe"),
                "\"John Doe\" <5551234>",
            ),
            ("John <1>", Some("1"), Some("John"), "\"John\" <1>"),
            ("<+49 (30) 12.34>", Some("+49301234"), None, "+49301234"),
            ("+49 30 1234", Some("+49301234"), None, "+49301234"),
            ("\"Exchange\"", None, Some("Exchange"), "Exchange"),
            ("Exchange 5", None, Some("Exchange 5"), "Exchange 5"),
            ("a <b", Some("b"), Some("a"), "\"a\" <b>"),
            ("", None, None, ""),
        ];
        for (text, number, name, written) in cases {
            let caller = parse(text);
            assert_eq!(
                (caller.number.as_deref(), caller.name.as_deref()),
                (number, name),
                "{text}"
            );
            assert_eq!(format(&caller), written);
        }
    }
}
