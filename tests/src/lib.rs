//! Simulated world, strict checker and scenarios.

pub mod datagrams;
pub mod one_core;
