//! Encrypted frames: known ones, cut ones, any ones.

use dataplane::cipher::{CipherKey, DecryptError, PAD_MAX, Pad, Pads};
use dataplane::handoff::CallKey;
use dataplane::wire::BufferTooSmall;
use proptest::prelude::*;

/// MD5 of the challenge "123456789" and the secret "secret".
const KEY: CallKey = CallKey(0x7ccde16e862dfe7681297713e9e9cadb_u128.to_be_bytes());

/// An ACK: calls 0x0abc to 0x1234, time-stamp 100, oseqno 2, iseqno 3.
const ACK: [u8; 12] = [0x8a, 0xbc, 0x12, 0x34, 0, 0, 0, 100, 2, 3, 6, 4];
const ACK_ENCRYPTED: [u8; 36] = [
    0x8a, 0xbc, 0x12, 0x34, 0xec, 0x8d, 0x1c, 0xb5, 0x34, 0x62, 0x22, 0x87, 0xc9, 0x88, 0x33, 0x9d,
    0xb6, 0x01, 0xf7, 0xb6, 0x71, 0xaa, 0x23, 0x02, 0xff, 0x51, 0x33, 0x12, 0x22, 0x47, 0x49, 0xd0,
    0x22, 0xbc, 0x77, 0xeb,
];

/// A mini frame: call 0x0abc, time-stamp 0x0514, eight octets of A-law silence.
const MINI: [u8; 12] = [0x0a, 0xbc, 0x05, 0x14, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5];
const MINI_ENCRYPTED: [u8; 34] = [
    0x0a, 0xbc, 0xb5, 0x7c, 0xa3, 0x31, 0xd1, 0xb1, 0x1e, 0x83, 0x3b, 0x83, 0x6b, 0x55, 0xb4, 0x3c,
    0x5f, 0x4f, 0x8a, 0x03, 0x6a, 0xc9, 0xea, 0x8f, 0xc8, 0xbc, 0xa4, 0xca, 0x79, 0xe7, 0xc6, 0x97,
    0x26, 0xd6,
];

/// 0x40, 0x41, 0x42 and so on.
const PAD: Pad = {
    let (mut pad, mut at) = ([0; 31], 0);
    while at < 31 {
        pad[at] = 0x40 + at as u8;
        at += 1;
    }
    pad
};

#[test]
fn known_frames_come_out_as_known_octets_and_back() {
    let key = CipherKey::new(KEY);
    let mut out = [0; 64];
    assert_eq!(key.encrypt_full(&ACK, &PAD, &mut out), Ok(36));
    assert_eq!(out[..36], ACK_ENCRYPTED);
    assert_eq!(key.encrypt_mini(&MINI, &PAD, &mut out), Ok(34));
    assert_eq!(out[..34], MINI_ENCRYPTED);
    assert_eq!(key.decrypt_full(&ACK_ENCRYPTED, &mut out), Ok(&ACK[..]));
    assert_eq!(key.decrypt_mini(&MINI_ENCRYPTED, &mut out), Ok(&MINI[..]));
}

#[test]
fn every_cut_of_a_frame_is_refused() {
    let key = CipherKey::new(KEY);
    let mut out = [0; 64];
    for cut in 0..36 {
        let expected = match cut {
            0..28 => Err(DecryptError::TooShort),
            _ => Err(DecryptError::Ragged),
        };
        assert_eq!(key.decrypt_full(&ACK_ENCRYPTED[..cut], &mut out), expected, "{cut}");
    }
    for cut in 0..34 {
        let expected = match cut {
            0..20 => Err(DecryptError::TooShort),
            _ => Err(DecryptError::Ragged),
        };
        assert_eq!(key.decrypt_mini(&MINI_ENCRYPTED[..cut], &mut out), expected, "{cut}");
    }
}

#[test]
fn a_pad_that_leaves_no_header_is_refused() {
    let key = CipherKey::new(KEY);
    let (mut octets, mut out) = ([0; 64], [0; 64]);
    // What has no header in clear has none when it comes back.
    assert_eq!(key.encrypt_full(&ACK[..11], &PAD, &mut octets), Ok(36));
    assert_eq!(key.decrypt_full(&octets[..36], &mut out), Err(DecryptError::NoHeader));
    assert_eq!(key.encrypt_mini(&MINI[..3], &PAD, &mut octets), Ok(34));
    assert_eq!(key.decrypt_mini(&octets[..34], &mut out), Err(DecryptError::NoHeader));
    assert_eq!(key.encrypt_mini(&MINI[..4], &PAD, &mut octets), Ok(34));
    assert_eq!(key.decrypt_mini(&octets[..34], &mut out), Ok(&MINI[..4]));
}

#[test]
fn room_too_small_is_said() {
    let key = CipherKey::new(KEY);
    assert_eq!(key.encrypt_full(&ACK, &PAD, &mut [0; 35]), Err(BufferTooSmall));
    assert_eq!(key.encrypt_full(&ACK[..3], &PAD, &mut [0; 64]), Err(BufferTooSmall));
    assert_eq!(key.encrypt_mini(&MINI[..1], &PAD, &mut [0; 64]), Err(BufferTooSmall));
    assert_eq!(key.decrypt_full(&ACK_ENCRYPTED, &mut [0; 31]), Err(DecryptError::NoRoom));
}

#[test]
fn pads_differ_from_each_other_and_by_their_seed() {
    let (mut pads, mut others) = (Pads::new([1; 16]), Pads::new([2; 16]));
    let made = [pads.fresh(), pads.fresh(), others.fresh(), others.fresh()];
    for (at, pad) in made.iter().enumerate() {
        assert!(made.iter().skip(at + 1).all(|other| other[..16] != pad[..16]));
    }
}

proptest! {
    #[test]
    fn every_frame_comes_back_and_a_full_one_is_as_long_as_promised(
        key in any::<[u8; 16]>(),
        seed in any::<[u8; 16]>(),
        frame in prop::collection::vec(any::<u8>(), 12..400),
    ) {
        let (key, pad) = (CipherKey::new(CallKey(key)), Pads::new(seed).fresh());
        let (mut octets, mut out) = ([0; 512], [0; 512]);
        let len = key.encrypt_full(&frame, &pad, &mut octets).unwrap();
        prop_assert!((frame.len() + 16..=frame.len() + PAD_MAX).contains(&len));
        prop_assert_eq!(len % 16, 4);
        prop_assert_eq!(&octets[..4], &frame[..4]);
        prop_assert_eq!(key.decrypt_full(&octets[..len], &mut out), Ok(&frame[..]));
        let len = key.encrypt_mini(&frame, &pad, &mut octets).unwrap();
        prop_assert_eq!(len % 16, 2);
        prop_assert_eq!(key.decrypt_mini(&octets[..len], &mut out), Ok(&frame[..]));
    }

    #[test]
    fn nonsense_is_refused_or_read_without_a_panic(
        octets in prop::collection::vec(any::<u8>(), 0..100),
        room in 0_usize..120,
    ) {
        let key = CipherKey::new(KEY);
        let mut out = [0; 120];
        if let Ok(frame) = key.decrypt_full(&octets, &mut out[..room]) {
            prop_assert!(frame.len() >= 12 && frame.len() + 16 <= octets.len());
        }
        if let Ok(frame) = key.decrypt_mini(&octets, &mut out[..room]) {
            prop_assert!(frame.len() >= 4 && frame.len() + 16 <= octets.len());
        }
    }
}
