//! Why a key file is of no use.

use std::fmt;

use super::size::{BITS_MAX, BITS_MIN};

/// Why the text of a key file is of no use; reads as the end of a sentence that begins with the file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyError {
    /// There is no `-----BEGIN` line.
    NoPem,
    /// The `-----END` line is not there.
    Cut,
    /// What is between the two is not base64, or its headers are not PEM's.
    NotBase64,
    /// It is a PEM file of something else.
    OtherKind {
        /// What its first line says it is.
        label: String,
    },
    /// It is a key for another method than RSA.
    NotRsa,
    /// What it decodes to is no key, or only a part of one.
    Malformed,
    /// It is encrypted, and no passphrase was given.
    NeedsPassphrase,
    /// The passphrase given does not open it.
    WrongPassphrase,
    /// It is encrypted in a way that is not known here.
    OldEncryption {
        /// Which way.
        scheme: String,
    },
    /// Fewer than [`BITS_MIN`] bits.
    TooShort {
        /// How many.
        bits: u32,
    },
    /// More than [`BITS_MAX`] bits.
    TooLong {
        /// How many.
        bits: u32,
    },
    /// Others than its owner may read it.
    Exposed {
        /// The file's mode, the permission bits alone.
        mode: u32,
    },
    /// The file could not be read.
    Unreadable(String),
}

impl KeyError {
    /// What to do about it, `file` being the name of the file to do it with.
    pub fn help(&self, file: &str) -> Option<String> {
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        Some(match self {
            Self::NoPem | Self::Cut | Self::NotBase64 | Self::Malformed => {
                "copy it anew from where it was made".to_owned()
            }
            Self::OtherKind { label } => match (label.as_str(), file.ends_with(".pub")) {
                ("RSA PUBLIC KEY", true) => {
                    format!("openssl rsa -RSAPublicKey_in -in {file} -pubout -out new.pub")
                }
                (label, true) if label.ends_with("PRIVATE KEY") => {
                    "a private key never leaves its host: make a new pair".to_owned()
                }
                ("OPENSSH PRIVATE KEY", false) => format!("ssh-keygen -p -m PEM -f {file}"),
                _ => "write NAME.pub for a public key and NAME.key for a private one".to_owned(),
            },
            Self::NotRsa | Self::TooShort { .. } | Self::TooLong { .. } => {
                format!("make a new pair: trunkline keys generate {}", base(stem))
            }
            Self::NeedsPassphrase | Self::WrongPassphrase => {
                "name the passphrase's file in trunkline.conf, [general] key_passphrase_file, or \
                 set TRUNKLINE_KEY_PASSPHRASE"
                    .to_owned()
            }
            Self::OldEncryption { .. } => {
                format!("openssl pkcs8 -topk8 -v2 aes256 -in {file} -out new.key")
            }
            Self::Exposed { .. } => format!("chmod 600 {file}"),
            Self::Unreadable(_) => return None,
        })
    }
}

/// The last part of a path.
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPem => f.write_str("holds no key: it has no -----BEGIN line"),
            Self::Cut => f.write_str("is cut off: its -----END line is missing"),
            Self::NotBase64 => f.write_str("is damaged: it is not all base64"),
            Self::OtherKind { label } => write!(f, "holds something else: {label}"),
            Self::NotRsa => f.write_str("is no RSA key"),
            Self::Malformed => f.write_str("is damaged: what it encodes is no RSA key"),
            Self::NeedsPassphrase => f.write_str("is encrypted, and there is no passphrase"),
            Self::WrongPassphrase => f.write_str("does not open: the passphrase is wrong"),
            Self::OldEncryption { scheme } => {
                write!(f, "is encrypted in a way not supported here: {scheme}")
            }
            Self::TooShort { bits } => {
                write!(f, "has {bits} bits; fewer than {BITS_MIN} protect nothing")
            }
            Self::TooLong { bits } => write!(
                f,
                "has {bits} bits; an IAX2 frame has no room for signatures of more than {BITS_MAX}"
            ),
            Self::Exposed { mode } => {
                write!(f, "may be read by others than its owner (mode {mode:04o})")
            }
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
        }
    }
}

impl std::error::Error for KeyError {}
