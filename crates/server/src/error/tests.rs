//! Every error as its client reads it.

use axum::body::to_bytes;
use proptest::prelude::*;

use super::*;
use crate::auth::{Challenge, RefusedWhy};
use crate::request_limits::Holder;
use countersign_access::AccessItem;
use countersign_storage::Unstorable;
use countersign_trust::{ClockWentBack, OverStorageLimit};
use countersign_tuf::keys::KeyId;
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::reason::Reason;

fn publish(error: impl Into<TrustError>) -> ApiError {
    ApiError::Publish(error.into())
}

fn service(error: impl Into<TrustError>) -> ApiError {
    ApiError::Service(error.into())
}

fn storage_away() -> StorageError {
    StorageError::Unavailable { reason: "gone".to_owned() }
}

fn corrupt() -> StorageError {
    StorageError::Corrupt { table: "tuf_files", row: "1".to_owned(), reason: "x".to_owned() }
}

fn custody_away() -> CustodyError {
    CustodyError::Unavailable { reason: "gone".to_owned() }
}

fn bad_key() -> CustodyError {
    CustodyError::BadKey { key_id: "k".to_owned(), reason: "x".to_owned() }
}

fn unstorable(what: Unstorable) -> StorageError {
    StorageError::Unstorable { what, reason: "the same as secret/name".to_owned() }
}

fn unstorable_key() -> CustodyError {
    CustodyError::UnstorableGun { reason: "characters".to_owned() }
}

fn signed_badly() -> TrustError {
    TrustError::SignedBadly { role: ServerRole::Timestamp, reason: Reason::NoSignatures }
}

fn stored_invalid() -> TrustError {
    TrustError::StoredInvalid { role: RoleName::Root, reason: Reason::NoSignatures }
}

fn clock_went_back() -> TrustError {
    let at = |text: &str| text.parse().unwrap();
    let (now, stored_at) = (at("2026-11-24T12:00:00Z"), at("2027-01-01T00:00:00Z"));
    ClockWentBack { gun: Gun::parse("a/b").unwrap(), now, stored_at }.into()
}

fn missing_keys(id: &str, count: usize) -> MissingKeys {
    MissingKeys { found: 0, needed: 1, missing: vec![KeyId::claimed(id); count] }
}

/// Compile-time reminder: a new variant needs a row in the table below.
fn every_variant_is_listed(error: &ApiError) {
    match error {
        ApiError::BadEscape
        | ApiError::BodyTooSlow
        | ApiError::CertificateRefused(_)
        | ApiError::InvalidGun(_)
        | ApiError::InvalidChangeId
        | ApiError::InvalidRecords(_)
        | ApiError::InvalidRole(_)
        | ApiError::KeysAway(_)
        | ApiError::MalformedJson
        | ApiError::MalformedUpload
        | ApiError::NoFilename
        | ApiError::NoRoute
        | ApiError::NotFound
        | ApiError::Panicked(_)
        | ApiError::Publish(_)
        | ApiError::Service(_)
        | ApiError::TooLarge(_)
        | ApiError::Unauthorized(_)
        | ApiError::TooManyKeys { .. }
        | ApiError::TooManyPublishes(_)
        | ApiError::TooManyRequests { .. }
        | ApiError::Unrecorded(_) => {}
    }
}

async fn print(error: ApiError) -> (u16, String) {
    every_variant_is_listed(&error);
    let response = error.into_response();
    let status = response.status();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json; charset=utf-8");
    assert_eq!(
        response.headers().contains_key(header::RETRY_AFTER),
        [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS].contains(&status)
    );
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
}

async fn check(table: impl IntoIterator<Item = (ApiError, u16, String)>) {
    for (error, status, body) in table {
        let name = format!("{error:?}");
        assert_eq!(print(error).await, (status, body), "{name}");
    }
}

const EMPTY: &str = r#","detail":{}"#;
const LACKED: &str = r#","detail":{"FoundKeys":0,"NeededKeys":1,"MissingKeyIDs":["ab"]}"#;
const NO_ROOT: &str = "no pre-existing root and no root provided in update.";

/// The body for a code of the specification's table, which has the messages; `detail` with its
/// comma and name.
fn element(code: &str, detail: &str) -> String {
    let message = match code {
        "INVALID_GUN" => "The server does not support actions on images of this name.",
        "INVALID_PARAMETERS" => "The parameters provided are not valid.",
        "INVALID_ROLE" => "The role you are attempting to operate on is invalid.",
        "INVALID_UPDATE" => "Update sent by the client is invalid.",
        "MALFORMED_JSON" => "JSON sent by the client could not be parsed by the server",
        "MALFORMED_UPLOAD" => "The body of your request is malformed.",
        "METADATA_NOT_FOUND" => "You have requested metadata that does not exist.",
        "NO_FILENAME" => "No file/role name provided.",
        "UNAUTHORIZED" => "authentication required",
        "UNKNOWN" => "unknown error",
        "UPDATING" => "An error has occurred while updating the TUF repository.",
        "VERSION" => "A newer version of metadata is already available.",
        other => panic!("{other} is no code"),
    };
    format!("{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"{message}\"{detail}}}]}}\n")
}

fn text(detail: &str) -> String {
    format!(r#","detail":"{detail}""#)
}

fn refused(name: &str, missing: &str) -> String {
    let error = format!(r#"{{{missing}"Msg":"{NO_ROOT}"}}"#);
    element("INVALID_UPDATE", &format!(r#","detail":{{"Name":"{name}","Error":{error}}}"#))
}

/// Codes, statuses and messages are Notary's (server spec 1.3, 4.8 and appendix B).
#[tokio::test]
async fn refused_requests_have_notarys_status_and_body() {
    let upload = || element("MALFORMED_UPLOAD", "");
    check([
        (ApiError::BadEscape, 400, element("INVALID_PARAMETERS", "")),
        (ApiError::BodyTooSlow, 408, upload()),
        (ApiError::InvalidGun("why".to_owned()), 400, element("INVALID_GUN", &text("why"))),
        (ApiError::InvalidChangeId, 400, element("INVALID_PARAMETERS", EMPTY)),
        (
            ApiError::InvalidRecords(r#"parsing "": x"#.to_owned()),
            400,
            element("INVALID_PARAMETERS", &text(r#"parsing \"\": x"#)),
        ),
        (
            ApiError::InvalidRole("foo<".to_owned()),
            400,
            element("INVALID_ROLE", &text(r"foo\u003c")),
        ),
        (ApiError::KeysAway("why".to_owned()), 503, element("UNKNOWN", EMPTY)),
        (ApiError::MalformedJson, 400, element("MALFORMED_JSON", "")),
        (ApiError::MalformedUpload, 400, upload()),
        (ApiError::NoFilename, 400, element("NO_FILENAME", "")),
        (ApiError::NoRoute, 404, element("METADATA_NOT_FOUND", "")),
        (ApiError::NotFound, 404, element("METADATA_NOT_FOUND", EMPTY)),
        (ApiError::Panicked("boom".to_owned()), 500, element("UNKNOWN", EMPTY)),
        (ApiError::TooLarge("parts"), 413, upload()),
        (
            ApiError::TooManyRequests { holder: Holder::Address, wait: 7 },
            429,
            element("UNKNOWN", &text("too many requests from this address: try again later")),
        ),
        (
            ApiError::TooManyRequests { holder: Holder::User, wait: 7 },
            429,
            element("UNKNOWN", &text("too many requests by this user: try again later")),
        ),
        (
            ApiError::TooManyKeys { wait: 7 },
            429,
            element("UNKNOWN", &text("too many new keys for this address: try again later")),
        ),
        (ApiError::Unrecorded(RouteName::Publish), 503, element("UPDATING", "")),
        (ApiError::Unrecorded(RouteName::Delete), 503, element("UNKNOWN", EMPTY)),
        (
            ApiError::TooManyPublishes(too_many_publishes()),
            429,
            element(
                "UNKNOWN",
                &text("below a/ publishes are limited to 6 a minute: try again in 10 s"),
            ),
        ),
    ])
    .await;
}

fn too_many_publishes() -> TooManyPublishes {
    let per_minute = std::num::NonZeroU32::new(6).unwrap();
    TooManyPublishes { prefix: "a/".parse().unwrap(), per_minute, wait: 10 }
}

/// Of a refusal Notary's clients show the sentence in an `ErrValidation`, and of no other.
#[tokio::test]
async fn a_publish_over_a_limit_of_storage_is_refused_in_words_that_clients_show() {
    let prefix = || "a/".parse().unwrap();
    let refused = |sentence: &str| {
        element(
            "INVALID_UPDATE",
            &format!(
                ",\"detail\":{{\"Name\":\"ErrValidation\",\"Error\":{{\"Msg\":\"{sentence}\"}}}}"
            ),
        )
    };
    let repositories = OverStorageLimit::Repositories { prefix: prefix(), most: 2, used: 2 };
    let bytes = OverStorageLimit::Bytes { prefix: prefix(), most: 9, used: 8, wanted: 7 };
    check([
        (
            publish(TrustError::from(repositories.clone())),
            400,
            refused(
                "below a/ repositories are limited to 2, and 2 are there: delete one, or ask the \
                 operator for more",
            ),
        ),
        (
            publish(TrustError::from(bytes)),
            400,
            refused(
                "below a/ bytes are limited to 9, and 8 are used; this publish has 7: delete a \
                 repository, or ask the operator for more",
            ),
        ),
        (service(TrustError::from(repositories)), 500, element("UNKNOWN", EMPTY)),
    ])
    .await;
}

#[tokio::test]
async fn a_client_whose_certificate_does_not_count_any_more_is_refused_without_a_challenge() {
    let detail = text("the client certificate of this connection does not count any more");
    for why in [NotLetIn::Missing, NotLetIn::Refused("revoked".to_owned())] {
        let error = ApiError::CertificateRefused(why);
        assert!(error.challenge().is_none());
        check([(error, 401, element("UNAUTHORIZED", &detail))]).await;
    }
}

#[tokio::test]
async fn a_publish_that_did_not_happen_has_notarys_status_and_body() {
    let reason = || Reason::NoRoot;
    let hierarchy = Refusal::BadHierarchy { missing: RoleName::Snapshot, reason: reason() };
    let snapshot = r#""Missing":"snapshot","#;
    let updating = || element("UPDATING", "");
    check([
        (publish(hierarchy), 400, refused("ErrBadHierarchy", snapshot)),
        (publish(Refusal::BadRoot(reason())), 400, refused("ErrBadRoot", "")),
        (publish(Refusal::BadSnapshot(reason())), 400, refused("ErrBadSnapshot", "")),
        (publish(Refusal::BadTargets(reason())), 400, refused("ErrBadTargets", "")),
        (publish(Refusal::Validation(reason())), 400, refused("ErrValidation", "")),
        (publish(Refusal::Stored(reason())), 400, element("INVALID_UPDATE", "")),
        (publish(TrustError::OldVersion), 400, element("VERSION", EMPTY)),
        (publish(missing_keys("ab", 1)), 500, element("UNKNOWN", LACKED)),
        (publish(TrustError::Contended), 503, updating()),
        (publish(clock_went_back()), 503, updating()),
        (publish(TrustError::TooSlow { seconds: 60 }), 503, updating()),
        (publish(TrustError::ReadOnly), 503, updating()),
        (publish(TrustError::ShuttingDown), 503, updating()),
        (publish(custody_away()), 503, updating()),
        (publish(storage_away()), 503, updating()),
        (publish(bad_key()), 500, updating()),
        (publish(CustodyError::Other("x".to_owned())), 500, updating()),
        (publish(corrupt()), 500, updating()),
        (publish(StorageError::Newer { found: 2, known: 1 }), 500, updating()),
        (publish(StorageError::Other("x".to_owned())), 500, updating()),
        (publish(unstorable(Unstorable::Gun)), 400, element("INVALID_GUN", &text(UNSTORABLE_GUN))),
        (publish(unstorable_key()), 400, element("INVALID_GUN", &text(UNSTORABLE_GUN))),
        (publish(unstorable(Unstorable::Document)), 413, element("MALFORMED_UPLOAD", "")),
        (publish(TrustError::NoRoot), 500, updating()),
        (publish(signed_badly()), 500, updating()),
        (publish(stored_invalid()), 500, updating()),
    ])
    .await;
}

#[tokio::test]
async fn another_operation_that_did_not_happen_has_notarys_status_and_body() {
    let unknown = || element("UNKNOWN", EMPTY);
    check([
        (service(missing_keys("ab", 1)), 500, element("UNKNOWN", LACKED)),
        (service(TrustError::Contended), 503, unknown()),
        (service(clock_went_back()), 503, unknown()),
        (service(TrustError::TooSlow { seconds: 60 }), 503, unknown()),
        (service(TrustError::OldVersion), 503, unknown()),
        (service(TrustError::ReadOnly), 503, unknown()),
        (service(TrustError::ShuttingDown), 503, unknown()),
        (service(custody_away()), 503, unknown()),
        (service(storage_away()), 503, unknown()),
        (service(CustodyError::TooManyPending { limit: 1 }), 503, unknown()),
        (service(bad_key()), 500, unknown()),
        (service(CustodyError::Other("x".to_owned())), 500, unknown()),
        (service(corrupt()), 500, unknown()),
        (service(StorageError::Newer { found: 2, known: 1 }), 500, unknown()),
        (service(StorageError::Other("x".to_owned())), 500, unknown()),
        (service(unstorable(Unstorable::Gun)), 404, element("METADATA_NOT_FOUND", EMPTY)),
        (service(unstorable_key()), 404, element("METADATA_NOT_FOUND", EMPTY)),
        (service(unstorable(Unstorable::Document)), 500, unknown()),
        (
            ApiError::of_new_key(unstorable_key().into()),
            400,
            element("INVALID_GUN", &text(UNSTORABLE_GUN)),
        ),
        (ApiError::of_new_key(custody_away().into()), 503, unknown()),
        (service(Refusal::BadRoot(Reason::NoRoot)), 500, unknown()),
        (service(TrustError::NoRoot), 500, unknown()),
        (service(signed_badly()), 500, unknown()),
        (service(stored_invalid()), 500, unknown()),
    ])
    .await;
}

#[tokio::test]
async fn a_long_detail_is_cut_below_one_kibibyte_and_still_parses() {
    for error in [
        ApiError::InvalidRole("é<\u{1}".repeat(5_000)),
        ApiError::InvalidGun("x".repeat(5_000)),
        service(missing_keys(&"ab".repeat(32), 100)),
        service(missing_keys(&"<".repeat(5_000), 2)),
    ] {
        let (_, body) = print(error).await;
        assert!(body.len() < 1024, "{}", body.len());
        assert!(body.len() > 100 && body.ends_with("}]}\n"), "{body}");
        serde_json::from_str::<serde_json::Value>(&body).unwrap();
    }
}

fn unauthorized(name: &str, actions: &[&'static str]) -> ApiError {
    let items = actions.iter().map(|action| AccessItem::repository(name, action)).collect();
    let (realm, service) = ("https://auth.example/token".to_owned(), "notary.test".to_owned());
    let why = RefusedWhy::NoToken;
    let challenge = Some(Box::new(Challenge { realm, service }));
    ApiError::Unauthorized(AccessRefusal {
        challenge,
        items,
        raw_name: None,
        user: None,
        why,
        cause: "no token".to_owned(),
    })
}

/// The body as observed on the Go server (server spec 2.2).
#[tokio::test]
async fn who_may_not_is_told_what_is_missing_and_where_to_get_it() {
    let item = |action| {
        format!(r#"{{"Type":"repository","Class":"","Name":"example.com/a","Action":"{action}"}}"#)
    };
    let detail = format!(r#","detail":[{},{}]"#, item("push"), item("pull"));
    let error = unauthorized("example.com/a", &["push", "pull"]);
    assert_eq!(print(error).await, (401, element("UNAUTHORIZED", &detail)));
    let response = unauthorized("a", &["pull"]).into_response();
    let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.starts_with("Bearer realm=\"https://auth.example/token\","), "{challenge}");
    let (_, body) = print(unauthorized(&"\u{1f510}".repeat(255), &["push", "pull"])).await;
    assert!(body.len() < 1024, "{}", body.len());
    serde_json::from_str::<serde_json::Value>(&body).unwrap();
}

#[tokio::test]
async fn a_detail_that_just_fits_is_whole() {
    let overhead = print(ApiError::InvalidRole(String::new())).await.1.len();
    let fits = "x".repeat(1023 - overhead);
    assert!(print(ApiError::InvalidRole(fits.clone())).await.1.contains(&fits));
    let (_, cut) = print(ApiError::InvalidRole(fits.clone() + "y")).await;
    assert!(cut.contains(&fits) && cut.len() == 1023);
}

#[test]
fn the_cause_of_a_failure_reaches_the_log_and_not_the_client() {
    let response = service(storage_away()).into_response();
    let outcome = response.extensions().get::<Outcome>().unwrap();
    assert_eq!(outcome.code, "UNKNOWN");
    assert!(outcome.cause.contains("gone"));
}

proptest! {
    #[test]
    fn no_text_makes_a_body_longer_than_a_client_reads(text in any::<String>(), times in 0_usize..300) {
        let mut detail = Some(Detail::text(&text.repeat(times)));
        let body = body::envelope("INVALID_ROLE", "message", detail.take());
        prop_assert!(body.len() < 1024);
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
    }
}
