//! Chaos: publishers, readers and pollers on several replicas, or on one process, while replicas,
//! the database and the links between them are killed, stalled, broken and restarted at random.
//! Everything that was asked and answered is written down, and a checker that knows nothing of the
//! run says which promise was broken.
//!
//! `plan.rs` says from a seed what goes wrong when, `storm.rs` does it; `actors/` are the users;
//! `history.rs` is what was seen and `stored.rs` what the database holds in the end; `checker/`
//! judges both. `weather.rs` is the runs, `planted.rs` shows that the checker notices a server that
//! breaks its promises.
//! What never comes in: expectations that depend on the order in which things happened to happen.
#![cfg(test)]

mod actors;
mod checker;
mod cluster;
mod figures;
mod history;
mod plan;
mod planted;
mod run;
mod stored;
mod storm;
mod weather;
