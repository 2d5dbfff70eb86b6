//! Faults of a real database file under the real binary: locked, full, gone, replaced, broken.
//! "Could not look" is 503 or 500 and never 404, what is stored stays readable where it can be
//! read, and within 5 seconds of the fault's end everything is as before.
//!
//! What never comes in: faults that no file can have; those are played inside the crates.

mod bench;
mod clock;
mod damaged;
mod file;
mod full;
mod locked;
mod restart;
