//! `POST /token`, and refresh tokens.

use super::*;

async fn refresh_token(server: &Issuing) -> String {
    let query = "service=registry&offline_token=true&scope=repository:a:pull";
    let answer = server.ask(query, Some(&basic("alice", RIGHT))).await;
    body(&answer)["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_password_grant_gives_a_token_and_a_refresh_token_where_one_is_asked_for() {
    let server = issuing();
    let form = "grant_type=password&username=alice&password=U%2AU%2A&client_id=docker\
                &service=trust&scope=repository%3Ae%2Fa%3Apull+repository%3Ae%2Fb%3Apush";
    let answer = server.post(form).await;
    let access = [repository("e/a", &["pull"]), repository("e/b", &["push"])];
    assert_eq!(claims(&answer)["access"], json!(access));
    let answered = body(&answer);
    assert_eq!(answered["scope"], "repository:e/a:pull repository:e/b:push");
    assert_eq!(answered["token_type"], "Bearer");
    assert_eq!(answered["access_token"], answered["token"]);
    assert_eq!(answered["refresh_token"], Value::Null);
    let answer = server.post(&format!("{form}&access_type=offline")).await;
    assert!(body(&answer)["refresh_token"].is_string());
    assert_eq!(server.evaluated(), [5, 5]);
}

/// docker keeps the token of the login at the registry, and sends it for the trust server too.
#[tokio::test]
async fn a_refresh_token_counts_at_every_service_until_its_own_end() {
    let server = issuing();
    let refresh = refresh_token(&server).await;
    server.evaluated();
    let form = format!(
        "grant_type=refresh_token&refresh_token={refresh}&service=trust&client_id=docker\
         &scope=repository:e/a:pull,push&access_type=offline"
    );
    let answer = server.post(&form).await;
    let claims = claims(&answer);
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!("alice"), &json!("trust")));
    assert_eq!(claims["access"], json!([repository("e/a", &["pull", "push"])]));
    assert_eq!(body(&answer)["refresh_token"], refresh, "no new one, which would end later");
    assert_eq!(server.evaluated(), [0; 0]);
}

#[tokio::test]
async fn a_changed_password_a_removed_user_and_another_key_end_a_refresh_token() {
    let server = issuing();
    let refresh = refresh_token(&server).await;
    let form = format!("grant_type=refresh_token&refresh_token={refresh}&service=trust");
    for after in [users(&[("alice", OTHER_HASH)]), users(&[("bob", HASH)])] {
        server.service.replace_users(after);
        let answer = server.post(&form).await;
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert_eq!(body(&answer)["error"], "invalid_grant");
    }
    server.service.replace_users(users(&[("alice", HASH)]));
    assert_eq!(server.post(&form).await.status, 200);
    server.service.replace_key(token_key());
    assert_eq!(server.post(&form).await.status, 401);
}

#[tokio::test]
async fn a_refresh_token_is_no_password_and_no_access_token_is_a_refresh_token() {
    let server = issuing();
    let refresh = refresh_token(&server).await;
    for authorization in [basic("alice", &refresh), format!("Bearer {refresh}")] {
        let answer = server.ask("service=trust", Some(&authorization)).await;
        assert_eq!(answer.status, 401, "{}", answer.text());
    }
    let answer = server.ask("service=trust", Some(&basic("alice", RIGHT))).await;
    let access = body(&answer)["token"].as_str().unwrap().to_owned();
    let form = format!("grant_type=refresh_token&refresh_token={access}&service=trust");
    assert_eq!(server.post(&form).await.status, 401);
}

#[tokio::test]
async fn a_grant_that_is_not_whole_is_refused_in_the_words_of_oauth() {
    let server = issuing();
    for (form, error) in [
        ("service=trust", "unsupported_grant_type"),
        ("service=trust&grant_type=client_credentials", "unsupported_grant_type"),
        ("service=trust&grant_type=password&username=alice", "invalid_request"),
        ("service=trust&grant_type=password&password=x", "invalid_request"),
        ("service=trust&grant_type=refresh_token", "invalid_request"),
        ("grant_type=password&username=alice&password=U*U*", "invalid_request"),
        ("service=x&grant_type=password&username=alice&password=U*U*", "invalid_request"),
    ] {
        let answer = server.post(form).await;
        assert_eq!(answer.status, 400, "{form}");
        assert_eq!(body(&answer)["error"], error, "{form}");
        assert!(body(&answer)["errors"][0]["message"].is_string(), "{form}");
    }
    for (form, name) in [("username=alice&password=x", "a user"), ("username=x&password=x", "none")]
    {
        server.evaluated();
        let form = format!("service=trust&grant_type=password&{form}");
        let answer = server.post(&form).await;
        assert_eq!((answer.status, answer.text()), (401, NO_USER), "{name}");
        assert_eq!(server.evaluated(), [5], "{name}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_short_form_is_refused() {
    let server = issuing();
    let json = Request::post("/token").header("content-type", "application/json");
    let answer = send(&server.app, json.body(Body::from("{}")).unwrap()).await;
    assert_eq!(answer.status, 400);
    let long = format!("service=trust&x={}", "x".repeat(64 << 10));
    assert_eq!(server.post(&long).await.status, 413);
    let just_fits = format!("service=trust&x={}", "x".repeat((64 << 10) - 16));
    assert_eq!(just_fits.len(), 64 << 10);
    assert_eq!(body(&server.post(&just_fits).await)["error"], "unsupported_grant_type");
}
