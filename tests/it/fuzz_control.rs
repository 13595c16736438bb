//! The body of the fuzz target for `control`: over a call written down, and seeded variations of it.

use dataplane::wire::{FrameType, IaxSubclass as Iax, IeKind, MediaFormat, Subclass};
use tests::fuzz_control::control;

use crate::captured::{elements, new_600, ulaw};
use crate::fuzz_corpus::Noise;

const ALICE: u8 = 0;
const BOB: u8 = 0x10;

/// One record of a script.
type Record = (u8, Vec<u8>);

/// The peer says this in its turn.
fn says(who: u8, frame_type: FrameType, subclass: Subclass, data: &[u8]) -> Record {
    (who | 3, [&[frame_type.to_wire(), subclass.0], data].concat())
}

fn iax(who: u8, subclass: Iax, data: &[u8]) -> Record {
    says(who, FrameType::Iax, Subclass::iax(subclass), data)
}

/// 10 ms times `tens` pass.
fn passes(tens: u8) -> Record {
    (10, vec![tens])
}

/// Alice calls Bob through control, they talk, press keys and hang up.
fn a_call() -> Vec<Record> {
    let voice = |who| says(who, FrameType::Voice, Subclass::voice(MediaFormat::ULAW), &[0xd5; 160]);
    let control_frame = |who, subclass| says(who, FrameType::Control, Subclass(subclass), &[]);
    let new = new_600();
    let untokened = &new[..new.len() - 2]; // an offered token would be asked for
    vec![
        iax(ALICE, Iax::New, untokened),
        iax(ALICE, Iax::Ack, &[]), // only now is it certain that she hears us
        passes(1),
        iax(BOB, Iax::Accept, &ulaw()),
        control_frame(BOB, 3),
        control_frame(BOB, 4),
        voice(ALICE),
        voice(BOB),
        (13, vec![0xd5; 160]),
        (0x1d, vec![0xd5; 160]),
        passes(200),
        iax(ALICE, Iax::Ping, &[]),
        says(ALICE, FrameType::DtmfBegin, Subclass(b'5'), &[]),
        says(ALICE, FrameType::DtmfEnd, Subclass(b'5'), &[]),
        says(BOB, FrameType::Text, Subclass(0), b"hello\0"),
        iax(BOB, Iax::Quelch, &[]),
        iax(BOB, Iax::Unquelch, &[]),
        iax(BOB, Iax::Vnak, &[]),
        iax(ALICE, Iax::LagRq, &[]),
        passes(250),
        iax(0x20, Iax::RegReq, &elements(|w| _ = w.raw(IeKind::Username, b"carol"))),
        iax(0x20, Iax::Poke, &[]),
        iax(ALICE, Iax::Hangup, &elements(|w| _ = w.u8(IeKind::CauseCode, 16))),
        iax(BOB, Iax::Ack, &[]),
        iax(BOB, Iax::Inval, &[]),
    ]
}

fn script(records: &[Record]) -> Vec<u8> {
    let mut octets = Vec::new();
    for (operation, data) in records {
        let len = u8::try_from(data.len()).unwrap_or(u8::MAX);
        octets.extend_from_slice(&[*operation, len]);
        octets.extend_from_slice(&data[..usize::from(len)]);
    }
    octets
}

#[test]
fn a_call_cut_anywhere_leaves_nothing_behind() {
    let records = a_call();
    for cut in 0..=records.len() {
        control(&script(&records[..cut]));
    }
    let reached = control(&script(&records));
    assert_eq!((reached.relays, reached.calls_up), (2, 1), "{reached:?}");
}

#[test]
fn seeded_variations_of_a_call_leave_nothing_behind() {
    let mut noise = Noise(0x5eed_0003);
    for case in 0..VARIATIONS {
        let mut records = a_call();
        for _ in 0..1 + noise.below(8) {
            let (at, other) = (noise.below(records.len()), noise.below(records.len()));
            match noise.below(6) {
                0 => records.swap(at, other),
                1 => records.insert(at, records[other].clone()),
                2 => records[at].0 ^= 0x10 << noise.below(2), // said by another
                3 => records.insert(at, passes(noise.octet())),
                4 => drop(records.remove(at)),
                _ => {
                    let data = &mut records[at].1;
                    let place = noise.below(data.len().min(24));
                    if let Some(octet) = data.get_mut(place) {
                        *octet = noise.octet();
                    }
                }
            }
        }
        let octets = script(&records);
        if let Err(panic) = std::panic::catch_unwind(|| control(&octets)) {
            let text: Vec<_> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            let why = panic.downcast_ref::<String>();
            panic!("case {case}: {why:?}, script {}", text.join(" "));
        }
    }
}

/// Each takes half a millisecond with the optimiser off.
const VARIATIONS: usize = 3000;
