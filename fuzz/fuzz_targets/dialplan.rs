//! Fuzzes the reading of `extensions.conf` and walks through it.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| tests::fuzz_bodies::dialplan(octets));
