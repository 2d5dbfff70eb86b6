//! What can be allowed, and on what.

use countersign_tuf::names::Gun;

/// What a caller wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read what changed and when.
    Changefeed,
    /// Remove a GUN with all that it has.
    Delete,
    /// Read documents.
    Pull,
    /// Publish, and ask for the public keys that a publish needs.
    Push,
    /// Have a new key made for a role that the server signs.
    RotateKeys,
}

impl Action {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 5] =
        [Self::Changefeed, Self::Delete, Self::Pull, Self::Push, Self::RotateKeys];

    /// The name in rules, records and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changefeed => "changefeed",
            Self::Delete => "delete",
            Self::Pull => "pull",
            Self::Push => "push",
            Self::RotateKeys => "rotate-keys",
        }
    }

    /// The action of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

/// What an action is done on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// The list of all GUNs: what the changefeed of the whole server shows.
    Catalog,
    /// One GUN.
    Gun(Gun),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_found_by_its_name_and_no_other() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(action));
        }
        for other in ["", "PULL", "pull ", "*"] {
            assert_eq!(Action::parse(other), None);
        }
    }
}
