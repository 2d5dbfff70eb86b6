//! The target `signer_calls`; its body and its invariants are in `fuzz/targets/src`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| countersign_fuzz_targets::signer_calls(data));
