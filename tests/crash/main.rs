//! Processes that end in the middle of a publish: what was acknowledged is there afterwards, to
//! the byte, every collection verifies from its root to its last delegation, and of a publish that
//! was not acknowledged all is there or nothing.
//!
//! `killed.rs` and `keys.rs` kill the real binary at random; `steps.rs` ends a process of its own before and
//! after each call of a publish into the store and into custody; `torn.rs` ends one in the middle
//! of the file writes of a commit.
//! What never comes in: a machine that loses power, which no test can bring about; the database
//! asks the disk for every commit (`synchronous=FULL`).

mod child;
mod fuse;
mod keys;
mod killed;
mod scene;
mod service;
mod steps;
mod torn;
