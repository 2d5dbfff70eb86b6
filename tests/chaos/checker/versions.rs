//! What a later read may see: nothing older than what was acknowledged or seen before it began, at
//! whichever replica.

use std::collections::HashMap;
use std::sync::Arc;

use super::Violation;
use crate::history::{Action, By, History, Moment, Outcome};

/// Collection and role.
type Key = (Arc<str>, Arc<str>);

/// From when on nobody may see an older version.
struct Floor {
    from: Moment,
    version: i64,
    source: Source,
}

#[derive(Clone, Copy)]
enum Source {
    Publish,
    Read,
}

/// A look at the current version.
struct Look {
    began: Moment,
    saw: i64,
}

#[derive(Default)]
struct Course {
    floors: Vec<Floor>,
    looks: Vec<Look>,
}

/// Every look that saw too old a version.
pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    for ((gun, role), mut course) in courses(history) {
        course.floors.sort_by_key(|floor| floor.from);
        course.looks.sort_by_key(|look| look.began);
        let mut floors = course.floors.iter().peekable();
        let (mut acknowledged, mut before) = (0, 0);
        for Look { began: at, saw } in course.looks {
            while let Some(floor) = floors.next_if(|floor| floor.from < at) {
                match floor.source {
                    Source::Publish => acknowledged = floor.version.max(acknowledged),
                    Source::Read => before = floor.version.max(before),
                }
            }
            let (gun, role) = (Arc::clone(&gun), Arc::clone(&role));
            if saw < acknowledged {
                found.push(Violation::Stale { gun, role, at, saw, acknowledged });
            } else if saw < before {
                found.push(Violation::WentBack { gun, role, at, saw, before });
            }
        }
    }
    found
}

/// By name a read sees what is current; so does a set, whose timestamp is read by name.
fn courses(history: &History) -> HashMap<Key, Course> {
    let mut courses = Courses::default();
    for done in &history.operations {
        match (&done.action, &done.outcome) {
            (Action::Publish { gun, editions }, Outcome::Done) => {
                for edition in editions {
                    let source = Source::Publish;
                    let floor = Floor { from: done.ended, version: edition.version, source };
                    courses.of(gun, &edition.role).floors.push(floor);
                }
            }
            (Action::Read { gun, role, by: By::Name }, Outcome::Document(edition)) => {
                courses.look(gun, role, done.began, done.ended, edition.version);
            }
            _ => {}
        }
    }
    for set in history.sets.iter().filter(|set| set.refused.is_none()) {
        for edition in set.editions.iter().filter(|edition| &*edition.role != "root") {
            courses.look(&set.gun, &edition.role, set.began, set.ended, edition.version);
        }
    }
    courses.0
}

#[derive(Default)]
struct Courses(HashMap<Key, Course>);

impl Courses {
    fn of(&mut self, gun: &Arc<str>, role: &Arc<str>) -> &mut Course {
        self.0.entry((Arc::clone(gun), Arc::clone(role))).or_default()
    }

    fn look(&mut self, gun: &Arc<str>, role: &Arc<str>, began: Moment, ended: Moment, saw: i64) {
        let course = self.of(gun, role);
        course.looks.push(Look { began, saw });
        course.floors.push(Floor { from: ended, version: saw, source: Source::Read });
    }
}
