//! The rules for voice: what must have gone before a mini frame or a trunk entry, and their times.

use crate::frames::{Full, Trunk, Voice};

/// What one leg of ours has said.
#[derive(Debug, Default)]
pub(super) struct Speech {
    accepted: bool,
    /// Format octet and time-stamp of the last full VOICE frame.
    full: Option<(u8, u32)>,
    /// Time-stamp of the last voice of any kind.
    last: u32,
}

impl Speech {
    /// ACCEPT has passed, either way: the peer will hear voice.
    pub(super) fn accept(&mut self) {
        self.accepted = true;
    }

    /// A full VOICE frame goes out.
    pub(super) fn full_frame(&mut self, full: &Full<'_>) -> Option<String> {
        let before = self.full.replace((full.subclass, full.timestamp));
        let last = std::mem::replace(&mut self.last, full.timestamp);
        if !self.accepted {
            return Some("voice before ACCEPT".to_owned());
        }
        if full.data.is_empty() {
            return Some("voice without audio".to_owned());
        }
        (before.is_some() && last.saturating_sub(full.timestamp) > BACKWARDS_AT_MOST_MS)
            .then(|| format!("voice goes back from {last} ms"))
    }

    /// A mini frame or a trunk entry goes out.
    pub(super) fn outside_full_frame(
        &mut self,
        voice: &Voice<'_>,
        trunked: bool,
        acknowledged: bool,
    ) -> Option<String> {
        let call = voice.source;
        let Some((_, full)) = self.full else {
            return Some(format!("voice of call {call} before its first full VOICE frame"));
        };
        if trunked && !acknowledged {
            return Some(format!("an entry of call {call} before its full VOICE was acknowledged"));
        }
        if voice.audio.is_empty() {
            return Some(format!("voice of call {call} without audio"));
        }
        let stamp = voice.timestamp?;
        let ahead = stamp.wrapping_sub(self.low16()).cast_signed();
        let at = self.last.wrapping_add_signed(i32::from(ahead));
        let behind = self.last.saturating_sub(at);
        self.last = self.last.max(at);
        if behind > BACKWARDS_AT_MOST_MS {
            return Some(format!("voice of call {call} goes back by {behind} ms"));
        }
        (at >> 16 > full >> 16).then(|| {
            format!("call {call} passed {} ms without a full VOICE frame", (at >> 16) << 16)
        })
    }

    fn low16(&self) -> u16 {
        let [_, _, high, low] = self.last.to_be_bytes();
        u16::from_be_bytes([high, low])
    }
}

/// A relay passes on what it hears; a peer's own disorder stays below this.
const BACKWARDS_AT_MOST_MS: u32 = 200;

/// The header times of the trunk frames on one path.
#[derive(Debug, Default)]
pub(super) struct TrunkClock {
    last: Option<u32>,
}

impl TrunkClock {
    /// What is wrong with a trunk frame of `length` octets as a whole.
    pub(super) fn check(&mut self, trunk: &Trunk<'_>, length: usize) -> Vec<String> {
        let mut wrong = Vec::new();
        if length > TRUNK_MTU {
            wrong.push(format!("a trunk frame of {length} octets"));
        }
        if trunk.entries.is_empty() {
            wrong.push("a trunk frame without entries".to_owned());
        }
        match self.last {
            Some(last) if trunk.time < last => {
                wrong.push(format!("trunk time goes back from {last} to {}", trunk.time));
            }
            Some(_) if trunk.time == 0 => {
                wrong.push("trunk time 0 a second time sets the peer's epoch anew".to_owned());
            }
            _ => {}
        }
        self.last = Some(trunk.time);
        wrong
    }
}

/// Asterisk's default `trunkmtu`, which the files of the run leave as it is.
const TRUNK_MTU: usize = 1240;
