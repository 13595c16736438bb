//! What a core counts: frames in and out, and a reason for every one that goes no further.

use core::sync::atomic::{AtomicU64, Ordering};

/// One line adds a reason, its counter and its help.
macro_rules! drop_reasons {
    ($($variant:ident, $name:literal, $help:literal;)*) => {
        /// Why a frame went no further.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DropReason {
            $(#[doc = $help] $variant,)*
        }

        impl DropReason {
            /// Every reason, in the order of the counters.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The reason's name in counters and metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The reason in words, for operators.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)* }
            }
        }
    };
}

drop_reasons! {
    Malformed, "malformed", "octets that are no IAX2 frame (RFC 5456 §8.1)";
    Truncated, "truncated", "a datagram longer than the receive buffer";
    UnknownMeta, "unknown_meta", "a meta frame of an unknown command or form";
    EntryCut, "entry_cut", "a trunk entry past the end of its datagram; the rest of it is lost";
    NoRelay, "no_relay", "voice for a call this core does not carry";
    Video, "video", "video of an encrypted call, or before voice has started, without which it has no time-stamp";
    Decrypt, "decrypt", "an encrypted mini frame that neither key of its call makes sense of";
    Quelched, "quelched", "voice to a peer that asked for silence";
    Empty, "empty", "voice without audio, in which there is nothing to send on";
    Stale, "stale", "voice stamped before the start of its call";
    TooLong, "too_long", "audio longer than a frame to the far peer may be";
    PuntFull, "punt_full", "control is behind: its queue of full frames is at its bound";
    PoolEmpty, "pool_empty", "no send buffer is free: the kernel is behind";
    SendFull, "send_full", "the send batch is at its bound";
    SendFailed, "send_failed", "the kernel refused a datagram";
}

/// One core's counts. The core adds to its own; others read a [`CounterCells`] it publishes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Datagrams handed to the kernel.
    pub datagrams_out: u64,
    /// Full frames received and handed to control.
    pub full_frames: u64,
    /// Voice frames heard: mini frames and trunk entries.
    pub voice_in: u64,
    /// Audio of full VOICE frames that control handed back to be sent on.
    pub voice_returned: u64,
    /// Voice frames sent on, audio of full frames handed back included.
    pub voice_out: u64,
    /// Voice frames punted because their far leg owed a full frame.
    pub voice_punted: u64,
    /// Video mini frames heard.
    pub video_in: u64,
    /// Video mini frames sent on.
    pub video_out: u64,
    /// Steps the core has made.
    pub steps: u64,
    drops: [u64; DropReason::ALL.len()],
}

impl Counters {
    /// Counts a frame that goes no further.
    pub fn dropped(&mut self, reason: DropReason) {
        self.dropped_many(reason, 1);
    }

    /// Counts `frames` frames that go no further.
    pub fn dropped_many(&mut self, reason: DropReason, frames: u64) {
        if let Some(count) = self.drops.get_mut(reason as usize) {
            *count += frames;
        }
    }

    /// Frames that went no further for `reason`.
    pub fn drops(&self, reason: DropReason) -> u64 {
        self.drops.get(reason as usize).copied().unwrap_or(0)
    }

    /// The counts of two parts of a core together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = *self;
        sum.datagrams_in += other.datagrams_in;
        sum.datagrams_out += other.datagrams_out;
        sum.full_frames += other.full_frames;
        sum.voice_in += other.voice_in;
        sum.voice_returned += other.voice_returned;
        sum.voice_out += other.voice_out;
        sum.voice_punted += other.voice_punted;
        sum.video_in += other.video_in;
        sum.video_out += other.video_out;
        sum.steps += other.steps;
        for (count, more) in sum.drops.iter_mut().zip(other.drops) {
            *count += more;
        }
        sum
    }

    fn words(&self) -> [u64; CounterCells::WORDS] {
        let mut words = [0; CounterCells::WORDS];
        let (head, drops) = words.split_at_mut(CounterCells::PLAIN);
        head.copy_from_slice(&[
            self.datagrams_in,
            self.datagrams_out,
            self.full_frames,
            self.voice_in,
            self.voice_returned,
            self.voice_out,
            self.voice_punted,
            self.video_in,
            self.video_out,
            self.steps,
        ]);
        drops.copy_from_slice(&self.drops);
        words
    }
}

/// One core's counts as others read them: written by the core once a step, never reset.
#[derive(Debug)]
pub struct CounterCells([AtomicU64; Self::WORDS]);

impl CounterCells {
    const PLAIN: usize = 10;
    const WORDS: usize = Self::PLAIN + DropReason::ALL.len();

    /// All zero.
    pub fn new() -> Self {
        Self([const { AtomicU64::new(0) }; Self::WORDS])
    }

    /// Publishes a core's counts; relaxed stores to the core's own lines.
    pub fn publish(&self, counters: &Counters) {
        for (cell, word) in self.0.iter().zip(counters.words()) {
            cell.store(word, Ordering::Relaxed);
        }
    }

    /// The counts as last published. Each word is exact; two words may be a step apart.
    pub fn read(&self) -> Counters {
        let mut words = self.0.iter().map(|cell| cell.load(Ordering::Relaxed));
        let mut next = || words.next().unwrap_or(0);
        let mut counters = Counters {
            datagrams_in: next(),
            datagrams_out: next(),
            full_frames: next(),
            voice_in: next(),
            voice_returned: next(),
            voice_out: next(),
            voice_punted: next(),
            video_in: next(),
            video_out: next(),
            steps: next(),
            drops: [0; DropReason::ALL.len()],
        };
        for count in &mut counters.drops {
            *count = next();
        }
        counters
    }
}

impl Default for CounterCells {
    fn default() -> Self {
        Self::new()
    }
}
