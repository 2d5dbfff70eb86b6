//! Why a file of rules cannot be used.

use thiserror::Error;

/// Why a file of rules cannot be used: where, what, and how to mend it, in one line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{line}:{column}: {problem}: {mend}")]
pub struct RulesError {
    /// The line, counted from 1.
    pub line: usize,
    /// The character in the line, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub mend: String,
}
