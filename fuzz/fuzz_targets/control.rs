//! Fuzzes the control plane by scripts of frames and time.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    tests::fuzz_control::control(octets);
});
