//! Simulated world, strict checker and scenarios.

pub mod blocks;
pub mod checker;
pub mod datagrams;
pub mod frames;
pub mod fuzz_bodies;
pub mod fuzz_control;
pub mod hex;
pub mod one_core;
pub mod pcap;
pub mod unseal;
pub mod world;
