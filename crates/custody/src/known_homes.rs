//! Where keys were found last, so that a key is looked for in one home only, most of the time, and
//! a home that is away keeps nobody waiting who needs another.
//!
//! A hint: whoever follows it asks the other homes too where it does not hold.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_tuf::keys::KeyId;

use crate::key_plan::Home;

/// The most keys whose home is remembered; some megabytes.
const MOST: usize = 50_000;

/// A bounded map from key to home.
#[derive(Debug, Default)]
pub(crate) struct KnownHomes(Mutex<HashMap<String, Home>>);

impl KnownHomes {
    /// Where the key was last.
    pub(crate) fn of(&self, id: &KeyId) -> Option<Home> {
        self.map().get(id.as_str()).copied()
    }

    /// The key is there now.
    pub(crate) fn note(&self, id: &KeyId, home: Home) {
        let mut map = self.map();
        if map.get(id.as_str()) == Some(&home) {
            return;
        }
        if map.len() >= MOST {
            map.clear();
        }
        map.insert(id.as_str().to_owned(), home);
    }

    /// No call leaves the map half changed.
    fn map(&self) -> MutexGuard<'_, HashMap<String, Home>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
