//! Files that are of no use, each with its reason.

use control::keys::{KeyError, PublicKey, Signer, verify};

use crate::fixtures::{CHALLENGE, passphrase, random, text};

fn private(text: &str) -> KeyError {
    Signer::read(text, Some(&passphrase())).unwrap_err()
}

fn public(text: &str) -> KeyError {
    PublicKey::read(text).unwrap_err()
}

#[test]
fn sizes_that_iax2_cannot_use() {
    assert_eq!(private(&text("short.key")), KeyError::TooShort { bits: 768 });
    assert_eq!(public(&text("short.pub")), KeyError::TooShort { bits: 768 });
    assert_eq!(private(&text("long.key")), KeyError::TooLong { bits: 2048 });
    let error = public(&text("long.pub"));
    assert_eq!(
        error.to_string(),
        "has 2048 bits; an IAX2 frame has no room for signatures of more than 1512"
    );
    assert_eq!(error.help("keys/a.pub").unwrap(), "make a new pair: trunkline keys generate a");
}

#[test]
fn encryption_that_is_not_supported_is_told_with_what_converts_it() {
    for (name, way) in [
        ("pbes1.key", "PBES1"),
        ("pbe-sha1-3des.key", "1.2.840.113549.1.12.1.3"),
        ("camellia.key", "CAMELLIA-128-CBC"),
    ] {
        let error = private(&text(name));
        assert_eq!(error, KeyError::OldEncryption { scheme: way.to_owned() }, "{name}");
        assert_eq!(
            error.help(name).unwrap(),
            format!("openssl pkcs8 -topk8 -v2 aes256 -in {name} -out new.key")
        );
    }
}

#[test]
fn what_is_no_key_or_another_one() {
    let other = |label: &str| KeyError::OtherKind { label: label.to_owned() };
    assert_eq!(private(""), KeyError::NoPem);
    assert_eq!(private("secret"), KeyError::NoPem);
    assert_eq!(private(&text("ec.key")), KeyError::NotRsa);
    assert_eq!(public(&text("ec.pub")), KeyError::NotRsa);
    assert_eq!(private(&text("clear.pub")), other("PUBLIC KEY"));
    assert_eq!(public(&text("clear.key")), other("RSA PRIVATE KEY"));
    let error = public(&text("pkcs1.pub"));
    assert_eq!(error, other("RSA PUBLIC KEY"));
    assert_eq!(
        error.help("a.pub").unwrap(),
        "openssl rsa -RSAPublicKey_in -in a.pub -pubout -out new.pub"
    );
}

/// A file cut short is refused wherever the cut is, for the right reason.
#[test]
fn every_cut_of_a_file() {
    for name in ["clear.key", "pkcs8.key", "des3.key", "pbes2-aes256-sha256.key"] {
        let text = text(name);
        let first_line = text.find('\n').unwrap();
        let whole = text.trim_end().len();
        for cut in 0..whole {
            let expected = if cut < first_line { KeyError::NoPem } else { KeyError::Cut };
            assert_eq!(private(&text[..cut]), expected, "{name} cut at {cut}");
        }
    }
    let text = text("clear.pub");
    assert!((0..text.trim_end().len()).all(|cut| PublicKey::read(&text[..cut]).is_err()));
}

/// A block whose lines are missing has both fences and is damaged all the same.
#[test]
fn every_missing_end_of_a_block() {
    for name in ["clear.key", "pkcs8.key", "des3.key", "pbes2-des3-sha1.key", "clear.pub"] {
        let text = text(name);
        let lines: Vec<&str> = text.lines().collect();
        let (end, body) = lines.split_last().unwrap();
        for left in 1..body.len() {
            let cut = format!("{}\n{end}\n", body[..left].join("\n"));
            let error = if name == "clear.pub" { public(&cut) } else { private(&cut) };
            let damaged = [KeyError::Malformed, KeyError::WrongPassphrase, KeyError::NotBase64];
            assert!(damaged.contains(&error), "{name} of {left} lines: {error:?}");
        }
    }
}

/// No octet turned into another makes a panic or half a key: what is still read is whole.
#[test]
fn every_octet_altered() {
    let whole = PublicKey::read(&text("clear.pub")).unwrap();
    for name in ["clear.key", "pkcs8.key", "des3.key", "clear.pub"] {
        let text = text(name);
        let body = text.find('\n').unwrap()..text.find("-----END").unwrap();
        for at in body.step_by(5) {
            let mut altered = text.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'/' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            if let Ok(signer) = Signer::read(&altered, Some(&passphrase())) {
                let answer = signer.sign(&mut random(), CHALLENGE).unwrap();
                assert!(verify([&signer.public_key()], CHALLENGE, answer.as_bytes()), "{at}");
            }
            if let Ok(key) = PublicKey::read(&altered) {
                assert_ne!(key, whole, "{at}");
            }
        }
    }
}
