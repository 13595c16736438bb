//! `Control`: finds the leg a frame belongs to, drains what legs want done, keeps the timers.

use std::net::SocketAddr;
use std::sync::Arc;

use dataplane::handoff::{CoreId, Punt, RelayCells};
use dataplane::time::Instant;

use crate::conf::Config;
use crate::output::{Output, Ticket};

/// What a [`Control`] is made of.
#[derive(Debug)]
pub struct Setup {
    /// The configuration.
    pub config: Arc<Config>,
    /// What the cores publish of each relay; at least `legs_max` of them.
    pub cells: Arc<RelayCells>,
    /// How many cores there are.
    pub cores: u8,
    /// Seed of challenges, tokens and tables; random, and never twice the same.
    pub seed: [u8; 32],
    /// The moment it starts.
    pub now: Instant,
    /// Seconds since 1970 at that moment, for the DATETIME element.
    pub unix_seconds: u64,
}

/// How much there is of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Legs that are not resting.
    pub legs: usize,
    /// Calls: two legs bridged, or one being routed.
    pub calls: usize,
    /// Calls answered.
    pub calls_up: usize,
    /// Peers registered with us.
    pub registered: usize,
}

/// The control plane. Feed it, then drain it: after each `handle_*` ask [`Control::poll_output`] until it has no more.
#[derive(Debug)]
pub struct Control {}

impl Control {
    /// A control plane at rest; its first registrations and qualifications are due at once.
    pub fn new(setup: Setup) -> Self {
        let _ = setup;
        Self {}
    }

    /// Something a core handed over.
    pub fn handle_punt(&mut self, now: Instant, core: CoreId, punt: Punt<'_>) {
        let _ = (now, core, punt);
    }

    /// `now` reached [`Control::deadline`]. Called early, it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// A name was looked up, or could not be (with the reason in words).
    pub fn handle_resolved(
        &mut self,
        now: Instant,
        ticket: Ticket,
        answer: Result<SocketAddr, String>,
    ) {
        let _ = (now, ticket, answer);
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// When [`Control::handle_timeout`] is next due.
    pub fn deadline(&self) -> Instant {
        Instant::FAR_FUTURE
    }

    /// Hangs up every call with cause 41 (temporary failure), takes no new ones and releases our registrations.
    pub fn shut_down(&mut self, now: Instant) {
        let _ = now;
    }

    /// Whether nothing is in the air any more: after [`Control::shut_down`], the time to exit.
    pub fn is_idle(&self) -> bool {
        true
    }

    /// How much there is of what.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }
}
