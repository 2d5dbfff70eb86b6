//! Multipart as attackers and broken networks send it. Verdicts: server spec 1.6, contract 2.

use anyhow::{Result, ensure};

use crate::bench::{Bench, document, form, member, part};

#[tokio::test]
async fn an_empty_body_and_a_part_without_a_file_name_are_refused() -> Result<()> {
    let bench = Bench::start().await?;
    bench.refuses(Vec::new(), 400, "MALFORMED_UPLOAD").await?;
    for disposition in ["form-data; name=\"files\"", "form-data; filename=\"\""] {
        let body = [part(disposition.as_bytes(), b"{}"), b"--edge--\r\n".to_vec()].concat();
        bench.refuses(body, 400, "NO_FILENAME").await?;
    }
    bench.goes_on().await
}

#[tokio::test]
async fn of_a_role_that_stands_twice_the_last_document_counts() -> Result<()> {
    let bench = Bench::start().await?;
    let good = bench.next().parts(&["targets", "targets/a", "snapshot"]);
    let bad = vec![("targets".to_owned(), b"{\"signed\":{\"version\":2}}".to_vec())];
    let detail = bench.refuses(form(&[&good[..], &bad].concat()), 400, "INVALID_UPDATE").await?;
    ensure!(member(&detail, "/Name") == "ErrBadTargets", "{detail}");
    bench.accepts(&[&bad[..], &good].concat()).await
}

#[tokio::test]
async fn text_that_is_no_unicode_is_no_json() -> Result<()> {
    let bench = Bench::start().await?;
    for text in
        [&b"{\"signed\":{\"x\":\"\xff\"}}"[..], b"{\"signed\":{\"\xc3\x28\":1}}", b"\xff\xfe"]
    {
        bench.refuses(document(text), 400, "MALFORMED_JSON").await?;
    }
    bench.goes_on().await
}

#[tokio::test]
async fn a_body_of_100_megabytes_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let one_part = document(vec![b' '; 100_000_000]);
    bench.refuses(one_part, 413, "MALFORMED_UPLOAD").await?;
    let over_the_limit_on_bodies = vec![b'-'; (100 << 20) + 1];
    bench.refuses(over_the_limit_on_bodies, 413, "MALFORMED_UPLOAD").await?;
    bench.goes_on().await
}

#[tokio::test]
async fn ten_thousand_parts_are_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let parts = vec![("targets/a".to_owned(), b"{}".to_vec()); 10_000];
    bench.refuses(form(&parts), 413, "MALFORMED_UPLOAD").await?;
    bench.goes_on().await
}

#[tokio::test]
async fn two_megabytes_of_part_headers_are_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let long_value = format!("form-data; filename=\"{}\"", "a".repeat(2_000_000));
    bench.refuses(part(long_value.as_bytes(), b"{}"), 413, "MALFORMED_UPLOAD").await?;
    let lines = "x: y\r\n".repeat(400_000);
    let many_lines = format!("form-data; filename=\"root\"\r\n{lines}");
    let error = bench.refuses(part(many_lines.as_bytes(), b"{}"), 413, "MALFORMED_UPLOAD").await;
    error?;
    bench.goes_on().await
}

#[tokio::test]
async fn an_upload_cut_anywhere_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let good = form(&bench.next().parts(&["targets", "targets/a", "snapshot"]));
    let whole = good.len() - "\r\n".len();
    let before = bench.state().await?;
    for end in (0..whole).step_by(50).chain([whole - 1]) {
        let answer = bench.send(good.get(..end).unwrap_or_default().to_vec()).await?;
        crate::bench::check_refusal(&answer, 400, "MALFORMED_UPLOAD")?;
    }
    ensure!(bench.state().await? == before, "a cut upload changed something");
    bench.goes_on().await
}

#[tokio::test]
async fn a_connection_that_ends_within_an_upload_changes_nothing() -> Result<()> {
    let bench = Bench::start().await?;
    let good = form(&bench.next().parts(&["targets", "targets/a", "snapshot"]));
    let before = bench.state().await?;
    for end in (0..good.len()).step_by(500) {
        let mut connection = bench.raw().await?;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
             Content-Type: multipart/form-data; boundary=edge\r\n\r\n",
            crate::bench::publish_path(crate::bench::GUN),
            good.len()
        );
        connection.write(head.as_bytes()).await?;
        connection.write(good.get(..end).unwrap_or_default()).await?;
    }
    ensure!(bench.state().await? == before, "half an upload changed something");
    bench.goes_on().await
}
