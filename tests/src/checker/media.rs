//! Voice of one leg: full frame first, full frame at each wrap, trunk entries only once it has arrived.

use std::time::Duration;

use dataplane::wire::{MiniTimestamp, Timestamp};

use super::finding::Log;
use super::leg::Leg;

/// A relay passes on what it hears; talkers' own disorder stays below this.
pub(super) const BACK_AT_MOST_MS: u32 = 200;

/// How a voice frame without a number travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carried {
    Mini,
    Entry,
}

impl Carried {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mini => "mini frame",
            Self::Entry => "trunk entry",
        }
    }
}

/// Voice the switch has sent on a leg.
#[derive(Debug, Default)]
pub(super) struct Media {
    /// Time-stamp of the last full VOICE frame; none before the first.
    full: Option<Timestamp>,
    /// Whether the peer has acknowledged one.
    acknowledged: bool,
    /// Newest time-stamp sent, and when.
    newest: Option<(Timestamp, Duration)>,
    /// First frame past a wrap that no full VOICE frame has announced yet.
    unannounced: Option<(usize, Duration)>,
    /// Whether a broken start was told already; one finding a leg is enough.
    start_told: bool,
}

impl Media {
    pub(super) fn full_acknowledged(&mut self) {
        self.acknowledged = true;
    }

    /// A full VOICE frame goes out; answers by how many milliseconds voice has gone back, if by too many.
    #[must_use]
    pub(super) fn full_sent(&mut self, timestamp: Timestamp, now: Duration) -> Option<u32> {
        self.full = Some(self.full.map_or(timestamp, |before| before.latest(timestamp)));
        self.unannounced = None;
        self.voiced(timestamp, now)
    }

    fn voiced(&mut self, timestamp: Timestamp, now: Duration) -> Option<u32> {
        let Some((newest, _)) = self.newest.filter(|(newest, _)| timestamp.is_before(*newest))
        else {
            self.newest = Some((timestamp, now));
            return None;
        };
        Some(newest.0.wrapping_sub(timestamp.0)).filter(|back| *back > BACK_AT_MOST_MS)
    }

    /// The 32 bits of a frame's 16, from the newest sent and the time gone by since.
    fn whole(&self, mini: MiniTimestamp, full: Timestamp, now: Duration) -> Timestamp {
        let (newest, at) = self.newest.unwrap_or((full, now));
        let gone = u32::try_from(now.saturating_sub(at).as_millis()).unwrap_or(u32::MAX);
        newest.offset_by(gone).extend(mini)
    }
}

impl Leg {
    /// A mini frame or trunk entry of the switch on this leg; an entry may come without its time.
    pub(super) fn send_voice(
        &mut self,
        carried: Carried,
        mini: Option<MiniTimestamp>,
        audio: &[u8],
        wrap_grace: Duration,
        log: &mut Log,
    ) {
        self.active = log.now;
        if audio.is_empty() {
            log.wrong(format!("{} of call {} without audio", carried.name(), self.ours));
        }
        let violations = log.violations.len();
        if !self.media.start_told {
            self.check_carries_voice(carried.name(), log);
            self.check_start(carried, log);
        }
        self.media.start_told |= log.violations.len() > violations;
        if let (Some(mini), Some(full)) = (mini, self.media.full) {
            self.check_wrap(mini, full, wrap_grace, log);
        }
    }

    fn check_start(&self, carried: Carried, log: &mut Log) {
        let (name, ours) = (carried.name(), self.ours);
        if self.media.full.is_none() {
            log.wrong(format!("{name} of call {ours} before its first full VOICE frame"));
        } else if carried == Carried::Entry && !self.media.acknowledged {
            log.wrong(format!("{name} of call {ours} before its full VOICE frame is acknowledged"));
        }
    }

    fn check_wrap(&mut self, mini: MiniTimestamp, full: Timestamp, grace: Duration, log: &mut Log) {
        let media = &mut self.media;
        let whole = media.whole(mini, full, log.now);
        if let Some(back) = media.voiced(whole, log.now) {
            log.wrong(format!("voice of call {} goes back by {back} ms", self.ours));
        }
        let late = whole.is_before(full);
        if late || whole.0 >> 16 == full.0 >> 16 {
            return;
        }
        let (frame_no, since) = *media.unannounced.get_or_insert((log.frame_no, log.now));
        if log.now - since > grace {
            let text =
                format!("call {} passes a wrap of 16 bits without a full VOICE frame", self.ours);
            log.wrong_at(frame_no, since, text);
            media.full = Some(whole); // told once for each wrap
            media.unannounced = None;
        }
    }
}
