//! Documents that no honest client makes: too deep, too many, numbers that cannot be.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::bench::{Bench, document, form, member};

#[tokio::test]
async fn json_that_is_nested_very_deep_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let arrays = "[".repeat(100_000) + &"]".repeat(100_000);
    let objects = "{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000);
    for text in [
        arrays.clone(),
        format!("{{\"signed\":{arrays},\"signatures\":[]}}"),
        objects,
        "[".repeat(10 << 20),
    ] {
        bench.refuses(document(text), 400, "MALFORMED_JSON").await?;
    }
    bench.goes_on().await
}

#[tokio::test]
async fn a_million_signatures_are_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let signatures = "{},".repeat(1_000_000) + "{}";
    let text = format!("{{\"signed\":{{}},\"signatures\":[{signatures}]}}");
    bench.refuses(document(text), 413, "MALFORMED_UPLOAD").await?;
    bench.goes_on().await
}

/// Each entry takes far more memory than it has bytes.
#[tokio::test]
async fn documents_full_of_small_objects_are_refused_within_bounded_memory() -> Result<()> {
    let bench = Bench::start().await?;
    let objects = |count: usize| format!("{{\"x\":[{}{{}}]}}", "{\"\":0},".repeat(count));
    bench.refuses(document(objects(499_000)), 400, "INVALID_UPDATE").await?;
    let text = objects(1_200_000);
    let parts: Vec<_> =
        ["root", "targets", "snapshot"].map(|role| (role.to_owned(), text.clone().into())).into();
    bench.refuses(form(&parts), 413, "MALFORMED_UPLOAD").await?;
    bench.goes_on().await
}

#[tokio::test]
async fn versions_that_cannot_be_are_refused() -> Result<()> {
    let bench = Bench::start().await?;
    for (version, status, code) in [
        (json!(-1), 400, "INVALID_UPDATE"),
        (json!(0), 400, "INVALID_UPDATE"),
        (json!(1_u64 << 31), 400, "INVALID_UPDATE"),
        (json!((1_u64 << 53) + 1), 400, "INVALID_UPDATE"),
        (json!(i64::MAX), 400, "INVALID_UPDATE"),
        (json!(1_u64 << 63), 400, "MALFORMED_JSON"),
        (json!(2.5), 400, "MALFORMED_JSON"),
        (json!("2"), 400, "MALFORMED_JSON"),
    ] {
        let body = form(&with_version(&bench, &version));
        let detail = bench.refuses(body, status, code).await?;
        if code == "INVALID_UPDATE" {
            ensure!(member(&detail, "/Name") == "ErrBadTargets", "{version}: {detail}");
        }
    }
    bench.goes_on().await
}

/// The next publish, with targets of this version.
fn with_version(bench: &Bench, version: &Value) -> Vec<(String, Vec<u8>)> {
    let mut repository = bench.next();
    repository.edit("targets", |signed| signed["version"] = version.clone());
    repository.parts(&["targets", "targets/a", "snapshot"])
}

#[tokio::test]
async fn a_number_outside_64_bits_is_no_json() -> Result<()> {
    let bench = Bench::start().await?;
    for number in ["1e999", "-1e999", "1e99999999999"] {
        let text = format!("{{\"signed\":{{\"version\":2,\"x\":{number}}},\"signatures\":[]}}");
        bench.refuses(document(text), 400, "MALFORMED_JSON").await?;
    }
    bench.goes_on().await
}
