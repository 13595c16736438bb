//! Challenges signed, and answers checked.

use control::keys::{Signer, verify};

use crate::fixtures::{CHALLENGE, public, random, signer, text};

#[test]
fn an_answer_fits_its_challenge_and_key_alone() {
    let answer = signer("clear.key").sign(&mut random(), CHALLENGE).unwrap();
    let (right, wrong) = (public("clear.pub"), public("other.pub"));
    assert!(verify([&right], CHALLENGE, answer.as_bytes()));
    assert!(!verify([&right], b"123456780", answer.as_bytes()));
    assert!(!verify([&wrong], CHALLENGE, answer.as_bytes()));
    assert!(!verify([], CHALLENGE, answer.as_bytes()));
}

#[test]
fn each_of_several_keys_opens() {
    let keys = [public("other.pub"), public("clear.pub")];
    for name in ["clear.key", "other.key"] {
        let answer = signer(name).sign(&mut random(), CHALLENGE).unwrap();
        assert!(verify(&keys, CHALLENGE, answer.as_bytes()), "{name}");
    }
}

#[test]
fn an_answer_is_base64_in_one_line_that_fits_an_element() {
    let answer = signer("clear.key").sign(&mut random(), CHALLENGE).unwrap();
    assert_eq!(answer.len(), 172);
    assert!(answer.bytes().all(|octet| octet.is_ascii_graphic()));
    // Some leave the = away.
    assert!(verify([&public("clear.pub")], CHALLENGE, answer.trim_end_matches('=').as_bytes()));
}

#[test]
fn no_altered_answer_passes() {
    let key = public("clear.pub");
    let answer = text("clear.signature").into_bytes();
    let padding = answer.len() - 1;
    for at in 0..padding {
        assert!(!verify([&key], CHALLENGE, &answer[..at]), "cut at {at}");
        let mut altered = answer.clone();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        assert!(!verify([&key], CHALLENGE, &altered), "altered at {at}");
    }
    for octets in [&b""[..], b"=", b"====", &[0xff; 255], &[b'A'; 255], &[b'A'; 4096]] {
        assert!(!verify([&key], CHALLENGE, octets));
    }
}

#[test]
fn threads_share_a_signer() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    let signer = signer("clear.key");
    shared(&signer);
    let sign = |signer: Signer| move || signer.sign(&mut random(), CHALLENGE).unwrap();
    let threads = [signer.clone(), signer].map(|signer| std::thread::spawn(sign(signer)));
    for thread in threads {
        assert_eq!(thread.join().unwrap(), text("clear.signature"));
    }
}
