//! What our PBXes say: 160 octets that name themselves and show any change to them.

/// Octets of audio in a voice frame: 20 ms of µ-law.
pub const AUDIO_LEN: usize = 160;

/// What a frame of audio says of itself. It takes the first three of twenty 64-bit words; the other seventeen are a
/// pattern made of these three, so that a change to any octet shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The scenario's number of the call.
    pub(crate) call: u32,
    /// Whether the caller says it, or the callee.
    pub(crate) from_caller: bool,
    /// Its place in the stream, from 0.
    pub(crate) seq: u32,
    /// When it was made, in microseconds of the pair's clock.
    pub(crate) sent_us: u64,
}

impl Stamp {
    /// Fills `audio` with the stamp and its pattern.
    pub(crate) fn write(&self, audio: &mut [u8; AUDIO_LEN]) {
        let head = self.head();
        let seed = seed(head);
        let (words, _) = audio.as_chunks_mut::<8>();
        for (n, word) in words.iter_mut().enumerate() {
            *word = match head.get(n) {
                Some(head) => head.to_le_bytes(),
                None => pattern(seed, n as u64).to_le_bytes(),
            };
        }
    }

    /// Reads a stamp back; `None` if the length or a single bit differs from what [`Stamp::write`] wrote.
    pub(crate) fn read(audio: &[u8]) -> Option<Self> {
        let audio: &[u8; AUDIO_LEN] = audio.try_into().ok()?;
        let (words, _) = audio.as_chunks::<8>();
        let (&[w0, w1, w2], rest) = words.split_first_chunk()?;
        let head = [w0, w1, w2].map(u64::from_le_bytes);
        let seed = seed(head);
        // All differences are gathered before the one branch, so that the loop runs in wide registers.
        let differences = rest.iter().enumerate().fold(0, |so_far, (n, word)| {
            so_far | (u64::from_le_bytes(*word) ^ pattern(seed, n as u64 + 3))
        });
        let [who, which, sent_us] = head;
        let from_caller = match who >> 32 {
            CALLER => true,
            CALLEE => false,
            _ => return None,
        };
        (differences == 0 && which >> 32 == MARK).then_some(Self {
            call: who as u32,
            from_caller,
            seq: which as u32,
            sent_us,
        })
    }

    fn head(&self) -> [u64; 3] {
        let side = if self.from_caller { CALLER } else { CALLEE };
        [side << 32 | u64::from(self.call), MARK << 32 | u64::from(self.seq), self.sent_us]
    }
}

/// One number that depends on every bit of the stamp. Multiplying by an odd number loses nothing, and the shifts
/// bring the high bits down.
fn seed([who, which, sent]: [u64; 3]) -> u64 {
    let mut mixed = 0;
    for word in [who, which, sent] {
        mixed = (mixed ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^= mixed >> 32;
    }
    mixed
}

/// Word `n` of the pattern.
fn pattern(seed: u64, n: u64) -> u64 {
    let stepped = seed.wrapping_add(n.wrapping_mul(0xd1b5_4a32_d192_ed03));
    stepped ^ (stepped >> 29)
}

const CALLER: u64 = 0x4361_6c6c; // "Call"
const CALLEE: u64 = 0x416e_7377; // "Answ"
const MARK: u64 = 0x7472_756e; // "trun"

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { call: 4711, from_caller: true, seq: 99, sent_us: 1_234_567 };

    #[test]
    fn what_is_written_is_read() {
        let mut audio = [0; AUDIO_LEN];
        STAMP.write(&mut audio);
        assert_eq!(Stamp::read(&audio), Some(STAMP));
    }

    #[test]
    fn every_bit_turned_is_seen() {
        let mut audio = [0; AUDIO_LEN];
        STAMP.write(&mut audio);
        for bit in 0..AUDIO_LEN * 8 {
            audio[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Stamp::read(&audio), None, "bit {bit}");
            audio[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn every_cut_is_seen() {
        let mut audio = [0; AUDIO_LEN];
        STAMP.write(&mut audio);
        for cut in 0..AUDIO_LEN {
            assert_eq!(Stamp::read(&audio[..cut]), None);
        }
    }
}
