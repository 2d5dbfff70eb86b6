//! Every kind of token, and what it is worth by the specification (server spec 2.3 and 2.4).
//!
//! A token that nothing else is said of names the trusted key by its ID and has all rights on the
//! GUN that is asked for and on the catalog.

mod attacks;
mod claims;
mod forms;
mod malformed;
mod rights;

use anyhow::Result;

use crate::stage::Stage;

/// A kind of token.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// What it is worth.
    pub(crate) worth: Worth,
    /// Whom it names.
    pub(crate) user: &'static str,
    /// What Go makes of it, where that was decided otherwise.
    pub(crate) in_go: Option<InGo>,
    make: fn(&Stage, &str) -> Result<Vec<String>>,
}

/// What a token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    /// It is no token, and a token is asked for.
    NoToken,
    /// It counts for nothing.
    Invalid,
    /// These rights: type, name (with [`GUN`] for the GUN that is asked for) and actions.
    Rights(&'static [Right]),
}

/// Type, name and actions.
pub(crate) type Right = (&'static str, &'static str, &'static [&'static str]);

/// Stands for the GUN that is asked for.
pub(crate) const GUN: &str = "GUN";

/// What [`Stage::good`] is worth.
pub(crate) const EVERYTHING: Worth =
    Worth::Rights(&[("repository", GUN, &["*"]), ("registry", "catalog", &["*"])]);

/// Where Go differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InGo {
    /// It panics, and the connection is closed.
    Panics,
    /// It takes the token for this.
    Worth(Worth),
}

impl Kind {
    const fn new(
        name: &'static str,
        worth: Worth,
        make: fn(&Stage, &str) -> Result<Vec<String>>,
    ) -> Self {
        Self { name, worth, user: "alice", in_go: None, make }
    }

    const fn but_go(self, in_go: InGo) -> Self {
        Self { in_go: Some(in_go), ..self }
    }

    const fn of_nobody(self) -> Self {
        Self { user: "", ..self }
    }

    /// The values of `Authorization` with which `gun` is asked for.
    pub(crate) fn authorization(&self, stage: &Stage, gun: &str) -> Result<Vec<String>> {
        (self.make)(stage, gun)
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Kind> {
    let mut kinds = malformed::kinds();
    kinds.extend(claims::kinds());
    kinds.extend(forms::kinds());
    kinds.extend(attacks::kinds());
    kinds.extend(rights::kinds());
    kinds
}

/// A token as it is sent.
fn bearer(token: impl AsRef<str>) -> Vec<String> {
    vec![format!("Bearer {}", token.as_ref())]
}
