//! What happens to every frame of an IAX2 trunk switch.
//!
//! Two halves: [`wire`], [`cipher`], [`g711`], [`time`] and [`handoff`] are words both planes share and depend on nothing
//! of ours; the rest runs on pinned cores and, once started, never allocates, locks, logs or reads a clock.

mod call_ciphers;
mod calls;
pub mod cipher;
pub mod core_loop;
pub mod counters;
mod fixed_map;
pub mod g711;
pub mod handoff;
pub mod io;
#[cfg(feature = "uring")]
pub mod net;
mod pages;
mod peers;
pub mod pool;
pub mod punts;
mod relay;
mod relay_table;
pub mod spsc;
mod stages;
pub mod time;
#[cfg(feature = "uring")]
pub mod uring;
pub mod wire;
