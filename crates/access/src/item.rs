//! One right in the words of registry tokens.

/// One right that a route demands: in the challenge, in the refusal, and in a token.
///
/// Source: server spec 2.2.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccessItem {
    /// `repository` or `registry`.
    pub kind: &'static str,
    /// The GUN, or `catalog`.
    pub name: String,
    /// `pull`, `push` or `*`.
    pub action: &'static str,
}

impl AccessItem {
    /// What every path without a GUN demands.
    #[must_use]
    pub fn catalog() -> Self {
        Self { kind: "registry", name: "catalog".to_owned(), action: "*" }
    }

    /// `action` on the GUN `name`.
    #[must_use]
    pub fn repository(name: &str, action: &'static str) -> Self {
        Self { kind: "repository", name: name.to_owned(), action }
    }
}
