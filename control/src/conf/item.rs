//! A line whose key is known, on its way to a value; and the simple kinds of values.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use super::keys::{Key, Kind};
use super::syntax::Line;
use super::{Diagnostic, EncryptionPolicy, Methods, Place, RequireToken};

/// A line and what is known of its key.
///
/// Readers answer `None` where the value is not what the key takes, and have told so then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) key: &'static Key,
    pub(super) line: &'a Line,
}

/// Where diagnostics are collected.
pub(super) type Told = Vec<Diagnostic>;

impl Item<'_> {
    /// The value as text.
    pub(super) fn text(&self) -> String {
        self.line.value.clone()
    }

    /// The value as text; empty: none.
    pub(super) fn text_or_none(&self) -> Option<String> {
        (!self.line.value.is_empty()).then(|| self.text())
    }

    /// Where the value stands, or the whole line if there is none.
    pub(super) fn place(&self) -> Place {
        match self.line.value.is_empty() {
            true => self.line.place(),
            false => self.line.value_place.clone(),
        }
    }

    /// Where a part of the value stands.
    pub(super) fn part(&self, range: Range<usize>) -> Place {
        self.line.value_part(range)
    }

    /// Tells that the value is not what the key takes.
    pub(super) fn refuse<T>(&self, told: &mut Told) -> Option<T> {
        told.push(self.refusal());
        None
    }

    fn refusal(&self) -> Diagnostic {
        let Key { name, kind, .. } = self.key;
        let wanted = match kind {
            Kind::Bool => "yes or no".to_owned(),
            Kind::Choice(words) => listed(words),
            Kind::Number(min, max, "") => format!("a number from {min} to {max}"),
            Kind::Number(min, max, unit) => format!("{min} to {max} {unit}"),
            Kind::Special(wanted) => (*wanted).to_owned(),
            Kind::Text => "a text".to_owned(),
        };
        Diagnostic::error(self.place(), format!("{name} cannot be \"{}\"", self.line.value))
            .help(format!("write {wanted}"))
    }

    /// yes or no.
    pub(super) fn flag(&self, told: &mut Told) -> Option<bool> {
        boolean(&self.line.value).or_else(|| self.refuse(told))
    }

    /// A decimal number within the key's bounds.
    pub(super) fn number(&self, told: &mut Told) -> Option<u32> {
        let Kind::Number(min, max, _) = self.key.kind else { return self.refuse(told) };
        self.number_within(min, max).or_else(|| self.refuse(told))
    }

    /// A number within the key's bounds, all of which fit 16 bits.
    pub(super) fn number16(&self, told: &mut Told) -> Option<u16> {
        let number = self.number(told)?;
        u16::try_from(number).ok().or_else(|| self.refuse(told))
    }

    /// A decimal number within bounds; `None`, and nothing told, if it is not.
    pub(super) fn number_within(&self, min: u32, max: u32) -> Option<u32> {
        let digits = &self.line.value;
        let number =
            digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse().ok())??;
        (min..=max).contains(&number).then_some(number)
    }

    /// A number of seconds.
    pub(super) fn seconds(&self, told: &mut Told) -> Option<Duration> {
        self.number(told).map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// A number of milliseconds.
    pub(super) fn millis(&self, told: &mut Told) -> Option<Duration> {
        self.number(told).map(|millis| Duration::from_millis(millis.into()))
    }

    /// One of the key's words, in lower case.
    pub(super) fn choice(&self, told: &mut Told) -> Option<&'static str> {
        let Kind::Choice(words) = self.key.kind else { return self.refuse(told) };
        let found = words.iter().find(|word| word.eq_ignore_ascii_case(&self.line.value));
        found.copied().or_else(|| self.refuse(told))
    }

    /// One of the key's words, where yes and no have all their spellings.
    pub(super) fn choice_or_bool(&self, told: &mut Told) -> Option<&'static str> {
        match boolean(&self.line.value) {
            Some(true) => Some("yes"),
            Some(false) => Some("no"),
            None => self.choice(told),
        }
    }

    /// `encryption` and `forceencryption`.
    pub(super) fn encryption(&self, told: &mut Told) -> Option<bool> {
        let aes = self.line.value.eq_ignore_ascii_case("aes128");
        boolean(&self.line.value).or(aes.then_some(true)).or_else(|| self.refuse(told))
    }

    /// `requirecalltoken`.
    pub(super) fn require_token(&self, told: &mut Told) -> Option<RequireToken> {
        match boolean(&self.line.value) {
            Some(true) => Some(RequireToken::Yes),
            Some(false) => Some(RequireToken::No),
            None if self.line.value.eq_ignore_ascii_case("auto") => Some(RequireToken::Auto),
            None => self.refuse(told),
        }
    }

    /// `auth`: methods with commas between them.
    pub(super) fn methods(&self, told: &mut Told) -> Option<Methods> {
        let mut methods = Methods::default();
        for (word, range) in items(&self.line.value, &[',', ';', '|', '&', ' ']) {
            methods = methods.with(match word.to_ascii_lowercase().as_str() {
                "md5" => Methods::MD5,
                "rsa" => Methods::RSA,
                "plaintext" => Methods::PLAINTEXT,
                _ => {
                    let message = format!("there is no method of authentication \"{word}\"");
                    told.push(Diagnostic::error(self.part(range), message).help("write md5"));
                    return None;
                }
            });
        }
        if methods.is_empty() { self.refuse(told) } else { Some(methods) }
    }

    /// `host`, `bindaddr` and others: an address, with or without a port. `None`, and nothing told, if it is not.
    pub(super) fn address(&self) -> Option<(IpAddr, Option<u16>)> {
        address(&self.line.value)
    }
}

/// The field's spellings of yes and no.
pub(super) fn boolean(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(&["yes", "true", "y", "t", "1", "on"]) {
        Some(true)
    } else if is(&["no", "false", "n", "f", "0", "off"]) {
        Some(false)
    } else {
        None
    }
}

/// An address, or an address with a port, IPv6 then in brackets.
pub(super) fn address(text: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (address.port() != 0).then(|| (canonical(address.ip()), Some(address.port())));
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bare
        .map_or_else(|| text.parse(), |bare| bare.parse::<std::net::Ipv6Addr>().map(IpAddr::V6));
    Some((canonical(address.ok()?), None))
}

/// IPv4 written as IPv6 is IPv4.
pub(super) fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// The non-empty items of a list, stripped of blanks, with where each is in the text.
pub(super) fn items<'a>(
    text: &'a str,
    separators: &'a [char],
) -> impl Iterator<Item = (&'a str, Range<usize>)> {
    let mut at = 0;
    text.split(move |c: char| separators.contains(&c)).filter_map(move |raw| {
        let start = at + (raw.len() - raw.trim_start().len());
        at += raw.len() + 1; // separators are ASCII
        let item = raw.trim();
        (!item.is_empty()).then(|| (item, start..start + item.len()))
    })
}

/// `a, b or c`.
fn listed(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, words)) => format!("{} or {last}", words.join(", ")),
        None => String::new(),
    }
}

/// The policy that a section's own lines and the general ones make; a section's `encryption=no` undoes both.
pub(super) fn encryption_policy(
    offered: (Option<bool>, bool),
    forced: (Option<bool>, bool),
) -> EncryptionPolicy {
    let ((own_offer, general_offer), (own_force, general_force)) = (offered, forced);
    if own_force.unwrap_or(general_force && own_offer != Some(false)) {
        EncryptionPolicy::Forced
    } else if own_offer.unwrap_or(general_offer) {
        EncryptionPolicy::Offered
    } else {
        EncryptionPolicy::Off
    }
}
