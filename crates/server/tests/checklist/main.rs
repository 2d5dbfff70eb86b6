//! Rows of the compatibility checklist (`docs/checklist.md`) through the whole router, over a
//! real database and real server keys.
//!
//! What is here: what a client of the HTTP interface can see. Expected texts are those of the
//! specification, written down by hand. What never comes in: the listener and TLS.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod bench;
mod publishing;
mod reading;
mod refusals;
