//! A public key: it tells whether an answer was made with the private one.

use std::fmt;

use base64ct::{Base64Unpadded, Encoding};
use rsa::RsaPublicKey;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::signature::Verifier;
use rsa::traits::PublicKeyParts;
use sha1::Sha1;

use super::pem::Pem;
use super::size::BITS_MAX;
use super::{KeyError, pkcs};

/// One public key.
#[derive(Clone)]
pub struct PublicKey(VerifyingKey<Sha1>);

impl PublicKey {
    /// Reads a `NAME.pub`: SubjectPublicKeyInfo in PEM.
    ///
    /// # Errors
    ///
    /// Why the text is of no use.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let pem = Pem::read(text)?;
        match pem.label.as_str() {
            "PUBLIC KEY" => pkcs::public(&pem.octets).map(|key| Self(VerifyingKey::new(key))),
            _ => Err(KeyError::OtherKind { label: pem.label }),
        }
    }

    pub(super) fn new(key: VerifyingKey<Sha1>) -> Self {
        Self(key)
    }

    /// Bits of the modulus, within [`super::BITS_MIN`] and [`super::BITS_MAX`].
    pub fn bits(&self) -> u32 {
        self.key().n().bits_vartime()
    }

    fn key(&self) -> &RsaPublicKey {
        self.0.as_ref()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} bits)", self.bits())
    }
}

/// Whether `answer`, base64 with or without its `=`, is a signature of `challenge` by the other half of one of
/// `keys`.
///
/// All keys are tried, whichever fits, so that the time does not tell whose key it was. Each costs some 15 µs.
pub fn verify<'a>(
    keys: impl IntoIterator<Item = &'a PublicKey>,
    challenge: &[u8],
    answer: &[u8],
) -> bool {
    let padded = answer.iter().rev().take_while(|octet| **octet == b'=').take(2).count();
    let unpadded = answer.get(..answer.len() - padded).unwrap_or_default();
    let mut octets = [0; BITS_MAX as usize / 8];
    let Ok(signature) = Base64Unpadded::decode(unpadded, &mut octets) else { return false };
    let Ok(signature) = Signature::try_from(signature) else { return false };
    keys.into_iter()
        .fold(false, |met, PublicKey(key)| met | key.verify(challenge, &signature).is_ok())
}
