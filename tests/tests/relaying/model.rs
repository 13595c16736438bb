//! What a core should make of voice and commands.

use std::collections::{BTreeMap, VecDeque};

use dataplane::handoff::Carriage;

/// Keys by their number, and whether to convert.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Treatment {
    pub(crate) decrypt: Option<u8>,
    pub(crate) encrypt: Option<u8>,
    pub(crate) convert: bool,
}

/// A frame as it is to come out: time-stamp and number of the audio; its key; whether it is converted.
pub(crate) type Out = (Option<u16>, u32, Option<u8>, bool);

/// How a frame's time is told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Heard {
    Low16(u16),
    Whole(i64),
}

#[derive(Debug)]
pub(crate) struct ModelRelay {
    pub(crate) carriage: Carriage,
    pub(crate) newest: i64,
    pub(crate) offset: Option<i64>,
    pub(crate) mark: i64,
    pub(crate) owes: bool,
    pub(crate) punted: bool,
    /// Newest audio under way to control, and how many more may follow it.
    pub(crate) under_way: Option<(i64, u32)>,
    pub(crate) quelched: bool,
    pub(crate) treatment: Treatment,
}

impl ModelRelay {
    fn punt(&mut self, at: i64) {
        self.punted = true;
        self.under_way = match self.under_way {
            Some((newest, left)) if self.offset.is_some() => {
                (left > 1).then_some((newest.max(at), left - 1))
            }
            Some((newest, _)) => Some((newest.max(at), 16)),
            None => Some((at, 16)),
        };
    }

    fn answered(&mut self, at: i64) {
        self.under_way = self.under_way.filter(|(newest, _)| at < *newest);
    }
}

/// What should come of it all, reckoned with 64 bits and no cleverness.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) relays: BTreeMap<u32, ModelRelay>,
    /// By relay, in order.
    pub(crate) out: BTreeMap<u32, VecDeque<Out>>,
    /// (relay, time-stamp heard, number of the audio), in order.
    pub(crate) punts: VecDeque<(u32, i64, u32)>,
    /// Last published time-stamps sent, which outlive a relay.
    pub(crate) cells: BTreeMap<u32, i64>,
}

impl Model {
    pub(crate) fn install(
        &mut self,
        id: u32,
        carriage: Carriage,
        newest: i64,
        offset: Option<i64>,
        treatment: Treatment,
    ) {
        let carriage = if treatment.encrypt.is_some() { Carriage::Mini } else { carriage };
        let sent = self.cells.get(&id).copied().unwrap_or(0);
        let mark = if sent == 0 { newest + offset.unwrap_or(0) } else { sent };
        let relay = ModelRelay {
            carriage,
            newest,
            offset,
            mark,
            owes: false,
            punted: false,
            under_way: None,
            quelched: false,
            treatment,
        };
        self.relays.insert(id, relay);
    }

    pub(crate) fn adjust(&mut self, id: u32, change: impl FnOnce(&mut ModelRelay)) {
        self.relays.get_mut(&id).map(change);
    }

    pub(crate) fn hear(&mut self, id: u32, heard: Heard, number: u32) {
        let Some(relay) = self.relays.get_mut(&id) else { return };
        let at = match heard {
            // Of all values with these low bits, the one among the 65,536 around the newest.
            Heard::Low16(low) => {
                let first = relay.newest - 32_768;
                first + (i64::from(low) - first).rem_euclid(65_536)
            }
            Heard::Whole(at) => {
                relay.answered(at);
                at
            }
        };
        if at < 0 {
            return; // before the start of the call
        }
        relay.newest = relay.newest.max(at);
        if relay.quelched {
            return;
        }
        let Some(offset) = relay.offset else {
            relay.punt(at);
            self.punts.push_back((id, at, number));
            return;
        };
        let sent = at + offset;
        if sent >= relay.mark {
            if sent / 65_536 != relay.mark / 65_536 {
                (relay.owes, relay.punted) = (true, false);
            }
            relay.mark = sent;
        }
        let follows = relay.under_way.is_some() && matches!(heard, Heard::Low16(_));
        if (relay.owes && !relay.punted) || follows {
            relay.punt(at);
            self.punts.push_back((id, at, number));
            return;
        }
        let low = (sent % 65_536) as u16;
        let low = if relay.carriage == Carriage::Trunk { low.max(1) } else { low };
        self.cells.insert(id, relay.mark);
        self.out.entry(id).or_default().push_back((
            Some(low),
            number,
            relay.treatment.encrypt,
            relay.treatment.convert,
        ));
    }

    pub(crate) fn align(&mut self, id: u32, offset: i64, heard: i64, sent: i64) {
        let Some(relay) = self.relays.get_mut(&id) else { return };
        relay.newest = relay.newest.max(heard);
        relay.mark = if relay.offset == Some(offset) { relay.mark.max(sent) } else { sent };
        relay.offset = Some(offset);
        relay.answered(heard);
        if sent / 65_536 == relay.mark / 65_536 {
            (relay.owes, relay.punted) = (false, false);
        }
        self.cells.insert(id, relay.mark);
    }
}
