//! Scripted IAX2 PBXes with media that counts every frame: load and verification.
//!
//! A [`Pair`] is two PBXes on UDP sockets of their own: calls are placed by one and answered by the other, straight or
//! through a switch. The signalling is real: call tokens, md5, sequence numbers, frames sent again. Each voice frame
//! says whose it is, its place in the stream, when it left, and fills the rest with a pattern of these, so the PBX that
//! hears it can tell loss, repetition, disorder, damage and delivery to the wrong call, and measures its latency.
//!
//! One thread runs both PBXes ([`Pair::run`]), on whatever CPUs its caller left it.

mod answering;
mod clock;
mod leg;
mod media;
mod outcome;
mod packer;
mod pair;
mod payload;
mod pbx;
mod scenario;
mod signalling;
mod socket;
mod switch_files;
mod tally;

pub use outcome::{Failure, FailureKind, Outcome, Snapshot};
pub use pair::Pair;
pub use payload::AUDIO_LEN;
pub use scenario::{Account, Asks, CALLS_MAX, Scenario};
pub use switch_files::SwitchFiles;
pub use tally::{Latency, Side, Totals};
