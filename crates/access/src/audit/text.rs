//! Text that somebody else chose, cut to a length.

use serde::{Serialize, Serializer};

/// What stands at the end of a text that was cut.
const CUT: char = '\u{2026}';

/// A text of bounded length. What was longer ends with an ellipsis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text(String);

impl Text {
    /// The longest name of a user, in characters.
    pub const NAME: usize = 256;
    /// The longest GUN or role, in characters: those that can be stored always fit.
    pub const GUN: usize = 256;
    /// The longest cause, in characters.
    pub const CAUSE: usize = 512;

    /// At most `characters` of `text`.
    #[must_use]
    pub fn cut(text: &str, characters: usize) -> Self {
        match text.char_indices().nth(characters) {
            None => Self(text.to_owned()),
            Some(_) => {
                let kept = text.chars().take(characters.saturating_sub(1));
                Self(kept.chain(std::iter::once(CUT)).collect())
            }
        }
    }

    /// The name of a user or of a certificate.
    #[must_use]
    pub fn name(text: &str) -> Self {
        Self::cut(text, Self::NAME)
    }

    /// A GUN or a role.
    #[must_use]
    pub fn gun(text: &str) -> Self {
        Self::cut(text, Self::GUN)
    }

    /// Why something was refused.
    #[must_use]
    pub fn cause(text: &str) -> Self {
        Self::cut(text, Self::CAUSE)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_text_is_cut_between_characters_and_says_so() {
        assert_eq!(Text::cut("éééé", 4).as_str(), "éééé");
        assert_eq!(Text::cut("ééééé", 4).as_str(), "ééé…");
        assert_eq!(Text::cut("", 4).as_str(), "");
        assert_eq!(Text::name(&"x".repeat(100_000)).as_str().chars().count(), Text::NAME);
    }
}
