//! A core against a naive model of it, over random voice and commands: every frame of audio comes out exactly once, in
//! order, at the right place with the right time-stamp, or is accounted for.

use std::collections::{BTreeMap, VecDeque};

use dataplane::handoff::{Carriage, Command, Punt, RelayId, RelaySpec};
use dataplane::wire::{CallNumber, EntryForm, MediaFormat, Timestamp};
use proptest::prelude::*;
use tests::datagrams::{mini, ping, trunk, voices};
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
    Install(Carriage, u32, bool),
    Remove,
    Carry(Carriage),
    Quelch(bool),
    Owe,
    HandBack(i16),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let carriage = || prop_oneof![Just(Carriage::Mini), Just(Carriage::Trunk)];
    let moves = prop_oneof![8 => Just(20_i16), 2 => -60_i16..60, 1 => any::<i16>()];
    let frames = prop::collection::vec((0..RELAYS + 2, moves), 1..9);
    let datagram =
        (any::<bool>(), frames).prop_map(|(as_trunk, frames)| Datagram { as_trunk, frames });
    let ask = prop_oneof![
        4 => (carriage(), 0_u32..200_000, prop::bool::weighted(0.8))
            .prop_map(|(carriage, offset, aligned)| Ask::Install(carriage, offset, aligned)),
        2 => Just(Ask::Remove),
        2 => carriage().prop_map(Ask::Carry),
        1 => any::<bool>().prop_map(Ask::Quelch),
        1 => Just(Ask::Owe),
        1 => (-100_i16..100).prop_map(Ask::HandBack),
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

/// A frame as it is to come out: time-stamp and number of the audio.
type Out = (Option<u16>, u32);

/// How a frame's time is told.
#[derive(Debug, Clone, Copy)]
enum Heard {
    Low16(u16),
    Whole(i64),
}

#[derive(Debug)]
struct ModelRelay {
    carriage: Carriage,
    newest: i64,
    offset: Option<i64>,
    mark: i64,
    owes: bool,
    punted: bool,
    /// Newest audio under way to control, and how many more may follow it.
    under_way: Option<(i64, u32)>,
    quelched: bool,
}

impl ModelRelay {
    fn punt(&mut self, at: i64) {
        self.punted = true;
        self.under_way = match self.under_way {
            Some((newest, left)) if self.offset.is_some() => {
                (left > 1).then_some((newest.max(at), left - 1))
            }
            Some((newest, _)) => Some((newest.max(at), 16)),
            None => Some((at, 16)),
        };
    }

    fn answered(&mut self, at: i64) {
        self.under_way = self.under_way.filter(|(newest, _)| at < *newest);
    }
}

/// What should come of it all, reckoned with 64 bits and no cleverness.
#[derive(Debug, Default)]
struct Model {
    relays: BTreeMap<u32, ModelRelay>,
    /// By relay, in order.
    out: BTreeMap<u32, VecDeque<Out>>,
    /// (relay, time-stamp heard, number of the audio), in order.
    punts: VecDeque<(u32, i64, u32)>,
    /// Last published time-stamps sent, which outlive a relay.
    cells: BTreeMap<u32, i64>,
}

fn far(relay: u32) -> u32 {
    NEAR + relay % (PEERS - NEAR)
}

/// The codecs of the test: more lengths to each peer than gather at a time.
fn audio_len(relay: u32) -> usize {
    [160, 33, 80, 20, 50, 38, 65, 12][relay as usize % 8]
}

impl Model {
    fn install(&mut self, id: u32, carriage: Carriage, newest: i64, offset: Option<i64>) {
        let sent = self.cells.get(&id).copied().unwrap_or(0);
        let mark = if sent == 0 { newest + offset.unwrap_or(0) } else { sent };
        let (owes, punted, quelched) = (false, false, false);
        let under_way = None;
        let relay =
            ModelRelay { carriage, newest, offset, mark, owes, punted, under_way, quelched };
        self.relays.insert(id, relay);
    }

    fn adjust(&mut self, id: u32, change: impl FnOnce(&mut ModelRelay)) {
        self.relays.get_mut(&id).map(change);
    }

    fn hear(&mut self, id: u32, heard: Heard, number: u32) {
        let Some(relay) = self.relays.get_mut(&id) else { return };
        let at = match heard {
            // Of all values with these low bits, the one among the 65,536 around the newest.
            Heard::Low16(low) => {
                let first = relay.newest - 32_768;
                first + (i64::from(low) - first).rem_euclid(65_536)
            }
            Heard::Whole(at) => {
                relay.answered(at);
                at
            }
        };
        if at < 0 {
            return; // before the start of the call
        }
        relay.newest = relay.newest.max(at);
        if relay.quelched {
            return;
        }
        let Some(offset) = relay.offset else {
            relay.punt(at);
            self.punts.push_back((id, at, number));
            return;
        };
        let sent = at + offset;
        if sent >= relay.mark {
            if sent / 65_536 != relay.mark / 65_536 {
                (relay.owes, relay.punted) = (true, false);
            }
            relay.mark = sent;
        }
        let follows = relay.under_way.is_some() && matches!(heard, Heard::Low16(_));
        if (relay.owes && !relay.punted) || follows {
            relay.punt(at);
            self.punts.push_back((id, at, number));
            return;
        }
        let low = (sent % 65_536) as u16;
        let low = if relay.carriage == Carriage::Trunk { low.max(1) } else { low };
        self.cells.insert(id, relay.mark);
        self.out.entry(id).or_default().push_back((Some(low), number));
    }

    fn align(&mut self, id: u32, offset: i64, heard: i64, sent: i64) {
        let Some(relay) = self.relays.get_mut(&id) else { return };
        relay.newest = relay.newest.max(heard);
        relay.mark = if relay.offset == Some(offset) { relay.mark.max(sent) } else { sent };
        relay.offset = Some(offset);
        relay.answered(heard);
        if sent / 65_536 == relay.mark / 65_536 {
            (relay.owes, relay.punted) = (false, false);
        }
        self.cells.insert(id, relay.mark);
    }
}

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
            run.ask(id, Ask::Install(Carriage::Trunk, 60_000, true));
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
        let mut audio = vec![relay as u8; audio_len(relay)];
        audio[..4].copy_from_slice(&self.number.to_be_bytes());
        (self.number, audio)
    }

    /// Datagrams of one peer, merged as the kernel does: equal segments, the last perhaps shorter.
    fn voice(&mut self, peer: u32, datagrams: Vec<Datagram>) {
        let mut arrivals: Vec<Arrival> = Vec::new();
        for Datagram { as_trunk, frames } in datagrams {
            let entries: Vec<_> =
                frames.into_iter().map(|(relay, moves)| self.frame(peer, relay, moves)).collect();
            let written = if as_trunk {
                let entries = entries.iter().map(|(call, at, audio)| (*call, *at, &audio[..]));
                vec![trunk(EntryForm::Timed, 3, entries)]
            } else {
                entries.iter().map(|(call, at, audio)| mini(*call, *at, audio)).collect()
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
    fn frame(&mut self, peer: u32, relay: u32, moves: i16) -> (CallNumber, u16, Vec<u8>) {
        let (number, audio) = self.next_audio(relay);
        let mut at = moves.cast_unsigned();
        if relay < RELAYS && relay % NEAR == peer {
            let clock = &mut self.clocks[relay as usize];
            *clock = clock.wrapping_add_signed(moves.into()) & 0x3fff_ffff;
            at = *clock as u16;
            self.model.hear(relay, Heard::Low16(at), number);
        }
        (call(100 + relay as u16), at, audio)
    }

    fn ask(&mut self, id: u32, ask: Ask) {
        let relay_id = RelayId(id);
        let clock = self.clocks[id as usize];
        let command = match ask {
            Ask::Install(carriage, offset, aligned) => {
                self.offsets[id as usize] = offset;
                let offset = aligned.then_some(offset);
                self.model.install(id, carriage, clock.into(), offset.map(i64::from));
                Command::Install(RelaySpec {
                    carriage,
                    newest: Timestamp(clock),
                    offset,
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
                self.model.adjust(id, |relay| relay.carriage = carriage);
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
            for voice in sent.datagrams.iter().flat_map(|datagram| voices(datagram).0) {
                let id = u32::from(voice.call.get()) - 200;
                *self.seen.entry(id).or_default() += 1;
                let expected = self.model.out.get_mut(&id).and_then(VecDeque::pop_front);
                prop_assert_eq!(sent.remote, address(far(id)));
                prop_assert_eq!(voice.audio.len(), audio_len(id));
                let number = u32::from_be_bytes(*voice.audio.first_chunk().expect("4 octets"));
                prop_assert_eq!(Some((voice.at, number)), expected, "relay {}", id);
            }
        }
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
