//! Faults of a real database under the real binary: a file that is locked, full, gone, replaced or
//! broken; a server that is held up, full, silent, or takes no connection.
//! "Could not look" is 503 or 500 and never 404, what is stored stays readable where it can be
//! read, and within 5 seconds of the fault's end everything is as before.
//!
//! What never comes in: faults that no database can have; those are played inside the crates.

mod bench;
mod clock;
mod damaged;
mod file;
mod full;
mod locked;
mod postgres;
mod restart;
