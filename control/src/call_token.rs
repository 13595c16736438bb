//! Call tokens: proof that a caller hears us, before we remember anything of it.
//!
//! 16 printable characters: base64url of a 16-bit time in seconds and an 80-bit keyed hash over address, port and
//! time. Short, so that our answer to a spoofed request is no amplifier; printable, since the field cuts strings at
//! NUL. The key lives in memory only and dies with the process.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use dataplane::time::Instant;
use hmac::Mac;
use subtle::ConstantTimeEq;

use crate::random::{KeyedHash, keyed};

const LEN: usize = 16;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Makes and checks call tokens.
#[derive(Debug)]
pub(crate) struct CallTokens {
    hash: KeyedHash,
    lifetime_s: u16,
}

impl CallTokens {
    /// Tokens valid for `lifetime`, at least a second and at most nine hours.
    pub(crate) fn new(key: &[u8; 32], lifetime: Duration) -> Self {
        let lifetime_s = u16::try_from(lifetime.as_secs()).unwrap_or(u16::MAX).clamp(1, 32_767);
        Self { hash: keyed(key), lifetime_s }
    }

    /// A token for the holder of `address`.
    pub(crate) fn make(&self, now: Instant, address: SocketAddr) -> [u8; LEN] {
        self.at(seconds(now), address)
    }

    /// Whether `token` was made here for `address`, not too long ago. Constant time in what was presented.
    pub(crate) fn is_valid(&self, now: Instant, address: SocketAddr, token: &[u8]) -> bool {
        let Some(stamp) = token.first_chunk().and_then(decode_stamp) else { return false };
        let age = seconds(now).wrapping_sub(stamp);
        let genuine = bool::from(self.at(stamp, address).as_slice().ct_eq(token));
        genuine && age <= self.lifetime_s
    }

    fn at(&self, stamp: u16, address: SocketAddr) -> [u8; LEN] {
        let mut hash = self.hash.clone();
        match address.ip() {
            IpAddr::V4(ip) => hash.update(&ip.octets()),
            IpAddr::V6(ip) => hash.update(&ip.octets()),
        }
        hash.update(&address.port().to_be_bytes());
        hash.update(&stamp.to_be_bytes());
        let digest: [u8; 16] = hash.finalize().into_bytes().into();
        let (mac, _) = u128::from_be_bytes(digest).overflowing_shr(48); // its top 80 bits
        encode(u128::from(stamp) << 80 | mac)
    }
}

fn seconds(now: Instant) -> u16 {
    (now.as_micros() / 1_000_000) as u16
}

/// 96 bits as 16 characters of six bits each.
fn encode(bits: u128) -> [u8; LEN] {
    let mut out = [0; LEN];
    for (n, character) in out.iter_mut().enumerate() {
        *character = ALPHABET[(bits >> (90 - 6 * n)) as usize & 0x3f];
    }
    out
}

/// The time of a token: the first 16 bits of its first three characters.
fn decode_stamp(head: &[u8; 3]) -> Option<u16> {
    let mut bits = 0u32;
    for character in head {
        let value = ALPHABET.iter().position(|known| known == character)?;
        bits = bits << 6 | value as u32;
    }
    Some((bits >> 2) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> CallTokens {
        CallTokens::new(&[7; 32], Duration::from_secs(10))
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_token_is_good_for_its_address_and_its_time_only() {
        let address = "192.0.2.10:4569".parse().unwrap();
        let token = tokens().make(at(100), address);
        assert!(token.iter().all(u8::is_ascii_graphic));
        assert!(tokens().is_valid(at(100), address, &token));
        assert!(tokens().is_valid(at(110), address, &token));
        assert!(!tokens().is_valid(at(111), address, &token), "expired");
        assert!(!tokens().is_valid(at(99), address, &token), "from the future");
        assert!(!tokens().is_valid(at(100), "192.0.2.10:4570".parse().unwrap(), &token));
        assert!(!tokens().is_valid(at(100), "192.0.2.11:4569".parse().unwrap(), &token));
    }

    #[test]
    fn every_changed_character_and_every_cut_spoils_it() {
        let address = "[2001:db8::1]:4569".parse().unwrap();
        let token = tokens().make(at(70_000), address);
        assert!(tokens().is_valid(at(70_001), address, &token), "the 16-bit time has wrapped");
        for n in 0..LEN {
            let mut other = token;
            other[n] = if other[n] == b'A' { b'B' } else { b'A' };
            assert!(!tokens().is_valid(at(70_001), address, &other));
            assert!(!tokens().is_valid(at(70_001), address, &token[..n]));
        }
    }
}
