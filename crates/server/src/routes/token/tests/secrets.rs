//! What the log, the metrics and printed values hold of a request for a token.

use tracing::Level;

use super::*;
use crate::testing::Captured;

#[tokio::test]
async fn no_query_no_name_no_password_and_no_token_is_logged() {
    let (captured, guard) = Captured::from(Level::TRACE);
    let server = issuing();
    let query = "service=trust&scope=repository:secret/scope:pull&offline_token=true";
    let answer = server.ask(query, Some(&basic("alice", RIGHT))).await;
    let token = body(&answer)["token"].as_str().unwrap().to_owned();
    let refresh = body(&answer)["refresh_token"].as_str().unwrap().to_owned();
    server.ask(query, Some(&basic("mistaken-secret", "wrong-secret"))).await;
    let form = "grant_type=password&username=mistaken-secret&password=wrong-secret&service=trust";
    server.post(form).await;
    server.ask("service=secret-service", None).await;
    server.post(&format!("grant_type=refresh_token&refresh_token={refresh}x&service=trust")).await;
    drop(guard);

    let log = captured.text();
    assert_eq!(log.matches("\"route\":\"token\"").count(), 5, "{log}");
    assert!(log.contains("incorrect user name or password"), "{log}");
    for secret in [RIGHT, "secret", "alice", &token, &refresh, &basic("alice", RIGHT)] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    let printed = format!("{:?}", server.service);
    assert!(printed.contains("countersign") && !printed.contains("2y$"), "{printed}");
}

#[tokio::test]
async fn requests_for_tokens_are_counted_by_what_became_of_them() {
    let server = issuing();
    server.ask("service=trust", None).await;
    server.ask("service=trust", Some(&basic("alice", RIGHT))).await;
    server.ask("service=trust", Some(&basic("alice", "wrong"))).await;
    server.ask("service=other", None).await;
    server.post("grant_type=refresh_token&refresh_token=x&service=trust").await;
    let metrics = get(&server.app, "/metrics").await;
    for (outcome, count) in
        [("issued", 2), ("wrong_credentials", 1), ("bad_request", 1), ("refresh_token_refused", 1)]
    {
        let line = format!("countersign_token_requests_total{{outcome=\"{outcome}\"}} {count}\n");
        assert!(metrics.text().contains(&line), "{line}");
    }
}
