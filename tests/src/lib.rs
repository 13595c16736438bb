//! Simulated world, strict checker and scenarios.
