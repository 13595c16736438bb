//! [`Relay`]: one direction of a call as a core sees it.

use core::sync::atomic::Ordering;

use crate::call_ciphers::CipherSlot;
use crate::handoff::{Carriage, Conversion, PeerIndex, RelayCell, RelaySpec};
use crate::time::Instant;
use crate::wire::{CallNumber, MediaFormat, MiniTimestamp, Timestamp};

/// One direction of a call: heard from the near peer, sent to the far one. All a voice frame needs, in one line of
/// cache.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Relay {
    pub(crate) near: PeerIndex,
    pub(crate) far: PeerIndex,
    pub(crate) near_call: CallNumber,
    pub(crate) far_call: CallNumber,
    /// Newest time-stamp heard.
    newest: Timestamp,
    /// Added to what is heard; `None` until voice has started.
    offset: Option<u32>,
    /// Newest time-stamp sent or punted to be sent: a wrap of 16 bits past it owes a full frame.
    mark: Timestamp,
    /// What our milliseconds lack to the near leg's; for untimed entries, from the first on.
    clock_base: Option<u32>,
    heard_frames: u32,
    late_frames: u32,
    format: Option<MediaFormat>,
    pub(crate) carriage: Carriage,
    /// The far leg owes a full VOICE frame.
    owes_full: bool,
    /// Audio for that frame has gone to control.
    punted: bool,
    /// Frames that may still follow the last answered one to control, so as not to overtake those under way; 0: none
    /// is under way.
    following: u8,
    /// Newest time-stamp of the audio under way to control.
    awaited: Timestamp,
    pub(crate) quelched: bool,
    /// Whether the mini frames heard are encrypted.
    pub(crate) decrypts: bool,
    pub(crate) convert: Option<Conversion>,
    /// Its keys, if either leg is encrypted.
    pub(crate) ciphers: Option<CipherSlot>,
}

const _: () = assert!(size_of::<Relay>() == 64, "a relay is one line of cache");
const _: () = assert!(size_of::<Option<Relay>>() == 64, "a vacant slot costs no second line");

/// How the time of a heard frame is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// 32 bits, of a full frame.
    Whole(Timestamp),
    /// 16 bits, of a mini frame or a timed entry.
    Low16(MiniTimestamp),
    /// Not at all: an entry of an untimed trunk frame.
    Untimed,
}

/// How far a predicted time-stamp may part from the clock, milliseconds.
const DRIFT_MAX_MS: u32 = 100;

/// Frames that follow others to control at most: more, and a busy control would be given ever more to do.
const FOLLOWING_MAX: u8 = 16;

/// What an untimed frame is taken to last where format and length do not tell, milliseconds.
const USUAL_MS: u32 = 20;

/// The time-stamp lies before the start of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BeforeStart;

impl Relay {
    /// As control describes it, with keys in `ciphers` if it names any; what another core published of it before is
    /// taken up where it was left.
    pub(crate) fn new(spec: &RelaySpec, cell: &RelayCell, ciphers: Option<CipherSlot>) -> Self {
        let sent = Timestamp(cell.sent.load(Ordering::Relaxed));
        let unsent = spec.newest.offset_by(spec.offset.unwrap_or(0));
        Self {
            near: spec.near,
            far: spec.far,
            near_call: spec.near_call,
            far_call: spec.far_call,
            newest: spec.newest,
            offset: spec.offset,
            mark: if sent.0 == 0 { unsent } else { sent },
            clock_base: None,
            heard_frames: cell.heard_frames.load(Ordering::Relaxed),
            late_frames: cell.late_frames.load(Ordering::Relaxed),
            format: spec.format,
            carriage: if spec.encrypt.is_some() { Carriage::Mini } else { spec.carriage },
            owes_full: false,
            punted: false,
            following: 0,
            awaited: spec.newest,
            quelched: spec.quelched,
            decrypts: spec.decrypt.is_some(),
            convert: spec.convert,
            ciphers,
        }
    }

    /// How far ahead of the newest a frame of that time-stamp is, milliseconds.
    pub(crate) fn ahead(&self, low: MiniTimestamp) -> i32 {
        self.newest.extend(low).0.wrapping_sub(self.newest.0).cast_signed()
    }

    /// Takes note of a frame heard and tells its whole time-stamp.
    pub(crate) fn hear(
        &mut self,
        stamp: Stamp,
        audio: &[u8],
        now: Instant,
        cell: &RelayCell,
    ) -> Result<Timestamp, BeforeStart> {
        self.heard_frames = self.heard_frames.wrapping_add(1);
        cell.heard_frames.store(self.heard_frames, Ordering::Relaxed);
        let at = match stamp {
            Stamp::Whole(at) => {
                self.clock_base = self.clock_base.map(|_| at.0.wrapping_sub(millis(now)));
                self.answered(at);
                at
            }
            Stamp::Low16(low) => {
                let at = self.newest.extend(low);
                if at.is_before(self.newest) && at.0 > self.newest.0 {
                    return Err(BeforeStart);
                }
                at
            }
            Stamp::Untimed => self.predict(audio, now),
        };
        if at.is_before(self.newest) {
            self.late_frames = self.late_frames.wrapping_add(1);
            cell.late_frames.store(self.late_frames, Ordering::Relaxed);
        }
        // A prediction pulled back is where the next one starts, or every later one would have to be pulled too.
        self.newest = if stamp == Stamp::Untimed { at } else { self.newest.latest(at) };
        cell.heard.store(self.newest.0, Ordering::Relaxed);
        Ok(at)
    }

    /// The time of an untimed frame: what the one before it and its own duration make likely, or what the clock says
    /// where the two are far apart. The header's time is no help: Asterisk's runs ahead by up to 160 ms and snaps back.
    fn predict(&mut self, audio: &[u8], now: Instant) -> Timestamp {
        let lasts = self.format.and_then(|format| format.duration(audio));
        let lasts = lasts.map_or(USUAL_MS, |lasts| lasts.as_millis() as u32);
        let likely = self.newest.offset_by(lasts);
        let base = *self.clock_base.get_or_insert(likely.0.wrapping_sub(millis(now)));
        let clock = Timestamp(millis(now).wrapping_add(base));
        let apart = likely.0.wrapping_sub(clock.0).cast_signed().unsigned_abs();
        if apart > DRIFT_MAX_MS { clock } else { likely }
    }

    /// The time-stamp to send with what was heard at `at`; `None` before voice has started.
    ///
    /// Where its upper 16 bits have moved on, the far leg owes a full frame: receivers of the RFC's school learn of the
    /// wrap from it (RFC 5456 §8.1.2). A late frame from before the wrap does not ask for another.
    pub(crate) fn sends_at(&mut self, at: Timestamp) -> Option<Timestamp> {
        let sent = at.offset_by(self.offset?);
        if !sent.is_before(self.mark) {
            if period(sent) != period(self.mark) {
                self.owe();
            }
            self.mark = sent;
        }
        Some(sent)
    }

    /// The time-stamp to send with a picture heard at `low15`, both low 15 bits: the legs' clocks are voice's. `None`
    /// before voice has started.
    pub(crate) fn sends_picture_at(&self, low15: u16) -> Option<u16> {
        let sent = u32::from(low15).wrapping_add(self.offset?);
        Some((sent & 0x7fff) as u16)
    }

    /// Whether the next audio is to be punted: a full frame is owed, and its audio has not gone yet; or other audio is
    /// under way to control, and what is heard after it would overtake it.
    pub(crate) fn wants_punt(&self, stamp: Stamp) -> bool {
        let comes_back = matches!(stamp, Stamp::Whole(_));
        (self.owes_full && !self.punted) || (self.following > 0 && !comes_back)
    }

    /// The far leg owes a full frame, whatever was punted before.
    pub(crate) fn owe(&mut self) {
        self.owes_full = true;
        self.punted = false;
    }

    /// Audio heard at `at` has gone to control. True: it is the first, and is to overtake nothing sent before it.
    pub(crate) fn punted(&mut self, at: Timestamp) -> bool {
        self.punted = true;
        let first = self.following == 0;
        self.awaited = if first { at } else { self.awaited.latest(at) };
        self.following =
            if first || self.offset.is_none() { FOLLOWING_MAX } else { self.following - 1 };
        first
    }

    /// Control has dealt with audio heard at `at`.
    fn answered(&mut self, at: Timestamp) {
        if !at.is_before(self.awaited) {
            self.following = 0;
        }
    }

    /// A full VOICE frame is on its way to control: what follows is told from its time, long before control says so.
    pub(crate) fn heard_full(&mut self, at: Timestamp) {
        if self.offset.is_none() || !at.is_before(self.newest) {
            self.newest = at;
            self.clock_base = None;
        }
    }

    /// Publishes the newest time-stamp sent.
    pub(crate) fn publish_sent(&self, cell: &RelayCell) {
        cell.sent.store(self.mark.0, Ordering::Relaxed);
    }

    /// Takes note of the format heard.
    pub(crate) fn set_format(&mut self, format: MediaFormat) {
        self.format = Some(format);
    }

    /// A full VOICE frame has gone to the far peer with the time-stamp `sent`.
    ///
    /// A frame from before the last wrap does not pay for that wrap.
    pub(crate) fn align(&mut self, offset: u32, heard: Timestamp, sent: Timestamp) {
        self.newest = self.newest.latest(heard);
        self.mark = if self.offset == Some(offset) { self.mark.latest(sent) } else { sent };
        self.offset = Some(offset);
        self.answered(heard);
        if period(sent) == period(self.mark) {
            self.owes_full = false;
            self.punted = false;
        }
    }
}

/// The upper 16 bits: which round of the lower 16 it is.
fn period(at: Timestamp) -> u32 {
    at.0 >> 16
}

/// Our clock in the calls' unit, wrapping.
fn millis(now: Instant) -> u32 {
    now.millis_since(Instant::ZERO)
}
