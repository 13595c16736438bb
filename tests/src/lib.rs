//! Simulated world, strict checker and scenarios.

pub mod checker;
pub mod frames;
pub mod pcap;
