//! What is counted and measured: calls, signatures, keys that were given out, and what keys could
//! not be reached or used for.
//!
//! Never in here: a label that a client can choose.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use countersign_custody::CustodyError;
use countersign_tuf::keys::ServerKeyAlgorithm;
use countersign_tuf::names::ServerRole;
use metrics::{Histogram, Key, KeyName, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::time::Instant;
use tonic::Code;

use crate::method::{METHODS, Method};
use crate::signer::Signer;

const CALLS: &str = "countersign_signer_calls_total";
const DURATION: &str = "countersign_signer_call_duration_seconds";
const FAILURES: &str = "countersign_signer_key_failures_total";
const PENDING: &str = "countersign_signer_pending_keys_total";
const SERVING: &str = "countersign_signer_serving";
const SIGNATURES: &str = "countersign_signer_signatures_total";

/// The upper bounds of the buckets of durations, in seconds: from a signature that is fast to the
/// longest call.
const BUCKETS: [f64; 13] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 20.0];
/// After so many calls their times are put into the buckets, which bounds what waits for it,
/// scraped or not.
const CALLS_PER_UPKEEP: u64 = 1_000;

/// The counts and measures of one signer.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    durations: [(Method, Histogram); METHODS.len()],
    recorded: AtomicU64,
}

/// What became of a signature that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Signed,
    /// No such key is held for what it was asked for.
    NoKey,
    /// Keys cannot be reached now.
    Unavailable,
    Failed,
}

impl Metrics {
    /// Nothing counted yet. The times of every method are there from the start.
    pub(crate) fn new() -> Self {
        let recorder = builder().build_recorder();
        for (family, help) in [
            (CALLS, "Number of calls, by what they were answered."),
            (FAILURES, "Times that keys could not be reached or used."),
            (PENDING, "Number of pending keys given out, made for it or before."),
            (SIGNATURES, "Number of signatures asked for, by what became of them."),
        ] {
            recorder.describe_counter(KeyName::from_const_str(family), None, help.into());
        }
        let help = "1 while keys can be used.";
        recorder.describe_gauge(KeyName::from_const_str(SERVING), None, help.into());
        let help = "Time that calls took, in seconds.";
        recorder.describe_histogram(KeyName::from_const_str(DURATION), None, help.into());
        let durations = METHODS.map(|method| {
            let key = Key::from_parts(DURATION, vec![label("method", method.name())]);
            (method, recorder.register_histogram(&key, &METADATA))
        });
        let handle = recorder.handle();
        Self { recorder, handle, durations, recorded: AtomicU64::new(0) }
    }

    /// Everything, in the text form of Prometheus.
    pub(crate) fn render(&self, serving: f64) -> String {
        let key = Key::from_static_name(SERVING);
        self.recorder.register_gauge(&key, &METADATA).set(serving);
        self.handle.render()
    }

    /// Counts a signature that was asked for. The role is the key's, or the one that it was asked
    /// for; `None` where neither says one that there are keys for.
    pub(crate) fn signature(&self, role: Option<ServerRole>, outcome: Outcome) {
        let role = role.map_or("unknown", ServerRole::as_str);
        self.count(SIGNATURES, vec![label("outcome", outcome.name()), label("role", role)]);
    }

    /// Counts a pending key that was given out.
    pub(crate) fn pending_key(&self, role: ServerRole, algorithm: ServerKeyAlgorithm) {
        let labels = vec![label("algorithm", algorithm.as_str()), label("role", role.as_str())];
        self.count(PENDING, labels);
    }

    /// Counts what custody could not do.
    pub(crate) fn failure(&self, error: &CustodyError) {
        let reason = match error {
            CustodyError::BadKey { .. } => "unusable_key",
            CustodyError::TooManyPending { .. } => "too_many_pending",
            CustodyError::Unavailable { .. } => "unavailable",
            CustodyError::UnstorableGun { .. } => "unstorable_gun",
            CustodyError::Other(_) => "other",
        };
        self.count(FAILURES, vec![label("reason", reason)]);
    }

    fn call(&self, method: Method, code: &'static str, duration: Duration) {
        if let Some((_, histogram)) = self.durations.iter().find(|(one, _)| *one == method) {
            histogram.record(duration.as_secs_f64());
        }
        self.count(CALLS, vec![label("code", code), label("method", method.name())]);
        if self.recorded.fetch_add(1, Ordering::Relaxed).is_multiple_of(CALLS_PER_UPKEEP) {
            self.handle.run_upkeep();
        }
    }

    fn count(&self, family: &'static str, labels: Vec<Label>) {
        let key = Key::from_parts(family, labels);
        self.recorder.register_counter(&key, &METADATA).increment(1);
    }
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::NoKey => "no_key",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
        }
    }
}

/// Middleware that records each call once its answer is known, refused ones too.
pub(crate) async fn calls(
    State(signer): State<Arc<Signer>>,
    request: Request,
    next: Next,
) -> Response {
    let method = Method::at(request.uri().path());
    let started = Instant::now();
    let response = next.run(request).await;
    signer.metrics().call(method, code_of(&response), started.elapsed());
    response
}

/// The code of an answer, by its name in gRPC.
fn code_of(response: &Response) -> &'static str {
    if response.status() != StatusCode::OK {
        return "NOT_GRPC";
    }
    // Answers with a message have their code, which is OK, after it.
    let Some(code) = response.headers().get("grpc-status") else { return "OK" };
    match Code::from_bytes(code.as_bytes()) {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

fn label(name: &'static str, value: &'static str) -> Label {
    Label::from_static_parts(name, value)
}

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

fn builder() -> PrometheusBuilder {
    #[expect(clippy::expect_used, reason = "there are buckets")]
    PrometheusBuilder::new()
        .set_buckets(&BUCKETS)
        .map(|builder| builder.set_bucket_count(NonZeroU32::MIN))
        .expect("buckets")
}
