//! From DER to RSA keys: PKCS#1 (RFC 8017 §A.1), PKCS#8 clear and encrypted (RFC 5958, RFC 8018).

use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{self, Decode, Reader};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef, SubjectPublicKeyInfoRef};
use rsa::pkcs1::{self, RsaPrivateKeyRef, RsaPublicKeyRef};
use rsa::{RsaPrivateKey, RsaPublicKey};
use zeroize::Zeroizing;

use super::{KeyError, Passphrase, size};

/// A SubjectPublicKeyInfo.
pub(super) fn public(octets: &[u8]) -> Result<RsaPublicKey, KeyError> {
    let info = SubjectPublicKeyInfoRef::from_der(octets).map_err(|_| KeyError::Malformed)?;
    if info.algorithm.oid != pkcs1::ALGORITHM_OID {
        return Err(KeyError::NotRsa);
    }
    let key = info.subject_public_key.as_bytes().ok_or(KeyError::Malformed)?;
    let key = RsaPublicKeyRef::from_der(key).map_err(|_| KeyError::Malformed)?;
    size::checked(key.modulus.as_bytes())?;
    RsaPublicKey::try_from(key).map_err(|_| KeyError::Malformed)
}

/// A PKCS#1 RSAPrivateKey.
pub(super) fn private(octets: &[u8]) -> Result<RsaPrivateKey, KeyError> {
    let key = RsaPrivateKeyRef::from_der(octets).map_err(|_| KeyError::Malformed)?;
    size::checked(key.modulus.as_bytes())?;
    RsaPrivateKey::try_from(key).map_err(|_| KeyError::Malformed)
}

/// A PKCS#8 PrivateKeyInfo.
pub(super) fn private_info(octets: &[u8]) -> Result<RsaPrivateKey, KeyError> {
    let info = PrivateKeyInfoRef::from_der(octets).map_err(|_| KeyError::Malformed)?;
    if info.algorithm.oid != pkcs1::ALGORITHM_OID {
        return Err(KeyError::NotRsa);
    }
    private(info.private_key.as_bytes())
}

/// A PKCS#8 EncryptedPrivateKeyInfo, decrypted: a PrivateKeyInfo.
pub(super) fn decrypt(
    octets: &[u8],
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let info = EncryptedPrivateKeyInfoRef::from_der(octets).map_err(|_| match scheme(octets) {
        Ok(scheme) => KeyError::OldEncryption { scheme },
        Err(_) => KeyError::Malformed,
    })?;
    if let EncryptionScheme::Pbes1(_) = info.encryption_algorithm {
        return Err(KeyError::OldEncryption { scheme: "PBES1".to_owned() });
    }
    let passphrase = passphrase.ok_or(KeyError::NeedsPassphrase)?;
    let clear =
        info.encryption_algorithm.decrypt(passphrase.octets(), info.encrypted_data.as_bytes());
    clear.map(Zeroizing::new).map_err(|error| match error {
        pkcs8::pkcs5::Error::UnsupportedAlgorithm { oid }
        | pkcs8::pkcs5::Error::AlgorithmParametersInvalid { oid } => {
            KeyError::OldEncryption { scheme: oid.to_string() }
        }
        _ => KeyError::WrongPassphrase,
    })
}

/// The number that stands for the encryption of an EncryptedPrivateKeyInfo.
fn scheme(octets: &[u8]) -> der::Result<String> {
    der::SliceReader::new(octets)?.sequence(|reader| {
        let scheme = AlgorithmIdentifierRef::decode(reader)?;
        <&OctetStringRef>::decode(reader)?;
        Ok(scheme.oid.to_string())
    })
}
