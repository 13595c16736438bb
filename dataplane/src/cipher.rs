//! Encryption of single frames: AES-128, chained from a vector of zeros, behind a random pad.
//!
//! Knows one frame's octets and one key; both planes use it, control for full frames and cores for mini frames. Like
//! the codec it never panics and never allocates, whatever the octets.
//!
//! The call numbers stay in clear, since a receiver finds the key by them; behind them come the pad and the rest of the
//! frame, together a multiple of 16 octets. The low four bits of the pad's 16th octet tell how long it is: 16 to 31
//! octets. RFC 5456 speaks of 32 in one place, and nobody sends that.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

use core::fmt;

use aes::cipher::{BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use aes::{Aes128, Aes128Enc, Block};

use crate::handoff::CallKey;
use crate::wire::BufferTooSmall;

/// Random octets for one frame, more than enough of them; to be fresh for each. [`Pads`] makes them.
pub type Pad = [u8; 31];

/// Most octets that encryption adds to a frame.
pub const PAD_MAX: usize = 31;

/// Octets of a full frame that stay in clear: both call numbers.
const FULL_CLEAR: usize = 4;

/// Octets of a full frame's header that are encrypted.
const FULL_HIDDEN: usize = 8;

/// Octets of a mini frame that stay in clear: the sender's call number.
const MINI_CLEAR: usize = 2;

/// Octets of a mini frame's header that are encrypted: the time-stamp.
const MINI_HIDDEN: usize = 2;

/// Octets the cipher works on at a time.
const BLOCK: usize = 16;

/// A call's key made ready for use. Making it costs as much as a frame, so it is kept. Shows as dots in logs.
#[derive(Clone)]
pub struct CipherKey(Aes128);

/// Why octets could not be decrypted. A wrong key is not among it: it gives another pad and other octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecryptError {
    /// Shorter than any encrypted frame: 28 octets if it is full, 20 if it is mini.
    TooShort,
    /// The encrypted part is no multiple of 16 octets.
    Ragged,
    /// What the pad leaves is no header; as a wrong key may have it.
    NoHeader,
    /// The slice to decrypt into is shorter than the frame.
    NoRoom,
}

impl CipherKey {
    /// Makes a key ready.
    pub fn new(key: CallKey) -> Self {
        Self(Aes128::new(&key.0.into()))
    }

    /// Encrypts a full frame into `out` and answers its length, which is `clear`'s and 16 to 31 octets more.
    ///
    /// Octets that are too few for a header are answered as room that is too small.
    pub fn encrypt_full(
        &self,
        clear: &[u8],
        pad: &Pad,
        out: &mut [u8],
    ) -> Result<usize, BufferTooSmall> {
        let (numbers, rest) = clear.split_at_checked(FULL_CLEAR).ok_or(BufferTooSmall)?;
        self.encrypt(numbers, rest, pad, out)
    }

    /// Encrypts a mini frame into `out` and answers its length, which is `clear`'s and 16 to 31 octets more.
    ///
    /// Octets that are too few for a header are answered as room that is too small.
    pub fn encrypt_mini(
        &self,
        clear: &[u8],
        pad: &Pad,
        out: &mut [u8],
    ) -> Result<usize, BufferTooSmall> {
        let (number, rest) = clear.split_at_checked(MINI_CLEAR).ok_or(BufferTooSmall)?;
        self.encrypt(number, rest, pad, out)
    }

    /// Decrypts a full frame and answers it. `out` is to be as long as `octets`; the frame ends `octets.len() - 4`
    /// octets from its start.
    pub fn decrypt_full<'a>(
        &self,
        octets: &[u8],
        out: &'a mut [u8],
    ) -> Result<&'a [u8], DecryptError> {
        if octets.len() < 28 {
            return Err(DecryptError::TooShort);
        }
        self.decrypt::<FULL_CLEAR>(octets, FULL_HIDDEN, out)
    }

    /// Decrypts a mini frame and answers it. `out` is to be as long as `octets`; the frame ends `octets.len() - 2`
    /// octets from its start.
    pub fn decrypt_mini<'a>(
        &self,
        octets: &[u8],
        out: &'a mut [u8],
    ) -> Result<&'a [u8], DecryptError> {
        if octets.len() < 20 {
            return Err(DecryptError::TooShort);
        }
        self.decrypt::<MINI_CLEAR>(octets, MINI_HIDDEN, out)
    }

    /// `clear` as it is, then a pad and `rest`, encrypted.
    fn encrypt(
        &self,
        clear: &[u8],
        rest: &[u8],
        pad: &Pad,
        out: &mut [u8],
    ) -> Result<usize, BufferTooSmall> {
        let pad_len = pad_len(rest.len());
        let len = clear.len() + pad_len + rest.len();
        let out = out.get_mut(..len).ok_or(BufferTooSmall)?;
        let (out_clear, hidden) = out.split_at_mut(clear.len());
        out_clear.copy_from_slice(clear);
        hidden.split_at_mut(pad_len).1.copy_from_slice(rest);
        self.encrypt_in_place(hidden, pad_len, pad);
        Ok(len)
    }

    /// Encrypts what is to be hidden, where it lies: room for a pad of [`pad_len`], and the rest of the frame.
    pub(crate) fn encrypt_in_place(&self, hidden: &mut [u8], pad_len: usize, pad: &Pad) {
        let room = hidden.iter_mut().take(pad_len);
        room.zip(pad).for_each(|(octet, random)| *octet = *random);
        if let Some(told) = hidden.get_mut(BLOCK - 1) {
            *told = (*told & 0xf0) | (pad_len & 0x0f) as u8;
        }
        let (blocks, _) = Block::slice_as_chunks_mut(hidden);
        cbc::Encryptor::inner_iv_init(&self.0, &Block::default()).encrypt_blocks(blocks);
    }

    /// Decrypts everything into `out` at once, pad included, and puts the octets in clear over the pad's last.
    fn decrypt<'a, const CLEAR: usize>(
        &self,
        octets: &[u8],
        header_len: usize,
        out: &'a mut [u8],
    ) -> Result<&'a [u8], DecryptError> {
        let (clear, hidden) = octets.split_first_chunk::<CLEAR>().ok_or(DecryptError::TooShort)?;
        let out = out.get_mut(..hidden.len()).ok_or(DecryptError::NoRoom)?;
        let (blocks, ragged) = Block::slice_as_chunks(hidden);
        if !ragged.is_empty() {
            return Err(DecryptError::Ragged);
        }
        let (room, _) = Block::slice_as_chunks_mut(out);
        cbc::Decryptor::inner_iv_init(&self.0, &Block::default())
            .decrypt_blocks_b2b(blocks, room)
            .map_err(|_| DecryptError::NoRoom)?;
        let told = out.get(BLOCK - 1).ok_or(DecryptError::TooShort)?;
        let pad_len = BLOCK + usize::from(told & 0x0f);
        if out.len() < pad_len + header_len {
            return Err(DecryptError::NoHeader);
        }
        let frame = out.get_mut(pad_len - CLEAR..).ok_or(DecryptError::NoHeader)?;
        *frame.first_chunk_mut().ok_or(DecryptError::NoHeader)? = *clear;
        Ok(frame)
    }
}

/// Octets of pad before `len` octets: at least 16, and together a multiple of 16.
pub(crate) const fn pad_len(len: usize) -> usize {
    BLOCK + (len.wrapping_neg() & (BLOCK - 1))
}

impl fmt::Debug for CipherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CipherKey(..)")
    }
}

impl fmt::Display for DecryptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "shorter than any encrypted frame",
            Self::Ragged => "the encrypted part is no multiple of 16 octets",
            Self::NoHeader => "no header behind the pad",
            Self::NoRoom => "buffer too small for the frame",
        })
    }
}

impl core::error::Error for DecryptError {}

/// Makes pads nobody can foretell: AES of a count, under a key of its own.
pub struct Pads {
    key: Aes128Enc,
    count: u128,
}

impl Pads {
    /// Pads from 16 octets of good randomness.
    pub fn new(seed: [u8; 16]) -> Self {
        Self { key: Aes128Enc::new(&seed.into()), count: 0 }
    }

    /// A fresh pad.
    pub fn fresh(&mut self) -> Pad {
        let blocks = [self.count, self.count + 1];
        self.count = self.count.wrapping_add(2);
        let mut blocks = blocks.map(|count| Block::from(count.to_ne_bytes()));
        self.key.encrypt_blocks(&mut blocks);
        let mut pad = Pad::default();
        let random = blocks.iter().flatten();
        pad.iter_mut().zip(random).for_each(|(octet, random)| *octet = *random);
        pad
    }
}

impl fmt::Debug for Pads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pads(..)")
    }
}
