//! `[clock]`: what to do when the machine's clock cannot be believed.

use serde::{Deserialize, Serialize};

/// The section `[clock]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Clock {
    /// Whether to sign and store although the clock reads earlier than what is stored.
    ///
    /// For a clock that was ahead and has been set right: set it, let the server sign again what
    /// was stored in the future, and take it out.
    ///
    /// Default: false.
    pub allow_backwards: bool,
}
