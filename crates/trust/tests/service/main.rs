//! The service over the real store and the real custody, with a clock that tests move.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bench;
mod check;
mod clearing;
mod clock;
mod days;
mod faults;
mod freshen;
mod gc;
mod import;
mod key_list;
mod key_upkeep;
mod keys;
mod limits;
mod marks;
mod memory;
mod old_keys;
mod publish;
mod races;
mod read_only;
mod renew;
mod sign_above;
mod silent;
mod slow;
mod watched_store;
