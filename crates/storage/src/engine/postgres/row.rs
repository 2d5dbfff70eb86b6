//! Columns into types: what cannot be is told with table and row, and nothing is guessed.

use chrono::{DateTime, Datelike as _, NaiveDateTime, SubsecRound as _, Utc};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::Version;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgRow, PgTypeInfo, PgValueFormat, PgValueRef, Postgres};
use sqlx::{Decode, Row as _, Type};

use crate::contract::{StorageError, StorageResult};

/// PostgreSQL counts microseconds from 2000-01-01; this is how many lie between that and 1970.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// One row of a table. Its statement selects `id`.
pub(super) struct TableRow<'r> {
    row: &'r PgRow,
    table: &'static str,
}

impl<'r> TableRow<'r> {
    /// A row that was read from `table`.
    pub(super) fn new(row: &'r PgRow, table: &'static str) -> Self {
        Self { row, table }
    }

    /// The column `name`, when the database has the type for it.
    pub(super) fn column<T>(&self, name: &'static str) -> StorageResult<T>
    where
        T: Decode<'r, Postgres> + Type<Postgres>,
    {
        self.row.try_get(name).map_err(|error| self.corrupt(error.to_string()))
    }

    /// The row's number.
    pub(super) fn id(&self) -> StorageResult<i64> {
        Ok(i64::from(self.column::<i32>("id")?))
    }

    /// A version between 1 and 2^31 − 1.
    pub(super) fn version(&self) -> StorageResult<Version> {
        let number: i32 = self.column("version")?;
        Version::new(i64::from(number))
            .ok_or_else(|| self.corrupt(format!("version {number} is not in 1 to 2^31 - 1")))
    }

    /// The digest in `sha256`.
    pub(super) fn sha256(&self) -> StorageResult<Sha256Digest> {
        let text: Option<String> = self.column("sha256")?;
        text.as_deref()
            .and_then(Sha256Digest::from_hex)
            .ok_or_else(|| self.corrupt("sha256 is not 64 lower-case hex digits".to_owned()))
    }

    /// A time that must be there.
    pub(super) fn time(&self, name: &'static str) -> StorageResult<DateTime<Utc>> {
        self.optional_time(name)?.ok_or_else(|| self.corrupt(format!("{name} is NULL")))
    }

    /// A time that may be NULL.
    pub(super) fn optional_time(&self, name: &'static str) -> StorageResult<Option<DateTime<Utc>>> {
        let moment: Option<Moment> = self.column(name)?;
        moment
            .map(|moment| {
                moment.time().ok_or_else(|| self.corrupt(format!("{name} is no time of ours")))
            })
            .transpose()
    }

    /// This row cannot be, for this reason.
    pub(super) fn corrupt(&self, reason: String) -> StorageError {
        let row = match self.row.try_get::<i32, _>("id") {
            Ok(id) => id.to_string(),
            Err(_) => "without id".to_owned(),
        };
        StorageError::Corrupt { table: self.table, row, reason }
    }
}

/// A time as the database keeps it: UTC without a zone, cut to the microsecond.
pub(super) fn time_value(at: DateTime<Utc>) -> StorageResult<NaiveDateTime> {
    if !(0..=9999).contains(&at.year()) {
        return Err(StorageError::Other(format!("the year {} cannot be stored", at.year())));
    }
    Ok(at.naive_utc().trunc_subsecs(6))
}

/// A `timestamp` column. The driver's own reading ends in a panic for `infinity`.
struct Moment(i64);

impl Moment {
    fn time(&self) -> Option<DateTime<Utc>> {
        let micros = self.0.checked_add(EPOCH_MICROS)?;
        DateTime::from_timestamp_micros(micros).filter(|time| (0..=9999).contains(&time.year()))
    }
}

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        <NaiveDateTime as Type<Postgres>>::type_info()
    }
}

impl<'r> Decode<'r, Postgres> for Moment {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => Ok(Self(<i64 as Decode<Postgres>>::decode(value)?)),
            PgValueFormat::Text => Err("a time in text form".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_is_cut_to_the_microsecond() {
        let value = time_value(time("2026-11-24T11:02:35.785575999Z")).unwrap();
        assert_eq!(value.and_utc(), time("2026-11-24T11:02:35.785575Z"));
    }

    #[test]
    fn microseconds_since_2000_are_a_time() {
        assert_eq!(Moment(0).time(), Some(time("2000-01-01T00:00:00Z")));
        assert_eq!(Moment(-1).time(), Some(time("1999-12-31T23:59:59.999999Z")));
    }

    #[test]
    fn infinity_is_no_time() {
        assert_eq!(Moment(i64::MAX).time(), None);
        assert_eq!(Moment(i64::MIN).time(), None);
    }

    #[test]
    fn a_year_of_five_digits_is_refused() {
        let late = time("9999-12-31T23:59:59Z") + chrono::Duration::seconds(1);
        assert!(matches!(time_value(late), Err(StorageError::Other(_))));
    }
}
