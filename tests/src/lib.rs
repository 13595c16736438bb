//! Simulated world, strict checker and scenarios.

pub mod checker;
