//! The account of every voice frame: spoken, lost by a link, dropped for a reason, heard.

use std::collections::{BTreeMap, HashMap};

use dataplane::wire::Frame;

use crate::blocks::Block;

/// What became of one frame of voice, as far as its copies tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Fate {
    heard: u32,
    lost: bool,
    with_control: bool,
    dropped: Option<&'static str>,
}

/// All frames of voice ever spoken.
#[derive(Debug, Default)]
pub struct Ledger {
    fates: HashMap<(u16, u32), Fate>,
    talkers: u16,
}

/// The sums of a [`Ledger`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Frames spoken.
    pub spoken: usize,
    /// Heard at least once.
    pub heard: usize,
    /// Not heard, but lost by a link.
    pub lost: usize,
    /// Not heard, but left with control.
    pub with_control: usize,
    /// Neither, but dropped for a reason that was told.
    pub dropped: BTreeMap<&'static str, usize>,
    /// None of it.
    pub missing: usize,
}

impl Ledger {
    /// A new talker's number.
    pub(super) fn talker(&mut self) -> u16 {
        self.talkers += 1;
        self.talkers
    }

    fn fate(&mut self, audio: &[u8]) -> Option<&mut Fate> {
        let block = Block::read(audio)?;
        self.fates.get_mut(&(block.call, block.index))
    }

    pub(super) fn spoken(&mut self, block: Block) {
        self.fates.insert((block.call, block.index), Fate::default());
    }

    pub(super) fn heard(&mut self, audio: &[u8]) {
        if let Some(fate) = self.fate(audio) {
            fate.heard += 1;
        }
    }

    pub(super) fn dropped(&mut self, audio: &[u8], why: &'static str) {
        if let Some(fate) = self.fate(audio) {
            fate.dropped = Some(why);
        }
    }

    /// The audio is control's now, until it is seen again.
    pub(super) fn with_control(&mut self, audio: &[u8], with: bool) {
        if let Some(fate) = self.fate(audio) {
            fate.with_control = with;
        }
    }

    /// A link has lost a datagram, with all voice in it.
    pub(super) fn lost(&mut self, datagram: &[u8]) {
        for audio in voice_of(datagram) {
            if let Some(fate) = self.fate(audio) {
                fate.lost = true;
            }
        }
    }

    /// The sums.
    pub fn account(&self) -> Account {
        let mut account = Account { spoken: self.fates.len(), ..Account::default() };
        for fate in self.fates.values() {
            match fate {
                Fate { heard: 1.., .. } => account.heard += 1,
                Fate { lost: true, .. } => account.lost += 1,
                Fate { dropped: Some(why), .. } => *account.dropped.entry(why).or_default() += 1,
                Fate { with_control: true, .. } => account.with_control += 1,
                Fate { .. } => account.missing += 1,
            }
        }
        account
    }
}

/// The audio in a datagram, of however many calls.
pub(super) fn voice_of(datagram: &[u8]) -> Vec<&[u8]> {
    match Frame::parse(datagram) {
        Ok(Frame::Full(full)) if full.header().frame_type == dataplane::wire::FrameType::Voice => {
            vec![full.data()]
        }
        Ok(Frame::Mini(mini)) => vec![mini.payload()],
        Ok(Frame::Trunk(trunk)) => {
            trunk.entries().filter_map(Result::ok).map(|entry| entry.payload).collect()
        }
        _ => Vec::new(),
    }
}
