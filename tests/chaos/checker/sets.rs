//! What a reader was served together: it follows from each other, and of each publish it has all
//! or nothing.

use std::collections::HashMap;
use std::sync::Arc;

use super::Violation;
use crate::history::{Action, Edition, History, Outcome};

/// The documents that one publish stores together, by each of them.
type Together<'a> = HashMap<(&'a Arc<str>, &'a Edition), &'a [Edition]>;

/// Every set that is none.
pub(super) fn check(history: &History) -> Vec<Violation> {
    let together = published_together(history);
    let mut found = Vec::new();
    for set in &history.sets {
        let (gun, at) = (&set.gun, set.ended);
        if let Some(reason) = &set.refused {
            let (gun, reason) = (Arc::clone(gun), reason.clone());
            found.push(Violation::Unverifiable { gun, at, reason });
            continue;
        }
        let versions: HashMap<&str, i64> =
            set.editions.iter().map(|edition| (&*edition.role, edition.version)).collect();
        for has in &set.editions {
            let others = together.get(&(gun, has)).copied().unwrap_or_default();
            for lacks in others {
                // A role that the set does not have at all was taken off since.
                if versions.get(&*lacks.role).is_some_and(|version| *version < lacks.version) {
                    let (gun, has, lacks) = (Arc::clone(gun), has.clone(), lacks.clone());
                    found.push(Violation::Torn { gun, at, has, lacks });
                }
            }
        }
    }
    found
}

fn published_together(history: &History) -> Together<'_> {
    let mut together = HashMap::new();
    for done in &history.operations {
        let Action::Publish { gun, editions } = &done.action else { continue };
        if matches!(done.outcome, Outcome::Refused(_)) {
            continue;
        }
        for edition in editions {
            together.insert((gun, edition), editions.as_slice());
        }
    }
    together
}
