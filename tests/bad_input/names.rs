//! `..`, NUL and other names that name nothing, in paths and in file names.

use anyhow::{Result, ensure};

use crate::bench::{Bench, check_refusal, form, part};

#[tokio::test]
async fn file_names_that_are_no_roles_are_refused() -> Result<()> {
    let bench = Bench::start().await?;
    for name in [
        "../root",
        "..",
        "/etc/passwd",
        "targets/../root",
        "targets/..",
        "targets//a",
        "foo",
        "Root",
    ] {
        bench.refuses(form(&[(name.to_owned(), b"{}".to_vec())]), 400, "INVALID_ROLE").await?;
    }
    // A header holds no NUL, so this is no multipart.
    for name in ["root\0", "targets/a\0b"] {
        bench.refuses(form(&[(name.to_owned(), b"{}".to_vec())]), 400, "MALFORMED_UPLOAD").await?;
    }
    for name in [&b"\xff"[..], b"targets/\xc3\x28", b"\xc0\xae\xc0\xae/root"] {
        let disposition = [b"form-data; filename=\"", name, b"\""].concat();
        let body = [part(&disposition, b"{}"), b"--edge--\r\n".to_vec()].concat();
        bench.refuses(body, 400, "NO_FILENAME").await?;
    }
    bench.goes_on().await
}

#[tokio::test]
async fn a_gun_with_nul_names_nothing_and_takes_nothing() -> Result<()> {
    let bench = Bench::start().await?;
    let answer = bench.wire.get("/v2/a%00b/_trust/tuf/root.json").await?;
    check_refusal(&answer, 404, "METADATA_NOT_FOUND")?;
    let answer = bench.wire.get("/v2/a/_trust/tuf/targets/a%00.json").await?;
    check_refusal(&answer, 404, "METADATA_NOT_FOUND")?;
    let before = bench.state().await?;
    let sent =
        bench.wire.send(http::Method::POST, "/v2/a%00b/_trust/tuf/", None, Vec::new()).await?;
    check_refusal(&sent, 400, "INVALID_GUN")?;
    ensure!(bench.state().await? == before);
    bench.goes_on().await
}

#[tokio::test]
async fn dots_in_a_path_lead_nowhere_else() -> Result<()> {
    let bench = Bench::start().await?;
    for (path, status) in [
        ("/v2/../../etc/passwd/_trust/tuf/root.json", "301"),
        ("/v2/a/../../../_trust/tuf/root.json", "301"),
        ("/v2/a/_trust/tuf/..%2froot.json", "301"),
        ("/v2/a/_trust/tuf/%2e%2e/root.json", "301"),
        ("/v2/a/_trust/tuf/...json", "404"),
    ] {
        let mut connection = bench.raw().await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        connection.write(request.as_bytes()).await?;
        let head = connection.read_until("\r\n\r\n").await?;
        ensure!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {head}");
        let elsewhere =
            head.lines().any(|line| line.starts_with("location: ") && line.contains(".."));
        ensure!(!elsewhere, "{path}: {head}");
    }
    bench.goes_on().await
}
