//! A change, carried out to its end and recorded whether or not the client waits for it.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use countersign_access::Caller;
use countersign_trust::{NewVersion, SignatureCaller};
use countersign_tuf::keys::KeyId;
use tracing::Instrument as _;

use super::asked::Asked;
use super::{Audit, Recorded};
use crate::app::App;
use crate::error::ApiError;
use crate::routes;

/// What a change did; an extension of its answer.
#[derive(Clone, Debug)]
pub(crate) enum Done {
    /// A GUN was removed.
    Deleted {
        /// Whether there was anything.
        existed: bool,
    },
    /// A key that no root names yet was given.
    GaveKey(KeyId),
    /// Versions were stored.
    Published(Arc<[NewVersion]>),
}

impl Done {
    /// `response` with this in it.
    pub(crate) fn in_answer(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }
}

/// The right to change something, once.
pub(crate) struct Change {
    recording: Option<(Arc<Audit>, Arc<Asked>, Caller)>,
}

impl Change {
    /// The change that `request` of `caller` may make.
    pub(crate) fn of(app: &App, request: &Request, caller: &Caller) -> Self {
        let asked = request.extensions().get::<Arc<Asked>>().cloned();
        let recording =
            app.audit.clone().zip(asked).map(|(audit, asked)| (audit, asked, caller.clone()));
        Self { recording }
    }

    /// Carries out `operation`. Where changes are recorded it goes on to its end when the client
    /// does not wait for it, and its record is made before the answer is sent.
    ///
    /// # Errors
    /// Those of `operation`; [`ApiError::Unrecorded`] while nothing can be recorded.
    pub(crate) async fn carry_out(
        self,
        operation: impl Future<Output = Result<Response, ApiError>> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let Some((audit, asked, caller)) = self.recording else { return operation.await };
        let unrecorded = || ApiError::Unrecorded(asked.route);
        if audit.trouble().is_some() {
            return Err(unrecorded());
        }
        let changes = Arc::clone(&audit.changes);
        // Never closed.
        let permit = changes.acquire_owned().await.map_err(|_| unrecorded())?;
        if audit.trouble().is_some() {
            return Err(unrecorded());
        }
        let operation = SignatureCaller::present().asks(operation);
        let carried_out = async move {
            // A task of its own, so that a panic ends in a record too.
            let outcome = tokio::spawn(operation.in_current_span()).await;
            let mut response = match outcome {
                Ok(outcome) => outcome.unwrap_or_else(ApiError::into_response),
                Err(failed) => match failed.try_into_panic() {
                    Ok(panic) => routes::after_panic(panic),
                    Err(_) => ApiError::Panicked("the server ends".to_owned()).into_response(),
                },
            };
            response.extensions_mut().insert(caller);
            if let Some((filing, decision)) = asked.judged(&response) {
                audit.record(filing, decision).await;
            }
            response.extensions_mut().insert(Recorded);
            drop(permit);
            response
        };
        let failed = |error: tokio::task::JoinError| ApiError::Panicked(error.to_string());
        tokio::spawn(carried_out.in_current_span()).await.map_err(failed)
    }
}
