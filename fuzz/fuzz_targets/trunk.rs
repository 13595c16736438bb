//! Fuzzes the reading of trunk frames.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| tests::fuzz_bodies::trunk(octets));
