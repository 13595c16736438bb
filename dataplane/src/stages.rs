//! The stages of a step, in the order of their running: `commands`, `ingress`, `relay`, `egress` with `trunk`.
//!
//! Each is a function over a batch, or one frame of it, whose arguments are all it touches; each frame leaves or is
//! counted. Two more have their place here: `jitter` between `ingress` and `relay`, for legs whose audio is re-timed,
//! and encryption on both sides of `relay`, where a frame's octets are at hand and its relay is known.

pub(crate) mod commands;
pub(crate) mod egress;
pub(crate) mod ingress;
pub(crate) mod relay;
mod super_buffer;
mod ticks;
mod trunk;
