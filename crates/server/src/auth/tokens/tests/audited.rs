//! What the audit log has of tokens that do not count, or not for this.

use axum::http::Method;

use super::wire::{ask, routes};
use super::*;
use crate::audit::testing::{Kept, shown};

const WHAT: [&str; 4] = ["outcome", "status", "code", "user"];

#[tokio::test]
async fn every_refusal_of_a_token_is_recorded_with_whom_it_names_if_it_counts() {
    let signer = TokenService::new();
    let (mut server, _) = guarded(&signer).await;
    let (kept, audit) = Kept::with(10_000);
    server.app.audit = Some(audit);
    let other = token(&TokenService::new(), &pull());
    let lacking = token(&signer, &json!([]));
    for (method, path, ..) in routes() {
        for (token, user) in [(&*other, Json::Null), (&lacking, json!("alice"))] {
            assert_eq!(ask(&server, method.clone(), path, Some(token)).await.status, 401);
            let record = kept.record();
            let expected = json!(["refused", 401, "UNAUTHORIZED", user]);
            assert_eq!(shown(&record, &WHAT), expected, "{method} {path}");
            assert!(!record.to_string().contains(token), "{record}");
        }
        assert_eq!(ask(&server, method.clone(), path, None).await.status, 401);
        // The first 401 is how clients learn where to log in.
        let question = method == Method::GET && path == "/v2/";
        assert_eq!(kept.records().len(), usize::from(!question), "{method} {path}");
    }
}

#[tokio::test]
async fn a_change_by_token_is_recorded_with_its_user() {
    let signer = TokenService::new();
    let (mut server, _) = guarded(&signer).await;
    let (kept, audit) = Kept::with(10_000);
    server.app.audit = Some(audit);
    let all = json!([{ "type": "repository", "name": "e/a", "actions": ["*"] }]);
    let token = token(&signer, &all);
    let path = "/v2/e/a/_trust/tuf/";
    assert_eq!(ask(&server, Method::DELETE, path, Some(&token)).await.status, 200);
    let record = kept.record();
    assert_eq!(shown(&record, &WHAT), json!(["accepted", 200, null, "alice"]));
    assert!(!record.to_string().contains(&token), "{record}");
}
