//! PEM with the headers that keys of old carry (RFC 1421 §4.4), which today's PEM readers refuse.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::KeyError;

/// The first block of a PEM file.
pub(super) struct Pem {
    /// What stands behind `-----BEGIN`.
    pub(super) label: String,
    /// `DEK-Info`, if the block is encrypted as a whole.
    pub(super) encryption: Option<DekInfo>,
    /// What the block encodes.
    pub(super) octets: Zeroizing<Vec<u8>>,
}

/// How a block is encrypted: `DEK-Info: DES-EDE3-CBC,0123456789ABCDEF`.
pub(super) struct DekInfo {
    /// The cipher, as the file spells it.
    pub(super) cipher: String,
    /// The initialization vector, whose first eight octets are the salt as well.
    pub(super) iv: Vec<u8>,
}

impl Pem {
    /// Reads the first block; what stands before and after it is for people.
    pub(super) fn read(text: &str) -> Result<Self, KeyError> {
        let mut lines = text.lines().map(str::trim);
        let label = lines.by_ref().find_map(|line| fence(line, "BEGIN ")).ok_or(KeyError::NoPem)?;
        let mut encryption = None;
        // As long as the whole: it never grows, so no copy is left behind.
        let mut body = Zeroizing::new(String::with_capacity(text.len()));
        for line in lines {
            if let Some(end) = fence(line, "END ") {
                let octets = Base64::decode_vec(&body).map_err(|_| KeyError::NotBase64)?;
                let octets = Zeroizing::new(octets);
                let encryption = encryption.map(DekInfo::read).transpose()?;
                return match end == label {
                    true => Ok(Self { label: label.to_owned(), encryption, octets }),
                    false => Err(KeyError::NotBase64),
                };
            }
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("DEK-Info") => {
                    encryption = Some(value);
                }
                Some(_) => {}
                None => body.push_str(line),
            }
        }
        Err(KeyError::Cut)
    }
}

impl DekInfo {
    fn read(value: &str) -> Result<Self, KeyError> {
        let (cipher, iv) = value.trim().split_once(',').ok_or(KeyError::NotBase64)?;
        let iv = iv.trim().as_bytes().chunks(2).map(octet).collect::<Option<_>>();
        Ok(Self { cipher: cipher.trim().to_owned(), iv: iv.ok_or(KeyError::NotBase64)? })
    }
}

/// An octet from its two hex digits.
fn octet(digits: &[u8]) -> Option<u8> {
    let &[high, low] = digits else { return None };
    let value = (high as char).to_digit(16)? << 4 | (low as char).to_digit(16)?;
    u8::try_from(value).ok()
}

/// The label of a line `-----BEGIN label-----`.
fn fence<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.strip_prefix("-----")?.strip_prefix(word)?.strip_suffix("-----")
}
