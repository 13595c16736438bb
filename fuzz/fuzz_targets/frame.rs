//! Fuzzes the reading of whole datagrams.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| tests::fuzz_bodies::frame(octets));
