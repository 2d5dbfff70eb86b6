//! Whole numbers of the file, checked against their range when they are read.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

/// A span of time from `MIN` to `MAX` seconds.
pub(crate) fn seconds<'de, D, const MIN: u64, const MAX: u64>(
    deserializer: D,
) -> Result<Duration, D::Error>
where
    D: Deserializer<'de>,
{
    let range = Range { unit: "seconds", min: MIN, max: MAX };
    deserializer.deserialize_u64(range).map(Duration::from_secs)
}

/// A span of time from `MIN` to `MAX` hours.
pub(crate) fn hours<'de, D, const MIN: u64, const MAX: u64>(
    deserializer: D,
) -> Result<Duration, D::Error>
where
    D: Deserializer<'de>,
{
    let range = Range { unit: "hours", min: MIN, max: MAX };
    let hours = deserializer.deserialize_u64(range)?;
    Ok(Duration::from_secs(hours.saturating_mul(3600)))
}

/// A span of time as whole seconds, the form that [`seconds`] reads.
pub(crate) fn in_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_secs())
}

/// A span of time as whole hours, the form that [`hours`] reads.
pub(crate) fn in_hours<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_secs() / 3600)
}

/// A number of bytes from `MIN` to `MAX`.
pub(crate) fn bytes<'de, D, const MIN: u64, const MAX: u64>(
    deserializer: D,
) -> Result<u64, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_u64(Range { unit: "bytes", min: MIN, max: MAX })
}

/// A number of things from `MIN` to `MAX`.
pub(crate) fn count<'de, D, T, const MIN: u64, const MAX: u64>(
    deserializer: D,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    let number = deserializer.deserialize_u64(Range { unit: "", min: MIN, max: MAX })?;
    T::try_from(number).map_err(|_| D::Error::custom("more than this machine can count"))
}

struct Range {
    unit: &'static str,
    min: u64,
    max: u64,
}

impl Visitor<'_> for Range {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unit, min, max } = self;
        let of = if unit.is_empty() { "" } else { " of " };
        write!(f, "a whole number{of}{unit} from {min} to {max}")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        if (self.min..=self.max).contains(&number) {
            Ok(number)
        } else {
            Err(E::invalid_value(Unexpected::Unsigned(number), &self))
        }
    }
}
