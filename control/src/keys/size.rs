//! Which sizes of keys IAX2 can use.

use super::KeyError;

/// Fewest bits of a key; a shorter one is broken for the price of a day's computing.
pub const BITS_MIN: u32 = 1024;

/// Most bits of a key: its signature in base64 must fit the 255 octets of one information element (RFC 5456 §8.6).
/// 189 octets make 252 characters, a 190th makes 256.
pub const BITS_MAX: u32 = 189 * 8;

/// The one size that Asterisk takes.
pub const BITS_OF_ASTERISK: u32 = 1024;

/// Bits of a modulus, if it is of a size that can be used.
pub(super) fn checked(modulus: &[u8]) -> Result<u32, KeyError> {
    let leading = modulus.iter().take_while(|octet| **octet == 0).count();
    let significant = modulus.get(leading..).unwrap_or_default();
    let unused = significant.first().map_or(0, |octet| octet.leading_zeros());
    let bits = u32::try_from(significant.len()).unwrap_or(u32::MAX).saturating_mul(8) - unused;
    match bits {
        BITS_MIN..=BITS_MAX => Ok(bits),
        ..BITS_MIN => Err(KeyError::TooShort { bits }),
        _ => Err(KeyError::TooLong { bits }),
    }
}
