//! One server: what of the requests that reach it comes from memory, and what it asks its database.
//!
//! The way of a read is that of the service (decision 0007): by name one look at the newest
//! timestamp, shared with whoever came before it began; bodies from memory, else one query each.

use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use crate::edge::Passed;
use crate::sharing::Sharing;
use crate::space::Documents;

/// What an entry takes in memory beside its body, in bytes, with its name.
const OVERHEAD: u64 = 450;

/// How many GUNs there is an entry for that says what the newest timestamp leads to.
const LEADS: usize = 16_384;

/// What is asked by name or digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Role {
    Timestamp,
    Snapshot,
    Targets,
    Root,
}

#[derive(Clone)]
struct Weight;

impl Weighter<(usize, Role), u32> for Weight {
    fn weight(&self, _: &(usize, Role), bytes: &u32) -> u64 {
        u64::from(*bytes) + OVERHEAD
    }
}

/// See the module.
pub(crate) struct Replica {
    documents: Documents,
    bodies: Cache<(usize, Role), u32, Weight>,
    leads: Cache<usize, ()>,
    of_each: Sharing<usize>,
    of_all: Sharing<()>,
    seen: Seen,
}

/// What came to a server and what it asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) by_name: u64,
    pub(crate) by_digest: u64,
    /// Requests by name whose GUN had a lead.
    pub(crate) led: u64,
    /// Bodies that were there, and those that were not: one query each.
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    /// Looks at the newest timestamp, when requests of one GUN share them.
    pub(crate) heads: u64,
    /// Queries for them, when all GUNs share one.
    pub(crate) batches: u64,
}

impl Replica {
    /// With so much room for bodies, in bytes, whose looks take so long, in seconds.
    pub(crate) fn new(documents: Documents, room: u64, look: f64) -> Self {
        let expected = usize::try_from(room / 2_048).unwrap_or(usize::MAX).max(1);
        Self {
            documents,
            bodies: Cache::with_weighter(expected, room, Weight),
            leads: Cache::new(LEADS),
            of_each: Sharing::new(look),
            of_all: Sharing::new(look),
            seen: Seen::default(),
        }
    }

    /// The same after it has run for long: with the most pulled of so many GUNs in memory, as many
    /// as there is room for.
    pub(crate) fn that_has_run(mut self, guns: u32) -> Self {
        let Documents { root, targets, snapshot, timestamp } = self.documents;
        let each = [root, targets, snapshot, timestamp].map(|bytes| u64::from(bytes) + OVERHEAD);
        let places = self.bodies.capacity() / each.iter().sum::<u64>();
        let held = usize::try_from(places.min(u64::from(guns))).unwrap_or(usize::MAX);
        for gun in (0..held).rev() {
            self.pull(gun, Passed::ALL, f64::NEG_INFINITY);
        }
        let (look, documents, seen) = (self.of_each.takes(), self.documents, Seen::default());
        let (of_each, of_all) = (Sharing::new(look), Sharing::new(look));
        Self { documents, of_each, of_all, seen, ..self }
    }

    /// What of a pull reaches this server.
    pub(crate) fn pull(&mut self, gun: usize, passed: Passed, now: f64) {
        if passed.timestamp {
            self.seen.by_name += 1;
            self.of_each.ask(gun, now);
            self.of_all.ask((), now);
            self.body(gun, Role::Timestamp);
            if self.leads.get(&gun).is_some() {
                self.seen.led += 1;
            } else {
                // Whether the snapshot is fresh is read out of it.
                self.body(gun, Role::Snapshot);
                self.leads.insert(gun, ());
            }
        }
        self.seen.by_digest += u64::from(passed.by_digest());
        if passed.snapshot_and_targets {
            self.body(gun, Role::Snapshot);
            self.body(gun, Role::Targets);
        }
        if passed.root {
            self.body(gun, Role::Root);
        }
    }

    /// What was seen since the beginning.
    pub(crate) fn seen(&self) -> Seen {
        Seen { heads: self.of_each.lookups(), batches: self.of_all.lookups(), ..self.seen }
    }

    fn body(&mut self, gun: usize, role: Role) {
        if self.bodies.get(&(gun, role)).is_some() {
            self.seen.hits += 1;
            return;
        }
        self.seen.misses += 1;
        let Documents { root, targets, snapshot, timestamp } = self.documents;
        let bytes = match role {
            Role::Timestamp => timestamp,
            Role::Snapshot => snapshot,
            Role::Targets => targets,
            Role::Root => root,
        };
        self.bodies.insert((gun, role), bytes);
    }
}

impl Seen {
    /// What came after `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            by_name: self.by_name - earlier.by_name,
            by_digest: self.by_digest - earlier.by_digest,
            led: self.led - earlier.led,
            hits: self.hits - earlier.hits,
            misses: self.misses - earlier.misses,
            heads: self.heads - earlier.heads,
            batches: self.batches - earlier.batches,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTS: Documents =
        Documents { root: 2_500, targets: 1_500, snapshot: 800, timestamp: 500 };

    #[test]
    fn a_first_pull_asks_for_the_head_and_each_body_and_a_second_for_the_head_alone() {
        let mut replica = Replica::new(DOCUMENTS, 1 << 20, 0.001);
        replica.pull(1, Passed::ALL, 0.0);
        let first = replica.seen();
        // The snapshot by its digest is there by then.
        let expected =
            Seen { by_name: 1, by_digest: 3, led: 0, hits: 1, misses: 4, heads: 1, batches: 1 };
        assert_eq!(first, expected);
        replica.pull(1, Passed::ALL, 1.0);
        let expected =
            Seen { by_name: 1, by_digest: 3, led: 1, hits: 4, misses: 0, heads: 1, batches: 1 };
        assert_eq!(replica.seen().since(first), expected);
    }

    #[test]
    fn guns_with_a_pull_at_once_share_a_query_but_no_head() {
        let mut replica = Replica::new(DOCUMENTS, 1 << 20, 0.001);
        for gun in 0..10 {
            replica.pull(gun, Passed::ALL, 0.0);
        }
        let Seen { heads, batches, .. } = replica.seen();
        assert_eq!((heads, batches), (10, 2));
    }

    #[test]
    fn who_has_run_for_long_has_the_most_pulled_in_memory_and_has_seen_nothing() {
        let replica = || Replica::new(DOCUMENTS, 1 << 20, 0.001).that_has_run(1_000_000);
        assert_eq!(replica().seen(), Seen::default());
        let misses = |gun| {
            let mut replica = replica();
            replica.pull(gun, Passed::ALL, 0.0);
            replica.seen().misses
        };
        assert_eq!((misses(0), misses(1), misses(900_000)), (0, 0, 4));
    }

    #[test]
    fn what_has_no_room_is_asked_for_again() {
        let mut replica = Replica::new(DOCUMENTS, 20_000, 0.001);
        for round in 0..3 {
            for gun in 0..100 {
                replica.pull(gun, Passed::ALL, f64::from(round));
            }
        }
        let Seen { misses, .. } = replica.seen();
        assert!(misses > 1_000, "{misses}");
    }
}
