//! Fuzzes the reading of `iax.conf` and `trunkline.conf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| tests::fuzz_bodies::conf(octets));
