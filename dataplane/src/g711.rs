//! Between the two laws of G.711, octet for octet by table.
//!
//! The tables follow from the two decoders' values (ITU-T G.711, tables 1 and 2) and come out as its tables 3 and 4: a
//! value of one law becomes the one in whose interval of the other it lies, both laws scaled to the same power at
//! their peaks. One pair is set by hand, as the Recommendation does, so that a conversion and back changes no more
//! than the lowest bit.
#![forbid(unsafe_code)]

use crate::handoff::Conversion;

/// Converts audio in place; every octet is audio of the law heard, and becomes one of the law sent.
///
/// There and back, µ-law changes in eight of its 128 magnitudes and A-law in eight, by one step.
pub fn convert(conversion: Conversion, audio: &mut [u8]) {
    let table = match conversion {
        Conversion::UlawToAlaw => &ULAW_TO_ALAW,
        Conversion::AlawToUlaw => &ALAW_TO_ULAW,
    };
    for octet in audio {
        *octet = table[usize::from(*octet)];
    }
}

/// Bit of the positive sign, in both laws.
const POSITIVE: u8 = 0x80;

/// What A-law inverts on its way: every second bit.
const ALAW_INVERTS: u8 = 0x55;

/// What µ-law inverts: the magnitude.
const ULAW_INVERTS: u8 = 0x7f;

/// The scale of A-law's values to µ-law's at the same power: peaks of 4096 and 8159 steps, at 3.14 and 3.17 dBm0.
const ALAW_SCALE: u32 = 2 * 133;
const ULAW_SCALE: u32 = 134;

static ULAW_TO_ALAW: [u8; 256] = {
    let (mut table, mut octet) = ([0; 256], 0);
    while octet < 256 {
        let magnitude = alaw_from_ulaw(octet as u8 & ULAW_INVERTS ^ ULAW_INVERTS);
        table[octet] = (octet as u8 & POSITIVE | magnitude) ^ ALAW_INVERTS;
        octet += 1;
    }
    table
};

static ALAW_TO_ULAW: [u8; 256] = {
    let (mut table, mut octet) = ([0; 256], 0);
    while octet < 256 {
        let heard = octet as u8 ^ ALAW_INVERTS;
        table[octet] = heard & POSITIVE | (ulaw_from_alaw(heard & !POSITIVE) ^ ULAW_INVERTS);
        octet += 1;
    }
    table
};

/// The value of a µ-law magnitude, 0 to 127, in steps of which 8159 are the peak.
const fn ulaw_value(magnitude: u8) -> u32 {
    let (segment, step) = (magnitude as u32 >> 4, magnitude as u32 & 15);
    ((2 * step + 33) << segment) - 33
}

/// The value of an A-law magnitude, 0 to 127, in steps of which 4096 are the peak, and where its interval begins.
const fn alaw_value(magnitude: u8) -> (u32, u32) {
    let (segment, step) = (magnitude as u32 >> 4, magnitude as u32 & 15);
    match segment {
        0 => (2 * step + 1, 2 * step),
        _ => ((2 * step + 33) << (segment - 1), (2 * step + 32) << (segment - 1)),
    }
}

const fn alaw_from_ulaw(ulaw: u8) -> u8 {
    let mut alaw = 127;
    while alaw > 0 && alaw_value(alaw).1 * ALAW_SCALE > ulaw_value(ulaw) * ULAW_SCALE {
        alaw -= 1;
    }
    alaw
}

const fn ulaw_from_alaw(alaw: u8) -> u8 {
    if alaw == 79 {
        return 79; // the nearest is 80, which on the way back becomes 80: more than the lowest bit
    }
    let value = alaw_value(alaw).0 * ALAW_SCALE;
    let mut ulaw = 127;
    // An interval of µ-law begins half-way from the value before.
    while ulaw > 0 && (ulaw_value(ulaw - 1) + ulaw_value(ulaw)) * ULAW_SCALE > 2 * value {
        ulaw -= 1;
    }
    ulaw
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Magnitudes that change on the way there and back.
    fn changed(there: fn(u8) -> u8, back: fn(u8) -> u8) -> Vec<u8> {
        let changed: Vec<_> = (0..128).filter(|from| back(there(*from)) != *from).collect();
        for from in &changed {
            assert_eq!(back(there(*from)) ^ from, 1, "{from}: only the lowest bit");
        }
        changed
    }

    #[test]
    fn there_and_back_changes_what_the_recommendation_says_it_does() {
        let ulaw = changed(alaw_from_ulaw, ulaw_from_alaw);
        assert_eq!(ulaw, [0, 2, 4, 6, 8, 10, 12, 14]);
        // The Recommendation counts A-law's values from 1.
        let alaw = changed(ulaw_from_alaw, alaw_from_ulaw).into_iter().map(|from| from + 1);
        assert_eq!(Vec::from_iter(alaw), [26, 28, 30, 32, 45, 47, 63, 80]);
    }

    #[test]
    fn the_pair_set_by_hand_is_as_the_recommendation_has_it() {
        assert_eq!((alaw_from_ulaw(80) + 1, ulaw_from_alaw(80 - 1)), (81, 79));
    }

    #[test]
    fn conversion_keeps_order_and_comes_near() {
        for magnitude in 0..128_u8 {
            let alaw = alaw_from_ulaw(magnitude);
            let (sent, heard) = (2 * alaw_value(alaw).0, ulaw_value(magnitude));
            assert!(sent.abs_diff(heard) <= heard / 24 + 2, "{magnitude}: {heard} as {sent}");
            assert!(magnitude == 0 || alaw >= alaw_from_ulaw(magnitude - 1));
            let ulaw = ulaw_from_alaw(magnitude);
            let (sent, heard) = (ulaw_value(ulaw), 2 * alaw_value(magnitude).0);
            assert!(sent.abs_diff(heard) <= heard / 24 + 2, "{magnitude}: {heard} as {sent}");
            assert!(magnitude == 0 || ulaw >= ulaw_from_alaw(magnitude - 1));
        }
    }

    #[test]
    fn known_octets_come_out_as_known_octets() {
        // Silence and the peaks, positive and negative; then some of the middle.
        let mut audio = [0xff, 0x7f, 0x80, 0x00, 0xef, 0xdb, 0x30, 0xaf];
        convert(Conversion::UlawToAlaw, &mut audio);
        assert_eq!(audio, [0xd5, 0x55, 0xaa, 0x2a, 0xdd, 0xf5, 0x1b, 0x85]);
        let mut audio = [0xd5, 0x55, 0xaa, 0x2a, 0xdd, 0xf5, 0x1b, 0x85];
        convert(Conversion::AlawToUlaw, &mut audio);
        assert_eq!(audio, [0xfe, 0x7e, 0x80, 0x00, 0xef, 0xdb, 0x30, 0xaf]);
    }
}
