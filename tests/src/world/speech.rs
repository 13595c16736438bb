//! Voice at a host: what its talker says every 20 ms, what its ear makes of what arrives.

use std::time::Duration;

use dataplane::time::Instant;
use dataplane::wire::{
    FrameType, MediaFormat, MiniTimestamp, Subclass, Timestamp, emit_mini_header,
};

use crate::blocks::Block;

use super::leg::{Ctx, PeerLeg, Told};

/// One block plays so long.
pub(super) const BLOCK: Duration = Duration::from_millis(20);
const BLOCK_MS: u32 = 20;

/// A talker: numbered blocks, one every 20 ms.
#[derive(Debug)]
pub(super) struct Speech {
    pub(super) talker: u16,
    pub(super) format: MediaFormat,
    pub(super) next_at: Instant,
    pub(super) left: u32,
    index: u32,
    first_stamp: u32,
    full: Option<MediaFormat>,
    full_high: u32,
}

impl Speech {
    pub(super) fn new(
        talker: u16,
        format: MediaFormat,
        at: Instant,
        clock: u32,
        blocks: u32,
    ) -> Self {
        Self {
            talker,
            format,
            next_at: at,
            left: blocks,
            index: 0,
            first_stamp: clock.max(1),
            full: None,
            full_high: 0,
        }
    }

    /// The next voice goes in a full frame.
    pub(super) fn owe_full(&mut self) {
        self.full = None;
    }
}

/// What a host has heard on a leg.
#[derive(Debug, Default)]
pub(super) struct Ear {
    pub(super) format: Option<MediaFormat>,
    newest: Timestamp,
    /// (talker, index, time-stamp) of each block, in the order heard.
    pub(super) blocks: Vec<(u16, u32, u32)>,
    /// Audio that is no block, or came in a format not agreed.
    pub(super) strange: usize,
    /// Mini frames and entries before the first full VOICE frame.
    pub(super) early: usize,
    /// Of all voice heard, what came in trunk entries and in full frames.
    pub(super) entries: usize,
    pub(super) full: usize,
}

/// Octets of a block of 20 ms.
pub(super) fn octets_of(format: MediaFormat) -> usize {
    match format {
        MediaFormat::GSM => 33,
        MediaFormat::G729 => 20,
        _ => 160,
    }
}

impl PeerLeg {
    /// Says the next block, if it is time. A mini frame that could go in a trunk frame is answered, not sent.
    pub(super) fn speak(&mut self, ctx: &mut Ctx<'_>) -> Option<(u16, Vec<u8>)> {
        let may = self.accepted && !self.over && self.ending.is_none();
        let speech = self.speech.as_mut().filter(|speech| speech.next_at <= ctx.now)?;
        if !may || speech.left == 0 {
            self.speech = None;
            return None;
        }
        speech.next_at = speech.next_at + BLOCK;
        speech.left -= 1;
        let (index, talker) = (speech.index, speech.talker);
        speech.index += 1;
        let stamp = speech.first_stamp + index * BLOCK_MS;
        if self.quelched {
            speech.owe_full();
            return None;
        }
        let block = Block { call: talker, from: 0, index };
        let audio = block.octets(octets_of(speech.format));
        ctx.ledger.spoken(block);
        let high = stamp >> 16;
        let jumped = high.wrapping_sub(speech.full_high);
        let wrapped = if ctx.manner.full_at_wrap { jumped != 0 } else { jumped > 1 };
        let format = speech.format;
        if speech.full != Some(format) || wrapped {
            (speech.full, speech.full_high) = (Some(format), high);
            self.stamped(stamp);
            self.send_at(ctx, (FrameType::Voice, Subclass::voice(format)), stamp, &audio);
            return None;
        }
        speech.full_high = high;
        self.stamped(stamp);
        let low = MiniTimestamp(stamp as u16);
        if ctx.manner.trunk.is_some() {
            return Some((low.0, audio));
        }
        let mut octets = vec![0; 4];
        emit_mini_header(self.ours, low, &mut octets).expect("four octets");
        octets.extend_from_slice(&audio);
        ctx.out.push(octets);
        None
    }

    /// Voice in a full frame.
    pub(super) fn hear_full_voice(
        &mut self,
        ctx: &mut Ctx<'_>,
        format: MediaFormat,
        at: Timestamp,
        audio: &[u8],
    ) {
        if self.ear.format != Some(format) {
            self.told.push(Told::Speaks(format));
        }
        self.ear.format = Some(format);
        self.ear.newest = self.ear.newest.latest(at);
        self.ear.full += 1;
        self.hear_block(ctx, at, audio);
    }

    /// Voice in a mini frame or trunk entry; without a format yet, the full frame is asked for.
    pub(super) fn hear_voice(&mut self, ctx: &mut Ctx<'_>, low: Option<u16>, audio: &[u8]) {
        if self.ear.format.is_none() {
            self.ear.early += 1;
            ctx.ledger.dropped(audio, "before the first full VOICE frame");
            return self.send_vnak(ctx);
        }
        let at = match low {
            Some(low) => self.ear.newest.extend(MiniTimestamp(low)),
            None => self.ear.newest.offset_by(BLOCK_MS),
        };
        self.ear.newest = self.ear.newest.latest(at);
        self.hear_block(ctx, at, audio);
    }

    fn hear_block(&mut self, ctx: &mut Ctx<'_>, at: Timestamp, audio: &[u8]) {
        let sized = self.ear.format.map(octets_of) == Some(audio.len());
        match Block::read(audio) {
            Some(_) if !sized => ctx.ledger.dropped(audio, "of another format than announced"),
            Some(block) if self.accepted => {
                ctx.ledger.heard(audio);
                self.ear.blocks.push((block.call, block.index, at.0));
            }
            Some(_) => ctx.ledger.dropped(audio, "before ACCEPT"),
            None => self.ear.strange += 1,
        }
    }
}
