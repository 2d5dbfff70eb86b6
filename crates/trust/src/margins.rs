//! How long before its expiry a role is signed again: a little by the GET that finds it, much
//! earlier and spread over time in the background.

use chrono::Duration;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::Gun;

use crate::Policy;

/// The longest margin of a GET.
const READING_MARGIN: Duration = Duration::days(1);

/// A GET's margin is at most this part of a life.
const READING_PART: i32 = 14;

/// The longest life that the background reckons with: signing a role that lives for years again
/// months before its end would help nobody.
pub(crate) const LONGEST_RECKONED: Duration = Duration::days(60);

/// How long before their expiry the server's two roles are signed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Margins {
    pub(crate) timestamp: Duration,
    pub(crate) snapshot: Duration,
}

impl Margins {
    /// For a GET: a day, or a fourteenth of a shorter life.
    pub(crate) fn of_a_read(policy: &Policy) -> Self {
        let margin = |lifetime: Duration| READING_MARGIN.min(lifetime / READING_PART);
        Self {
            timestamp: margin(policy.timestamp_lifetime),
            snapshot: margin(policy.snapshot_lifetime),
        }
    }

    /// For the background: between a quarter and a half of a life, of a life of 60 days at most.
    /// Where in between depends on the GUN only, so GUNs that were published together are signed
    /// again apart from each other, and all processes agree on when.
    pub(crate) fn ahead(policy: &Policy, gun: &Gun) -> Self {
        let [high, low, ..] = *Sha256Digest::of(gun.as_str().as_bytes()).as_bytes();
        let step = i32::from(u16::from_be_bytes([high, low]));
        let margin = |lifetime: Duration| {
            let quarter = lifetime.min(LONGEST_RECKONED) / 4;
            quarter + quarter * step / (i32::from(u16::MAX) + 1)
        };
        Self {
            timestamp: margin(policy.timestamp_lifetime),
            snapshot: margin(policy.snapshot_lifetime),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(timestamp: Duration, snapshot: Duration) -> Policy {
        Policy { timestamp_lifetime: timestamp, snapshot_lifetime: snapshot, ..Policy::default() }
    }

    #[test]
    fn a_read_has_a_margin_of_a_day_or_a_fourteenth() {
        let margins = Margins::of_a_read(&policy(Duration::hours(14), Duration::days(1000)));
        assert_eq!(margins.timestamp, Duration::hours(1));
        assert_eq!(margins.snapshot, Duration::days(1));
    }

    #[test]
    fn margins_ahead_lie_between_a_quarter_and_a_half_of_a_life() {
        let policy = policy(Duration::hours(1), Duration::days(3 * 365));
        for number in 0..1000 {
            let gun = Gun::parse(&format!("registry.example.com/app-{number}")).unwrap();
            let Margins { timestamp, snapshot } = Margins::ahead(&policy, &gun);
            assert!(timestamp >= Duration::minutes(15) && timestamp < Duration::minutes(30));
            assert!(snapshot >= Duration::days(15) && snapshot < Duration::days(30));
        }
    }

    /// No thundering herd: of 10,000 GUNs published at once, each hundredth of the span has about
    /// its share to sign.
    #[test]
    fn guns_that_were_published_together_are_due_apart() {
        let policy = policy(Duration::days(14), Duration::days(3 * 365));
        let mut due = [0_u32; 100];
        let start = Duration::days(14) / 4;
        for number in 0..10_000 {
            let gun = Gun::parse(&format!("app-{number}")).unwrap();
            let late = Margins::ahead(&policy, &gun).timestamp - start;
            let slot = late.num_seconds() * 100 / start.num_seconds();
            due[usize::try_from(slot).unwrap()] += 1;
        }
        assert!(due.iter().all(|count| (50..200).contains(count)), "{due:?}");
    }

    #[test]
    fn a_life_without_end_has_a_margin() {
        let gun = Gun::parse("a/b").unwrap();
        let margins = Margins::ahead(&policy(Duration::MAX, Duration::zero()), &gun);
        assert!(margins.timestamp >= Duration::days(15));
        assert_eq!(margins.snapshot, Duration::zero());
    }
}
