//! The network between the switch and one host: it loses, doubles, delays and overtakes, by the seed.

use std::time::Duration;

use dataplane::time::Instant;

use super::random::Random;

/// One in a hundred, in the millionths that a [`Link`] counts in.
pub const PERCENT: u32 = 10_000;

/// One direction.
#[derive(Debug, Clone)]
pub struct Link {
    loss: u32,
    doubling: u32,
    overtaking: u32,
    delay: (Duration, Duration),
    last: Instant,
}

impl Default for Link {
    fn default() -> Self {
        let delay = (Duration::from_millis(1), Duration::from_millis(2));
        Self { loss: 0, doubling: 0, overtaking: 0, delay, last: Instant::ZERO }
    }
}

impl Link {
    /// So many datagrams of a hundred (or of what `of` says) are lost.
    pub fn loses(&mut self, many: u32, of: u32) -> &mut Self {
        self.loss = many * of;
        self
    }

    /// So many arrive twice.
    pub fn doubles(&mut self, many: u32, of: u32) -> &mut Self {
        self.doubling = many * of;
        self
    }

    /// So many are overtaken by later ones.
    pub fn reorders(&mut self, many: u32, of: u32) -> &mut Self {
        self.overtaking = many * of;
        self
    }

    /// Each takes between the two.
    pub fn delays(&mut self, least: Duration, most: Duration) -> &mut Self {
        self.delay = (least, most);
        self
    }

    /// When the copies of a datagram sent at `now` arrive; none if it is lost.
    pub(super) fn arrivals(&mut self, now: Instant, random: &mut Random) -> Vec<Instant> {
        let mut arrivals = Vec::new();
        if !random.happens(self.loss) {
            arrivals.push(self.arrival(now, random));
        }
        if !arrivals.is_empty() && random.happens(self.doubling) {
            arrivals.push(self.arrival(now, random));
        }
        arrivals
    }

    fn arrival(&mut self, now: Instant, random: &mut Random) -> Instant {
        let (least, most) = self.delay;
        let spread = (most - least).as_micros() as u64;
        let at = now + least + Duration::from_micros(random.below(spread + 1));
        if random.happens(self.overtaking) {
            return at + Duration::from_micros(random.below(OVERTAKEN_BY_US));
        }
        self.last = self.last.max(at); // what is not overtaken keeps its place
        self.last
    }
}

/// An overtaken datagram comes up to this much later.
const OVERTAKEN_BY_US: u64 = 80_000;
