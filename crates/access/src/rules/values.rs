//! Values of the file, each read with its place.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::RulesError;
use super::place::{Text, advice, shown};

/// A string with its place.
pub(super) type Word<'v> = (&'v str, Range<usize>);

/// The longest name of a user, certificate, group or rule, in characters.
const MAX_NAME_CHARS: usize = 255;

/// A table of the file: its keys are those in `known`, and no other.
pub(super) struct Section<'v> {
    text: Text<'v>,
    table: &'v DeTable<'v>,
    /// Where the table is.
    pub(super) span: Range<usize>,
}

impl<'v> Section<'v> {
    /// The table `value`, called `what` in faults.
    pub(super) fn new(
        text: Text<'v>,
        value: &'v Spanned<DeValue<'v>>,
        what: &str,
        known: &[&'static str],
    ) -> Result<Self, RulesError> {
        let DeValue::Table(table) = value.get_ref() else {
            return Err(text.fault(&value.span(), format!("{what} is no table"), {
                format!("write its keys ({}) below a line of its own", known.join(", "))
            }));
        };
        Self::of_table(text, table, value.span(), known)
    }

    /// A table that is known to be one.
    pub(super) fn of_table(
        text: Text<'v>,
        table: &'v DeTable<'v>,
        span: Range<usize>,
        known: &[&'static str],
    ) -> Result<Self, RulesError> {
        let mut unknown: Vec<_> =
            table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())).collect();
        unknown.sort_by_key(|key| key.span().start);
        if let Some(key) = unknown.first() {
            let name = key.get_ref();
            let mend = advice(name, "the keys are", known.iter().copied());
            return Err(text.fault(&key.span(), format!("unknown key {}", shown(name)), mend));
        }
        Ok(Self { text, table, span })
    }

    /// The value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<&'v Spanned<DeValue<'v>>> {
        self.table.get(key)
    }

    /// The strings of the list `key`: at least one if the key is there.
    pub(super) fn list(&self, key: &str, kinds: &str) -> Result<Option<Vec<Word<'v>>>, RulesError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let DeValue::Array(array) = value.get_ref() else {
            let problem = format!("`{key}` is no list");
            return Err(self.text.fault(
                &value.span(),
                problem,
                format!("write {key} = [{kinds}]"),
            ));
        };
        if array.is_empty() {
            let mend = format!("write {key} = [{kinds}], or leave `{key}` out");
            return Err(self.text.fault(&value.span(), format!("`{key}` is an empty list"), mend));
        }
        let word = |item: &'v Spanned<DeValue<'v>>| match item.get_ref() {
            DeValue::String(word) => Ok((word.as_ref(), item.span())),
            _ => Err(self.text.fault(
                &item.span(),
                format!("`{key}` holds something else than text"),
                format!("write {key} = [{kinds}]"),
            )),
        };
        array.iter().map(word).collect::<Result<_, _>>().map(Some)
    }

    /// The names in the list `key`.
    pub(super) fn names(&self, key: &str) -> Result<BTreeSet<String>, RulesError> {
        let words = self.list(key, "\"NAME\", …")?.unwrap_or_default();
        words.into_iter().map(|word| name(self.text, word)).collect()
    }

    /// Whether the switch `key` is there: it can be `true`, or not there at all.
    pub(super) fn is_on(&self, key: &str) -> Result<bool, RulesError> {
        match self.get(key).map(|value| (value.get_ref(), value.span())) {
            None => Ok(false),
            Some((DeValue::Boolean(true), _)) => Ok(true),
            Some((_, span)) => Err(self.text.fault(
                &span,
                format!("`{key}` is something else than true"),
                format!("write {key} = true, or leave `{key}` out"),
            )),
        }
    }

    /// The text of `key`.
    pub(super) fn name(&self, key: &str) -> Result<Option<String>, RulesError> {
        match self.get(key).map(|value| (value.get_ref(), value.span())) {
            None => Ok(None),
            Some((DeValue::String(word), span)) => name(self.text, (word.as_ref(), span)).map(Some),
            Some((_, span)) => Err(self.text.fault(
                &span,
                format!("`{key}` is no text"),
                format!("write {key} = \"…\""),
            )),
        }
    }
}

/// A name of people's choice.
pub(super) fn name(text: Text<'_>, (word, span): Word<'_>) -> Result<String, RulesError> {
    let bad = |mend: &str| Err(text.fault(&span, format!("{} is no name", shown(word)), mend));
    if word.is_empty() {
        return bad("write at least one character; those without a name are `anonymous = true`");
    }
    if word.chars().any(char::is_control) {
        return bad("write it without control characters");
    }
    if word.chars().count() > MAX_NAME_CHARS {
        return bad("write at most 255 characters");
    }
    Ok(word.to_owned())
}
