//! The same by the hand of OpenSSL, where the host has it.

use std::io::Write;
use std::process::{Command, Stdio};

use control::keys::{PublicKey, Signer, generate, verify};

use crate::fixtures::{PASSPHRASE, passphrase, path, random, signer, text};

/// What OpenSSL prints, given `input`; `None` where the host has no OpenSSL.
fn openssl(arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new("openssl");
    command.args(arguments).env("TEST_PASSPHRASE", PASSPHRASE).stderr(Stdio::null());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    Some(output.stdout)
}

/// `octets` in base64, OpenSSL's.
fn base64(octets: &[u8]) -> Option<String> {
    String::from_utf8(openssl(&["base64", "-A"], octets)?).ok()
}

#[test]
fn signatures_are_openssl_s_octet_for_octet() {
    for challenge in [&b"1"[..], b"123456789", b"-42", &[0xff; 255]] {
        for name in ["clear.key", "other.key"] {
            let arguments = ["dgst", "-sha1", "-sign", &path(name)];
            let Some(signature) = openssl(&arguments, challenge) else { return };
            let ours = signer(name).sign(&mut random(), challenge).unwrap();
            assert_eq!(ours, base64(&signature).unwrap(), "{name}");
        }
    }
}

#[test]
fn what_openssl_makes_is_read() {
    let generated = openssl(&["genrsa", "-traditional", "1024"], b"");
    let Some(clear) = generated else { return };
    let public = openssl(&["rsa", "-pubout"], &clear).unwrap();
    let public = PublicKey::read(&String::from_utf8(public).unwrap()).unwrap();
    let traditional = |cipher| ["rsa", "-traditional", cipher, "-passout", "env:TEST_PASSPHRASE"];
    for arguments in [traditional("-des3"), traditional("-aes128")] {
        let encrypted = openssl(&arguments, &clear).unwrap();
        let encrypted = String::from_utf8(encrypted).unwrap();
        let signer = Signer::read(&encrypted, Some(&passphrase())).unwrap();
        assert_eq!(signer.public_key(), public);
        let answer = signer.sign(&mut random(), b"100200300").unwrap();
        assert!(verify([&public], b"100200300", answer.as_bytes()));
    }
}

#[test]
fn what_we_make_is_read_by_openssl() {
    let pair = generate(&mut random(), 1024, None).unwrap();
    let Some(public) = openssl(&["rsa", "-pubout"], pair.private.as_bytes()) else { return };
    assert_eq!(String::from_utf8(public).unwrap(), pair.public);
    assert!(text("clear.key").lines().count() >= pair.private.lines().count() - 1);
}

/// Encryption costs as much as it is meant to, so once is enough.
#[test]
fn what_we_encrypt_opens_here_and_there() {
    let pair = generate(&mut random(), 1024, Some(&passphrase())).unwrap();
    assert!(pair.private.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    let signer = Signer::read(&pair.private, Some(&passphrase())).unwrap();
    assert_eq!(signer.public_key(), PublicKey::read(&pair.public).unwrap());
    let arguments = ["rsa", "-passin", "env:TEST_PASSPHRASE", "-pubout"];
    let Some(public) = openssl(&arguments, pair.private.as_bytes()) else { return };
    assert_eq!(String::from_utf8(public).unwrap(), pair.public);
}
