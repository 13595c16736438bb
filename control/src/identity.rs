//! Who calls, as a NEW tells it and as the next NEW tells it on.

use dataplane::wire::{IeKind, IeWriter};

use crate::conf::{CallerId, User};
use crate::elements::{Elements, passed_on, printable};

/// Presentation when there is neither number nor name.
const NOT_AVAILABLE: u8 = 0x43;
/// The bits of a presentation that say whether it is allowed, and their value where it is not.
const PRESENTATION: u8 = 0x60;
const PROHIBITED: u8 = 0x20;
/// Presentation of a caller id the configuration vouches for: allowed, passed screening.
const SCREENED: u8 = 0x01;

/// The caller's particulars, carried from leg to leg.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) number: Option<String>,
    pub(crate) name: Option<String>,
    /// The name's octets where they are no plain text; the field has names in Latin-1 too.
    pub(crate) name_octets: Option<Vec<u8>>,
    pub(crate) ani: Option<String>,
    pub(crate) rdnis: Option<String>,
    pub(crate) dnid: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) presentation: Option<u8>,
    pub(crate) type_of_number: Option<u8>,
    pub(crate) transit_network: Option<u16>,
    pub(crate) ani2: Option<u32>,
    /// Elements 52 and 53 as they came, headers included.
    pub(crate) passed_on: Vec<u8>,
}

impl Identity {
    /// From a NEW's elements.
    pub(crate) fn of(elements: &Elements<'_>, ies: dataplane::wire::Ies<'_>) -> Self {
        let text = |octets: Option<&[u8]>| octets.filter(|o| !o.is_empty()).map(printable);
        Self {
            number: text(elements.calling_number),
            name: text(elements.calling_name),
            name_octets: elements
                .calling_name
                .filter(|octets| printable(octets).as_bytes() != *octets)
                .map(<[u8]>::to_vec),
            ani: text(elements.calling_ani),
            rdnis: text(elements.rdnis),
            dnid: text(elements.dnid),
            language: text(elements.language),
            presentation: elements.calling_pres,
            type_of_number: elements.calling_ton,
            transit_network: elements.calling_tns,
            ani2: elements.calling_ani2,
            passed_on: passed_on(ies),
        }
    }

    /// With what the user's section overrides.
    pub(crate) fn overridden_by(mut self, user: &User) -> Self {
        if user.shrink_caller_id {
            self.number = self.number.map(|number| shrunk(&number));
        }
        if let Some(caller_id) = &user.caller_id {
            self.set(caller_id.clone());
            self.presentation = Some(SCREENED);
        }
        let fallback = || user.default_language.clone();
        self.language = user.language.clone().or(self.language).or_else(fallback);
        self
    }

    /// As it may be told on: a caller who wants to stay unknown is unknown to whom we call. No section is trusted with
    /// more yet.
    pub(crate) fn presented(mut self) -> Self {
        if self.presentation.is_some_and(|value| value & PRESENTATION == PROHIBITED) {
            (self.number, self.name, self.ani, self.rdnis) = (None, None, None, None);
        }
        self
    }

    /// Number and name.
    pub(crate) fn caller_id(&self) -> CallerId {
        CallerId { number: self.number.clone(), name: self.name.clone() }
    }

    /// Takes number and name as the dialplan has set them.
    pub(crate) fn set(&mut self, caller: CallerId) {
        (self.number, self.name) = (caller.number, caller.name);
    }

    /// The elements before CALLED_CONTEXT in a NEW, in the field's order.
    pub(crate) fn write(&self, ies: &mut IeWriter<'_>, send_ani: bool) {
        let mut text = |kind, value: &Option<String>| {
            if let Some(value) = value {
                ies.raw(kind, value.as_bytes());
            }
        };
        text(IeKind::CallingNumber, &self.number);
        let known = self.number.is_some() || self.name.is_some();
        let presentation = self.presentation.unwrap_or(if known { 0 } else { NOT_AVAILABLE });
        ies.u8(IeKind::CallingPres, presentation);
        ies.u8(IeKind::CallingTon, self.type_of_number.unwrap_or(0));
        ies.u16(IeKind::CallingTns, self.transit_network.unwrap_or(0));
        if let Some(ani2) = self.ani2 {
            ies.u32(IeKind::CallingAni2, ani2);
        }
        if let Some(name) = &self.name {
            let heard = self.name_octets.as_deref().filter(|octets| printable(octets) == *name);
            ies.raw(IeKind::CallingName, heard.unwrap_or(name.as_bytes()));
        }
        let mut text = |kind, value: &Option<String>| {
            if let Some(value) = value {
                ies.raw(kind, value.as_bytes());
            }
        };
        if send_ani {
            text(IeKind::CallingAni, &self.ani);
        }
        text(IeKind::Language, &self.language);
        text(IeKind::Dnid, &self.dnid);
        text(IeKind::Rdnis, &self.rdnis);
    }
}

/// A calling number without blanks, parentheses, dashes outside brackets and dots but for a last one.
fn shrunk(number: &str) -> String {
    let mut bracketed = false;
    let last = number.len().saturating_sub(1);
    let keep = |(at, c): &(usize, char)| {
        match c {
            '[' => bracketed = true,
            ']' => bracketed = false,
            _ => {}
        }
        match c {
            ' ' | '(' | ')' => false,
            '-' => bracketed,
            '.' => *at == last,
            _ => true,
        }
    };
    number.char_indices().filter(keep).map(|(_, c)| c).collect()
}

#[cfg(test)]
mod tests {
    use dataplane::wire::Ies;

    use super::*;

    #[test]
    fn who_wants_to_stay_unknown_is_not_told_on() {
        let text = || Some("100".to_owned());
        for (presentation, known) in [(None, true), (Some(0x01), true), (Some(0x21), false)] {
            let identity = Identity {
                number: text(),
                name: text(),
                ani: text(),
                rdnis: text(),
                dnid: text(),
                presentation,
                ..Identity::default()
            };
            let told = identity.presented();
            let withheld = [told.number, told.name, told.ani, told.rdnis];
            assert!(withheld.iter().all(|text| text.is_some() == known));
            assert_eq!((told.dnid, told.presentation), (text(), presentation));
        }
    }

    #[test]
    fn a_name_in_latin_1_is_told_on_as_it_came_unless_it_was_changed() {
        let heard = [4, 4, b'J', 0xfc, b'r', b'g'];
        let elements = Elements::gather(Ies::new(&heard)).unwrap();
        let mut identity = Identity::of(&elements, Ies::new(&[]));
        let told = |identity: &Identity| {
            let mut room = [0; 64];
            let mut ies = IeWriter::new(&mut room);
            identity.write(&mut ies, false);
            let len = ies.finish().unwrap();
            let elements = Elements::gather(Ies::new(&room[..len])).unwrap();
            elements.calling_name.map(<[u8]>::to_vec)
        };
        assert_eq!(told(&identity).as_deref(), Some(&heard[2..]));
        identity.set(CallerId { number: None, name: Some("Joe".to_owned()) });
        assert_eq!(told(&identity).as_deref(), Some(&b"Joe"[..]));
    }

    #[test]
    fn numbers_shrink_as_the_field_shrinks_them() {
        for (written, shrinks_to) in [
            ("(256) 428-6275", "2564286275"),
            ("555.5555", "5555555"),
            ("[1-3]5-5.", "[1-3]55."),
            ("+49 30 1", "+49301"),
        ] {
            assert_eq!(shrunk(written), shrinks_to);
        }
    }
}
