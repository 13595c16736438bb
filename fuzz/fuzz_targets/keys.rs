//! Fuzzes the reading of key files.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| tests::fuzz_bodies::keys(octets));
