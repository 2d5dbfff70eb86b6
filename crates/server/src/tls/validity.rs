//! How far through its life a certificate is. Pure: the time is an argument.

use chrono::{DateTime, Utc};
use x509_cert::Certificate;

/// The first and the last moment at which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: DateTime<Utc>,
    /// The last moment.
    pub not_after: DateTime<Utc>,
}

/// A part of a certificate's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before its first moment.
    NotYet,
    /// In the first two thirds.
    Fresh,
    /// In the last third: time to replace it.
    LastThird,
    /// After its last moment.
    Over,
}

impl Validity {
    /// The dates in a certificate.
    pub(super) fn of(certificate: &Certificate) -> Self {
        let dates = certificate.tbs_certificate().validity();
        Self {
            not_before: dates.not_before.to_system_time().into(),
            not_after: dates.not_after.to_system_time().into(),
        }
    }

    /// Where `now` lies. The last third begins with its first moment.
    #[must_use]
    pub fn stage(&self, now: DateTime<Utc>) -> Stage {
        let Self { not_before, not_after } = *self;
        if now < not_before {
            Stage::NotYet
        } else if now > not_after {
            Stage::Over
        } else if now >= not_after - (not_after - not_before) / 3 {
            Stage::LastThird
        } else {
            Stage::Fresh
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn each_moment_of_a_life_has_its_stage() {
        let not_before = DateTime::from_timestamp(1_795_518_000, 0).unwrap();
        let validity = Validity { not_before, not_after: not_before + TimeDelta::days(90) };
        let second = TimeDelta::seconds(1);
        for (age, expected) in [
            (-second, Stage::NotYet),
            (TimeDelta::zero(), Stage::Fresh),
            (TimeDelta::days(60) - second, Stage::Fresh),
            (TimeDelta::days(60), Stage::LastThird),
            (TimeDelta::days(90), Stage::LastThird),
            (TimeDelta::days(90) + second, Stage::Over),
        ] {
            assert_eq!(validity.stage(not_before + age), expected, "{age}");
        }
    }
}
