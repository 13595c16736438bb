//! What variables, targets and conditions mean to a walk.

use std::borrow::Cow;

use super::apps::{CallerIdPart, caller_id_part};
use super::plan::{Wanted, is_structural};
use super::step::DialStatus;
use super::template::Lookup;
use super::walk::Walk;
use crate::conf::CallerId;

/// What variables mean to a walk.
pub(super) struct Scope<'w> {
    pub(super) walk: &'w Walk,
    /// Whether the text is split afterwards: what a caller wrote then brings no separators.
    pub(super) structural: bool,
}

impl Lookup for Scope<'_> {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        let walk = self.walk;
        if let Some(part) = caller_id_part(name) {
            let caller = &walk.caller;
            let text = match part {
                CallerIdPart::Number => Cow::from(caller.number.as_deref().unwrap_or_default()),
                CallerIdPart::Name => Cow::from(caller.name.as_deref().unwrap_or_default()),
                CallerIdPart::All => Cow::from(formatted(caller)),
            };
            return Some(match self.structural && text.contains(is_structural) {
                true => text.replace(is_structural, "").into(),
                false => text,
            });
        }
        Some(match name {
            "EXTEN" => Cow::from(walk.number()),
            "CONTEXT" => Cow::from(walk.context()),
            "CHANNEL" => Cow::from(walk.channel.as_str()),
            "UNIQUEID" => Cow::from(walk.unique_id.as_str()),
            "PRIORITY" => Cow::from(walk.running().to_string()),
            _ => {
                let own = walk.variables.get(name);
                Cow::from(own.or_else(|| walk.plan.globals.get(name))?.as_str())
            }
        })
    }
}

/// `"Name" <number>`, or the one of them that there is.
fn formatted(caller: &CallerId) -> String {
    match (&caller.name, &caller.number) {
        (Some(name), Some(number)) => format!("\"{name}\" <{number}>"),
        (Some(only), None) | (None, Some(only)) => only.clone(),
        (None, None) => String::new(),
    }
}

/// A priority, a label, or `+n` and `-n` counted from `here`.
pub(super) fn wanted(place: &str, here: u32) -> Wanted<'_> {
    let relative = |text: &str| text.parse::<u32>().ok();
    let number = match place.as_bytes().first() {
        Some(b'+') => relative(&place[1..]).map(|by| here.saturating_add(by)),
        Some(b'-') => relative(&place[1..]).map(|by| here.saturating_sub(by)),
        _ => place.parse::<u32>().ok(),
    };
    number.map_or(Wanted::Label(place), Wanted::Priority)
}

/// What a Goto to `place` looked for.
pub(super) fn missing(place: &str) -> &'static str {
    match wanted(place, 0) {
        Wanted::Priority(_) => "priority",
        Wanted::Label(_) => "label",
    }
}

/// Whether a condition holds: a text that begins with a number, if that is not zero; any other, if there is any.
pub(super) fn is_true(condition: &str) -> bool {
    let condition = condition.trim();
    let digits = condition.strip_prefix('-').unwrap_or(condition);
    let number_len = digits.bytes().take_while(u8::is_ascii_digit).count();
    match number_len {
        0 => !condition.is_empty(),
        _ => digits.bytes().take(number_len).any(|digit| digit != b'0'),
    }
}

pub(super) fn status_name(status: DialStatus) -> &'static str {
    match status {
        DialStatus::Answer => "ANSWER",
        DialStatus::Busy => "BUSY",
        DialStatus::Congestion => "CONGESTION",
        DialStatus::ChanUnavail => "CHANUNAVAIL",
        DialStatus::NoAnswer => "NOANSWER",
        DialStatus::Cancel => "CANCEL",
    }
}
