//! A core against a naive model of it, over random voice and commands: every frame of audio comes out exactly once, in
//! order, at the right place with the right time-stamp, or is accounted for.

#[path = "relaying/model.rs"]
mod model;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use dataplane::g711;
use dataplane::handoff::{CallKey, Carriage, Command, Conversion, Punt, RelayId, RelaySpec};
use dataplane::wire::{CallNumber, EntryForm, MediaFormat, Timestamp};
use model::{Heard, Model, Treatment};
use proptest::prelude::*;
use tests::datagrams::{Voice, decrypted, encrypted, mini, ping, trunk, voices};
use tests::one_core::{Arrival, LIMITS, OneCore, address, call, relay};

/// Relays 0.. of the test; relay n hears call 100 + n of peer n % NEAR and is our call 200 + n with its far peer.
const RELAYS: u32 = 12;
/// Peers heard; those after them are sent to.
const NEAR: u32 = 3;
/// Peers in all. The first far one has short trunk frames, the second the usual.
const PEERS: u32 = 5;

/// What happens to a core.
#[derive(Debug, Clone)]
enum Event {
    /// A receive from a near peer: datagrams of voice.
    Voice(u32, Vec<Datagram>),
    /// A full frame from anybody.
    Ping(u32),
    Ask(u32, Ask),
    /// Time passes and the core steps.
    Step(u64),
}

/// (relay, or one there is none of; time-stamps it moves by) of each frame, as one trunk frame or as mini frames.
#[derive(Debug, Clone)]
struct Datagram {
    as_trunk: bool,
    frames: Vec<(u32, i16)>,
}

#[derive(Debug, Clone, Copy)]
enum Ask {
    Install(Carriage, u32, bool, Treatment),
    Remove,
    Carry(Carriage),
    Quelch(bool),
    Owe,
    HandBack(i16),
    Rekey(u8),
    RekeySent(u8),
    Convert(bool),
}

fn key(number: u8) -> CallKey {
    CallKey([number; 16])
}

const CONVERSION: Conversion = Conversion::UlawToAlaw;

fn events() -> impl Strategy<Value = Vec<Event>> {
    let carriage = || prop_oneof![Just(Carriage::Mini), Just(Carriage::Trunk)];
    let moves = prop_oneof![8 => Just(20_i16), 2 => -60_i16..60, 1 => any::<i16>()];
    let frames = prop::collection::vec((0..RELAYS + 2, moves), 1..9);
    let datagram =
        (any::<bool>(), frames).prop_map(|(as_trunk, frames)| Datagram { as_trunk, frames });
    let some_key = || prop::option::weighted(0.3, any::<u8>());
    let treatment = (some_key(), some_key(), prop::bool::weighted(0.2))
        .prop_map(|(decrypt, encrypt, convert)| Treatment { decrypt, encrypt, convert });
    let ask = prop_oneof![
        4 => (carriage(), 0_u32..200_000, prop::bool::weighted(0.8), treatment).prop_map(
            |(carriage, offset, aligned, treatment)| {
                Ask::Install(carriage, offset, aligned, treatment)
            }
        ),
        2 => Just(Ask::Remove),
        2 => carriage().prop_map(Ask::Carry),
        1 => any::<bool>().prop_map(Ask::Quelch),
        1 => Just(Ask::Owe),
        1 => (-100_i16..100).prop_map(Ask::HandBack),
        1 => any::<u8>().prop_map(Ask::Rekey),
        1 => any::<u8>().prop_map(Ask::RekeySent),
        1 => any::<bool>().prop_map(Ask::Convert),
    ];
    let event = prop_oneof![
        6 => (0..NEAR, prop::collection::vec(datagram, 1..6))
            .prop_map(|(peer, datagrams)| Event::Voice(peer, datagrams)),
        1 => (0..PEERS + 2).prop_map(Event::Ping),
        3 => (0..RELAYS, ask).prop_map(|(relay, ask)| Event::Ask(relay, ask)),
        4 => (0_u64..30).prop_map(Event::Step),
    ];
    prop::collection::vec(event, 1..120)
}

fn far(relay: u32) -> u32 {
    NEAR + relay % (PEERS - NEAR)
}

/// The codecs of the test: more lengths to each peer than gather at a time.
fn audio_len(relay: u32) -> usize {
    [160, 33, 80, 20, 50, 38, 65, 12][relay as usize % 8]
}

fn audio(relay: u32, number: u32) -> Vec<u8> {
    let mut audio = vec![relay as u8; audio_len(relay)];
    audio[..4].copy_from_slice(&number.to_be_bytes());
    audio
}

/// A frame as its sender has it: call, time-stamp, audio, and the key for it if it goes as a mini frame.
type Spoken = (CallNumber, u16, Vec<u8>, Option<CallKey>);

/// The core, the model, and what the two ends remember.
struct Run {
    bench: OneCore,
    model: Model,
    /// Time-stamps the near legs' senders are at.
    clocks: Vec<u32>,
    number: u32,
    full_heard: u64,
    /// Offsets that control chooses when a relay's voice starts.
    offsets: [u32; RELAYS as usize],
    /// By relay, frames seen on the wire.
    seen: BTreeMap<u32, usize>,
    /// By relay to be removed, in the order asked, frames that have to be seen before it is told of.
    removals: VecDeque<(u32, usize)>,
}

impl Run {
    fn new() -> Self {
        let mut bench = OneCore::new(LIMITS, 1 << 20);
        for peer in 0..PEERS {
            bench.peer(peer, if peer == NEAR { 400 } else { 1240 }, EntryForm::Timed);
        }
        let mut run = Self {
            bench,
            model: Model::default(),
            clocks: vec![1000; RELAYS as usize],
            number: 0,
            full_heard: 0,
            offsets: [0; RELAYS as usize],
            seen: BTreeMap::new(),
            removals: VecDeque::new(),
        };
        for id in 0..RELAYS / 2 {
            let treatment = Treatment { decrypt: None, encrypt: None, convert: false };
            run.ask(id, Ask::Install(Carriage::Trunk, 60_000, true, treatment));
        }
        run
    }

    fn happens(&mut self, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Voice(peer, datagrams) => {
                self.voice(peer, datagrams);
                self.step(0)
            }
            Event::Ping(peer) => {
                self.full_heard += 1;
                self.bench.hear(peer, [ping(call(1))]);
                self.step(0)
            }
            Event::Ask(relay, ask) => {
                self.ask(relay, ask);
                Ok(())
            }
            Event::Step(ms) => self.step(ms),
        }
    }

    fn next_audio(&mut self, relay: u32) -> (u32, Vec<u8>) {
        self.number += 1;
        (self.number, audio(relay, self.number))
    }

    /// Datagrams of one peer, merged as the kernel does: equal segments, the last perhaps shorter.
    fn voice(&mut self, peer: u32, datagrams: Vec<Datagram>) {
        let mut arrivals: Vec<Arrival> = Vec::new();
        for Datagram { as_trunk, frames } in datagrams {
            let entries: Vec<_> =
                frames.into_iter().map(|(relay, moves)| self.frame(peer, relay, moves)).collect();
            let written = if as_trunk {
                let entries = entries.iter().map(|(call, at, audio, _)| (*call, *at, &audio[..]));
                vec![trunk(EntryForm::Timed, 3, entries)]
            } else {
                let mini = |(call, at, audio, key): &Spoken| {
                    let frame = mini(*call, *at, audio);
                    key.map_or(frame.clone(), |key| encrypted(key, &frame))
                };
                entries.iter().map(mini).collect()
            };
            for datagram in written {
                match arrivals.last_mut() {
                    Some(last)
                        if last.octets.len().is_multiple_of(last.segment_len)
                            && datagram.len() <= last.segment_len =>
                    {
                        last.octets.extend(datagram);
                    }
                    _ => arrivals.push(Arrival::one(address(peer), datagram)),
                }
            }
        }
        self.bench.core.io_mut().arriving.extend(arrivals);
    }

    /// A frame for a relay, heard from `peer`; unless the relay hears that peer, it is for nobody.
    ///
    /// Where it is encrypted its time-stamp stays near the newest: elsewhere it shows a wrong key.
    fn frame(&mut self, peer: u32, relay: u32, moves: i16) -> Spoken {
        let (number, audio) = self.next_audio(relay);
        let mut at = moves.cast_unsigned();
        let mut spoken_with = None;
        if relay < RELAYS && relay % NEAR == peer {
            let clock = &mut self.clocks[relay as usize];
            *clock = clock.wrapping_add_signed(moves.into()) & 0x3fff_ffff;
            if let Some(heard) = self.model.relays.get(&relay)
                && let Some(number) = heard.treatment.decrypt
            {
                spoken_with = Some(key(number));
                if i64::from(*clock).abs_diff(heard.newest) > 1500 {
                    *clock = heard.newest as u32;
                }
            }
            at = *clock as u16;
            self.model.hear(relay, Heard::Low16(at), number);
        }
        (call(100 + relay as u16), at, audio, spoken_with)
    }

    fn ask(&mut self, id: u32, ask: Ask) {
        let relay_id = RelayId(id);
        let clock = self.clocks[id as usize];
        let command = match ask {
            Ask::Install(carriage, offset, aligned, treatment) => {
                self.offsets[id as usize] = offset;
                let offset = aligned.then_some(offset);
                self.model.install(id, carriage, clock.into(), offset.map(i64::from), treatment);
                Command::Install(RelaySpec {
                    carriage,
                    newest: Timestamp(clock),
                    offset,
                    decrypt: treatment.decrypt.map(key),
                    encrypt: treatment.encrypt.map(key),
                    convert: treatment.convert.then_some(CONVERSION),
                    ..relay(id, id % NEAR, 100 + id as u16, far(id), 200 + id as u16)
                })
            }
            Ask::Remove => {
                self.model.relays.remove(&id);
                let due = self.model.out.get(&id).map_or(0, VecDeque::len);
                let seen = self.seen.get(&id).copied().unwrap_or(0);
                self.removals.push_back((id, seen + due));
                Command::Remove(relay_id)
            }
            Ask::Carry(carriage) => {
                self.model.adjust(id, |relay| {
                    if relay.treatment.encrypt.is_none() {
                        relay.carriage = carriage;
                    }
                });
                Command::Carry(relay_id, carriage)
            }
            Ask::Quelch(quelched) => {
                self.model.adjust(id, |relay| relay.quelched = quelched);
                Command::Quelch(relay_id, quelched)
            }
            Ask::Owe => {
                self.model.adjust(id, |relay| (relay.owes, relay.punted) = (true, false));
                Command::Owe(relay_id)
            }
            Ask::Rekey(number) => {
                self.model.adjust(id, |relay| relay.treatment.decrypt = Some(number));
                Command::Rekey(relay_id, key(number))
            }
            Ask::RekeySent(number) => {
                self.model.adjust(id, |relay| {
                    relay.treatment.encrypt = Some(number);
                    relay.carriage = Carriage::Mini;
                });
                Command::RekeySent(relay_id, key(number))
            }
            Ask::Convert(convert) => {
                self.model.adjust(id, |relay| relay.treatment.convert = convert);
                Command::Convert(relay_id, convert.then_some(CONVERSION))
            }
            Ask::HandBack(moves) => {
                let heard = clock.saturating_add_signed(moves.into());
                let (number, audio) = self.next_audio(id);
                self.model.hear(id, Heard::Whole(heard.into()), number);
                let (audio, heard) = (audio.into_iter().collect(), Timestamp(heard));
                Command::Voice { relay: relay_id, heard, format: MediaFormat::ULAW, audio }
            }
        };
        self.bench.ask(command);
    }

    fn step(&mut self, ms: u64) -> Result<(), TestCaseError> {
        self.bench.step_after(ms);
        prop_assert_eq!(self.bench.balances(self.full_heard), Ok(()));
        self.check_sent()?;
        self.check_punts()?;
        let waiting: usize = self.model.out.values().map(VecDeque::len).sum();
        prop_assert_eq!(self.bench.core.held(), waiting as u64, "sent and held are all there is");
        Ok(())
    }

    fn check_sent(&mut self) -> Result<(), TestCaseError> {
        for sent in self.bench.sent() {
            for datagram in &sent.datagrams {
                let datagram = self.in_clear(datagram);
                for voice in voices(&datagram).0 {
                    self.check_voice(sent.remote, &voice)?;
                }
            }
        }
        Ok(())
    }

    /// The datagram, decrypted if the model says that it is encrypted.
    fn in_clear(&self, datagram: &[u8]) -> Vec<u8> {
        let source = u16::from_be_bytes([datagram[0], datagram[1]]);
        let expected = u32::from(source).checked_sub(200).and_then(|id| self.model.out.get(&id));
        match expected.and_then(VecDeque::front) {
            Some((_, _, Some(number), _)) => decrypted(key(*number), datagram),
            _ => datagram.to_vec(),
        }
    }

    fn check_voice(&mut self, remote: SocketAddr, voice: &Voice) -> Result<(), TestCaseError> {
        let id = u32::from(voice.call.get()) - 200;
        *self.seen.entry(id).or_default() += 1;
        let expected = self.model.out.get_mut(&id).and_then(VecDeque::pop_front);
        let (at, number, _, converted) = expected.expect("a frame was to come");
        let mut expected = audio(id, number);
        if converted {
            g711::convert(CONVERSION, &mut expected);
        }
        prop_assert_eq!(remote, address(far(id)));
        prop_assert_eq!((voice.at, &voice.audio), (at, &expected), "relay {}", id);
        Ok(())
    }

    /// Control answers every second frame punted with the news that its full frame has gone.
    fn check_punts(&mut self) -> Result<(), TestCaseError> {
        let (mut voices, mut removed) = (Vec::new(), Vec::new());
        while let Some(()) = self.bench.punts.receive(|punt| match punt {
            Punt::Voice { relay, heard, audio } => {
                let number = u32::from_be_bytes(*audio.first_chunk().expect("4 octets"));
                voices.push((relay.0, heard, number));
            }
            Punt::Removed(relay) => removed.push(relay.0),
            Punt::Full { .. } | Punt::Stray { .. } => {}
        }) {}
        self.bench.punts.release();
        for (id, heard, number) in voices {
            let expected = self.model.punts.pop_front();
            prop_assert_eq!(Some((id, i64::from(heard.0), number)), expected);
            if number % 2 == 0 {
                self.align(id, heard);
            }
        }
        prop_assert_eq!(self.model.punts.len(), 0, "punts are never held");
        for id in removed {
            let index = self.removals.iter().position(|(removed, _)| *removed == id);
            let (_, due) = index.and_then(|index| self.removals.remove(index)).expect("was asked");
            prop_assert!(self.seen.get(&id).copied().unwrap_or(0) >= due, "told too early");
        }
        prop_assert_eq!(self.removals.len(), 0, "told in the step it was done in");
        Ok(())
    }

    fn align(&mut self, id: u32, heard: Timestamp) {
        let offset = self.offsets[id as usize];
        let sent = heard.offset_by(offset);
        self.model.align(id, offset.into(), heard.0.into(), sent.0.into());
        let (relay, format) = (RelayId(id), MediaFormat::ULAW);
        self.bench.ask(Command::Align { relay, offset, heard, sent, format });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_frame_comes_out_once_in_order_and_rightly_stamped(events in events()) {
        let mut run = Run::new();
        for event in events {
            run.happens(event)?;
        }
        for _ in 0..3 {
            run.step(20)?;
        }
        prop_assert_eq!(run.bench.core.held(), 0);
        for id in 0..RELAYS {
            let published = run.bench.cells.last_sent(RelayId(id)).0;
            let sent = run.model.cells.get(&id).copied().unwrap_or(0);
            prop_assert_eq!(i64::from(published), sent);
        }
    }
}
