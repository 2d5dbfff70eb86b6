//! How much documents in memory are used, as `/metrics` tells it.

use super::*;

#[tokio::test]
async fn documents_in_memory_are_measured() {
    let (server, _) = published("a").await;
    for _ in 0..3 {
        assert_eq!(get(&server.app, "/v2/a/_trust/tuf/root.json").await.status, 200);
    }
    let unknown = format!("/v2/a/_trust/tuf/root.{}.json", "0".repeat(64));
    assert_eq!(get(&server.app, &unknown).await.status, 404);
    let answer = get(&server.app, "/metrics").await;
    let text = answer.text();
    let has = |line: &str| assert!(text.contains(&format!("{line}\n")), "{line}: {text}");
    // What was published is there already: timestamp, snapshot and root, and the timestamp again;
    // later reads need timestamp and root.
    has("countersign_document_memory_hits_total 8");
    has("countersign_document_memory_misses_total 1");
    for (family, kind) in
        [("bytes", "gauge"), ("hits_total", "counter"), ("misses_total", "counter")]
    {
        has(&format!("# TYPE countersign_document_memory_{family} {kind}"));
        assert!(text.contains(&format!("# HELP countersign_document_memory_{family} ")), "{text}");
    }
    let bytes =
        text.lines().find_map(|line| line.strip_prefix("countersign_document_memory_bytes "));
    assert!(bytes.unwrap().parse::<u64>().unwrap() > 1_000, "{text}");
}
