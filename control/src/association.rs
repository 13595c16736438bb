//! Who we share calls with: pairs of local socket and remote address, with the call numbers between the two.
//!
//! Our call numbers are scoped to the pair, so 32,766 legs fit in each. A number that has ended rests 60 s (5 s when
//! no other is left and its end was acknowledged) and is its own tombstone meanwhile: by its pair of numbers a
//! repeated last frame of the peer is acknowledged again.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use dataplane::handoff::{CallKey, CoreId, PeerIndex, SocketId};
use dataplane::time::Instant;
use dataplane::wire::{CallNumber, SeqNo};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::random::Random;
use crate::slab::Key;

const REST: Duration = Duration::from_secs(60);
const REST_MIN: Duration = Duration::from_secs(5);
const TOMBSTONE_ANSWERS: Duration = Duration::from_secs(32);
const FIRST_NUMBER: u16 = 2; // 1 is for replies that belong to no call
const NUMBERS: u16 = 32_766;

/// What is left of a leg that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tombstone {
    pub(crate) theirs: Option<CallNumber>,
    pub(crate) oseqno: SeqNo,
    pub(crate) iseqno: SeqNo,
    pub(crate) ended: Instant,
    /// Whether the leg's end is known at both ends.
    pub(crate) acknowledged: bool,
    pub(crate) keys: LastKeys,
}

/// How a leg that ended was encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastKeys {
    /// It was not.
    Clear,
    /// It was to be, and the peer has never proved that it has the key.
    Unproven,
    /// By these: the peer's, and ours.
    Keyed(CallKey, CallKey),
}

#[derive(Debug)]
enum Slot {
    Live(Key),
    Resting(Tombstone),
}

/// One pair of local socket and remote address.
#[derive(Debug)]
pub(crate) struct Association {
    pub(crate) local: SocketId,
    pub(crate) remote: SocketAddr,
    /// The core whose socket heard it last.
    pub(crate) core: CoreId,
    /// Relays that name it on the cores; they are told of it while there is one.
    pub(crate) relays: u32,
    slots: HashMap<u16, Slot, FixedState>,
    by_theirs: HashMap<u16, Key, FixedState>,
    fresh_next: u16,
    fresh_left: u16,
    /// Numbers at rest or rested, the one that ended first in front: those whose end both sides know, and the others.
    /// Two queues, or one end that was never acknowledged would keep all behind it from an early return.
    acknowledged: VecDeque<u16>,
    unacknowledged: VecDeque<u16>,
}

/// How many legs an address has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Legs {
    pub(crate) live: u32,
    pub(crate) resting: u32,
}

/// What a full frame's numbers find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// The leg it belongs to.
    Leg(Key),
    /// A leg that has ended.
    Tombstone(CallNumber, Tombstone),
    /// Nothing.
    Nothing,
}

/// All pairs there are.
#[derive(Debug)]
pub(crate) struct Associations {
    all: Vec<Option<Box<Association>>>,
    free: Vec<u32>,
    bound: u32,
    by_address: HashMap<(SocketId, SocketAddr), u32, FixedState>,
    legs_by_ip: HashMap<IpAddr, Legs, FixedState>,
    /// Numbers at rest, the one that ended first in front.
    resting: VecDeque<(Instant, u32, u16)>,
    hasher: FixedState,
}

impl Associations {
    /// Room for `bound` pairs; `seed` keeps strangers from choosing colliding addresses.
    pub(crate) fn new(bound: u32, seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        Self {
            all: Vec::new(),
            free: Vec::new(),
            bound,
            by_address: HashMap::with_hasher(hasher.clone()),
            legs_by_ip: HashMap::with_hasher(hasher.clone()),
            resting: VecDeque::new(),
            hasher,
        }
    }

    pub(crate) fn find(&self, local: SocketId, remote: SocketAddr) -> Option<PeerIndex> {
        self.by_address.get(&(local, remote)).copied().map(PeerIndex)
    }

    /// How many pairs there are.
    pub(crate) fn len(&self) -> usize {
        self.by_address.len()
    }

    /// The pair's index, made if it is new; `None` if there are too many.
    pub(crate) fn find_or_make(
        &mut self,
        local: SocketId,
        remote: SocketAddr,
        core: CoreId,
        random: &mut Random,
    ) -> Option<PeerIndex> {
        if let Some(index) = self.find(local, remote) {
            return Some(index);
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None if (self.all.len() as u32) < self.bound => {
                self.all.push(None);
                self.all.len() as u32 - 1
            }
            None => return None,
        };
        self.all[index as usize] = Some(Box::new(Association {
            local,
            remote,
            core,
            relays: 0,
            slots: HashMap::with_hasher(self.hasher.clone()),
            by_theirs: HashMap::with_hasher(self.hasher.clone()),
            fresh_next: FIRST_NUMBER + random.below(u32::from(NUMBERS)) as u16,
            fresh_left: NUMBERS,
            acknowledged: VecDeque::new(),
            unacknowledged: VecDeque::new(),
        }));
        self.by_address.insert((local, remote), index);
        Some(PeerIndex(index))
    }

    /// The pair of an index held by a leg.
    pub(crate) fn get(&self, index: PeerIndex) -> &Association {
        match self.all.get(index.0 as usize).and_then(Option::as_deref) {
            Some(association) => association,
            None => unreachable!("an association lives as long as its legs"),
        }
    }

    /// The pair of an index held by a leg.
    pub(crate) fn get_mut(&mut self, index: PeerIndex) -> &mut Association {
        match self.all.get_mut(index.0 as usize).and_then(Option::as_deref_mut) {
            Some(association) => association,
            None => unreachable!("an association lives as long as its legs"),
        }
    }

    /// Legs of an IP address.
    pub(crate) fn legs_of(&self, ip: IpAddr) -> Legs {
        self.legs_by_ip.get(&ip).copied().unwrap_or_default()
    }

    /// Gives a leg one of our numbers, the longest rested; `None` if all are in use or too fresh from it.
    pub(crate) fn number_for(
        &mut self,
        now: Instant,
        index: PeerIndex,
        leg: Key,
    ) -> Option<CallNumber> {
        let association = self.get_mut(index);
        let (number, was_resting) = association.take_number(now)?;
        association.slots.insert(number.get(), Slot::Live(leg));
        let ip = association.remote.ip();
        let legs = self.legs_by_ip.entry(ip).or_default();
        legs.live += 1;
        legs.resting -= u32::from(was_resting);
        Some(number)
    }

    /// A leg's number goes to rest. The pair is forgotten with its last number.
    pub(crate) fn rest(&mut self, index: PeerIndex, ours: CallNumber, tombstone: Tombstone) {
        let association = self.get_mut(index);
        let Some(Slot::Live(leg)) = association.slots.insert(ours.get(), Slot::Resting(tombstone))
        else {
            unreachable!("a leg's number rests once");
        };
        if let Some(theirs) = tombstone.theirs.map(CallNumber::get)
            && association.by_theirs.get(&theirs) == Some(&leg)
        {
            association.by_theirs.remove(&theirs); // unless the peer has begun another call with it
        }
        if tombstone.acknowledged {
            association.acknowledged.push_back(ours.get());
        } else {
            association.unacknowledged.push_back(ours.get());
        }
        let ip = association.remote.ip();
        let legs = self.legs_by_ip.entry(ip).or_default();
        legs.live -= 1;
        legs.resting += 1;
        self.resting.push_back((tombstone.ended, index.0, ours.get()));
    }

    /// Gives back the numbers whose rest is over, and the pairs nothing is left of.
    pub(crate) fn wake_rested(&mut self, now: Instant) {
        while let Some(&(ended, index, number)) = self.resting.front() {
            if now < ended + REST {
                break;
            }
            self.resting.pop_front();
            let Some(association) = self.all.get_mut(index as usize).and_then(Option::as_deref_mut)
            else {
                continue;
            };
            if !matches!(association.slots.get(&number), Some(Slot::Resting(t)) if t.ended == ended)
            {
                continue; // used again before its time
            }
            association.slots.remove(&number);
            let (local, remote) = (association.local, association.remote);
            let over = association.slots.is_empty();
            if let Some(legs) = self.legs_by_ip.get_mut(&remote.ip()) {
                legs.resting -= 1;
                if *legs == Legs::default() {
                    self.legs_by_ip.remove(&remote.ip());
                }
            }
            if over {
                self.by_address.remove(&(local, remote));
                self.all[index as usize] = None;
                self.free.push(index);
            }
        }
    }

    /// Forgets a pair made for a leg that could not be made after all.
    pub(crate) fn forget_if_unused(&mut self, index: PeerIndex) {
        let association = self.get(index);
        if association.slots.is_empty() {
            self.by_address.remove(&(association.local, association.remote));
            self.all[index.0 as usize] = None;
            self.free.push(index.0);
        }
    }

    /// When [`Associations::wake_rested`] has something to do.
    pub(crate) fn deadline(&self) -> Instant {
        self.resting.front().map_or(Instant::FAR_FUTURE, |(ended, ..)| *ended + REST)
    }
}

impl Association {
    /// The peer's number for a leg is known from now on.
    pub(crate) fn learn_theirs(&mut self, theirs: CallNumber, leg: Key) {
        self.by_theirs.insert(theirs.get(), leg);
    }

    /// Finds whom a full frame is for: by our number if it names one, else by the peer's.
    ///
    /// A number of ours that lives needs no agreement on the peer's here: the leg judges that, since the peer's
    /// first reply is what tells its number.
    pub(crate) fn find(&self, now: Instant, ours: Option<CallNumber>, theirs: CallNumber) -> Found {
        let Some(ours) = ours else {
            return self
                .by_theirs
                .get(&theirs.get())
                .map_or(Found::Nothing, |leg| Found::Leg(*leg));
        };
        match self.slots.get(&ours.get()) {
            Some(Slot::Live(leg)) => Found::Leg(*leg),
            Some(Slot::Resting(tombstone))
                if tombstone.theirs == Some(theirs)
                    && now < tombstone.ended + TOMBSTONE_ANSWERS =>
            {
                Found::Tombstone(ours, *tombstone)
            }
            _ => Found::Nothing,
        }
    }

    /// The longest rested number, and whether it still counted as a resting leg.
    fn take_number(&mut self, now: Instant) -> Option<(CallNumber, bool)> {
        if self.fresh_left > 0 {
            self.fresh_left -= 1;
            let number = self.fresh_next;
            self.fresh_next =
                if number >= CallNumber::MAX.get() { FIRST_NUMBER } else { number + 1 };
            return CallNumber::from_wire(number).map(|number| (number, false));
        }
        let ended = |queue: &VecDeque<u16>| queue.front().map(|number| self.rest_of(*number));
        let acknowledged = ended(&self.acknowledged).filter(|(at, _)| now >= *at + REST_MIN);
        let unacknowledged = ended(&self.unacknowledged).filter(|(at, _)| now >= *at + REST);
        let (queue, was_resting) = match (acknowledged, unacknowledged) {
            (Some((at, resting)), other) if other.is_none_or(|(other, _)| at <= other) => {
                (&mut self.acknowledged, resting)
            }
            (_, Some((_, resting))) => (&mut self.unacknowledged, resting),
            (_, None) => return None,
        };
        let number = queue.pop_front()?;
        CallNumber::from_wire(number).map(|number| (number, was_resting))
    }

    /// When a number went to rest (long ago, if its rest is over), and whether it is resting still.
    fn rest_of(&self, number: u16) -> (Instant, bool) {
        match self.slots.get(&number) {
            Some(Slot::Resting(tombstone)) => (tombstone.ended, true),
            _ => (Instant::from_micros(0), false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    fn tombstone(ended: Instant, acknowledged: bool) -> Tombstone {
        Tombstone {
            theirs: None,
            oseqno: SeqNo(0),
            iseqno: SeqNo(0),
            ended,
            acknowledged,
            keys: LastKeys::Clear,
        }
    }

    #[test]
    fn every_number_is_given_once_and_the_longest_rested_first() {
        let mut all = Associations::new(4, 9);
        let remote: SocketAddr = "192.0.2.1:4569".parse().unwrap();
        let random = &mut Random::new(&[3; 32]);
        let pair = all.find_or_make(SocketId(0), remote, CoreId(0), random).unwrap();
        let leg = Slab::new(1).insert_with(|_| ()).unwrap();
        let mut numbers = Vec::new();
        while let Some(number) = all.number_for(at(0), pair, leg) {
            numbers.push(number);
        }
        let mut sorted: Vec<u16> = numbers.iter().map(|number| number.get()).collect();
        sorted.sort_unstable();
        assert_eq!(sorted, (2..=32_767).collect::<Vec<u16>>());
        assert_eq!(all.legs_of(remote.ip()), Legs { live: 32_766, resting: 0 });

        all.rest(pair, numbers[7], tombstone(at(1000), true));
        all.rest(pair, numbers[3], tombstone(at(1500), false));
        assert_eq!(all.number_for(at(5999), pair, leg), None, "too fresh");
        assert_eq!(all.number_for(at(6000), pair, leg), Some(numbers[7]));
        assert_eq!(all.number_for(at(61_000), pair, leg), None, "its end was not acknowledged");
        assert_eq!(all.legs_of(remote.ip()), Legs { live: 32_765, resting: 1 });
        all.wake_rested(at(61_500));
        assert_eq!(all.legs_of(remote.ip()), Legs { live: 32_765, resting: 0 });
        assert_eq!(all.number_for(at(61_500), pair, leg), Some(numbers[3]));
    }

    #[test]
    fn a_pair_is_forgotten_with_its_last_number() {
        let mut all = Associations::new(1, 9);
        let remote: SocketAddr = "192.0.2.1:4569".parse().unwrap();
        let random = &mut Random::new(&[3; 32]);
        let pair = all.find_or_make(SocketId(0), remote, CoreId(0), random).unwrap();
        let leg = Slab::new(1).insert_with(|_| ()).unwrap();
        let number = all.number_for(at(0), pair, leg).unwrap();
        assert_eq!(all.get(pair).find(at(1), Some(number), CallNumber::MAX), Found::Leg(leg));
        all.rest(
            pair,
            number,
            Tombstone { theirs: Some(CallNumber::MAX), ..tombstone(at(1), true) },
        );
        let found = all.get(pair).find(at(2), Some(number), CallNumber::MAX);
        assert!(matches!(found, Found::Tombstone(n, _) if n == number));
        let other = "192.0.2.2:4569".parse().unwrap();
        assert_eq!(all.find_or_make(SocketId(0), other, CoreId(0), random), None, "at the bound");
        all.wake_rested(at(60_001));
        let none = (None, Legs::default());
        assert_eq!((all.find(SocketId(0), remote), all.legs_of(remote.ip())), none);
        assert!(all.find_or_make(SocketId(0), other, CoreId(0), random).is_some());
    }
    #[test]
    fn an_end_never_acknowledged_keeps_no_other_number_from_its_return() {
        let mut all = Associations::new(1, 9);
        let remote: SocketAddr = "192.0.2.1:4569".parse().unwrap();
        let random = &mut Random::new(&[3; 32]);
        let pair = all.find_or_make(SocketId(0), remote, CoreId(0), random).unwrap();
        let leg = Slab::new(1).insert_with(|_| ()).unwrap();
        let mut numbers = Vec::new();
        numbers.extend(std::iter::from_fn(|| all.number_for(at(0), pair, leg)));
        all.rest(pair, numbers[0], tombstone(at(1000), false));
        all.rest(pair, numbers[1], tombstone(at(1001), true));
        assert_eq!(all.number_for(at(6001), pair, leg), Some(numbers[1]));
        assert_eq!(all.number_for(at(6001), pair, leg), None);
        assert_eq!(all.number_for(at(61_000), pair, leg), Some(numbers[0]));
    }

    #[test]
    fn a_number_of_the_peer_that_began_another_call_is_not_forgotten_with_the_first() {
        let mut all = Associations::new(1, 9);
        let remote: SocketAddr = "192.0.2.1:4569".parse().unwrap();
        let random = &mut Random::new(&[3; 32]);
        let pair = all.find_or_make(SocketId(0), remote, CoreId(0), random).unwrap();
        let mut legs = Slab::new(2);
        let (old, new) = (legs.insert_with(|_| ()).unwrap(), legs.insert_with(|_| ()).unwrap());
        let ours = all.number_for(at(0), pair, old).unwrap();
        all.get_mut(pair).learn_theirs(CallNumber::MAX, old);
        all.get_mut(pair).learn_theirs(CallNumber::MAX, new);
        all.rest(pair, ours, Tombstone { theirs: Some(CallNumber::MAX), ..tombstone(at(1), true) });
        assert_eq!(all.get(pair).find(at(2), None, CallNumber::MAX), Found::Leg(new));
    }
}
