//! Voice: said in time, heard and compared.

use core::time::Duration;
use std::io::Result;

use dataplane::handoff::Carriage;
use dataplane::time::Instant;
use dataplane::wire::{CallNumber, IaxSubclass, TrunkFrame};

use crate::leg::{FRAME_MS, State, What};
use crate::payload::{AUDIO_LEN, Stamp};
use crate::pbx::Pbx;
use crate::tally::Side;

/// Who speaks when: 20 ms in equal slots, each with the legs that speak in it, so that a PBX's voice is spread.
#[derive(Debug)]
pub(crate) struct Wheel {
    slots: [Vec<u16>; SLOTS],
    next: usize,
    due: Instant,
    /// Sum of the time the schedule was moved because we were kept from running.
    pub(crate) slipped: Duration,
    /// Whether anybody may speak.
    pub(crate) turning: bool,
}

impl Wheel {
    /// Nobody speaks.
    pub(crate) fn new() -> Self {
        Self {
            slots: core::array::from_fn(|_| Vec::new()),
            next: 0,
            due: Instant::ZERO,
            slipped: Duration::ZERO,
            turning: true,
        }
    }

    /// When the next slot's legs speak.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Lets a leg speak from its slot's next turn on.
    pub(crate) fn join(&mut self, place: u16) {
        if let Some(slot) = self.slots.get_mut(usize::from(place) % SLOTS) {
            slot.push(place);
        }
    }

    /// Takes the slot that is due, if one is. More than a frame behind the clock, the schedule slips.
    fn take(&mut self, now: Instant) -> Option<(usize, Vec<u16>)> {
        if self.due > now {
            return None;
        }
        let behind = now.since(self.due);
        if behind > Duration::from_millis(FRAME_MS.into()) {
            self.slipped += if self.due == Instant::ZERO { Duration::ZERO } else { behind };
            self.due = now;
        }
        let slot = self.next;
        self.next = (slot + 1) % SLOTS;
        self.due = self.due + SLOT;
        Some((slot, core::mem::take(self.slots.get_mut(slot)?)))
    }

    /// Puts a slot back, and behind it the legs that joined meanwhile.
    fn put_back(&mut self, slot: usize, mut places: Vec<u16>) {
        if let Some(slot) = self.slots.get_mut(slot) {
            places.append(slot);
            *slot = places;
        }
    }
}

impl Pbx {
    /// Speaks for every leg whose slot is due: at most one slot, so that the caller can listen in between. Returns
    /// whether one was.
    pub(crate) fn speak(&mut self, now: Instant) -> Result<bool> {
        let Some((slot, mut places)) = self.wheel.take(now) else { return Ok(false) };
        let mut result = Ok(());
        places.retain(|&place| {
            let talks = self.leg(place).state == State::Up;
            if talks && self.wheel.turning && result.is_ok() {
                result = self.say_next(now, place);
            }
            talks
        });
        self.wheel.put_back(slot, places);
        result?;
        self.packer.flush(&mut self.socket)?;
        Ok(true)
    }

    /// Says a leg's next 20 ms: in a full frame at the start, where 16 bits of time-stamp wrap and where it was asked
    /// for; else as the scenario's carriage says. Now and then it also asks how the far side is, as Asterisk does.
    fn say_next(&mut self, now: Instant, place: u16) -> Result<()> {
        let carriage = self.scenario.carriage;
        let from_caller = self.side == Side::Caller;
        let leg = self.legs.get_mut(usize::from(place)).expect("legs stay where they are");
        let stamp =
            Stamp { call: leg.call, from_caller, seq: leg.voice.seq, sent_us: now.as_micros() };
        let timestamp = leg.voice_timestamp(now);
        let wraps = leg.voice.last.is_none_or(|last| last.0 >> 16 != timestamp.0 >> 16);
        let full = wraps || core::mem::take(&mut leg.voice.owes_full);
        leg.voice.last = Some(timestamp);
        leg.voice.seq += 1;
        self.sent += 1;
        let (ours, at, known) = (leg.ours, timestamp.low16(), leg.voice.known);
        match carriage {
            _ if full => {
                let mut audio = [0; AUDIO_LEN];
                stamp.write(&mut audio);
                self.send_stamped(now, place, What::VOICE, Some(timestamp), &audio)?;
            }
            Carriage::Trunk if known => {
                self.packer.entry(&mut self.socket, now, ours, at, &stamp)?
            }
            Carriage::Trunk | Carriage::Mini => {
                self.packer.mini(&mut self.socket, ours, at, &stamp)?
            }
        }
        for (every, subclass) in
            [(LAGRQ_EVERY, IaxSubclass::LagRq), (PING_EVERY, IaxSubclass::Ping)]
        {
            if stamp.seq % every == every - 1 {
                self.send(now, place, What::iax(subclass), &[])?;
            }
        }
        Ok(())
    }

    /// Every entry of a trunk frame, heard.
    pub(crate) fn hear_trunk(&mut self, now: Instant, trunk: &TrunkFrame<'_>) {
        for entry in trunk.entries() {
            match entry.map(|entry| (entry.source, entry.payload)) {
                Ok((Some(source), payload)) => self.hear(now, source, payload),
                Ok((None, _)) | Err(_) => self.malformed += 1,
            }
        }
    }

    /// A frame of voice from the leg that is `source` at the far side.
    pub(crate) fn hear(&mut self, now: Instant, source: CallNumber, audio: &[u8]) {
        let Some(stamp) = Stamp::read(audio) else {
            return self.tally.corrupt();
        };
        let from_caller = self.side == Side::Callee;
        let place = self.place_of_theirs(source);
        let leg = place.and_then(|place| self.legs.get_mut(usize::from(place)));
        match leg {
            Some(leg) if leg.call == stamp.call && stamp.from_caller == from_caller => {
                let after = Duration::from_micros(now.as_micros().saturating_sub(stamp.sent_us));
                self.tally.heard(leg.heard.hear(stamp.seq), after);
            }
            _ => self.tally.misdelivered(),
        }
    }
}

/// Slots in 20 ms.
const SLOTS: usize = 10;
const SLOT: Duration = Duration::from_millis(FRAME_MS as u64 / SLOTS as u64);
/// Frames between two LAGRQ of a leg: 10 s.
const LAGRQ_EVERY: u32 = 500;
/// Frames between two PING of a leg: 21 s.
const PING_EVERY: u32 = 1050;
