//! `[access]`: who may have what.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The section `[access]`. Without it everybody may do everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Access {
    /// The file of rules that say who may do what on which GUNs.
    ///
    /// Default: none, which means that no rule narrows what anybody may do.
    pub rules: Option<PathBuf>,
}

impl Access {
    pub(crate) fn rebase(&mut self, base: &Path) {
        self.rules = self.rules.take().map(|path| base.join(path));
    }
}
