//! Bodies in memory, bounded in bytes: documents by GUN, role and digest, which never change.
//!
//! What can change is that they are there: with a deletion its GUN begins a new generation, and what
//! was kept, or is still being fetched, under an older one is found no more. It makes room like
//! anything else that nobody asks for.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_storage::StoredDocument;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Equivalent, OptionsBuilder, Weighter};

/// How many generations there are. GUNs share them by hash, so their number never grows; a GUN
/// that is deleted takes a few others out of memory with it.
const STRIPES: usize = 4096;

/// What an entry takes beside its name and its body, in bytes: rather too much than too little.
const OVERHEAD: u64 = 400;

/// The cache is cut into parts, each with its own lock; a body above a part's size is not kept.
/// So there are as many parts as have room for the largest body that is taken by default.
const PART: u64 = 16 * 1024 * 1024;
const MOST_PARTS: u64 = 16;

/// What an entry is expected to take, in bytes; only sizes tables.
const EXPECTED: u64 = 2048;

/// The bodies that were read lately.
pub(crate) struct Bodies {
    cache: Option<Cache<Name, StoredDocument, Weight>>,
    hasher: RandomState,
    generations: Vec<AtomicU64>,
}

/// The generation of a GUN at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Generation(u64);

#[derive(PartialEq, Eq, Hash)]
struct Name {
    generation: Generation,
    sha256: Sha256Digest,
    gun: Gun,
    role: RoleName,
}

/// A [`Name`] that is borrowed. Field by field the same, so that their hashes are.
#[derive(Hash)]
struct Wanted<'a> {
    generation: Generation,
    sha256: Sha256Digest,
    gun: &'a Gun,
    role: &'a RoleName,
}

impl Equivalent<Name> for Wanted<'_> {
    fn equivalent(&self, name: &Name) -> bool {
        self.generation == name.generation
            && self.sha256 == name.sha256
            && self.gun == &name.gun
            && self.role == &name.role
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Name, StoredDocument> for Weight {
    fn weight(&self, name: &Name, document: &StoredDocument) -> u64 {
        // The role is there twice: in the name and in the document.
        let text = name.gun.as_str().len() + 2 * name.role.as_str().len();
        let bytes = text.saturating_add(document.bytes.len());
        u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(OVERHEAD)
    }
}

impl Bodies {
    /// Room for this many bytes, overhead included; 0: nothing is kept.
    pub(crate) fn with_room_for(bytes: u64) -> Self {
        Self {
            cache: (bytes > 0).then(|| cache(bytes)).flatten(),
            hasher: RandomState::new(),
            generations: (0..STRIPES).map(|_| AtomicU64::default()).collect(),
        }
    }

    /// Whether anything is ever kept.
    pub(crate) fn keep_anything(&self) -> bool {
        self.cache.is_some()
    }

    /// The body, if it is here and its GUN was not forgotten since.
    pub(crate) fn get(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> Option<StoredDocument> {
        let generation = self.generation(gun);
        self.cache.as_ref()?.get(&Wanted { generation, sha256, gun, role })
    }

    /// The generation under which what is fetched from now on may be kept.
    pub(crate) fn generation(&self, gun: &Gun) -> Generation {
        Generation(self.counter(gun).map_or(0, |counter| counter.load(Ordering::SeqCst)))
    }

    /// Keeps a body that was fetched while `generation` was the GUN's.
    pub(crate) fn keep(&self, gun: &Gun, generation: Generation, document: &StoredDocument) {
        let Some(cache) = &self.cache else { return };
        // Under an older one it would not be found.
        if generation != self.generation(gun) {
            return;
        }
        let (sha256, role) = (document.sha256, document.role.clone());
        cache.insert(Name { generation, sha256, gun: gun.clone(), role }, document.clone());
    }

    /// Nothing of this GUN that was fetched so far is found any more.
    pub(crate) fn forget(&self, gun: &Gun) {
        if let Some(counter) = self.counter(gun) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Nothing that was fetched so far is found any more.
    pub(crate) fn forget_all(&self) {
        for counter in &self.generations {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How many bytes are in use, overhead included.
    pub(crate) fn bytes(&self) -> u64 {
        self.cache.as_ref().map_or(0, Cache::weight)
    }

    fn counter(&self, gun: &Gun) -> Option<&AtomicU64> {
        let stripes = u64::try_from(self.generations.len()).unwrap_or(u64::MAX);
        let stripe = self.hasher.hash_one(gun).checked_rem(stripes).unwrap_or_default();
        self.generations.get(usize::try_from(stripe).unwrap_or_default())
    }
}

fn cache(bytes: u64) -> Option<Cache<Name, StoredDocument, Weight>> {
    let parts = (bytes / PART).clamp(1, MOST_PARTS);
    // Rounded down to a power of two: rounded up, parts would be too small.
    let parts = parts.checked_ilog2().map_or(1, |exponent| 1_usize << exponent);
    let entries = usize::try_from(bytes / EXPECTED).unwrap_or(usize::MAX);
    let options = OptionsBuilder::new()
        .shards(parts)
        .estimated_items_capacity(entries.max(1))
        .weight_capacity(bytes)
        .build()
        .ok()?;
    let hasher = DefaultHashBuilder::default();
    Some(Cache::with_options(options, Weight, hasher, DefaultLifecycle::default()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chrono::DateTime;
    use countersign_tuf::names::Version;

    use super::*;

    fn gun(name: &str) -> Gun {
        Gun::parse(name).unwrap()
    }

    fn document(size: usize, seed: u8) -> StoredDocument {
        let bytes = Bytes::from(vec![seed; size]);
        StoredDocument {
            role: RoleName::Targets,
            version: Version::FIRST,
            sha256: Sha256Digest::of(&bytes),
            bytes,
            stored_at: DateTime::UNIX_EPOCH,
        }
    }

    fn keep(bodies: &Bodies, name: &str, document: &StoredDocument) {
        let gun = gun(name);
        bodies.keep(&gun, bodies.generation(&gun), document);
    }

    fn has(bodies: &Bodies, name: &str, document: &StoredDocument) -> bool {
        bodies.get(&gun(name), &document.role, document.sha256).as_ref() == Some(document)
    }

    #[test]
    fn a_body_is_found_under_its_own_gun_role_and_digest_only() {
        let (bodies, kept) = (Bodies::with_room_for(1 << 20), document(10, 1));
        keep(&bodies, "a", &kept);
        assert!(has(&bodies, "a", &kept));
        assert!(!has(&bodies, "b", &kept));
        assert!(!has(&bodies, "a", &document(10, 2)));
        assert_eq!(bodies.get(&gun("a"), &RoleName::Root, kept.sha256), None);
    }

    #[test]
    fn what_was_fetched_before_its_gun_was_forgotten_is_never_found_again() {
        let (bodies, kept) = (Bodies::with_room_for(1 << 20), document(10, 1));
        let (a, before) = (gun("a"), bodies.generation(&gun("a")));
        keep(&bodies, "a", &kept);
        bodies.forget(&a);
        assert!(!has(&bodies, "a", &kept));
        bodies.keep(&a, before, &kept);
        assert!(!has(&bodies, "a", &kept), "a fetch that began before the deletion ends after it");
        keep(&bodies, "a", &kept);
        assert!(has(&bodies, "a", &kept), "the collection was made again");
        bodies.forget_all();
        assert!(!has(&bodies, "a", &kept));
    }

    #[test]
    fn memory_never_exceeds_its_bound_and_what_is_asked_for_again_and_again_stays() {
        const ROOM: u64 = 100_000;
        let (bodies, dear) = (Bodies::with_room_for(ROOM), document(100, 1));
        keep(&bodies, "dear", &dear);
        for number in 0..5_000 {
            keep(&bodies, &format!("app-{number}"), &document(200, 2));
            assert!(bodies.bytes() <= ROOM, "{}", bodies.bytes());
            assert!(has(&bodies, "dear", &dear), "{number}");
        }
        assert!(bodies.bytes() > ROOM / 2, "{}", bodies.bytes());
    }

    #[test]
    fn the_largest_part_of_an_upload_fits_into_the_usual_room() {
        let (bodies, large) = (Bodies::with_room_for(64 << 20), document(10 << 20, 1));
        keep(&bodies, "a", &large);
        assert!(has(&bodies, "a", &large));
    }

    #[test]
    fn what_does_not_fit_is_not_kept_and_without_room_nothing_is() {
        let (small, none) = (Bodies::with_room_for(1_000), Bodies::with_room_for(0));
        let large = document(2_000, 1);
        for bodies in [&small, &none] {
            keep(bodies, "a", &large);
            assert!(!has(bodies, "a", &large));
            assert_eq!(bodies.bytes(), 0);
        }
        assert!(small.keep_anything() && !none.keep_anything());
    }
}
