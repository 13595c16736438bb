//! Private keys encrypted as a whole PEM block, the way astgenkey and OpenSSL before 3 do it.
//!
//! The key comes from one round of MD5 over passphrase and salt: as good as the passphrase is long, and what the
//! field has.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::pem::DekInfo;
use super::{KeyError, Passphrase};

/// Decrypts a block. Nine of ten wrong passphrases and more show here, the others in what comes out.
pub(super) fn decrypt(
    encryption: &DekInfo,
    octets: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match encryption.cipher.to_ascii_uppercase().as_str() {
        "DES-EDE3-CBC" => cbc::<cbc::Decryptor<des::TdesEde3>>(24, encryption, octets, passphrase),
        "AES-128-CBC" => cbc::<cbc::Decryptor<aes::Aes128>>(16, encryption, octets, passphrase),
        "AES-192-CBC" => cbc::<cbc::Decryptor<aes::Aes192>>(24, encryption, octets, passphrase),
        "AES-256-CBC" => cbc::<cbc::Decryptor<aes::Aes256>>(32, encryption, octets, passphrase),
        _ => Err(KeyError::OldEncryption { scheme: encryption.cipher.clone() }),
    }
}

fn cbc<D: BlockModeDecrypt + KeyIvInit>(
    key_octets: usize,
    encryption: &DekInfo,
    octets: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let salt = encryption.iv.get(..8).ok_or(KeyError::NotBase64)?;
    let key = derive(key_octets, passphrase, salt);
    let cipher = D::new_from_slices(&key, &encryption.iv).map_err(|_| KeyError::NotBase64)?; // the IV's length
    let mut octets = Zeroizing::new(octets.to_vec());
    let length =
        cipher.decrypt_padded::<Pkcs7>(&mut octets).map_err(|_| KeyError::WrongPassphrase)?.len();
    octets.truncate(length);
    Ok(octets)
}

/// OpenSSL's EVP_BytesToKey with MD5 and one round.
fn derive(octets: usize, passphrase: &Passphrase, salt: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(octets + 16));
    let mut digest: Zeroizing<Vec<u8>> = Zeroizing::default();
    while key.len() < octets {
        let mut hash = Md5::new();
        hash.update(&digest);
        hash.update(passphrase.octets());
        hash.update(salt);
        *digest = hash.finalize().to_vec();
        key.extend_from_slice(&digest);
    }
    key.truncate(octets);
    key
}
