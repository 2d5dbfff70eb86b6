//! The audit log of the real binary: killed, on a full disk, rotated by itself and by others, and
//! of several servers. Whatever happens, what was acknowledged has its line, and
//! `countersign audit verify` finds the chain whole.
//!
//! What never comes in: the form of a record; that is tested where it is made.

mod bench;
mod full;
mod killed;
mod replicas;
mod rotated;
