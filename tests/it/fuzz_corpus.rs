//! The fuzz targets' bodies without a fuzzer: over named frames, every cut of them, and seeded noise.

use std::fs;
use std::path::Path;

use dataplane::wire::Frame;
use tests::fuzz_bodies;
use tests::hex::hex;

/// Every body; a target of `fuzz/` calls each.
const BODIES: &[fn(&[u8])] = &[fuzz_bodies::frame, fuzz_bodies::ies, fuzz_bodies::trunk];

/// The kept frames as (name, text, octets), in the order of their names.
fn captures() -> Vec<(String, String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let files = fs::read_dir(folder).expect("the folder of named frames");
    let mut all: Vec<_> = files
        .map(|file| {
            let path = file.expect("a file").path();
            let text = fs::read_to_string(&path).expect("text");
            (path.display().to_string(), text.clone(), hex(&text))
        })
        .collect();
    all.sort();
    assert!(all.len() > 30, "the corpus has gone");
    all
}

#[test]
fn named_frames_read_as_their_comment_says() {
    for (name, text, octets) in captures() {
        let read = match Frame::parse(&octets) {
            Ok(Frame::Full(_)) => "Full",
            Ok(Frame::Mini(_)) => "Mini",
            Ok(Frame::Video(_)) => "Video",
            Ok(Frame::Trunk(_)) => "Trunk",
            Err(_) => "Refused",
        };
        assert!(text.contains(&format!("# Reads as: {read}\n")), "{name} reads as {read}");
    }
}

#[test]
fn every_cut_of_every_named_frame_is_read_or_refused() {
    for (_, _, octets) in captures() {
        for cut in 0..=octets.len() {
            BODIES.iter().for_each(|body| body(&octets[..cut]));
        }
    }
}

#[test]
fn seeded_noise_upsets_no_parser() {
    let corpus: Vec<Vec<u8>> = captures().into_iter().map(|(_, _, octets)| octets).collect();
    let mut noise = Noise(0x5eed_0001);
    for case in 0..200_000_u32 {
        let mut octets = corpus[noise.below(corpus.len())].clone();
        if case % 4 == 0 {
            octets = (0..noise.below(64)).map(|_| noise.octet()).collect();
        }
        for _ in 0..noise.below(4) {
            if !octets.is_empty() {
                let at = noise.below(octets.len());
                octets[at] = noise.octet();
            }
        }
        octets.truncate(noise.below(octets.len() + 8));
        let body = BODIES[case as usize % BODIES.len()];
        if let Err(panic) = std::panic::catch_unwind(|| body(&octets)) {
            let text: Vec<_> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            panic!("case {case}, octets {}: {panic:?}", text.join(" "));
        }
    }
}

/// Marsaglia's xorshift: the same noise each run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn octet(&mut self) -> u8 {
        (self.next() >> 24) as u8
    }
}
