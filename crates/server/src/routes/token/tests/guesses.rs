//! How often somebody may be wrong.

use super::*;

#[tokio::test]
async fn who_is_wrong_too_often_has_to_wait_and_is_told_how_long() {
    let server = issuing();
    let query = "service=trust&scope=repository:e/a:pull";
    for guess in 0..20 {
        let answer = server.ask(query, Some(&basic("alice", &guess.to_string()))).await;
        assert_eq!(answer.status, 401, "{guess}");
    }
    server.evaluated();
    for password in ["wrong", RIGHT] {
        let answer = server.ask(query, Some(&basic("alice", password))).await;
        assert_eq!(answer.status, 429);
        assert_eq!(body(&answer)["errors"][0]["code"], "TOOMANYREQUESTS");
        let wait: u64 = answer.header(axum::http::header::RETRY_AFTER).unwrap().parse().unwrap();
        assert!((1..=30).contains(&wait), "{wait}");
    }
    assert_eq!(server.evaluated(), [0; 0], "no password is looked at");
    let answer = server.ask(query, None).await;
    assert_eq!(answer.status, 200, "nobody guesses nothing");
}

#[tokio::test]
async fn names_that_are_no_users_are_counted_like_users() {
    let server = issuing();
    for name in ["alice", "nobody"] {
        let mut statuses = Vec::new();
        for _ in 0..21 {
            let answer = server.ask("service=trust", Some(&basic(name, "wrong"))).await;
            statuses.push(answer.status);
        }
        assert_eq!(statuses, [[401; 20].as_slice(), &[429]].concat(), "{name}");
    }
}

#[tokio::test]
async fn an_address_that_guesses_at_many_names_has_to_wait() {
    let server = issuing();
    for name in 0..50 {
        let answer = server.ask("service=trust", Some(&basic(&name.to_string(), "x"))).await;
        assert_eq!(answer.status, 401, "{name}");
    }
    let answer = server.ask("service=trust", Some(&basic("alice", RIGHT))).await;
    assert_eq!(answer.status, 429);
}

#[tokio::test]
async fn right_passwords_are_never_counted() {
    let server = issuing();
    for _ in 0..60 {
        let answer = server.ask("service=trust", Some(&basic("alice", RIGHT))).await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn many_logins_at_once_are_checked_as_many_at_a_time_as_is_configured() {
    let server = issuing();
    let asked = |_| {
        let (query, authorization) = ("service=trust", basic("alice", RIGHT));
        let app = server.app.clone();
        let request = Request::builder()
            .uri(format!("/token?{query}"))
            .header("authorization", authorization)
            .body(Body::empty())
            .unwrap();
        async move { send(&app, request).await.status }
    };
    let statuses = futures_util::future::join_all((0..8).map(asked)).await;
    assert_eq!(statuses, [200; 8]);
    assert_eq!(server.evaluated().len(), 8);
}
