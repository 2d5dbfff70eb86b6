//! Every refusal and failure as the client sees it: the one place with Notary's codes.
//!
//! Source: server spec 1.3 (codes, statuses, messages), 4.8 (details of a refused update),
//! contract section 2 (our own refusals and 503).

mod body;
mod token;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::auth::{Denial, Refusal as AccessRefusal};
use crate::publish_rates::TooManyPublishes;
use crate::request_limits::Holder;
use crate::route::RouteName;
use crate::tls::NotLetIn;
use body::Detail;
use countersign_access::Caller;
use countersign_trust::CustodyError;
use countersign_trust::StorageError;
use countersign_trust::{MissingKeys, TrustError};
use countersign_tuf::rules::Refusal;
pub(crate) use token::TokenFault;

/// Seconds after which a client may try again what failed for now.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Why a request gets no good answer.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The path has a percent sign that begins no escape.
    BadEscape,
    /// The upload arrived too slowly.
    BodyTooSlow,
    /// The GUN cannot be stored; holds why.
    InvalidGun(String),
    /// What the client showed in its handshake does not count any more.
    CertificateRefused(NotLetIn),
    /// A changefeed's `change_id`.
    InvalidChangeId,
    /// Whether the caller may cannot be told for now: keys of tokens are not there; holds why.
    KeysAway(String),
    /// A changefeed's `records`; holds why.
    InvalidRecords(String),
    /// A part's file name is no role; holds the name.
    InvalidRole(String),
    /// A part is not JSON of the needed shape.
    MalformedJson,
    /// The body is no multipart, or cut short.
    MalformedUpload,
    /// A part without a usable file name.
    NoFilename,
    /// No such route.
    NoRoute,
    /// A route, but nothing there.
    NotFound,
    /// A handler panicked; holds the message.
    Panicked(String),
    /// A publish did not happen.
    Publish(TrustError),
    /// Another operation did not happen.
    Service(TrustError),
    /// Below a prefix is published more often than may be.
    TooManyPublishes(TooManyPublishes),
    /// The upload, one of its parts or their number is over a limit; names the limit.
    TooLarge(&'static str),
    /// Nothing can be recorded now, so nothing is changed.
    Unrecorded(RouteName),
    /// The caller may not, or has not proved who it is.
    Unauthorized(AccessRefusal),
    /// The address or the user has sent too many requests.
    TooManyRequests {
        /// Which of them.
        holder: Holder,
        /// Seconds until it may send another.
        wait: u64,
    },
    /// The client has had too many keys made.
    TooManyKeys {
        /// Seconds until it may ask for another.
        wait: u64,
    },
}

/// What a client is told of a GUN that the database cannot hold; not beside which other one.
const UNSTORABLE_GUN: &str =
    "the database cannot hold this name, or not beside one that it takes for the same";

/// What a client is told whose connection outlived its certificate.
const CERTIFICATE_REFUSED: &str =
    "the client certificate of this connection does not count any more";

/// What the log says of an answer; an extension of the response.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Notary's code.
    pub(crate) code: &'static str,
    /// Why, for people who run the server.
    pub(crate) cause: String,
}

/// Notary's codes with their messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    InvalidGun,
    InvalidParameters,
    InvalidRole,
    InvalidUpdate,
    MalformedJson,
    MalformedUpload,
    MetadataNotFound,
    NoFilename,
    Unauthorized,
    Unknown,
    Updating,
    Version,
}

/// An answer before it is written.
struct Answer<'a> {
    status: StatusCode,
    code: Code,
    detail: Option<Detail<'a>>,
}

impl Code {
    fn as_str(self) -> &'static str {
        match self {
            Self::InvalidGun => "INVALID_GUN",
            Self::InvalidParameters => "INVALID_PARAMETERS",
            Self::InvalidRole => "INVALID_ROLE",
            Self::InvalidUpdate => "INVALID_UPDATE",
            Self::MalformedJson => "MALFORMED_JSON",
            Self::MalformedUpload => "MALFORMED_UPLOAD",
            Self::MetadataNotFound => "METADATA_NOT_FOUND",
            Self::NoFilename => "NO_FILENAME",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Unknown => "UNKNOWN",
            Self::Updating => "UPDATING",
            Self::Version => "VERSION",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::InvalidGun => "The server does not support actions on images of this name.",
            Self::InvalidParameters => "The parameters provided are not valid.",
            Self::InvalidRole => "The role you are attempting to operate on is invalid.",
            Self::InvalidUpdate => "Update sent by the client is invalid.",
            Self::MalformedJson => "JSON sent by the client could not be parsed by the server",
            Self::MalformedUpload => "The body of your request is malformed.",
            Self::MetadataNotFound => "You have requested metadata that does not exist.",
            Self::NoFilename => "No file/role name provided.",
            Self::Unauthorized => "authentication required",
            Self::Unknown => "unknown error",
            Self::Updating => "An error has occurred while updating the TUF repository.",
            Self::Version => "A newer version of metadata is already available.",
        }
    }
}

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::KeysAway { cause } => Self::KeysAway(cause),
            Denial::Refused(refusal) => Self::Unauthorized(refusal),
        }
    }
}

impl ApiError {
    /// Why no new key was made: where it would be made, a GUN that cannot be stored is refused.
    pub(crate) fn of_new_key(error: TrustError) -> Self {
        if error.is_unstorable_gun() {
            return Self::InvalidGun(UNSTORABLE_GUN.to_owned());
        }
        Self::Service(error)
    }

    fn answer(&self) -> Answer<'_> {
        let answer = |status, code, detail| Answer { status, code, detail };
        let bad = |code, detail| answer(StatusCode::BAD_REQUEST, code, detail);
        match self {
            Self::BadEscape => bad(Code::InvalidParameters, None),
            Self::BodyTooSlow => answer(StatusCode::REQUEST_TIMEOUT, Code::MalformedUpload, None),
            Self::CertificateRefused(_) => {
                let detail = Detail::text(CERTIFICATE_REFUSED);
                answer(StatusCode::UNAUTHORIZED, Code::Unauthorized, Some(detail))
            }
            Self::InvalidGun(why) => bad(Code::InvalidGun, Some(Detail::text(why))),
            Self::InvalidChangeId => bad(Code::InvalidParameters, Some(Detail::Empty {})),
            Self::InvalidRecords(why) => bad(Code::InvalidParameters, Some(Detail::text(why))),
            Self::InvalidRole(name) => bad(Code::InvalidRole, Some(Detail::text(name))),
            Self::KeysAway(_) => failed(Code::Unknown, Prospect::Later, Some(Detail::Empty {})),
            Self::MalformedJson => bad(Code::MalformedJson, None),
            Self::MalformedUpload => bad(Code::MalformedUpload, None),
            Self::NoFilename => bad(Code::NoFilename, None),
            Self::NoRoute => answer(StatusCode::NOT_FOUND, Code::MetadataNotFound, None),
            Self::NotFound => {
                answer(StatusCode::NOT_FOUND, Code::MetadataNotFound, Some(Detail::Empty {}))
            }
            Self::Panicked(_) => {
                answer(StatusCode::INTERNAL_SERVER_ERROR, Code::Unknown, Some(Detail::Empty {}))
            }
            Self::Publish(error) => publish_answer(error),
            Self::Service(error) => service_answer(error),
            Self::TooLarge(_) => answer(StatusCode::PAYLOAD_TOO_LARGE, Code::MalformedUpload, None),
            Self::Unauthorized(refusal) => answer(
                StatusCode::UNAUTHORIZED,
                Code::Unauthorized,
                Some(Detail::items(&refusal.items)),
            ),
            Self::TooManyRequests { holder, .. } => {
                let detail = Detail::text(match holder {
                    Holder::Address => "too many requests from this address: try again later",
                    Holder::User => "too many requests by this user: try again later",
                });
                answer(StatusCode::TOO_MANY_REQUESTS, Code::Unknown, Some(detail))
            }
            Self::Unrecorded(RouteName::Publish) => failed(Code::Updating, Prospect::Later, None),
            Self::Unrecorded(_) => failed(Code::Unknown, Prospect::Later, Some(Detail::Empty {})),
            Self::TooManyPublishes(refused) => {
                let detail = Detail::text(&refused.to_string());
                answer(StatusCode::TOO_MANY_REQUESTS, Code::Unknown, Some(detail))
            }
            Self::TooManyKeys { .. } => {
                let detail = Detail::text("too many new keys for this address: try again later");
                answer(StatusCode::TOO_MANY_REQUESTS, Code::Unknown, Some(detail))
            }
        }
    }

    /// What a client that lacks a token is told of where to get one.
    fn challenge(&self) -> Option<HeaderValue> {
        match self {
            Self::Unauthorized(refusal) => HeaderValue::try_from(refusal.header()?).ok(),
            _ => None,
        }
    }

    /// Why, for people who run the server. Holds nothing secret.
    fn cause(&self) -> String {
        match self {
            Self::BadEscape => "the path has a malformed percent escape".to_owned(),
            Self::BodyTooSlow => "the body arrived too slowly".to_owned(),
            Self::CertificateRefused(why) => format!("the client is not let in any more: {why}"),
            Self::InvalidGun(why) | Self::InvalidRecords(why) | Self::KeysAway(why) => why.clone(),
            Self::InvalidChangeId => "change_id is no 32-bit integer".to_owned(),
            Self::InvalidRole(name) => format!("{name:?} is no role"),
            Self::MalformedJson => "a part is not JSON of the needed shape".to_owned(),
            Self::MalformedUpload => "the body is no whole multipart upload".to_owned(),
            Self::NoFilename => "a part has no file name".to_owned(),
            Self::NoRoute => "no such route".to_owned(),
            Self::NotFound => "nothing there".to_owned(),
            Self::Panicked(message) => format!("panic: {message}"),
            Self::Publish(error) | Self::Service(error) => error.to_string(),
            Self::TooLarge(limit) => format!("over the limit on {limit}"),
            Self::Unauthorized(refusal) => refusal.cause.clone(),
            Self::TooManyRequests { holder, .. } => {
                format!("over the limit on requests per {}", holder.as_str())
            }
            Self::Unrecorded(_) => "the audit log cannot be written to".to_owned(),
            Self::TooManyKeys { .. } => "over the limit on new keys per address".to_owned(),
            Self::TooManyPublishes(refused) => refused.to_string(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Answer { status, code, detail } = self.answer();
        let body = body::envelope(code.as_str(), code.message(), detail);
        let content_type = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
        let mut response = (status, content_type, body).into_response();
        let retry_after = match self {
            Self::TooManyKeys { wait }
            | Self::TooManyPublishes(TooManyPublishes { wait, .. })
            | Self::TooManyRequests { wait, .. } => Some(HeaderValue::from(wait)),
            _ => (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER),
        };
        if let Some(retry_after) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, retry_after);
        }
        if let Some(challenge) = self.challenge() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        let outcome = Outcome { code: code.as_str(), cause: self.cause() };
        response.extensions_mut().insert(outcome);
        if let Self::Unauthorized(refusal) = self {
            let token_user = refusal.user.map(String::from);
            response.extensions_mut().insert(Caller { token_user, certificate: None });
        }
        response
    }
}

/// Whether trying again later can help.
enum Prospect {
    Later,
    Never,
}

fn publish_answer(error: &TrustError) -> Answer<'_> {
    let bad = |code, detail| Answer { status: StatusCode::BAD_REQUEST, code, detail };
    match error {
        unstorable if unstorable.is_unstorable_gun() => {
            bad(Code::InvalidGun, Some(Detail::text(UNSTORABLE_GUN)))
        }
        TrustError::Storage(StorageError::Unstorable { .. }) => Answer {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            code: Code::MalformedUpload,
            detail: None,
        },
        TrustError::Refused(refusal) => bad(Code::InvalidUpdate, refusal_detail(refusal)),
        TrustError::OldVersion => bad(Code::Version, Some(Detail::Empty {})),
        // The one form of a refusal whose sentence Notary's clients show.
        TrustError::OverStorageLimit(over) => {
            bad(Code::InvalidUpdate, Some(Detail::refusal("ErrValidation", None, over)))
        }
        TrustError::MissingKeys(missing) => missing_keys_answer(missing),
        TrustError::ClockWentBack(_)
        | TrustError::Contended
        | TrustError::ReadOnly
        | TrustError::ShuttingDown
        | TrustError::TooSlow { .. } => failed(Code::Updating, Prospect::Later, None),
        TrustError::Custody(error) => failed(Code::Updating, custody_prospect(error), None),
        TrustError::Storage(error) => failed(Code::Updating, storage_prospect(error), None),
        TrustError::NoRoot | TrustError::SignedBadly { .. } | TrustError::StoredInvalid { .. } => {
            failed(Code::Updating, Prospect::Never, None)
        }
    }
}

/// Any other operation fails as Notary's do, with an empty detail; a lost race is worth a retry.
fn service_answer(error: &TrustError) -> Answer<'_> {
    let prospect = match error {
        unstorable if unstorable.is_unstorable_gun() => {
            let (status, code) = (StatusCode::NOT_FOUND, Code::MetadataNotFound);
            return Answer { status, code, detail: Some(Detail::Empty {}) };
        }
        TrustError::MissingKeys(missing) => return missing_keys_answer(missing),
        TrustError::ClockWentBack(_)
        | TrustError::Contended
        | TrustError::OldVersion
        | TrustError::ReadOnly
        | TrustError::ShuttingDown
        | TrustError::TooSlow { .. } => Prospect::Later,
        TrustError::Custody(error) => custody_prospect(error),
        TrustError::Storage(error) => storage_prospect(error),
        TrustError::NoRoot
        | TrustError::OverStorageLimit(_)
        | TrustError::Refused(_)
        | TrustError::SignedBadly { .. }
        | TrustError::StoredInvalid { .. } => Prospect::Never,
    };
    failed(Code::Unknown, prospect, Some(Detail::Empty {}))
}

fn failed(code: Code, prospect: Prospect, detail: Option<Detail<'_>>) -> Answer<'_> {
    let status = match prospect {
        Prospect::Later => StatusCode::SERVICE_UNAVAILABLE,
        Prospect::Never => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Answer { status, code, detail }
}

fn missing_keys_answer(missing: &MissingKeys) -> Answer<'_> {
    failed(Code::Unknown, Prospect::Never, Some(Detail::missing_keys(missing)))
}

fn storage_prospect(error: &StorageError) -> Prospect {
    match error {
        StorageError::Unavailable { .. } => Prospect::Later,
        StorageError::Corrupt { .. }
        | StorageError::Newer { .. }
        | StorageError::Other(_)
        | StorageError::Unstorable { .. } => Prospect::Never,
    }
}

fn custody_prospect(error: &CustodyError) -> Prospect {
    match error {
        CustodyError::TooManyPending { .. } | CustodyError::Unavailable { .. } => Prospect::Later,
        CustodyError::BadKey { .. }
        | CustodyError::Other(_)
        | CustodyError::UnstorableGun { .. } => Prospect::Never,
    }
}

fn refusal_detail(refusal: &Refusal) -> Option<Detail<'_>> {
    match refusal {
        Refusal::BadHierarchy { missing, reason } => {
            Some(Detail::refusal("ErrBadHierarchy", Some(missing.as_str()), reason))
        }
        Refusal::BadRoot(reason) => Some(Detail::refusal("ErrBadRoot", None, reason)),
        Refusal::BadSnapshot(reason) => Some(Detail::refusal("ErrBadSnapshot", None, reason)),
        Refusal::BadTargets(reason) => Some(Detail::refusal("ErrBadTargets", None, reason)),
        Refusal::Stored(_) => None,
        Refusal::Validation(reason) => Some(Detail::refusal("ErrValidation", None, reason)),
    }
}

#[cfg(test)]
mod tests;
