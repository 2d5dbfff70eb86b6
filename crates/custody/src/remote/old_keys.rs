//! What keeps a key from before this server unbound until it is known which stored root names it
//! first. Whoever asks first would have it otherwise, and that may be a root of another GUN.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::CustodyError;

/// Closed when a process begins; opened once the stored roots were looked through.
#[derive(Debug, Default)]
pub struct OldKeysGate(AtomicBool);

impl OldKeysGate {
    /// From now on, the first root that asks binds a key that is bound to none.
    pub fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Passes once it is open.
    ///
    /// # Errors
    /// [`CustodyError::Unavailable`] until then.
    pub(super) fn pass(&self) -> Result<(), CustodyError> {
        if self.0.load(Ordering::Acquire) {
            return Ok(());
        }
        let reason = "the server began a moment ago and still looks for the roots that name keys \
                      of the signer from before";
        Err(CustodyError::Unavailable { reason: reason.to_owned() })
    }
}
