//! Columns into types: what cannot be is told with table and row, and nothing is guessed.

use chrono::{DateTime, Datelike as _, NaiveDateTime, Utc};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::Version;
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row as _, Type};

use crate::contract::{StorageError, StorageResult};

/// The one form of time in the database: UTC with six digits of a second, so that text order is
/// time order.
const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// The length of a time in that form.
const TIME_LENGTH: usize = 27;

/// One row of a table. Its statement selects `id`.
pub(super) struct TableRow<'r> {
    row: &'r SqliteRow,
    table: &'static str,
}

impl<'r> TableRow<'r> {
    /// A row that was read from `table`.
    pub(super) fn new(row: &'r SqliteRow, table: &'static str) -> Self {
        Self { row, table }
    }

    /// The column `name`, when the database has the type for it.
    pub(super) fn column<T>(&self, name: &'static str) -> StorageResult<T>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite>,
    {
        self.row.try_get(name).map_err(|error| self.corrupt(error.to_string()))
    }

    /// A version between 1 and 2^31 − 1.
    pub(super) fn version(&self) -> StorageResult<Version> {
        let number: i64 = self.column("version")?;
        Version::new(number)
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
        let text: Option<String> = self.column(name)?;
        text.map(|text| {
            parse_time(&text).ok_or_else(|| self.corrupt(format!("{name} is no time: {text:?}")))
        })
        .transpose()
    }

    /// This row cannot be, for this reason.
    pub(super) fn corrupt(&self, reason: String) -> StorageError {
        let row = match self.row.try_get::<i64, _>("id") {
            Ok(id) => id.to_string(),
            Err(_) => "without id".to_owned(),
        };
        StorageError::Corrupt { table: self.table, row, reason }
    }
}

/// A time as the database keeps it; cut to the microsecond.
pub(super) fn time_text(at: DateTime<Utc>) -> StorageResult<String> {
    if !(0..=9999).contains(&at.year()) {
        return Err(StorageError::Other(format!("the year {} cannot be stored", at.year())));
    }
    Ok(at.format(TIME_FORMAT).to_string())
}

fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    if text.len() != TIME_LENGTH {
        return None;
    }
    NaiveDateTime::parse_from_str(text, TIME_FORMAT).ok().map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_is_kept_to_the_microsecond() {
        let text = time_text(time("2026-11-24T11:02:35.785575999Z")).unwrap();
        assert_eq!(text, "2026-11-24T11:02:35.785575Z");
        assert_eq!(parse_time(&text), Some(time("2026-11-24T11:02:35.785575Z")));
    }

    #[test]
    fn times_of_whole_seconds_have_the_same_length() {
        assert_eq!(time_text(time("2026-01-02T03:04:05Z")).unwrap(), "2026-01-02T03:04:05.000000Z");
    }

    #[test]
    fn text_in_another_form_is_no_time() {
        for text in [
            "",
            "now",
            "2026-11-24 11:02:35",
            "2026-11-24T11:02:35Z",
            "2026-11-24T11:02:35.785575+01",
            "2026-13-24T11:02:35.785575Z",
            "2026-11-24T11:02:35.7855755Z",
        ] {
            assert_eq!(parse_time(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_year_of_five_digits_is_refused() {
        let late = time("9999-12-31T23:59:59Z") + chrono::Duration::seconds(1);
        assert!(matches!(time_text(late), Err(StorageError::Other(_))));
    }
}
