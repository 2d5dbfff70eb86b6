//! Columns into types: what cannot be is told with table and row, and nothing is guessed.

use chrono::{DateTime, Datelike as _, SubsecRound as _, Utc};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::Version;
use sqlx::mysql::{MySql, MySqlRow, MySqlValueRef};
use sqlx::{Decode, Row as _, Type};

use crate::contract::{StorageError, StorageResult};

/// How the driver gives a date of zeros: of no length.
const ZERO_DATE: &[u8] = b"\0";

/// One row of a table. Its statement selects `id`.
pub(super) struct TableRow<'r> {
    row: &'r MySqlRow,
    table: &'static str,
}

impl<'r> TableRow<'r> {
    /// A row that was read from `table`.
    pub(super) fn new(row: &'r MySqlRow, table: &'static str) -> Self {
        Self { row, table }
    }

    /// The column `name`, when the database has the type for it.
    pub(super) fn column<T>(&self, name: &'static str) -> StorageResult<T>
    where
        T: Decode<'r, MySql> + Type<MySql>,
    {
        self.row.try_get(name).map_err(|error| self.corrupt(error.to_string()))
    }

    /// Text in a column that is text or binary.
    pub(super) fn text(&self, name: &'static str) -> StorageResult<String> {
        String::from_utf8(self.column(name)?)
            .map_err(|_| self.corrupt(format!("{name} is not UTF-8")))
    }

    /// Text that may be NULL.
    pub(super) fn optional_text(&self, name: &'static str) -> StorageResult<Option<String>> {
        self.column::<Option<Vec<u8>>>(name)?
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| self.corrupt(format!("{name} is not UTF-8")))
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
        self.optional_text("sha256")?
            .as_deref()
            .and_then(Sha256Digest::from_hex)
            .ok_or_else(|| self.corrupt("sha256 is not 64 lower-case hex digits".to_owned()))
    }

    /// A time that must be there.
    pub(super) fn time(&self, name: &'static str) -> StorageResult<DateTime<Utc>> {
        self.optional_time(name)?.ok_or_else(|| self.corrupt(format!("{name} is NULL")))
    }

    /// A time that may be NULL. A date of zeros, as old servers wrote it for want of a time, is the
    /// beginning of all times.
    pub(super) fn optional_time(&self, name: &'static str) -> StorageResult<Option<DateTime<Utc>>> {
        let value = self.row.try_get_raw(name).map_err(|error| self.corrupt(error.to_string()))?;
        if is_zero_date(value) {
            return Ok(Some(DateTime::UNIX_EPOCH));
        }
        self.column(name).map_err(|_| self.corrupt(format!("{name} is no time of ours")))
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

/// The driver itself takes such a date for NULL.
fn is_zero_date(value: MySqlValueRef<'_>) -> bool {
    <&[u8] as Decode<MySql>>::decode(value).is_ok_and(|bytes| bytes == ZERO_DATE)
}

/// A time as the database keeps it: UTC, cut to the microsecond.
pub(super) fn time_value(at: DateTime<Utc>) -> StorageResult<DateTime<Utc>> {
    if !(1000..=9999).contains(&at.year()) {
        return Err(StorageError::Other(format!("the year {} cannot be stored", at.year())));
    }
    Ok(at.trunc_subsecs(6))
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
        assert_eq!(value, time("2026-11-24T11:02:35.785575Z"));
    }

    #[test]
    fn a_year_of_three_or_five_digits_is_refused() {
        let late = time("9999-12-31T23:59:59Z") + chrono::Duration::seconds(1);
        for at in [late, time("0999-12-31T23:59:59Z")] {
            assert!(matches!(time_value(at), Err(StorageError::Other(_))), "{at}");
        }
    }
}
