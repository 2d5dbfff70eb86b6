//! The target `routes`; its body and its invariants are in `fuzz/targets/src`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| countersign_fuzz_targets::routes(data));
