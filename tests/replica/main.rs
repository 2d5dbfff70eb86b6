//! Several servers on one PostgreSQL: restarted in turn, killed, without their database; and the
//! topology of `docker-compose.yml` as processes.

#![expect(clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod away;
mod balancer;
mod bench;
mod compose;
mod compose_files;
mod deletions;
mod rolling;
mod rotating;
mod signing;
mod topology;
