//! Bindings in memory, for a database that has no table of them and lets none be made. They end
//! with the process; those of keys that a stored root names are found again at the next start.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_storage::{KeyBinding, KeyBindings, StorageResult};
use countersign_tuf::names::Gun;

/// Where a binding is in the order of GUN, role and key ID.
type Place = (String, &'static str, String);

/// The bindings of one process.
#[derive(Debug, Default)]
pub struct UnstoredBindings(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_place: BTreeMap<Place, KeyBinding>,
    places: BTreeMap<String, Place>,
}

impl UnstoredBindings {
    /// No call leaves the maps half changed, so a panic elsewhere does not spoil them.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn find(&mut self, key_id: &str) -> Option<&mut KeyBinding> {
        self.by_place.get_mut(self.places.get(key_id)?)
    }
}

#[async_trait]
impl KeyBindings for UnstoredBindings {
    async fn binding(&self, key_id: &str) -> StorageResult<Option<KeyBinding>> {
        Ok(self.lock().find(key_id).cloned())
    }

    async fn bind_key(&self, binding: &KeyBinding) -> StorageResult<KeyBinding> {
        let mut kept = self.lock();
        if let Some(first) = kept.find(&binding.key_id) {
            return Ok(first.clone());
        }
        let place = place_of(binding);
        kept.places.insert(binding.key_id.clone(), place.clone());
        kept.by_place.insert(place, binding.clone());
        Ok(binding.clone())
    }

    async fn note_binding_used(&self, key_id: &str, at: DateTime<Utc>) -> StorageResult<()> {
        if let Some(binding) = self.lock().find(key_id) {
            binding.last_used = Some(at);
        }
        Ok(())
    }

    async fn bindings(
        &self,
        gun: Option<&Gun>,
        after: Option<&KeyBinding>,
        most: u32,
    ) -> StorageResult<Vec<KeyBinding>> {
        let from = match (after, gun) {
            (Some(after), _) => Bound::Excluded(place_of(after)),
            (None, Some(gun)) => Bound::Included((gun.as_str().to_owned(), "", String::new())),
            (None, None) => Bound::Unbounded,
        };
        let kept = self.lock();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let of_gun = |binding: &&KeyBinding| gun.is_none_or(|gun| binding.gun == *gun);
        let following = kept.by_place.range((from, Bound::Unbounded)).map(|(_, binding)| binding);
        Ok(following.take_while(of_gun).take(most).cloned().collect())
    }

    async fn unbind_key(&self, key_id: &str) -> StorageResult<bool> {
        let mut kept = self.lock();
        let Some(place) = kept.places.remove(key_id) else { return Ok(false) };
        Ok(kept.by_place.remove(&place).is_some())
    }
}

fn place_of(binding: &KeyBinding) -> Place {
    (binding.gun.as_str().to_owned(), binding.role.as_str(), binding.key_id.clone())
}
