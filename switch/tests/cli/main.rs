//! The binary as an operator runs it.
#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

mod check;
mod common;
mod demo;
mod keys;
mod run;
