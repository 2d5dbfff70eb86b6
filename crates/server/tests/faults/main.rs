//! A database and keys in trouble, and a clock that cannot be believed, as a client of the HTTP
//! interface sees them: through the whole router, over a real database whose every operation can
//! be made to fail.
//!
//! What never comes in: faults of a real file or disk; those are played against the binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod absence;
mod bench;
mod faulty_store;
mod time;
