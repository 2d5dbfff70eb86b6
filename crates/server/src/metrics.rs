//! What is counted and measured of requests: Notary's four families, by Notary's operations; and
//! how much the documents in memory are used.
//!
//! Never in here: a label that a client can choose. An operation is one of eight, its method
//! follows from it, and the status is one that we answer; whatever has no operation is not
//! counted, as in Notary. Source: server spec 1.2 (operations), 1.4 (families), and the order of
//! labels and the words of the help lines as observed.

use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::http::{Request, StatusCode, Version, header};
use axum::response::Response;
use metrics::{Counter, Histogram, Key, KeyName, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use countersign_trust::MemoryUse;

use crate::arrival::Arrival;
use crate::audit::AuditUse;
use crate::auth::RulesState;
use crate::error::TokenFault;
use crate::request_limits::Holder;
use crate::route::RouteName;

const REQUESTS: &str = "notary_server_http_requests_total";
const DURATION: &str = "notary_server_http_request_duration_microseconds";
const REQUEST_SIZE: &str = "notary_server_http_request_size_bytes";
const RESPONSE_SIZE: &str = "notary_server_http_response_size_bytes";
const TOKENS: &str = "countersign_token_requests_total";
const LIMITED: &str = "countersign_requests_limited_total";
const AUDIT_WRITABLE: &str = "countersign_audit_writable";
const AUDIT_RECORDS: &str = "countersign_audit_records_total";
const AUDIT_SUPPRESSED: &str = "countersign_audit_suppressed_total";
const MEMORY_BYTES: &str = "countersign_document_memory_bytes";
const MEMORY_HITS: &str = "countersign_document_memory_hits_total";
const MEMORY_MISSES: &str = "countersign_document_memory_misses_total";
const RULES: &str = "countersign_access_rules";
const RULES_STALE: &str = "countersign_access_rules_stale";

/// The quantiles of each summary.
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];
/// How many pieces the time that a quantile looks back over is cut into: ten minutes together.
const WINDOW_PIECES: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
const WINDOW_PIECE: Duration = Duration::from_secs(120);
/// After so many requests their samples are put into the summaries, which bounds what waits for
/// it, scraped or not.
const REQUESTS_PER_UPKEEP: u64 = 1_000;

/// The counts and measures of one server.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    operations: [OfOperation; OPERATIONS.len()],
    recorded: AtomicU64,
}

/// What is counted and measured of one operation.
struct OfOperation {
    operation: Operation,
    /// Those answered with 200, once there is one: nearly all, so the way to it is kept.
    answered: OnceLock<Counter>,
    duration: Histogram,
    request_size: Histogram,
    response_size: Histogram,
}

/// A request of an operation, as far as it is measured.
pub(crate) struct Measured {
    operation: Operation,
    bytes: u64,
}

impl Measured {
    /// `None` for what has no operation.
    pub(crate) fn of<B>(arrival: &Arrival, request: &Request<B>) -> Option<Self> {
        let operation = Operation::of(arrival.route.name())?;
        Some(Self { operation, bytes: request_bytes(request) })
    }
}

impl Metrics {
    /// Nothing counted yet. Every summary is there from the start, as in Notary.
    pub(crate) fn new() -> Self {
        let recorder = builder().build_recorder();
        for (family, help) in [
            (DURATION, "Time that requests took, in microseconds."),
            (REQUEST_SIZE, "Size of requests, in bytes."),
            (RESPONSE_SIZE, "Size of answers, in bytes."),
        ] {
            recorder.describe_histogram(KeyName::from_const_str(family), None, help.into());
        }
        for (family, help) in [
            (LIMITED, "Requests refused because their address or user sent too many."),
            (REQUESTS, "Number of requests."),
            (TOKENS, "Number of requests for tokens."),
            (MEMORY_HITS, "Documents that came from memory."),
            (MEMORY_MISSES, "Documents that were looked for in the database."),
        ] {
            recorder.describe_counter(KeyName::from_const_str(family), None, help.into());
        }
        for (family, help) in [
            (MEMORY_BYTES, "Memory that documents take, in bytes."),
            (RULES, "Number of rules of access in use."),
            (RULES_STALE, "1 while the file of rules cannot be used and older rules are in use."),
        ] {
            recorder.describe_gauge(KeyName::from_const_str(family), None, help.into());
        }
        let operations = OPERATIONS.map(|operation| OfOperation::new(&recorder, operation));
        let handle = recorder.handle();
        Self { recorder, handle, operations, recorded: AtomicU64::new(0) }
    }

    /// Takes over what is counted of the audit log.
    pub(crate) fn audit(&self, AuditUse { writable, written, suppressed }: AuditUse) {
        let writable_help = "Whether the audit log can be written to, and so anything changed.";
        let gauge = KeyName::from_const_str(AUDIT_WRITABLE);
        self.recorder.describe_gauge(gauge, None, writable_help.into());
        self.set(AUDIT_WRITABLE, f64::from(u8::from(writable)));
        for (family, help, count) in [
            (AUDIT_RECORDS, "Records of the audit log.", written),
            (AUDIT_SUPPRESSED, "Refusals that were counted instead of recorded.", suppressed),
        ] {
            self.recorder.describe_counter(KeyName::from_const_str(family), None, help.into());
            let key = Key::from_static_name(family);
            self.recorder.register_counter(&key, &METADATA).absolute(count);
        }
    }

    /// Everything, in the text form of Prometheus; of memory and rules what is so now.
    pub(crate) fn render(&self, memory: MemoryUse, rules: Option<RulesState>) -> String {
        self.set(MEMORY_BYTES, rounded(memory.bytes));
        if let Some(RulesState { count, is_stale }) = rules {
            self.set(RULES, f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
            self.set(RULES_STALE, if is_stale { 1.0 } else { 0.0 });
        }
        for (family, count) in [(MEMORY_HITS, memory.hits), (MEMORY_MISSES, memory.misses)] {
            self.recorder
                .register_counter(&Key::from_static_name(family), &METADATA)
                .absolute(count);
        }
        self.handle.render()
    }

    /// Counts a request that is over a limit of `holder`.
    pub(crate) fn count_limited(&self, holder: Holder) {
        let label = Label::from_static_parts("by", holder.as_str());
        let key = Key::from_parts(LIMITED, vec![label]);
        self.recorder.register_counter(&key, &METADATA).increment(1);
    }

    fn set(&self, gauge: &'static str, value: f64) {
        self.recorder.register_gauge(&Key::from_static_name(gauge), &METADATA).set(value);
    }

    /// Counts one request for a token, by what became of it.
    pub(crate) fn count_token(&self, refused: Option<&TokenFault>) {
        let outcome = match refused {
            None => "issued",
            Some(TokenFault::BadRefreshToken) => "refresh_token_refused",
            Some(TokenFault::TooManyGuesses { .. }) => "too_many_guesses",
            Some(TokenFault::WrongCredentials) => "wrong_credentials",
            Some(TokenFault::Busy | TokenFault::NoRandomness) => "failed",
            Some(_) => "bad_request",
        };
        let labels = vec![Label::from_static_parts("outcome", outcome)];
        let key = Key::from_parts(TOKENS, labels);
        self.recorder.register_counter(&key, &METADATA).increment(1);
    }

    fn counter(&self, operation: Operation, status: StatusCode) -> Counter {
        let labels = vec![
            Label::new("code", status.as_str().to_owned()),
            Label::from_static_parts("method", operation.method()),
            Label::from_static_parts("operation", operation.name()),
        ];
        self.recorder.register_counter(&Key::from_parts(REQUESTS, labels), &METADATA)
    }

    /// Records a request, once it is known what its answer is.
    pub(crate) fn record(&self, request: Measured, duration: Duration, response: &Response) {
        let Measured { operation, bytes: request_bytes } = request;
        if let Some(found) = self.operations.iter().find(|found| found.operation == operation) {
            found.duration.record(duration.as_secs_f64() * 1e6);
            found.request_size.record(bytes(request_bytes));
            // Every answer is in memory as a whole, so its size is known.
            let response_bytes = response.body().size_hint().exact().unwrap_or_default();
            found.response_size.record(bytes(response_bytes));
            let counter = || self.counter(operation, response.status());
            match response.status() {
                StatusCode::OK => found.answered.get_or_init(counter).increment(1),
                _ => counter().increment(1),
            }
        }
        if self.recorded.fetch_add(1, Ordering::Relaxed).is_multiple_of(REQUESTS_PER_UPKEEP) {
            self.handle.run_upkeep();
        }
    }
}

impl OfOperation {
    fn new(recorder: &PrometheusRecorder, operation: Operation) -> Self {
        let summary = |family: &'static str| {
            let label = Label::from_static_parts("operation", operation.name());
            recorder.register_histogram(&Key::from_parts(family, vec![label]), &METADATA)
        };
        Self {
            operation,
            answered: OnceLock::new(),
            duration: summary(DURATION),
            request_size: summary(REQUEST_SIZE),
            response_size: summary(RESPONSE_SIZE),
        }
    }
}

/// The size of a request: its first line, its headers, and the body that it announces.
fn request_bytes<B>(request: &Request<B>) -> u64 {
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let host = uri.authority().map_or(0, |host| host.as_str().len());
    let version = if request.version() == Version::HTTP_2 { "HTTP/2.0" } else { "HTTP/1.1" };
    let headers: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let head = request.method().as_str().len() + target + version.len() + host + headers;
    let body = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(0_u64);
    u64::try_from(head).unwrap_or(u64::MAX).saturating_add(body)
}

/// What an operation is called in the label of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Changefeed,
    DeleteTuf,
    GetKey,
    GetRole,
    GetRoleByHash,
    GetRoleByVersion,
    RotateKey,
    UpdateTuf,
}

const OPERATIONS: [Operation; 8] = [
    Operation::Changefeed,
    Operation::DeleteTuf,
    Operation::GetKey,
    Operation::GetRole,
    Operation::GetRoleByHash,
    Operation::GetRoleByVersion,
    Operation::RotateKey,
    Operation::UpdateTuf,
];

impl Operation {
    fn of(route: RouteName) -> Option<Self> {
        match route {
            RouteName::Changefeed => Some(Self::Changefeed),
            RouteName::Delete => Some(Self::DeleteTuf),
            RouteName::GetKey => Some(Self::GetKey),
            RouteName::GetRole => Some(Self::GetRole),
            RouteName::GetRoleByDigest => Some(Self::GetRoleByHash),
            RouteName::GetRoleByVersion => Some(Self::GetRoleByVersion),
            RouteName::Publish => Some(Self::UpdateTuf),
            RouteName::RotateKey => Some(Self::RotateKey),
            RouteName::Health
            | RouteName::Live
            | RouteName::Metrics
            | RouteName::Ping
            | RouteName::Ready
            | RouteName::Token
            | RouteName::Unknown => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Changefeed => "Changefeed",
            Self::DeleteTuf => "DeleteTUF",
            Self::GetKey => "GetKey",
            Self::GetRole => "GetRole",
            Self::GetRoleByHash => "GetRoleByHash",
            Self::GetRoleByVersion => "GetRoleByVersion",
            Self::RotateKey => "RotateKey",
            Self::UpdateTuf => "UpdateTUF",
        }
    }

    /// The one method that leads to it.
    fn method(self) -> &'static str {
        match self {
            Self::Changefeed
            | Self::GetKey
            | Self::GetRole
            | Self::GetRoleByHash
            | Self::GetRoleByVersion => "get",
            Self::DeleteTuf => "delete",
            Self::RotateKey | Self::UpdateTuf => "post",
        }
    }
}

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

fn builder() -> PrometheusBuilder {
    #[expect(clippy::expect_used, reason = "the quantiles and the window are not empty")]
    PrometheusBuilder::new()
        .set_quantiles(&QUANTILES)
        .and_then(|builder| builder.set_bucket_duration(WINDOW_PIECE))
        .expect("quantiles and a window")
        .set_bucket_count(WINDOW_PIECES)
}

/// A number of bytes as a gauge takes it: above 4 GiB in whole mebibytes.
fn rounded(bytes: u64) -> f64 {
    const MEBIBYTE: u32 = 1 << 20;
    u32::try_from(bytes).map_or_else(
        |_| {
            let whole = u32::try_from(bytes / u64::from(MEBIBYTE)).unwrap_or(u32::MAX);
            f64::from(whole) * f64::from(MEBIBYTE)
        },
        f64::from,
    )
}

/// A size as the summaries take it. No body may have 4 GiB; one that is announced as larger counts
/// as that.
fn bytes(size: u64) -> f64 {
    u32::try_from(size).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests;
