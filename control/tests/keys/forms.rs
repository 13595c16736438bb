//! Each way a private key is written reads as the same key.

use control::keys::{KeyError, Passphrase, PublicKey, Signer, generate};

use crate::fixtures::{CHALLENGE, passphrase, public, random, text};

const ENCRYPTED: &[&str] = &[
    "des3.key",
    "aes128.key",
    "aes256.key",
    "pbes2-des3-sha1.key",
    "pbes2-des3-sha256.key",
    "pbes2-aes128-sha1.key",
    "pbes2-aes256-sha256.key",
];

#[test]
fn each_form_is_the_same_key() {
    let clear = ["clear.key", "pkcs8.key"];
    for name in clear.iter().chain(ENCRYPTED) {
        let signer = Signer::read(&text(name), Some(&passphrase()));
        let signer = signer.unwrap_or_else(|error| panic!("{name} {error}"));
        assert_eq!(signer.public_key(), public("clear.pub"), "{name}");
        assert_eq!(signer.sign(&mut random(), CHALLENGE).unwrap(), text("clear.signature"));
    }
}

#[test]
fn an_encrypted_key_needs_its_passphrase() {
    for name in ENCRYPTED {
        let text = text(name);
        assert_eq!(Signer::read(&text, None).unwrap_err(), KeyError::NeedsPassphrase, "{name}");
        for wrong in ["", "open sesam", "open sesame\n", "shut"] {
            let wrong = Passphrase::new(wrong);
            let error = Signer::read(&text, Some(&wrong)).unwrap_err();
            assert_eq!(error, KeyError::WrongPassphrase, "{name}");
        }
    }
}

/// Of 400 wrong passphrases one or two leave what passes for padding; still none leaves a key.
#[test]
fn no_wrong_passphrase_is_taken_for_damage() {
    let text = text("des3.key");
    for n in 0..400 {
        let wrong = Passphrase::new(format!("wrong {n}"));
        assert_eq!(Signer::read(&text, Some(&wrong)).unwrap_err(), KeyError::WrongPassphrase);
    }
}

#[test]
fn line_ends_and_words_around_the_block_do_not_matter() {
    let windows = text("des3.key").replace('\n', "\r\n");
    assert!(Signer::read(&windows, Some(&passphrase())).is_ok());
    let wordy = format!("key of alpha\n\n{}\nmade in spring\n", text("clear.pub"));
    assert_eq!(PublicKey::read(&wordy).unwrap(), public("clear.pub"));
}

#[test]
fn a_new_pair_reads_back() {
    let pair = generate(&mut random(), 1024, None).unwrap();
    assert!(pair.private.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
    let signer = Signer::read(&pair.private, None).unwrap();
    assert_eq!(signer.public_key(), PublicKey::read(&pair.public).unwrap());
    assert_eq!(signer.bits(), 1024);
}

#[test]
fn secrets_do_not_show() {
    let signer = Signer::read(&text("clear.key"), None).unwrap();
    assert_eq!(format!("{signer:?} {:?}", passphrase()), "Signer(1024 bits) Passphrase(..)");
}
