//! How long an operation may take: a database or signer that is there and does not answer must
//! not keep a client waiting for ever.

use std::future::Future;

use crate::{Trust, TrustError};

impl Trust {
    /// The outcome of `work`, or [`TrustError::TooSlow`] when it takes too long. A commit that is
    /// under way then comes to its own end.
    pub(crate) async fn within_patience<T>(
        &self,
        work: impl Future<Output = Result<T, TrustError>>,
    ) -> Result<T, TrustError> {
        let patience = self.policy.patience;
        match tokio::time::timeout(patience, Box::pin(work)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(TrustError::TooSlow { seconds: patience.as_secs() }),
        }
    }
}
