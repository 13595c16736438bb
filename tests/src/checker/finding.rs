//! What the checker has to say.

use std::fmt;
use std::time::Duration;

/// One rule broken by one frame of the switch, or by a frame it never sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Place of the frame in the capture, from 1, as tshark counts; of the question where an answer is missing.
    pub frame_no: usize,
    /// When it was captured, since the epoch.
    pub time: Duration,
    /// Which rule, and how.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {} at {:.6}: {}", self.frame_no, self.time.as_secs_f64(), self.text)
    }
}

/// How much there was to judge, so that an empty capture does not pass for a clean one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams the switch sent.
    pub sent: usize,
    /// Datagrams the switch was sent.
    pub heard: usize,
    /// Full frames the switch sent, repeats and acknowledgements included.
    pub full: usize,
    /// Mini frames the switch sent, video included.
    pub mini: usize,
    /// Trunk datagrams the switch sent.
    pub trunk: usize,
    /// Entries in them.
    pub entries: usize,
    /// Frames the switch sent again with the R bit.
    pub repeats: usize,
    /// Calls, registrations and qualifying dialogues the switch had a number for.
    pub legs: usize,
    /// Datagrams to the switch that are no IAX2 frames or whose elements are broken.
    pub malformed_heard: usize,
    /// Datagrams of which the capture holds only the start: IP fragments and cut records. Headers alone were judged.
    pub partial: usize,
    /// Records of the capture that are no UDP to or from the switch.
    pub other: usize,
}

/// The judgement of a capture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Everything wrong, by place in the capture.
    pub violations: Vec<Violation>,
    /// How much was judged.
    pub stats: Stats,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { sent, heard, legs, full, mini, trunk, entries, .. } = self.stats;
        writeln!(f, "{sent} datagrams sent, {heard} heard, {legs} legs: {full} full frames,")?;
        writeln!(f, "{mini} mini frames, {entries} entries in {trunk} trunk frames")?;
        self.violations.iter().try_for_each(|violation| writeln!(f, "{violation}"))
    }
}

/// Collects violations at the frame being judged.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) frame_no: usize,
    pub(super) now: Duration,
    pub(super) violations: Vec<Violation>,
}

impl Log {
    /// The frame at hand breaks a rule.
    pub(super) fn wrong(&mut self, text: impl Into<String>) {
        self.wrong_at(self.frame_no, self.now, text);
    }

    /// A frame seen before turns out to break a rule.
    pub(super) fn wrong_at(&mut self, frame_no: usize, time: Duration, text: impl Into<String>) {
        self.violations.push(Violation { frame_no, time, text: text.into() });
    }
}
