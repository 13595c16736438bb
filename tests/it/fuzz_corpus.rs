//! The fuzz targets' bodies without a fuzzer: over named frames, every cut of them, and seeded noise.

use std::fs;
use std::path::Path;

use control::conf::Sources;
use control::dialplan::Dialplan;
use dataplane::wire::Frame;
use tests::fuzz_bodies;
use tests::hex::hex;

/// One of [`fuzz_bodies`]; a target of `fuzz/` calls each.
type Body = fn(&[u8]);

/// Those that read octets.
const BODIES: &[Body] = &[fuzz_bodies::frame, fuzz_bodies::ies, fuzz_bodies::trunk];

/// The kept frames as (name, text, octets), in the order of their names.
fn captures() -> Vec<(String, String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let files = fs::read_dir(folder).expect("the folder of named frames");
    let mut all: Vec<_> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "hex"))
        .map(|path| {
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

/// Seeded noise in a text: lines doubled, dropped and swapped, octets exchanged for ones that mean something.
fn garbled(text: &str, noise: &mut Noise) -> String {
    const WORDS: &[&str] = &[
        "[",
        "]",
        "(!)",
        "=",
        "=>",
        ";",
        ";--",
        "${",
        "}",
        "$[",
        "_",
        ",",
        ":",
        "\"",
        "\u{e9}",
        "n(a)",
        "#include \"x\"",
    ];
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..1 + noise.below(6) {
        let (at, other) = (noise.below(lines.len()), noise.below(lines.len()));
        match noise.below(4) {
            0 => lines.swap(at, other),
            1 => lines[at] = lines[other].clone(),
            2 => {
                let places: Vec<usize> = lines[at].char_indices().map(|(place, _)| place).collect();
                let place = places.get(noise.below(places.len())).copied().unwrap_or(0);
                lines[at].insert_str(place, WORDS[noise.below(WORDS.len())]);
            }
            _ => {
                let kept = noise.below(lines[at].chars().count() + 1);
                lines[at] = lines[at].chars().take(kept).collect();
            }
        }
    }
    lines.join("\n")
}

#[test]
fn kept_files_are_accepted_as_they_stand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let text = |name| fs::read_to_string(folder.join(name)).expect("text");
    let mut sources = Sources::new();
    sources.add("iax.conf", text("conf/two_peers.conf"));
    sources.add("extensions.conf", text("dialplan/routes.conf"));
    let (config, told) = control::conf::parse(&sources);
    assert!(config.is_some(), "{told:?}");
    let (plan, told) = Dialplan::parse(&sources, &["from-a"], &|_| true);
    assert_eq!((plan.exists("from-a", "600", None), told), (true, vec![]));
}

#[test]
fn garbled_files_upset_no_parser() {
    let bodies: [(&str, Body); 2] =
        [("conf", fuzz_bodies::conf), ("dialplan", fuzz_bodies::dialplan)];
    let mut noise = Noise(0x5eed_0002);
    for (folder, body) in bodies {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(folder);
        for file in fs::read_dir(folder).expect("a folder of named files") {
            let text = fs::read_to_string(file.expect("a file").path()).expect("text");
            body(text.as_bytes());
            for case in 0..GARBLED {
                let garbled = garbled(&text, &mut noise);
                if let Err(panic) = std::panic::catch_unwind(|| body(garbled.as_bytes())) {
                    panic!("case {case}: {panic:?} in\n{garbled}");
                }
            }
        }
    }
}

#[test]
fn garbled_key_files_upset_no_reader() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../control/tests/keys/fixtures");
    let mut noise = Noise(0x5eed_0003);
    for name in ["clear.key", "clear.pub", "des3.key", "pkcs8.key", "pbes1.key"] {
        let text = fs::read_to_string(folder.join(name)).expect("a key of the tests");
        for case in 0..GARBLED / 20 {
            let garbled = garbled(&text, &mut noise);
            if let Err(panic) = std::panic::catch_unwind(|| fuzz_bodies::keys(garbled.as_bytes())) {
                panic!("case {case}: {panic:?} in\n{garbled}");
            }
        }
    }
}

/// Files made of each kept one; with the optimiser off each takes some hundreds of microseconds.
const GARBLED: usize = 2000;

/// Marsaglia's xorshift: the same noise each run.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub(crate) fn octet(&mut self) -> u8 {
        (self.next() >> 24) as u8
    }
}
