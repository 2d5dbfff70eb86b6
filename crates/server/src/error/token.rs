//! Why the token service gives out no token, as registries' clients and OAuth 2 clients read it.
//!
//! One body serves both: docker shows the message of the first error in `errors`, OAuth 2 wants
//! `error` and `error_description`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Outcome;
use crate::token_service::LoginFault;
use crate::wire;

/// Why no token is given out. Holds nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenFault {
    /// Not made here, over, or of a user who is gone or has another password.
    BadRefreshToken,
    /// Too many logins are being checked.
    Busy,
    /// A grant without what it needs.
    NoCredentials,
    /// The body is no form.
    NoForm,
    /// The system is in trouble.
    NoRandomness,
    /// It is not said for what.
    NoService,
    /// The form is too long.
    TooLarge,
    /// Wrong too often.
    TooManyGuesses {
        /// Seconds until one more is looked at.
        wait: u64,
    },
    /// More scopes than a token holds.
    TooManyScopes,
    /// The form did not arrive in time.
    TooSlow,
    /// Nothing is given out for this service.
    UnknownService,
    /// Neither a password nor a refresh token.
    UnsupportedGrant,
    /// No such user, or not this password.
    WrongCredentials,
}

impl From<LoginFault> for TokenFault {
    fn from(fault: LoginFault) -> Self {
        match fault {
            LoginFault::Busy => Self::Busy,
            LoginFault::TooManyGuesses { wait } => Self::TooManyGuesses { wait },
            LoginFault::Wrong => Self::WrongCredentials,
        }
    }
}

/// What is said of a fault: status, docker's code, OAuth's code, and a sentence.
type Said = (StatusCode, &'static str, &'static str, &'static str);

impl TokenFault {
    fn said(&self) -> Said {
        let bad = |oauth, message| (StatusCode::BAD_REQUEST, "UNSUPPORTED", oauth, message);
        let unauthorized =
            |message| (StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "invalid_grant", message);
        match self {
            Self::BadRefreshToken => {
                unauthorized("the refresh token does not count any more: log in again")
            }
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                "temporarily_unavailable",
                "too many logins at once: try again later",
            ),
            Self::NoCredentials => {
                bad("invalid_request", "the grant lacks username and password, or refresh_token")
            }
            Self::NoForm => bad("invalid_request", "the body must be a form (urlencoded)"),
            Self::NoRandomness => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "UNKNOWN",
                "server_error",
                "no token can be made",
            ),
            Self::NoService => bad("invalid_request", "the parameter service is missing"),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "UNSUPPORTED",
                "invalid_request",
                "the form is too long",
            ),
            Self::TooManyGuesses { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "TOOMANYREQUESTS",
                "slow_down",
                "too many wrong passwords: try again later",
            ),
            Self::TooManyScopes => bad("invalid_scope", "too many scopes for one token"),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "UNSUPPORTED",
                "invalid_request",
                "the form arrived too slowly",
            ),
            Self::UnknownService => bad(
                "invalid_request",
                "tokens are not given out for this service: its name must be configured here",
            ),
            Self::UnsupportedGrant => {
                bad("unsupported_grant_type", "grant_type must be password or refresh_token")
            }
            Self::WrongCredentials => unauthorized("incorrect user name or password"),
        }
    }

    /// Why, for people who run the server.
    fn cause(&self) -> String {
        // Never what the client sent: people put passwords into the wrong field.
        self.said().3.to_owned()
    }
}

#[derive(Serialize)]
struct Body {
    errors: [Element; 1],
    error: &'static str,
    error_description: &'static str,
}

#[derive(Serialize)]
struct Element {
    code: &'static str,
    message: &'static str,
    detail: Option<()>,
}

impl IntoResponse for TokenFault {
    fn into_response(self) -> Response {
        let (status, code, error, message) = self.said();
        let errors = [Element { code, message, detail: None }];
        let body = wire::json(&Body { errors, error, error_description: message });
        let content_type = [
            (header::CONTENT_TYPE, "application/json; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        let mut response = (status, content_type, body).into_response();
        let headers = response.headers_mut();
        match self {
            Self::TooManyGuesses { wait } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
            }
            Self::Busy => {
                headers.insert(header::RETRY_AFTER, super::RETRY_AFTER);
            }
            Self::WrongCredentials => {
                let challenge = HeaderValue::from_static("Basic realm=\"token\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            _ => {}
        }
        response.extensions_mut().insert(Outcome { code, cause: self.cause() });
        response
    }
}
