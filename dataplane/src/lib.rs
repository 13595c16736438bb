//! What happens to every frame of an IAX2 trunk switch.
//!
//! Two halves: [`wire`], [`time`] and [`handoff`] are words both planes share and depend on nothing of ours; the
//! rest runs on pinned cores and, once started, never allocates, locks, logs or reads a clock.

pub mod counters;
pub mod handoff;
pub mod io;
pub mod pool;
pub mod punts;
pub mod spsc;
pub mod time;
pub mod wire;
