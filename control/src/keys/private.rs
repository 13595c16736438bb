//! A private key: it signs challenges and does nothing else.

use std::fmt;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::rand_core::TryCryptoRng;
use rsa::signature::{Keypair, RandomizedSigner, SignatureEncoding};
use rsa::traits::PublicKeyParts;
use sha1::Sha1;

use super::pem::Pem;
use super::{KeyError, Passphrase, PublicKey, legacy, pkcs};

/// Signs challenges with one private key. Clones share it; threads may sign at the same time.
///
/// A signature costs a third of a millisecond and more, so it is made where no call waits.
#[derive(Clone)]
pub struct Signer(Arc<SigningKey<Sha1>>);

impl Signer {
    /// Reads a `NAME.key`: PKCS#1 or PKCS#8 in PEM, clear or encrypted.
    ///
    /// # Errors
    ///
    /// Why the text is of no use; [`KeyError::NeedsPassphrase`] and [`KeyError::WrongPassphrase`] among them.
    pub fn read(text: &str, passphrase: Option<&Passphrase>) -> Result<Self, KeyError> {
        let pem = Pem::read(text)?;
        let key = match pem.label.as_str() {
            "RSA PRIVATE KEY" => match &pem.encryption {
                None => pkcs::private(&pem.octets),
                Some(encryption) => {
                    let passphrase = passphrase.ok_or(KeyError::NeedsPassphrase)?;
                    let clear = legacy::decrypt(encryption, &pem.octets, passphrase)?;
                    pkcs::private(&clear).map_err(garbage)
                }
            },
            "PRIVATE KEY" => pkcs::private_info(&pem.octets),
            "ENCRYPTED PRIVATE KEY" => {
                let clear = pkcs::decrypt(&pem.octets, passphrase)?;
                pkcs::private_info(&clear).map_err(garbage)
            }
            "EC PRIVATE KEY" | "DSA PRIVATE KEY" => Err(KeyError::NotRsa),
            _ => Err(KeyError::OtherKind { label: pem.label.clone() }),
        };
        key.map(Self::new)
    }

    pub(super) fn new(key: RsaPrivateKey) -> Self {
        Self(Arc::new(SigningKey::new(key)))
    }

    /// The answer to `challenge`: the PKCS#1 v1.5 signature of its SHA-1, base64 in one line.
    ///
    /// `random` blinds the arithmetic, so that its time tells nothing of the key; the answer does not depend on it.
    /// `None`: `random` failed.
    pub fn sign(
        &self,
        random: &mut (impl TryCryptoRng + ?Sized),
        challenge: &[u8],
    ) -> Option<String> {
        let signature = self.0.try_sign_with_rng(random, challenge).ok()?;
        Some(Base64::encode_string(&signature.to_vec()))
    }

    /// The other half of the pair.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::new(self.0.verifying_key())
    }

    /// Bits of the modulus, within [`super::BITS_MIN`] and [`super::BITS_MAX`].
    pub fn bits(&self) -> u32 {
        let key: &RsaPrivateKey = self.0.as_ref().as_ref();
        key.n().bits_vartime()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} bits)", self.bits())
    }
}

/// What a wrong passphrase makes of a key passes for padded once in 256 times, but never for a key.
fn garbage(error: KeyError) -> KeyError {
    if error == KeyError::Malformed { KeyError::WrongPassphrase } else { error }
}
