//! Bad input over real TLS against the real binary: each gets its answer within its limit, the
//! server's memory stays bounded, nothing changes, and the next good request works.
//!
//! What never comes in: what the Go server says to the same (the differential test's business).

mod bench;
mod documents;
mod flood;
mod http2;
mod limits;
mod names;
mod slow;
mod updates;
mod uploads;
