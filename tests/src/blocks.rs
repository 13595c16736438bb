//! Audio that can be told apart: every 20 ms block says who sent it, in which call, and as the
//! how-manieth, and fills the rest with octets that follow from that.

use std::collections::{BTreeMap, BTreeSet};

use dataplane::g711;
use dataplane::handoff::Conversion;

use crate::frames::{self, Datagram};
use crate::pcap::Packet;

/// One block's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// The number called.
    pub call: u16,
    /// 0: spoken at A; 1: at B.
    pub from: u8,
    /// From 0, one more every 20 ms; 24 bits.
    pub index: u32,
}

/// A GSM frame begins with this nibble; the other codecs do not mind it.
const MAGIC: u8 = 0xd0;

impl Block {
    /// The block's octets.
    pub fn octets(self, length: usize) -> Vec<u8> {
        let [c0, c1] = self.call.to_be_bytes();
        let [_, i0, i1, i2] = self.index.to_be_bytes();
        let mut state = (u32::from(self.call) << 17 ^ self.index << 1) | 1;
        let mut octets = vec![MAGIC | self.from, c0, c1, i0, i1, i2];
        octets.resize_with(length, || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[1]
        });
        octets
    }

    /// The block these octets are, if they are one to the last octet.
    pub fn read(octets: &[u8]) -> Option<Self> {
        let block = Self::headed(*octets.first_chunk()?)?;
        (block.octets(octets.len()) == octets).then_some(block)
    }

    /// The block these octets have been before a conversion, to the last octet; without one, as [`Block::read`].
    pub fn read_through(conversion: Option<Conversion>, octets: &[u8]) -> Option<Self> {
        let Some(conversion) = conversion else { return Self::read(octets) };
        let head: &[u8; 6] = octets.first_chunk()?;
        // A law has octets of the other that become one: each is tried.
        let mut heads = vec![[0; 6]];
        for (at, octet) in head.iter().enumerate() {
            let sources = (0..=u8::MAX).filter(|source| converted(conversion, *source) == *octet);
            let extended = |source: u8| heads.iter().map(move |head| with(*head, at, source));
            heads = sources.flat_map(extended).collect();
        }
        heads.into_iter().filter_map(Self::headed).find(|block| {
            let mut spoken = block.octets(octets.len());
            g711::convert(conversion, &mut spoken);
            spoken == octets
        })
    }

    fn headed([magic, c0, c1, i0, i1, i2]: [u8; 6]) -> Option<Self> {
        let call = u16::from_be_bytes([c0, c1]);
        let (from, index) = (magic & 0x0f, u32::from_be_bytes([0, i0, i1, i2]));
        (magic & 0xf0 == MAGIC).then_some(Self { call, from, index })
    }
}

fn converted(conversion: Conversion, octet: u8) -> u8 {
    let mut octets = [octet];
    g711::convert(conversion, &mut octets);
    octets[0]
}

fn with(mut head: [u8; 6], at: usize, octet: u8) -> [u8; 6] {
    head[at] = octet;
    head
}

/// What was heard of one talker in one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Blocks sent.
    pub sent: u32,
    /// Blocks missing before the first one heard.
    pub late_start: u32,
    /// Blocks missing after the last one heard.
    pub early_end: u32,
    /// Blocks missing in between.
    pub lost: Vec<u32>,
    /// Blocks heard after a later one.
    pub disordered: usize,
    /// Blocks heard twice.
    pub doubled: usize,
}

impl Verdict {
    /// Judges the blocks heard, in the order heard.
    pub fn of(sent: u32, heard: &[u32]) -> Self {
        let mut sorted = heard.to_vec();
        sorted.sort_unstable();
        let before = sorted.len();
        sorted.dedup();
        let (first, last) = match (sorted.first(), sorted.last()) {
            (Some(&first), Some(&last)) => (first, last + 1),
            _ => (sent, sent),
        };
        Self {
            sent,
            late_start: first,
            early_end: sent.saturating_sub(last),
            lost: (first..last).filter(|index| sorted.binary_search(index).is_err()).collect(),
            disordered: heard.windows(2).filter(|pair| pair[1] < pair[0]).count(),
            doubled: before - sorted.len(),
        }
    }

    /// Nothing is missing in the middle, nothing twice, nothing out of order.
    pub fn is_whole(&self) -> bool {
        self.lost.is_empty() && self.disordered == 0 && self.doubled == 0
    }
}

/// The blocks in a capture that passed between two places, per call and talker, in order.
///
/// A talk begins with its first full VOICE frame: until then its format is unknown, and Asterisk's trunk frames may
/// overtake that frame. A full frame sent again, by its timer or for a VNAK, counts once.
/// `conversion`: what the audio has been through since it was spoken.
pub fn blocks(
    packets: &[Packet],
    conversion: Option<Conversion>,
    mut passes: impl FnMut(&Packet) -> bool,
) -> Heard {
    let mut heard = Heard::new();
    let mut fulls = BTreeSet::new();
    for packet in packets.iter().filter(|packet| passes(packet)) {
        let mut note = |audio: &[u8], begins: bool| {
            let Some(block) = Block::read_through(conversion, audio) else { return };
            let talk = (block.call, block.from);
            if begins {
                heard.entry(talk).or_default().push(block.index);
            } else if let Some(indices) = heard.get_mut(&talk) {
                indices.push(block.index);
            }
        };
        match frames::parse(&packet.payload) {
            Ok(Datagram::Full(full))
                if full.kind == frames::kind::VOICE
                    && fulls.insert((full.source, full.timestamp, full.oseqno)) =>
            {
                note(full.data, true);
            }
            Ok(Datagram::Mini(voice)) => note(voice.audio, false),
            Ok(Datagram::Trunk(trunk)) => trunk.entries.iter().for_each(|e| note(e.audio, false)),
            _ => {}
        }
    }
    heard
}

/// Indices of blocks by number called and talker.
pub type Heard = BTreeMap<(u16, u8), Vec<u32>>;

/// What the switch did to the audio, by the capture on its links.
///
/// Whatever it heard from one PBX between the first and the last block that it passed on must have
/// left towards the other, once, unaltered and in order.
///
/// # Errors
/// Says which call lost what.
pub fn relayed(into: &Heard, out_of: &Heard) -> Result<(), String> {
    for (&(call, from), left) in out_of {
        let arrived = into.get(&(call, from)).map_or(&[][..], Vec::as_slice);
        let side = if from == 0 { 'A' } else { 'B' };
        let (Some(&first), Some(&last)) = (left.iter().min(), left.iter().max()) else { continue };
        let expected: Vec<u32> =
            arrived.iter().copied().filter(|index| (first..=last).contains(index)).collect();
        if expected != *left {
            let lost: Vec<_> = expected.iter().filter(|index| !left.contains(index)).collect();
            return Err(format!(
                "call {call}, spoken at {side}: the switch heard {} blocks of {first}..={last} and \
                 sent {}; lost: {lost:?}",
                expected.len(),
                left.len(),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Block = Block { call: 2001, from: 1, index: 70_000 };

    #[test]
    fn a_block_is_known_again_and_one_altered_bit_is_seen() {
        for length in [33, 160] {
            let mut octets = BLOCK.octets(length);
            assert_eq!(Block::read(&octets), Some(BLOCK));
            for at in 0..length {
                octets[at] ^= 1;
                assert_ne!(Block::read(&octets), Some(BLOCK), "octet {at}");
                octets[at] ^= 1;
            }
        }
    }

    #[test]
    fn a_block_is_known_after_a_conversion_and_only_after_that_one() {
        for conversion in [Conversion::UlawToAlaw, Conversion::AlawToUlaw] {
            for index in 0..2000 {
                let block = Block { index, ..BLOCK };
                let mut octets = block.octets(160);
                assert_eq!(Block::read_through(Some(conversion), &octets), None);
                g711::convert(conversion, &mut octets);
                assert_eq!(Block::read_through(Some(conversion), &octets), Some(block));
                assert_eq!(Block::read(&octets), None);
            }
        }
    }

    #[test]
    fn a_verdict_tells_what_is_missing_and_where() {
        let verdict = Verdict::of(10, &[2, 3, 5, 4, 4, 7, 8]);
        assert_eq!((verdict.late_start, verdict.early_end), (2, 1));
        assert_eq!((&verdict.lost[..], verdict.disordered, verdict.doubled), (&[6][..], 1, 1));
        assert!(!verdict.is_whole() && Verdict::of(3, &[0, 1, 2]).is_whole());
        let nothing = Verdict::of(10, &[]);
        assert_eq!((nothing.late_start, nothing.early_end), (10, 0));
    }

    #[test]
    fn a_relay_that_loses_or_swaps_a_block_is_found() {
        let heard = |indices: &[u32]| Heard::from([((2001, 0), indices.to_vec())]);
        let into = heard(&[0, 1, 2, 3, 4]);
        assert_eq!(relayed(&into, &heard(&[0, 1, 2, 3, 4])), Ok(()));
        assert_eq!(relayed(&into, &heard(&[1, 2, 3])), Ok(()), "ends are judged elsewhere");
        assert!(relayed(&into, &heard(&[0, 1, 3, 4])).is_err());
        assert!(relayed(&into, &heard(&[0, 2, 1, 3])).is_err());
        assert!(relayed(&into, &heard(&[0, 1, 1, 2])).is_err());
    }
}
