//! "Could not look" is never "not there": for every route, every operation on the database that
//! it needs fails in every way. The answer is 503 or 500 in Notary's words, nothing has changed,
//! and once the fault has ended the same request gets its usual answer.
//!
//! Source: contract sections 2 and 4.

use axum::http::{Method, header};
use chrono::TimeDelta;

use crate::bench::{Answer, Ask, GUN, Server, send};
use crate::faulty_store::Fault;

const UNKNOWN: &str =
    "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"unknown error\",\"detail\":{}}]}\n";
const UPDATING: &str = "{\"errors\":[{\"code\":\"UPDATING\",\"message\":\"An error has occurred while updating the TUF repository.\"}]}\n";

/// Whether what the server signs has expired when the request comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    Fresh,
    Expired,
}

async fn server(age: Age) -> Server {
    let server = Server::start().await;
    if age == Age::Expired {
        server.clock.advance(TimeDelta::days(4 * 365));
    }
    server.faults.take_asked();
    server
}

/// Lets every operation that the request needs fail in every way, and then none. `needed` are those
/// it needs at least, so that a route which stops asking is noticed.
async fn check(age: Age, needed: &[&str], failure: &str, ask: impl Fn(&Server) -> Ask) {
    let whole = server(age).await;
    let usual = send(&whole.router, &ask(&whole)).await;
    assert_eq!(usual.status, 200, "{usual:?}");
    let asked = whole.faults.take_asked();
    assert!(needed.iter().all(|operation| asked.contains(operation)), "{asked:?}");

    let server = server(age).await;
    let ask = ask(&server);
    let before = server.state().await;
    // When a key signed last is noted roughly: without that note its signature is as good.
    let spared = if age == Age::Expired { "mark_used" } else { "" };
    for operation in asked.into_iter().filter(|operation| *operation != spared) {
        for fault in Fault::ALL {
            let router = if fault == Fault::Silent { &server.hasty } else { &server.router };
            server.faults.set(Some((operation, fault)));
            let answer = send(router, &ask).await;
            check_failure(&answer, fault, failure, &format!("{ask:?}: {operation} {fault:?}"));
            assert_eq!(server.state().await, before, "{ask:?}: {operation} {fault:?}");
        }
    }
    server.faults.set(None);
    let answer = send(&server.router, &ask).await;
    assert_eq!(answer.status, 200, "{ask:?}: {answer:?}");
}

fn check_failure(answer: &Answer, fault: Fault, body: &str, what: &str) {
    let later = matches!(fault, Fault::Unavailable | Fault::Silent);
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (if later { 503 } else { 500 }, body),
        "{what}"
    );
    assert_eq!(answer.headers.contains_key(header::RETRY_AFTER), later, "{what}");
    for absent in [header::CACHE_CONTROL, header::ETAG, header::LAST_MODIFIED] {
        assert!(!answer.headers.contains_key(&absent), "{what}: {absent}");
    }
}

#[tokio::test]
async fn no_failure_of_the_database_makes_a_current_document_absent() {
    for name in ["root", "targets", "snapshot", "timestamp"] {
        let ask = |_: &Server| Ask::file(&format!("{name}.json"));
        check(Age::Fresh, &["newest", "by_digest"], UNKNOWN, ask).await;
    }
}

#[tokio::test]
async fn no_failure_of_the_database_makes_an_old_document_absent() {
    let ask = |_: &Server| Ask::file("1.root.json");
    check(Age::Fresh, &["by_version"], UNKNOWN, ask).await;
    let ask = |server: &Server| {
        let root = server.repository.parts(&["root"]).remove(0).1;
        let sha256 = countersign_tuf::digest::Sha256Digest::of(&root);
        Ask::file(&format!("root.{sha256}.json"))
    };
    check(Age::Fresh, &["by_digest"], UNKNOWN, ask).await;
}

/// The old one is not served either: it has expired.
#[tokio::test]
async fn no_failure_of_database_or_keys_makes_an_expired_timestamp_absent_or_old() {
    for name in ["timestamp", "snapshot"] {
        let ask = |_: &Server| Ask::file(&format!("{name}.json"));
        check(Age::Expired, &["heads", "newest", "by_digest", "by_id", "commit"], UNKNOWN, ask)
            .await;
    }
}

#[tokio::test]
async fn no_failure_of_database_or_keys_makes_a_new_key_of_an_old_one() {
    let ask = |_: &Server| Ask::file("timestamp.key");
    check(Age::Fresh, &["newest", "by_digest", "by_id"], UNKNOWN, ask).await;
}

#[tokio::test]
async fn no_failure_of_database_or_keys_makes_a_key_by_halves() {
    let needed = ["newest", "pending", "insert_unless_pending"];
    let ask = |_: &Server| Ask::new(Method::GET, "/v2/new/_trust/tuf/timestamp.key");
    check(Age::Fresh, &needed, UNKNOWN, ask).await;
    let ask = |_: &Server| Ask::new(Method::POST, "/v2/new/_trust/tuf/snapshot.key");
    check(Age::Fresh, &["pending", "insert_unless_pending"], UNKNOWN, ask).await;
}

#[tokio::test]
async fn no_failure_of_database_or_keys_makes_half_a_publish() {
    let needed = ["heads", "by_digest", "by_id", "commit"];
    let ask = |server: &Server| {
        let mut repository = server.repository.clone();
        repository.add_target("targets", "v1", b"one");
        Ask::publish(GUN, &repository.parts(&["targets"]))
    };
    check(Age::Fresh, &needed, UPDATING, ask).await;
}

#[tokio::test]
async fn no_failure_of_the_database_makes_a_deletion_look_done() {
    let ask = |_: &Server| Ask::new(Method::DELETE, &format!("/v2/{GUN}/_trust/tuf/"));
    check(Age::Fresh, &["delete"], UNKNOWN, ask).await;
}

#[tokio::test]
async fn no_failure_of_the_database_makes_changes_vanish() {
    for path in [format!("/v2/{GUN}/_trust/changefeed"), "/v2/_trust/changefeed".to_owned()] {
        let ask = |_: &Server| Ask::new(Method::GET, &format!("{path}?records=10"));
        check(Age::Fresh, &["changes"], UNKNOWN, ask).await;
    }
}

#[tokio::test]
async fn health_is_503_for_each_of_its_checks_and_200_when_they_answer_again() {
    let server = server(Age::Fresh).await;
    let health = Ask::new(Method::GET, "/_notary_server/health");
    for (operation, name) in
        [("check", "DB operational"), ("passphrase_check", "Trust operational")]
    {
        for fault in [Fault::Unavailable, Fault::Corrupt, Fault::Broken] {
            server.faults.set(Some((operation, fault)));
            let answer = send(&server.router, &health).await;
            assert_eq!(answer.status, 503, "{operation} {fault:?}");
            assert!(answer.body.contains(name), "{}", answer.body);
        }
    }
    server.faults.set(None);
    assert_eq!(send(&server.router, &health).await.status, 200);
}
