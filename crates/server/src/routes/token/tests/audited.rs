//! Logins that are refused, in the audit log.

use super::*;
use crate::audit::testing::{Kept, shown};

fn audited() -> (Issuing, Arc<Kept>) {
    let mut server = issuing();
    let (kept, audit) = Kept::with(1_000);
    server.app.audit = Some(audit);
    (server, kept)
}

const WHAT: [&str; 5] = ["action", "outcome", "status", "code", "user"];

#[tokio::test]
async fn a_refused_login_is_recorded_with_the_name_that_was_tried_and_no_password() {
    let (server, kept) = audited();
    for name in ["alice", "nobody"] {
        let refused = server.ask("service=trust", Some(&basic(name, "hunter2"))).await;
        assert_eq!(refused.status, 401);
        let record = kept.record();
        let expected = json!(["login", "refused", 401, "UNAUTHORIZED", name]);
        assert_eq!(shown(&record, &WHAT), expected);
        assert!(!record.to_string().contains("hunter2"), "{record}");
        let form = format!("service=trust&grant_type=password&username={name}&password=hunter2");
        assert_eq!(server.post(&form).await.status, 401);
        let record = kept.record();
        assert_eq!(shown(&record, &WHAT), expected);
        assert!(!record.to_string().contains("hunter2"), "{record}");
    }
    let form = "service=trust&grant_type=refresh_token&refresh_token=hunter2";
    assert_eq!(server.post(form).await.status, 401);
    let record = kept.record();
    assert_eq!(shown(&record, &WHAT), json!(["login", "refused", 401, "UNAUTHORIZED", null]));
    assert!(!record.to_string().contains("hunter2"), "{record}");
}

#[tokio::test]
async fn a_request_for_a_token_that_is_wrong_is_recorded_and_one_that_is_right_is_not() {
    let (server, kept) = audited();
    assert_eq!(server.ask("service=other", None).await.status, 400);
    assert_eq!(shown(&kept.record(), &WHAT), json!(["login", "refused", 400, "UNSUPPORTED", null]));
    assert_eq!(server.ask("service=trust", None).await.status, 200);
    assert_eq!(server.ask("service=trust", Some(&basic("alice", RIGHT))).await.status, 200);
    assert_eq!(kept.records(), Vec::<Value>::new());
}
