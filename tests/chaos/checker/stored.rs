//! What must be stored at the end, and what must not.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{Evidence, Violation};
use crate::history::{Action, Edition, Moment, Operation, Outcome};

/// Every document that is missing, or there and should not be.
pub(super) fn check(evidence: &Evidence) -> Vec<Violation> {
    let held = Held::of(evidence);
    let mut found = held.damaged(evidence);
    found.extend(held.uneven());
    for done in &evidence.history.operations {
        match (&done.action, &done.outcome) {
            (Action::Publish { gun, editions }, Outcome::Done) => {
                found.extend(
                    held.lacks(gun, editions, |gun, edition| Violation::Lost { gun, edition }),
                );
            }
            (Action::Publish { gun, editions }, Outcome::Refused(_)) => {
                let kept = editions.iter().filter(|edition| held.has(gun, edition)).cloned();
                found.extend(kept.map(|edition| {
                    let gun = Arc::clone(gun);
                    Violation::KeptRefused { gun, edition }
                }));
            }
            (Action::Publish { gun, editions }, _)
                if editions.iter().any(|edition| held.has(gun, edition)) =>
            {
                let half = |gun, edition| Violation::Half { gun, edition };
                found.extend(held.lacks(gun, editions, half));
            }
            (Action::Read { gun, .. }, Outcome::Document(edition)) => {
                let seen = std::slice::from_ref(edition);
                found.extend(
                    held.lacks(gun, seen, |gun, edition| Violation::Vanished { gun, edition }),
                );
            }
            _ => {}
        }
    }
    found.extend(two_winners(&evidence.history.operations));
    found.extend(without_rival(&evidence.history.operations));
    found.dedup();
    found
}

/// What the database holds.
struct Held<'a> {
    editions: HashSet<(&'a str, &'a Edition)>,
    versions: BTreeMap<(&'a Arc<str>, &'a Arc<str>), Vec<i64>>,
}

impl<'a> Held<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        let mut held = Self { editions: HashSet::new(), versions: BTreeMap::new() };
        for document in &evidence.stored.documents {
            held.editions.insert((&document.gun, &document.edition));
            let key = (&document.gun, &document.edition.role);
            held.versions.entry(key).or_default().push(document.edition.version);
        }
        held
    }

    fn has(&self, gun: &str, edition: &Edition) -> bool {
        self.editions.contains(&(gun, edition))
    }

    fn lacks(
        &self,
        gun: &Arc<str>,
        editions: &[Edition],
        violation: impl Fn(Arc<str>, Edition) -> Violation,
    ) -> Vec<Violation> {
        let missing = editions.iter().filter(|edition| !self.has(gun, edition));
        missing.map(|edition| violation(Arc::clone(gun), edition.clone())).collect()
    }

    fn damaged(&self, evidence: &Evidence) -> Vec<Violation> {
        let documents = evidence.stored.documents.iter();
        documents
            .filter(|document| document.listed.trim_end() != hex::encode(document.edition.sha256))
            .map(|document| Violation::Damaged {
                gun: Arc::clone(&document.gun),
                edition: document.edition.clone(),
            })
            .collect()
    }

    /// Versions that are not there between those that are, and versions that are there twice.
    fn uneven(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        for ((gun, role), versions) in &self.versions {
            let mut versions = versions.clone();
            versions.sort_unstable();
            for (low, high) in versions.iter().zip(versions.iter().skip(1)) {
                let (gun, role) = (Arc::clone(gun), Arc::clone(role));
                if low == high {
                    found.push(Violation::Twice { gun, role, version: *low });
                } else if low + 1 < *high {
                    found.push(Violation::Gap { gun, role, version: low + 1 });
                }
            }
        }
        found
    }
}

/// Versions of a role for which two publishes were acknowledged.
fn two_winners(operations: &[Operation]) -> Vec<Violation> {
    let mut winners = HashSet::new();
    let mut found = Vec::new();
    for done in operations {
        let (Action::Publish { gun, editions }, Outcome::Done) = (&done.action, &done.outcome)
        else {
            continue;
        };
        for Edition { role, version, .. } in editions {
            if !winners.insert((gun, role, version)) {
                let (gun, role) = (Arc::clone(gun), Arc::clone(role));
                found.push(Violation::TwoWinners { gun, role, version: *version });
            }
        }
    }
    found
}

/// By collection and role: when each publish that was not refused began, and its version.
type Offers<'a> = HashMap<(&'a Arc<str>, &'a Arc<str>), Vec<(Moment, i64)>>;

/// Refusals of publishes for whose roles nobody else published that version or a later one, or
/// not before the refusal.
fn without_rival(operations: &[Operation]) -> Vec<Violation> {
    let mut offers = Offers::new();
    for done in operations {
        let Action::Publish { gun, editions } = &done.action else { continue };
        if matches!(done.outcome, Outcome::Refused(_)) {
            continue;
        }
        for edition in editions {
            offers.entry((gun, &edition.role)).or_default().push((done.began, edition.version));
        }
    }
    let has_rival = |gun, edition: &Edition, before: Moment| {
        let offers = offers.get(&(gun, &edition.role));
        offers
            .into_iter()
            .flatten()
            .any(|(began, version)| *began < before && *version >= edition.version)
    };
    let mut found = Vec::new();
    for done in operations {
        let (Action::Publish { gun, editions }, Outcome::Refused(code)) =
            (&done.action, &done.outcome)
        else {
            continue;
        };
        if !editions.iter().any(|edition| has_rival(gun, edition, done.ended)) {
            let (gun, at, code) = (Arc::clone(gun), done.ended, code.clone());
            found.push(Violation::RefusedWithoutRival { gun, at, code });
        }
    }
    found
}
