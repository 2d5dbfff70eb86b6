//! Which rows, figures and steps a run measures.

use anyhow::{Result, ensure};

use crate::rows::{self, Row};
use crate::{figures, steps};

/// What was asked for, in the order of the tables.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) rows: Vec<Row>,
    pub(crate) figures: Vec<&'static str>,
    pub(crate) steps: Vec<&'static str>,
}

impl Selection {
    /// Whatever there is, or of it what begins with one of `beginnings`.
    pub(crate) fn listed(beginnings: &[String]) -> Result<Self> {
        let wanted = |name: &str| {
            beginnings.is_empty() || beginnings.iter().any(|beginning| name.starts_with(beginning))
        };
        let selection = Self {
            rows: rows::all().into_iter().filter(|row| wanted(&row.name)).collect(),
            figures: figures::NAMES.into_iter().filter(|name| wanted(name)).collect(),
            steps: steps::names().filter(|name| wanted(name)).collect(),
        };
        ensure!(selection.names().next().is_some(), "no row begins so: --list names them");
        Ok(selection)
    }

    /// The same without what takes too long for every run, unless it was asked for.
    pub(crate) fn measured(beginnings: &[String]) -> Result<Self> {
        let mut selection = Self::listed(beginnings)?;
        if beginnings.is_empty() {
            selection.figures.retain(|name| !figures::WHEN_NAMED.contains(name));
        }
        Ok(selection)
    }

    /// All names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let rows = self.rows.iter().map(|row| row.name.as_str());
        rows.chain(self.figures.iter().copied()).chain(self.steps.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_takes_long_is_listed_and_measured_only_when_it_is_named() {
        let all = Selection::listed(&[]).unwrap();
        let measured = Selection::measured(&[]).unwrap();
        let left_out: Vec<&str> =
            all.names().filter(|name| !measured.names().any(|other| other == *name)).collect();
        assert_eq!(left_out, figures::WHEN_NAMED);
        let named = Selection::measured(&["growth".to_owned()]).unwrap();
        assert_eq!(Vec::from_iter(named.names()), figures::WHEN_NAMED);
    }

    #[test]
    fn every_role_by_name_is_listed_and_no_name_twice() {
        let all = Selection::listed(&[]).unwrap();
        let names = BTreeSet::from_iter(all.names());
        assert_eq!(names.len(), all.names().count());
        for role in ["timestamp", "root", "snapshot", "targets"] {
            for of in ["1/1", "1/8", "1/32", "100/1", "100/8", "100/32"] {
                assert!(names.contains(format!("{role}/{of}").as_str()), "{role}/{of}");
            }
        }
    }

    #[test]
    fn a_name_that_nothing_has_is_refused() {
        let refused = Selection::measured(&["timestmp".to_owned()]).unwrap_err();
        assert!(refused.to_string().contains("--list"), "{refused}");
    }
}
