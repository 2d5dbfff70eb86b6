//! Which answers may be given when: 503 with `Retry-After` while something on the way is disturbed,
//! no answer while the process itself is, and nothing else but what was asked for.

use std::time::Duration;

use super::Violation;
use crate::history::{Action, Disturbance, History, Operation, Outcome, Place};

/// Contract: how long after the end of a fault answers are normal again.
pub(super) const RECOVERY: Duration = Duration::from_secs(5);

/// Every answer without an excuse.
pub(super) fn check(history: &History) -> Vec<Violation> {
    let operations = history.operations.iter();
    operations.filter_map(|done| fault(done, &history.disturbances)).collect()
}

fn fault(done: &Operation, disturbances: &[Disturbance]) -> Option<Violation> {
    let (at, replica) = (done.ended, done.replica);
    let near = || disturbances.iter().filter(|disturbance| is_near(disturbance, done));
    let answer = match (&done.action, &done.outcome) {
        (_, Outcome::Done | Outcome::Document(_) | Outcome::Changes(_)) => return None,
        (Action::Publish { .. }, Outcome::Refused(code)) if code == "VERSION" => return None,
        // An owner's snapshot of a state that another publish has replaced.
        (Action::Publish { editions, .. }, Outcome::Refused(code))
            if code == "INVALID_UPDATE" && editions.iter().any(|e| &*e.role == "snapshot") =>
        {
            return None;
        }
        (Action::Live, Outcome::Later(answer)) => answer,
        (_, Outcome::Later(answer)) => {
            if near().any(|disturbance| disturbance.place.concerns(replica)) {
                return None;
            }
            let (action, answer) = (format!("{:?}", done.action), answer.clone());
            return Some(Violation::NotRecovered { at, replica, action, answer });
        }
        (_, Outcome::Broken(answer)) => {
            if near().any(|disturbance| disturbance.place == Place::Replica(replica)) {
                return None;
            }
            let (action, answer) = (format!("{:?}", done.action), answer.clone());
            return Some(Violation::NotRecovered { at, replica, action, answer });
        }
        (_, Outcome::Refused(answer) | Outcome::Wrong(answer)) => answer,
    };
    let (action, answer) = (format!("{:?}", done.action), answer.clone());
    Some(Violation::WrongAnswer { at, replica, action, answer })
}

/// Whether the disturbance had begun before the answer came, and was not yet over, or not for
/// longer than answers may take to be normal again.
fn is_near(disturbance: &Disturbance, done: &Operation) -> bool {
    disturbance.began <= done.ended && done.ended <= disturbance.ended + RECOVERY
}
