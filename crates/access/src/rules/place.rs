//! Places in a text, and the word that was meant at one.

use std::ops::Range;

use super::RulesError;

/// More changed letters than this are another word, not a slip.
const MAX_DISTANCE: usize = 3;
/// The longest piece of the file that an error shows, in characters.
const MAX_SHOWN: usize = 60;

/// The text that is read.
#[derive(Clone, Copy)]
pub(super) struct Text<'t>(pub(super) &'t str);

impl Text<'_> {
    /// A fault at `span`.
    pub(super) fn fault(
        self,
        span: &Range<usize>,
        problem: impl Into<String>,
        mend: impl Into<String>,
    ) -> RulesError {
        let (line, column) = self.place(span.start);
        RulesError { line, column, problem: problem.into(), mend: mend.into() }
    }

    /// Line and column of the byte at `start`, both counted from 1.
    pub(super) fn place(self, start: usize) -> (usize, usize) {
        let before = self.0.get(..start).unwrap_or(self.0);
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        (line, column.saturating_add(1))
    }
}

/// `text` in quotes, in one line, cut when it is long.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(MAX_SHOWN).collect();
    let rest = if start.len() < text.len() { "…" } else { "" };
    format!("{start:?}{rest}")
}

/// The text that helps whoever wrote `wrong` to one of `known`; `what` names them all.
pub(super) fn advice<'a>(
    wrong: &str,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let nearest = known
        .clone()
        .map(|word| (strsim::damerau_levenshtein(&wrong.to_lowercase(), word), word))
        .filter(|(distance, word)| *distance <= MAX_DISTANCE && *distance < word.len())
        .min();
    match nearest {
        Some((_, word)) => format!("did you mean `{word}`?"),
        None => format!("{what} {}", known.collect::<Vec<_>>().join(", ")),
    }
}
