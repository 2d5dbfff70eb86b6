//! Which GUNs this process was asked for, bounded in number: what was not asked for longest is
//! forgotten first, and the next GET of it signs by itself.

use std::collections::HashSet;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_tuf::names::Gun;

/// How many GUNs are remembered, each once.
const MOST: usize = 10_000;

/// The GUNs that were read lately.
///
/// Two generations: a name enters the young one; when that has half of all places, it becomes the
/// old one, and the old one is forgotten. So a name stays for as long as half as many others.
pub(crate) struct RecentReads {
    half: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashSet<Gun>,
    old: HashSet<Gun>,
}

impl Default for RecentReads {
    fn default() -> Self {
        Self::with_places(MOST)
    }
}

impl RecentReads {
    fn with_places(most: usize) -> Self {
        Self { half: most / 2, generations: Mutex::default() }
    }

    /// Remembers that this GUN was read.
    pub(crate) fn note(&self, gun: &Gun) {
        let mut generations = self.lock();
        if generations.young.contains(gun) {
            return;
        }
        if generations.young.len() >= self.half {
            generations.old = mem::take(&mut generations.young);
        }
        generations.old.remove(gun);
        generations.young.insert(gun.clone());
    }

    /// Forgets a GUN that has nothing to sign again.
    pub(crate) fn forget(&self, gun: &Gun) {
        let mut generations = self.lock();
        generations.young.remove(gun);
        generations.old.remove(gun);
    }

    /// All that are remembered, in no order.
    pub(crate) fn list(&self) -> Vec<Gun> {
        let generations = self.lock();
        generations.young.iter().chain(&generations.old).cloned().collect()
    }

    /// No call leaves them half changed, so a panic elsewhere does not spoil them.
    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gun(number: usize) -> Gun {
        Gun::parse(&format!("app-{number}")).unwrap()
    }

    fn numbered(reads: &RecentReads, numbers: std::ops::Range<usize>) -> usize {
        let listed = reads.list();
        numbers.filter(|number| listed.contains(&gun(*number))).count()
    }

    #[test]
    fn a_gun_is_listed_once_however_often_it_is_read() {
        let reads = RecentReads::with_places(4);
        for number in [1, 2, 1, 3, 1, 2] {
            reads.note(&gun(number));
        }
        let mut listed = reads.list();
        listed.sort();
        assert_eq!(listed, [gun(1), gun(2), gun(3)]);
    }

    #[test]
    fn there_are_never_more_than_there_are_places() {
        let reads = RecentReads::with_places(100);
        for number in 0..10_000 {
            reads.note(&gun(number));
            assert!(reads.list().len() <= 100);
        }
        assert_eq!(numbered(&reads, 9_950..10_000), 50);
    }

    #[test]
    fn what_is_read_again_and_again_stays() {
        let reads = RecentReads::with_places(100);
        for number in 0..1_000 {
            reads.note(&gun(number));
            reads.note(&gun(0));
        }
        assert_eq!(numbered(&reads, 0..1), 1);
    }

    #[test]
    fn a_forgotten_gun_is_not_listed() {
        let reads = RecentReads::with_places(4);
        for number in 0..4 {
            reads.note(&gun(number));
        }
        reads.forget(&gun(0));
        reads.forget(&gun(3));
        assert_eq!(numbered(&reads, 0..4), 2);
    }
}
