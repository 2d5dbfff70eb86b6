//! Time that passes, and time that goes back.

use axum::http::{Method, header};
use chrono::TimeDelta;
use serde_json::Value;

use crate::bench::{Ask, GUN, Server, send};

/// Q-09, C-126.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twelve_gets_of_one_expired_timestamp_are_all_200_with_the_same_bytes() {
    let server = Server::start().await;
    server.clock.advance(TimeDelta::days(20));
    let gets: Vec<_> = (0..12)
        .map(|_| {
            let router = server.router.clone();
            tokio::spawn(async move { send(&router, &Ask::file("timestamp.json")).await })
        })
        .collect();
    let mut bodies = Vec::new();
    for get in gets {
        let answer = get.await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        bodies.push(answer.body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    let timestamp: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!(timestamp["signed"]["version"], 2);
}

/// Contract section 3 (clock).
#[tokio::test]
async fn with_the_clock_back_reads_are_200_publishes_503_and_health_says_so() {
    let server = Server::start().await;
    server.clock.advance(-TimeDelta::hours(1));
    for name in ["timestamp.json", "snapshot.json", "root.json", "targets.json"] {
        assert_eq!(send(&server.router, &Ask::file(name)).await.status, 200, "{name}");
    }
    let before = server.state().await;
    let mut repository = server.repository.clone();
    repository.add_target("targets", "v1", b"one");
    let publish = Ask::publish(GUN, &repository.parts(&["targets"]));
    let refused = send(&server.router, &publish).await;
    assert_eq!(refused.status, 503);
    assert!(refused.body.contains("\"code\":\"UPDATING\""), "{}", refused.body);
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(server.state().await, before);

    let health = send(&server.router, &Ask::new(Method::GET, "/_notary_server/health")).await;
    let checks: Value = serde_json::from_str(&health.body).unwrap();
    assert_eq!((health.status, checks.as_object().unwrap().len()), (503, 1), "{checks}");
    let said = checks["Clock operational"].as_str().unwrap();
    assert!(said.contains("set the clock right"), "{said}");
    for path in ["/_countersign/ready", "/_countersign/live"] {
        assert_eq!(send(&server.router, &Ask::new(Method::GET, path)).await.status, 200, "{path}");
    }

    server.clock.advance(TimeDelta::hours(1));
    assert_eq!(send(&server.router, &publish).await.status, 200);
    let health = send(&server.router, &Ask::new(Method::GET, "/_notary_server/health")).await;
    assert_eq!((health.status, health.body.as_str()), (200, "{}"));
}
