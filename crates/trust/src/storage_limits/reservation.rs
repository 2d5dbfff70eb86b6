//! What a publish wants of a limit, for as long as it is under way.

use countersign_storage::Used;

use super::{Limited, minus, plus};

/// Room below a prefix that is set aside; given back when it is dropped, unless it was used.
#[must_use]
pub(crate) struct Reservation<'a> {
    limited: &'a Limited,
    wanted: Used,
    used: Option<Used>,
}

impl<'a> Reservation<'a> {
    pub(super) fn new(limited: &'a Limited, wanted: Used) -> Self {
        Self { limited, wanted, used: None }
    }

    /// Notes that as many bytes were stored, which the server's own documents are among.
    pub(crate) fn use_up(mut self, bytes: u64) {
        self.used = Some(Used { guns: self.wanted.guns, bytes });
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let mut state = self.limited.state();
        state.held = minus(state.held, self.wanted);
        if let Some(used) = self.used {
            state.since = plus(state.since, used);
            state.counted = state.counted.map(|counted| plus(counted, used));
        }
    }
}
