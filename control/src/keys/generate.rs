//! New pairs of keys, in files that Asterisk and OpenSSL read.

use pkcs8::der::Decode;
use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding, PrivateKeyInfoRef};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::Passphrase;
use super::size::{BITS_MAX, BITS_MIN};

/// Rounds of PBKDF2 with SHA-256; a guess of the passphrase costs that many, and so does each start of the switch.
const ROUNDS: u32 = 100_000;

/// The two files of a new pair.
pub struct NewPair {
    /// `NAME.key`: PKCS#1 if clear, else PKCS#8 encrypted with AES-256.
    pub private: Zeroizing<String>,
    /// `NAME.pub`.
    pub public: String,
}

/// Makes a pair of keys. `bits` are brought within [`BITS_MIN`] and [`BITS_MAX`]. With a passphrase the private key
/// is encrypted.
///
/// # Errors
///
/// In words; none is known to happen.
pub fn generate(
    random: &mut impl CryptoRng,
    bits: u32,
    passphrase: Option<&Passphrase>,
) -> Result<NewPair, String> {
    let bits = bits.clamp(BITS_MIN, BITS_MAX) as usize;
    let key = RsaPrivateKey::new(random, bits).map_err(|error| error.to_string())?;
    let private = match passphrase {
        None => key.to_pkcs1_pem(LineEnding::LF).map_err(|error| error.to_string())?,
        Some(passphrase) => {
            encrypted(random, &key, passphrase).map_err(|error| error.to_string())?
        }
    };
    let public = key.to_public_key().to_public_key_pem(LineEnding::LF);
    Ok(NewPair { private, public: public.map_err(|error| error.to_string())? })
}

fn encrypted(
    random: &mut impl CryptoRng,
    key: &RsaPrivateKey,
    passphrase: &Passphrase,
) -> pkcs8::Result<Zeroizing<String>> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    random.fill_bytes(&mut salt);
    random.fill_bytes(&mut iv);
    let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, iv)?;
    let clear = key.to_pkcs8_der()?;
    let info = PrivateKeyInfoRef::from_der(clear.as_bytes())?;
    let encrypted = info.encrypt_with_params(parameters, passphrase.octets())?;
    Ok(encrypted.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)?)
}
