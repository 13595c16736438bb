//! Simulated world, strict checker and scenarios.

pub mod checker;
pub mod fuzz_bodies;
pub mod hex;
