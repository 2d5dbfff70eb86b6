//! How long an operation may take: a database or signer that is there and does not answer must
//! not keep a client waiting for ever.

use std::future::Future;
use std::time::Duration;

use crate::{Trust, TrustError};

impl Trust {
    /// The outcome of `work`, or [`TrustError::TooSlow`] when it takes too long. A commit that is
    /// under way then comes to its own end.
    ///
    /// The work is put aside at once, so that whoever waits for it stays small.
    pub(crate) fn within_patience<T>(
        &self,
        work: impl Future<Output = Result<T, TrustError>>,
    ) -> impl Future<Output = Result<T, TrustError>> {
        let (patience, work) = (self.policy.patience, Box::pin(work));
        async move {
            match tokio::time::timeout(patience, work).await {
                Ok(outcome) => outcome,
                Err(_) => Err(too_slow(patience)),
            }
        }
    }

    /// What takes longer than an operation may.
    pub(crate) fn too_slow(&self) -> TrustError {
        too_slow(self.policy.patience)
    }
}

fn too_slow(patience: Duration) -> TrustError {
    TrustError::TooSlow { seconds: patience.as_secs() }
}
