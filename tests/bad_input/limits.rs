//! Every limit of the file of settings has its effect on the running server.

use anyhow::{Result, ensure};

use crate::bench::{Bench, GUN, check_refusal, document, form};

#[tokio::test]
async fn limits_on_documents_hold_as_they_are_set() -> Result<()> {
    let bench = Bench::under(
        "[limits]\njson_depth = 20\njson_values = 1000\nsignatures = 2\nkeys = 8\nroles = 5\n",
    )
    .await?;
    let list = |count: usize| vec!["{}"; count].join(",");
    let map =
        |count: usize| (0..count).map(|n| format!("\"{n}\":{{}}")).collect::<Vec<_>>().join(",");
    for (limit, text) in [
        ("values", format!("{{\"x\":[{}]}}", list(999))),
        ("signatures", format!("{{\"signatures\":[{}]}}", list(3))),
        ("keys", format!("{{\"signed\":{{\"keys\":{{{}}}}}}}", map(9))),
        ("roles", format!("{{\"signed\":{{\"roles\":{{{}}}}}}}", map(6))),
    ] {
        let refused = bench.refuses(document(text), 413, "MALFORMED_UPLOAD").await;
        ensure!(refused.is_ok(), "{limit}: {refused:?}");
    }
    let nested = |depth: usize| document("{\"a\":".repeat(depth) + "1" + &"}".repeat(depth));
    bench.refuses(nested(20), 400, "INVALID_UPDATE").await?;
    bench.refuses(nested(21), 400, "MALFORMED_JSON").await?;
    bench.goes_on().await
}

#[tokio::test]
async fn limits_on_uploads_hold_as_they_are_set() -> Result<()> {
    let bench = Bench::under(
        "[limits]\nbody_bytes = 20000\npart_bytes = 9000\nparts = 4\npart_header_bytes = 300\n",
    )
    .await?;
    let part = |bytes: usize| ("targets/a".to_owned(), vec![b' '; bytes]);
    for body in [
        vec![b'-'; 20_001],
        form(&[part(9_001)]),
        form(&vec![("targets/a".to_owned(), b"{}".to_vec()); 5]),
        crate::bench::part(format!("form-data; x=\"{}\"", "y".repeat(300)).as_bytes(), b"{}"),
    ] {
        bench.refuses(body, 413, "MALFORMED_UPLOAD").await?;
    }
    bench.goes_on().await
}

#[tokio::test]
async fn limits_on_new_keys_hold_as_they_are_set() -> Result<()> {
    // The bench itself has had one key made, which has signed.
    let per_address = Bench::under("[limits]\nkey_burst = 3\nkeys_per_second = 1\n").await?;
    let in_total = Bench::under("[limits]\npending_keys = 2\n").await?;
    let key = |bench: &Bench, gun: &str| {
        let (wire, gun) = (bench.wire.clone(), gun.to_owned());
        async move { wire.document(&gun, "timestamp.key").await }
    };
    for gun in ["a", "b"] {
        ensure!(key(&in_total, gun).await?.status == 200);
    }
    let full = key(&in_total, "c").await?;
    check_refusal(&full, 503, "UNKNOWN")?;
    ensure!(!full.header("retry-after").is_empty());
    ensure!(key(&in_total, "a").await?.status == 200, "a key that exists is no new one");
    in_total.goes_on().await?;

    let mut refused = None;
    for gun in 0..20 {
        let answer = key(&per_address, &format!("g{gun}")).await?;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.ok_or_else(|| anyhow::anyhow!("twenty keys at once were made"))?;
    check_refusal(&refused, 429, "UNKNOWN")?;
    ensure!(refused.header("retry-after") == "1", "{refused:?}");
    ensure!(key(&per_address, "g0").await?.status == 200, "a key that exists is no new one");
    ensure!(key(&per_address, GUN).await?.status == 200);
    per_address.goes_on().await
}

#[tokio::test]
async fn limits_on_heads_and_on_the_changefeed_hold_as_they_are_set() -> Result<()> {
    let bench = Bench::under("[limits]\nhead_bytes = 8192\nchanges = 1\n").await?;
    bench.goes_on().await?;
    let changes = bench.wire.get("/v2/_trust/changefeed?records=1000").await?;
    let changes: serde_json::Value = serde_json::from_slice(&changes.body)?;
    ensure!(changes["count"] == 1, "{changes}");
    for (size, status) in [(7_000, 200), (9_000, 431)] {
        let mut connection = bench.raw().await?;
        let filler = "x".repeat(size);
        let request = format!("GET /v2/ HTTP/1.1\r\nHost: localhost\r\nx: {filler}\r\n\r\n");
        connection.write(request.as_bytes()).await?;
        let head = connection.read_until("\r\n\r\n").await?;
        ensure!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{size}: {head}");
    }
    Ok(())
}
