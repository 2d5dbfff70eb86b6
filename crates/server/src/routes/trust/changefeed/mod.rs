//! `GET /v2/<gun>/_trust/changefeed` and `GET /v2/_trust/changefeed`: what changed, oldest first.
//!
//! Source: server spec 6.4 (parameters, paging, shape).

mod parameters;

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use chrono::SecondsFormat;
use serde::Serialize;

use crate::app::App;
use crate::error::ApiError;
use crate::wire;
use countersign_trust::Change;
use countersign_tuf::names::Gun;

/// 200 and the changes that `query` asks for; of one GUN, or of all.
pub(in crate::routes) async fn changefeed(
    app: &App,
    gun: Option<&Gun>,
    query: Option<&str>,
) -> Result<Response, ApiError> {
    let range = parameters::parse(query.unwrap_or_default(), app.settings.limits.changes)?;
    let changes = app.trust.changes(gun, range).await.map_err(ApiError::Service)?;
    Ok(answer(&changes))
}

fn answer(changes: &[Change]) -> Response {
    let records: Vec<Record<'_>> = changes.iter().map(Record::of).collect();
    let body = wire::json(&Records { count: records.len(), records });
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[derive(Serialize)]
struct Records<'a> {
    count: usize,
    records: Vec<Record<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'a> {
    #[serde(rename = "ID")]
    id: String,
    created_at: String,
    #[serde(rename = "GUN")]
    gun: &'a str,
    version: i32,
    #[serde(rename = "SHA256")]
    sha256: &'a str,
    category: &'static str,
}

impl<'a> Record<'a> {
    fn of(change: &'a Change) -> Self {
        Self {
            id: change.id.to_string(),
            created_at: change.created_at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            gun: &change.gun,
            version: change.version,
            sha256: &change.sha256,
            category: change.category.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use chrono::DateTime;

    use super::*;
    use countersign_trust::ChangeCategory;

    async fn body(changes: &[Change]) -> String {
        let bytes = to_bytes(answer(changes).into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// Checklist row C-180.
    #[tokio::test]
    async fn no_changes_are_an_empty_list() {
        assert_eq!(body(&[]).await, r#"{"count":0,"records":[]}"#);
    }

    /// Checklist rows C-177 and C-179.
    #[tokio::test]
    async fn records_have_notarys_members() {
        let created_at = DateTime::from_timestamp(1_795_518_155, 785_575_000).unwrap();
        let update = Change {
            id: 3,
            created_at,
            gun: "a/b".to_owned(),
            version: 3,
            sha256: "ab".to_owned(),
            category: ChangeCategory::Update,
        };
        let deletion = Change {
            id: 21,
            version: 0,
            sha256: String::new(),
            category: ChangeCategory::Deletion,
            ..update.clone()
        };
        assert_eq!(
            body(&[update, deletion]).await,
            concat!(
                r#"{"count":2,"records":["#,
                r#"{"ID":"3","CreatedAt":"2026-11-24T11:02:35.785575Z","GUN":"a/b","#,
                r#""Version":3,"SHA256":"ab","Category":"update"},"#,
                r#"{"ID":"21","CreatedAt":"2026-11-24T11:02:35.785575Z","GUN":"a/b","#,
                r#""Version":0,"SHA256":"","Category":"deletion"}]}"#
            )
        );
    }
}
