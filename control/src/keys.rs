//! RSA keys as IAX2 uses them: reading key files, signing challenges, checking answers (RFC 5456 §8.6.16).
//!
//! Text, file modes and randomness come in as arguments. Nothing here opens a file, decrypts a message or keeps a
//! passphrase longer than the call it was given to.

mod error;
mod generate;
mod legacy;
mod mention;
mod pem;
mod pkcs;
mod private;
mod public;
mod ring;
mod size;

use std::fmt;

use zeroize::Zeroizing;

pub use error::KeyError;
pub use generate::{NewPair, generate};
pub use private::Signer;
pub use public::{PublicKey, verify};
pub use ring::{KeyFile, KeyKind, KeyRing};
pub use rsa::rand_core;
pub use size::{BITS_MAX, BITS_MIN, BITS_OF_ASTERISK};

/// What private keys are encrypted with. Shows as dots in logs, and leaves no trace in memory.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// Keeps these octets; the caller's copy is the caller's to wipe.
    pub fn new(octets: impl AsRef<[u8]>) -> Self {
        Self(Zeroizing::new(octets.as_ref().to_vec()))
    }

    fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}
