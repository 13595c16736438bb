//! The stages of a step, in the order of their running: `commands`, `ingress`, `relay`, `egress` with `trunk`.
//!
//! Each is a function over a batch, or one frame of it, whose arguments are all it touches; each frame leaves or is
//! counted. One more has its place here: `jitter` between `ingress` and `relay`, for legs whose audio is re-timed. What
//! is encrypted is decrypted between the two as well, where its relay is known, and encrypted where `egress` writes it.

pub(crate) mod commands;
pub(crate) mod egress;
pub(crate) mod ingress;
pub(crate) mod relay;
mod super_buffer;
mod ticks;
mod trunk;
