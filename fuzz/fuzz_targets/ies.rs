//! Fuzzes the reading of information elements.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| tests::fuzz_bodies::ies(octets));
