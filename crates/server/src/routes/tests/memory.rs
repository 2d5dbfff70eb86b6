//! How much documents in memory are used, as `/metrics` tells it.

use super::*;

#[tokio::test]
async fn documents_in_memory_are_measured() {
    let (server, _) = published("a").await;
    for _ in 0..3 {
        assert_eq!(get(&server.app, "/v2/a/_trust/tuf/root.json").await.status, 200);
    }
    let answer = get(&server.app, "/metrics").await;
    let text = answer.text();
    let has = |line: &str| assert!(text.contains(&format!("{line}\n")), "{line}: {text}");
    // The first read brings timestamp, snapshot and root, and meets the timestamp again; the others
    // need timestamp and root.
    has("countersign_document_memory_hits_total 5");
    has("countersign_document_memory_misses_total 3");
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
