//! Values with a grammar of their own: `callerid`, `register`, `tos`, host names.

use super::item::{Item, Told, address, canonical};
use super::{CallerId, Diagnostic, Host, RegisterLine, Secret};

/// The port of IAX2.
pub(super) const PORT: u16 = 4569;

/// Longest number or name of a caller that the field keeps.
const CALLER_MAX: usize = 79;

/// `tos`: the octet.
pub(super) fn tos(item: Item<'_>, told: &mut Told) -> Option<u8> {
    let text = item.line.value.to_ascii_lowercase();
    let word = text.strip_prefix("tos_").unwrap_or(&text);
    let old = [
        ("lowdelay", 0x10),
        ("throughput", 0x08),
        ("reliability", 0x04),
        ("mincost", 0x02),
        ("none", 0),
    ];
    if let Some((word, octet)) = old.iter().find(|(known, _)| *known == word) {
        let message = format!("{word} is an old name of a TOS octet");
        told.push(Diagnostic::warning(item.place(), message).help(format!("write {octet:#04x}")));
        return Some(*octet);
    }
    if word == "ef" {
        return Some(0xb8);
    }
    let digits = |prefix: &str| word.strip_prefix(prefix).map(str::as_bytes);
    match (digits("cs"), digits("af")) {
        (Some(&[class @ b'0'..=b'7']), _) => return Some((class - b'0') << 5),
        (_, Some(&[class @ b'1'..=b'4', drop @ b'1'..=b'3'])) => {
            return Some(((class - b'0') << 5) | ((drop - b'0') << 3));
        }
        _ => {}
    }
    let number = match (word.strip_prefix("0x"), word.strip_prefix('0')) {
        (Some(hex), _) if !hex.starts_with('+') => u8::from_str_radix(hex, 16).ok(),
        (None, Some(octal)) if !octal.is_empty() && !octal.starts_with('+') => {
            u8::from_str_radix(octal, 8).ok()
        }
        _ if word.starts_with('+') => None,
        _ => word.parse().ok(),
    };
    number.or_else(|| item.refuse(told))
}

/// `callerid`: `None` where the caller's own stays.
pub(crate) fn caller_id(text: &str) -> Option<CallerId> {
    let text = text.trim();
    if text.is_empty() || text.eq_ignore_ascii_case("asreceived") {
        return None;
    }
    if let Some((name, number)) = text.rsplit_once('<') {
        let number = number.rsplit_once('>').map_or(number, |(number, _)| number);
        return Some(CallerId { number: kept(&shrunk(number)), name: kept(&unquoted(name)) });
    }
    let number = shrunk(text);
    let is_number =
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || "*#+".contains(c));
    Some(match is_number && !text.starts_with('"') {
        true => CallerId { number: kept(&number), name: None },
        false => CallerId { number: None, name: kept(&unquoted(text)) },
    })
}

/// A number without blanks, brackets, dashes outside square brackets, and dots except at its end.
pub fn shrunk(number: &str) -> String {
    let number = number.trim();
    let mut depth = 0_u32;
    let mut shrunk = String::with_capacity(number.len());
    for (at, c) in number.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_last = at + c.len_utf8() == number.len();
        let dropped =
            matches!(c, ' ' | '(' | ')') || (c == '-' && depth == 0) || (c == '.' && !is_last);
        if !dropped {
            shrunk.push(c);
        }
    }
    shrunk
}

fn unquoted(name: &str) -> String {
    let name = name.trim();
    let inner = name.strip_prefix('"').map(|rest| rest.strip_suffix('"').unwrap_or(rest));
    inner.unwrap_or(name).replace("\\\"", "\"").trim().to_owned()
}

fn kept(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.chars().take(CALLER_MAX).collect())
}

/// `register`: `user[:secret]@host[:port]`, or `[key]` for the secret.
pub(super) fn register(item: Item<'_>, told: &mut Told) -> Option<RegisterLine> {
    let value = &item.line.value;
    let Some((who, host)) = value.split_once('@') else {
        return item.refuse(told);
    };
    if who.is_empty() || who.starts_with(':') {
        let message = "register names no user: the section at the far end";
        told.push(Diagnostic::error(item.place(), message).help("write user:secret@host"));
        return None;
    }
    let (user, secret) = match who.split_once(':') {
        Some((user, secret)) => (user, Some(secret)),
        None => (who, None),
    };
    if secret.is_some_and(|secret| secret.contains(':')) {
        let place = item.part(user.len() + 1..who.len());
        let message = "the secret of a register line can have no : in it";
        told.push(
            Diagnostic::error(place, message).help("give the far end's section a secret without :"),
        );
        return None;
    }
    if let Some(at) = host.rfind('@') {
        let message = "neither user nor secret of a register line can have an @ in it";
        let place = item.part(0..who.len() + 1 + at);
        told.push(
            Diagnostic::error(place, message).help("give the far end's section a secret without @"),
        );
        return None;
    }
    let key = secret.and_then(|secret| secret.strip_prefix('[')?.strip_suffix(']'));
    let host_place = item.part(who.len() + 1..value.len());
    let host = match self::host(host.trim()) {
        Ok(host) => host,
        Err(wrong) => {
            let message = format!("\"{}\" {wrong}", host.trim());
            told.push(
                Diagnostic::error(host_place, message)
                    .help("write a name or an address, with or without :port"),
            );
            return None;
        }
    };
    Some(RegisterLine {
        place: item.place(),
        user: user.trim().to_owned(),
        secret: secret.filter(|secret| key.is_none() && !secret.is_empty()).map(Secret::new),
        key: key.map(str::to_owned),
        host,
    })
}

/// A host that is not dynamic: an address or a name, with or without a port. The error says what is wrong.
pub(super) fn host(text: &str) -> Result<Host, &'static str> {
    if let Some((ip, port)) = address(text) {
        return Ok(Host::Address((canonical(ip), port.unwrap_or(PORT)).into()));
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) => {
            let digits = port.bytes().all(|octet| octet.is_ascii_digit());
            let port: u16 = digits.then(|| port.parse().ok()).flatten().unwrap_or(0);
            (
                name,
                Some(port)
                    .filter(|port| *port != 0)
                    .map(Some)
                    .ok_or("has no port from 1 to 65535 after its :")?,
            )
        }
        None => (text, None),
    };
    if name.is_empty() {
        return Err("is not a host");
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return Err("is neither a host name nor an address");
    }
    if name.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err("is not an address");
    }
    Ok(Host::Name { name: name.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::keys::{self, Scope};
    use crate::conf::{Sources, syntax};

    #[test]
    fn a_caller_id_has_a_number_a_name_or_both() {
        for (text, number, name) in [
            ("\"Some Host\" <(256) 428-6011>", "2564286011", "Some Host"),
            ("Some Host <2564286011>", "2564286011", "Some Host"),
            ("<600>", "600", ""),
            ("Cut <600", "600", "Cut"),
            ("A <B> <7>", "7", "A <B>"),
            ("600", "600", ""),
            ("+49 (30) 12-34.5", "+493012345", ""),
            ("\"600\"", "", "600"),
            ("Guest IAX User", "", "Guest IAX User"),
            ("\"a \\\"b\\\" c\"", "", "a \"b\" c"),
        ] {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let expected = CallerId { number: some(number), name: some(name) };
            assert_eq!(caller_id(text), Some(expected), "{text}");
        }
        assert_eq!(caller_id("asreceived"), None);
        assert_eq!(caller_id(" "), None);
    }

    #[test]
    fn a_number_is_shrunk_outside_square_brackets() {
        for (number, expected) in [
            ("555.5555", "5555555"),
            ("5-5[1-3]", "55[1-3]"),
            ("12.", "12."),
            (" (1) 2 ", "12"),
            ("", ""),
        ] {
            assert_eq!(shrunk(number), expected, "{number}");
        }
    }

    #[test]
    fn tos_is_an_octet_by_name_or_number() {
        let key = keys::find("tos", Scope::GENERAL).expect("a key");
        for (text, expected) in [
            ("CS0", Some(0)),
            ("cs7", Some(0xe0)),
            ("AF11", Some(0x28)),
            ("af43", Some(0x98)),
            ("ef", Some(0xb8)),
            ("0x18", Some(0x18)),
            ("24", Some(24)),
            ("030", Some(24)),
            ("0", Some(0)),
            ("256", None),
            ("+1", None),
            ("0x+1", None),
            ("0+1", None),
            ("cs8", None),
            ("af14", None),
        ] {
            let mut sources = Sources::new();
            sources.add("a", format!("[g]\ntos={text}\n"));
            let sections = syntax::read(&sources, "a", &mut Vec::new());
            let mut told = Vec::new();
            assert_eq!(
                tos(Item { key, line: &sections[0].lines[0] }, &mut told),
                expected,
                "{text}"
            );
            assert_eq!(told.is_empty(), expected.is_some());
        }
    }

    #[test]
    fn a_host_is_an_address_or_a_name() {
        for (text, expected) in [
            ("192.0.2.1", Ok("192.0.2.1:4569")),
            ("192.0.2.1:5036", Ok("192.0.2.1:5036")),
            ("::1", Ok("[::1]:4569")),
            ("[2001:db8::1]:1", Ok("[2001:db8::1]:1")),
            ("::ffff:192.0.2.1", Ok("192.0.2.1:4569")),
            ("pbx.example.com", Ok("pbx.example.com")),
            ("pbx.example.com:70000", Err("has no port from 1 to 65535 after its :")),
            ("1.2.3", Err("is not an address")),
            ("", Err("is not a host")),
        ] {
            let shown = host(text).map(|host| match host {
                Host::Address(address) => address.to_string(),
                Host::Name { name, .. } => name,
                Host::Dynamic => "dynamic".to_owned(),
            });
            assert_eq!(shown.as_deref().map_err(|wrong| *wrong), expected, "{text}");
        }
    }
}
