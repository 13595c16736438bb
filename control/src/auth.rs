//! The MD5 method: challenges, answers and their check (RFC 5456 §8.6.14, §8.6.15).

use dataplane::handoff::CallKey;
use md5::{Digest, Md5};
use subtle::{Choice, ConstantTimeEq};

use crate::conf::Secret;
use crate::random::Random;

/// A challenge: nine decimal digits, as the field sends them; opaque to the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Challenge([u8; 9]);

impl Challenge {
    pub(crate) fn new(random: &mut Random) -> Self {
        let mut left = 100_000_000 + random.below(900_000_000);
        let mut digits = [0; 9];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        Self(digits)
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.0
    }

    /// Whether `answer` is the MD5 of this challenge and one of `secrets`, in hex of either case.
    ///
    /// All secrets are tried, whichever fits, and one that never fits where there are none, so that the time tells
    /// nothing.
    pub(crate) fn is_met_by(&self, answer: &[u8], secrets: &[Secret]) -> bool {
        let Some(answer) = from_hex(answer) else { return false };
        let fits = |secret: &[u8]| md5_of(&self.0, secret).as_slice().ct_eq(answer.as_slice());
        if secrets.is_empty() {
            return (fits(b"nobody") & Choice::from(0)).into();
        }
        secrets.iter().fold(Choice::from(0), |met, secret| met | fits(secret.reveal())).into()
    }
}

/// The answer to a peer's challenge: 32 lower-case hex digits of MD5(challenge, secret).
pub(crate) fn answer(challenge: &[u8], secret: &Secret) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = [0; 32];
    for (pair, octet) in out.chunks_exact_mut(2).zip(md5_of(challenge, secret.reveal())) {
        pair.copy_from_slice(&[DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
    }
    out
}

/// Whether a secret sent in clear is one of `secrets`. All are compared, by their hashes, so that the time tells
/// nothing, not even their lengths.
pub(crate) fn is_one_of(password: &[u8], secrets: &[Secret]) -> bool {
    let said = md5_of(&[], password);
    let is = |secret: &Secret| md5_of(&[], secret.reveal()).as_slice().ct_eq(said.as_slice());
    secrets.iter().fold(Choice::from(0), |met, secret| met | is(secret)).into()
}

/// The key of an encrypted call: the octets whose hex form answers the challenge.
pub(crate) fn call_key(challenge: &[u8], secret: &Secret) -> CallKey {
    CallKey(md5_of(challenge, secret.reveal()))
}

/// Whether an MD5 result is that of the secret a key was made from.
pub(crate) fn proves(result: &[u8], key: CallKey) -> bool {
    from_hex(result).is_some_and(|result| result.ct_eq(&key.0).into())
}

fn md5_of(challenge: &[u8], secret: &[u8]) -> [u8; 16] {
    let mut hash = Md5::new();
    hash.update(challenge);
    hash.update(secret);
    hash.finalize().into()
}

fn from_hex(text: &[u8]) -> Option<[u8; 16]> {
    let digit = |octet: u8| (octet as char).to_digit(16).map(|value| value as u8);
    let text = <&[u8; 32]>::try_from(text).ok()?;
    let mut out = [0; 16];
    for (octet, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *octet = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_s_vector() {
        let secret = Secret::new("secret");
        assert_eq!(&answer(b"123456789", &secret), b"7ccde16e862dfe7681297713e9e9cadb");
        let challenge = Challenge(*b"123456789");
        assert!(
            challenge.is_met_by(b"7ccde16e862dfe7681297713e9e9cadb", std::slice::from_ref(&secret))
        );
        assert!(
            challenge.is_met_by(b"7CCDE16E862DFE7681297713E9E9CADB", std::slice::from_ref(&secret))
        );
        assert!(
            !challenge
                .is_met_by(b"7ccde16e862dfe7681297713e9e9cadc", std::slice::from_ref(&secret))
        );
        assert!(!challenge.is_met_by(b"7ccde16e862dfe7681297713e9e9cad", &[secret]));
    }

    #[test]
    fn each_of_several_secrets_opens_and_none_opens_nothing() {
        let challenge = Challenge::new(&mut Random::new(&[1; 32]));
        assert!(challenge.text().iter().all(u8::is_ascii_digit));
        let secrets = [Secret::new("one"), Secret::new("two")];
        for secret in &secrets {
            assert!(challenge.is_met_by(&answer(challenge.text(), secret), &secrets));
        }
        assert!(!challenge.is_met_by(&answer(challenge.text(), &secrets[0]), &[]));
        assert!(!challenge.is_met_by(&answer(challenge.text(), &Secret::new("nobody")), &[]));
    }
}
