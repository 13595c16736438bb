//! What was said and what was heard of it: per stream, and in sum.

use core::fmt;
use core::time::Duration;

use hdrhistogram::Histogram;

/// One of the two PBXes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// PBX A, which places the calls.
    Caller,
    /// PBX B, which answers them.
    Callee,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caller => "pbx-a",
            Self::Callee => "pbx-b",
        })
    }
}

/// What has been heard of one stream of voice: enough to place the next frame of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stream {
    /// One past the highest place heard.
    reached: u32,
    /// Bit `n % WINDOW`: place n has been heard, for the last `WINDOW` places before `reached`.
    window: [u64; WINDOW as usize / 64],
}

/// Where a frame falls in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Later than all before it, which makes the stream this much longer.
    Ahead {
        /// Places the stream grew by; 1 if nothing is missing in between.
        by: u32,
    },
    /// Earlier than another already heard, for the first time.
    Late,
    /// Heard before.
    Again,
}

impl Stream {
    /// Takes note of place `seq`. More than [`WINDOW`] places behind it cannot tell late from again, and says again.
    pub(crate) fn hear(&mut self, seq: u32) -> Place {
        if seq >= self.reached {
            let by = seq - self.reached + 1;
            for missing in seq.saturating_sub(WINDOW - 1).max(self.reached)..seq {
                self.note(missing, false);
            }
            self.note(seq, true);
            self.reached = seq + 1;
            return Place::Ahead { by };
        }
        let forgotten = self.reached - seq > WINDOW;
        if forgotten || self.note(seq, true) { Place::Again } else { Place::Late }
    }

    /// Sets whether a place has been heard, and returns what it was before.
    fn note(&mut self, seq: u32, heard: bool) -> bool {
        let (word, bit) = (seq % WINDOW / 64, 1 << (seq % 64));
        let Some(word) = self.window.get_mut(word as usize) else { return false };
        let before = *word & bit != 0;
        *word = if heard { *word | bit } else { *word & !bit };
        before
    }
}

/// Time from a frame's making to its reading, in microseconds. All zero before the first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    /// Half the frames took no longer.
    pub p50_us: u64,
    /// 99 of 100 frames took no longer.
    pub p99_us: u64,
    /// The slowest frame.
    pub max_us: u64,
}

/// One direction's voice in numbers, heard by one PBX and sent by the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Frames sent by the far PBX.
    pub sent: u64,
    /// Frames heard in their own call, unaltered, for the first time.
    pub received: u64,
    /// Frames that have not come as `received` counts: while calls talk, those overtaken by later ones; in the end,
    /// exactly `sent` less `received`.
    pub lost: u64,
    /// Frames heard once more.
    pub duplicated: u64,
    /// Of those received, frames that came after a later one.
    pub reordered: u64,
    /// Frames whose octets are not what any of us sent.
    pub corrupt: u64,
    /// Frames of another call, of the other direction, or for a call nobody has.
    pub misdelivered: u64,
    /// Latency since the start.
    pub latency: Latency,
    /// Latency since the snapshot before.
    pub recent: Latency,
}

impl Totals {
    /// Whether every frame sent was heard once, as it was, where it belongs.
    pub fn flawless(&self) -> bool {
        self.received == self.sent
            && [self.lost, self.duplicated, self.corrupt, self.misdelivered] == [0; 4]
    }
}

/// Counts what one PBX hears.
#[derive(Debug)]
pub(crate) struct Tally {
    totals: Totals,
    /// Sum of the streams' lengths, missing places included.
    reached: u64,
    recent: Histogram<u64>,
    whole: Histogram<u64>,
}

impl Tally {
    /// Counts from zero.
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_MAX_US, 3);
        let empty = histogram.expect("constant bounds that a histogram takes");
        Self { totals: Totals::default(), reached: 0, recent: empty.clone(), whole: empty }
    }

    /// A frame of its own call was read `after` the far PBX made it.
    pub(crate) fn heard(&mut self, place: Place, after: Duration) {
        match place {
            Place::Ahead { by } => self.reached += u64::from(by),
            Place::Late => self.totals.reordered += 1,
            Place::Again => {
                self.totals.duplicated += 1;
                return;
            }
        }
        self.totals.received += 1;
        self.recent.saturating_record(u64::try_from(after.as_micros()).unwrap_or(u64::MAX));
    }

    /// A frame no longer holds what was sent.
    pub(crate) fn corrupt(&mut self) {
        self.totals.corrupt += 1;
    }

    /// A frame came where it does not belong.
    pub(crate) fn misdelivered(&mut self) {
        self.totals.misdelivered += 1;
    }

    /// Frames received so far.
    pub(crate) fn received(&self) -> u64 {
        self.totals.received
    }

    /// The numbers so far, given how many frames the far PBX has sent and whether all of them had their time to come.
    pub(crate) fn snapshot(&mut self, sent: u64, complete: bool) -> Totals {
        let recent = latency(&self.recent);
        self.whole += &self.recent;
        self.recent.reset();
        let due = if complete { sent } else { self.reached };
        let lost = due.saturating_sub(self.totals.received);
        Totals { sent, lost, recent, latency: latency(&self.whole), ..self.totals }
    }
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    Latency {
        p50_us: histogram.value_at_quantile(0.5),
        p99_us: histogram.value_at_quantile(0.99),
        max_us: histogram.max(),
    }
}

/// Places a stream remembers: 10.24 s, longer than a full frame is sent again.
const WINDOW: u32 = 512;
/// A minute: later than any frame that a talking call could still use.
const LATENCY_MAX_US: u64 = 60_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_tells_ahead_late_and_again() {
        let mut stream = Stream::default();
        assert_eq!(stream.hear(0), Place::Ahead { by: 1 });
        assert_eq!(stream.hear(3), Place::Ahead { by: 3 });
        assert_eq!(stream.hear(1), Place::Late);
        assert_eq!(stream.hear(1), Place::Again);
        assert_eq!(stream.hear(3), Place::Again);
        assert_eq!(stream.hear(2), Place::Late);
        assert_eq!(stream.hear(600), Place::Ahead { by: 597 });
        assert_eq!(stream.hear(88), Place::Again, "too far behind to tell");
        assert_eq!(stream.hear(89), Place::Late);
        assert_eq!(stream.hear(89), Place::Again);
        assert_eq!(stream.hear(599), Place::Late);
        assert_eq!(stream.hear(3000), Place::Ahead { by: 2400 });
        assert_eq!(stream.hear(2999), Place::Late);
    }

    #[test]
    fn loss_is_gaps_while_talking_and_exact_in_the_end() {
        let (mut tally, mut stream) = (Tally::new(), Stream::default());
        for seq in [0, 1, 3] {
            tally.heard(stream.hear(seq), Duration::from_micros(100));
        }
        assert_eq!(tally.snapshot(6, false).lost, 1);
        assert_eq!(tally.snapshot(6, true).lost, 3);
        assert!(!tally.snapshot(6, true).flawless());
    }
}
