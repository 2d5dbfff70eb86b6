//! Custom data of a target: any JSON that the owner writes beside the digests.
//!
//! The client signs it as the user wrote it, the server verifies its canonical form: what is not
//! canonical (but for spaces) is refused. Observed with the Go server.

use anyhow::{Context, Result, ensure};
use countersign_tests::compare::alike;
use countersign_tests::session::{OwnWords, Session, sha256_hex};
use serde_json::Value;

const GUN: &str = "example.com/lab/app";

#[tokio::test]
async fn custom_data_reaches_the_reader_unchanged() -> Result<()> {
    alike(async |s: &mut Session| {
        let (alice, reader) = (s.client("alice")?, s.client("reader")?);
        let file = s.file("file", b"content")?;
        let text = "{ \"build\": 7, \"tags\": [\"b\", \"a\", null], \"text\": \"é\" }";
        let custom = s.file("custom", text.as_bytes())?;
        let broken = s.file("broken", b"{no json")?;
        let digest = sha256_hex(b"content");
        s.ok(&alice, &["init", GUN]).await?;
        s.ok(&alice, &["add", GUN, "v1", &file, "--custom", &custom]).await?;
        s.fails(&alice, &["add", GUN, "v3", &file, "--custom", &broken], "invalid character")
            .await?;
        s.ok(&alice, &["addhash", "-p", GUN, "v2", "7", "--sha256", &digest, "--custom", &custom])
            .await?;
        s.ok(&reader, &["list", GUN]).await?;
        let targets: Value = serde_json::from_slice(&reader.cached(GUN, "targets")?)?;
        for target in ["v1", "v2"] {
            let custom = targets.pointer(&format!("/signed/targets/{target}/custom"));
            let want = serde_json::json!({"build": 7, "tags": ["b", "a", null], "text": "é"});
            ensure!(custom == Some(&want), "{target}: {custom:?}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn custom_data_that_is_not_canonical_is_refused_and_the_next_publish_is_accepted()
-> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        let file = s.file("file", b"content")?;
        s.ok(&alice, &["init", "-p", GUN]).await?;
        let signature = "valid signatures did not meet threshold for targets";
        for (text, reason) in [
            (r#"{"b":1,"a":2}"#, signature),
            (r#"{"list":[{"d":1,"c":2}]}"#, signature),
            (r#"{"a":1,"a":2}"#, signature),
            (r#"{"text":"a < b & c"}"#, signature),
            (r#"{"text":"\u00e9"}"#, signature),
            (r#"{"text":"a\nb"}"#, signature),
            (r#"{"number":1.5}"#, "json: unsupported value: 1.5"),
        ] {
            let custom = s.file("custom", text.as_bytes())?;
            s.fails(&alice, &["add", "-p", GUN, "v1", &file, "--custom", &custom], reason).await?;
            s.ok(&alice, &["reset", GUN, "--all"]).await?;
        }
        for text in ["\"text\"", "[1,null,true]", "{\"a\":1,\"b\":2}", "  {\n\"a\" : 0 }"] {
            let custom = s.file("custom", text.as_bytes())?;
            s.ok(&alice, &["add", "-p", GUN, "v2", &file, "--custom", &custom]).await?;
        }
        s.prints(&alice, &["list", GUN], "v2 ").await?;
        s.fails(&alice, &["lookup", GUN, "v1"], "No valid trust data").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn custom_data_of_every_shape_is_served_as_it_was_written() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        let digest = sha256_hex(b"content");
        let texts = [
            "{}",
            "[]",
            "\"\"",
            "\"text\"",
            "0",
            "-7",
            "100",
            "9007199254740992",
            "true",
            "false",
            "\"é漢字😀\"",
            "\"/\"",
            "\"a\\\"b\\\\c\"",
            "{\"\":\"\"}",
            "{\"a\":null}",
            "[null,[[]],{}]",
            "{\"a\":{\"b\":{\"c\":[{\"d\":null}]}}}",
            "{\"z\":1,\"é\":[2]}",
            "{\"ﬀ\":1,\"😀\":2}",
        ];
        s.ok(&alice, &["init", GUN]).await?;
        for (number, text) in texts.iter().enumerate() {
            let (target, custom) = (number.to_string(), s.file("custom", text.as_bytes())?);
            let add = ["addhash", GUN, &target, "7", "--sha256", &digest, "--custom", &custom];
            s.ok(&alice, &add).await?;
        }
        s.ok(&alice, &["publish", GUN]).await?;
        let reader = s.client("reader")?;
        s.ok(&reader, &["list", GUN]).await?;
        let targets: Value = serde_json::from_slice(&reader.cached(GUN, "targets")?)?;
        for (number, text) in texts.iter().enumerate() {
            let custom = targets.pointer(&format!("/signed/targets/{number}/custom"));
            ensure!(custom == Some(&serde_json::from_str(text)?), "{text}: {custom:?}");
            let row = format!("{number} sha256:{digest} 7\n");
            s.prints(&reader, &["lookup", GUN, &number.to_string()], &row).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn custom_data_that_is_null_is_no_custom_data() -> Result<()> {
    alike(async |s: &mut Session| {
        let (alice, reader) = (s.client("alice")?, s.client("reader")?);
        let file = s.file("file", b"content")?;
        let custom = s.file("custom", b" null\n")?;
        s.ok(&alice, &["init", GUN]).await?;
        s.ok(&alice, &["add", "-p", GUN, "v1", &file, "--custom", &custom]).await?;
        s.prints(&reader, &["list", GUN], "v1 ").await?;
        let targets: Value = serde_json::from_slice(&reader.cached(GUN, "targets")?)?;
        let target = targets.pointer("/signed/targets/v1").context("no target")?;
        ensure!(target.get("custom").is_none(), "{target}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn custom_data_that_is_empty_or_too_large_a_number_is_never_published() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        let file = s.file("file", b"content")?;
        let signature = "valid signatures did not meet threshold for targets";
        s.ok(&alice, &["init", "-p", GUN]).await?;
        for (text, reason) in [
            ("", "unexpected end of JSON input"),
            (" \n", "unexpected end of JSON input"),
            ("-0", signature),
            ("1e3", signature),
            ("9007199254740993", signature),
            ("{\"é\":1,\"z\":2}", signature),
            ("{\"😀\":1,\"ﬀ\":2}", signature),
        ] {
            let custom = s.file("custom", text.as_bytes())?;
            s.fails(&alice, &["add", "-p", GUN, "v1", &file, "--custom", &custom], reason).await?;
            s.ok(&alice, &["reset", GUN, "--all"]).await?;
        }
        // C-103.
        let custom = s.file("custom", b"18446744073709551615")?;
        let words = OwnWords {
            go: signature,
            countersign: "json: unsupported value: 18446744073709551615",
        };
        let add = ["add", "-p", GUN, "v1", &file, "--custom", &custom];
        s.fails_in_own_words(&alice, &add, words).await?;
        s.ok(&alice, &["reset", GUN, "--all"]).await?;
        let missing = s.directory().join("missing").to_string_lossy().into_owned();
        s.fails(&alice, &["add", GUN, "v1", &file, "--custom", &missing], "no such file").await?;
        s.prints(&alice, &["list", GUN], "No targets present").await?;
        Ok(())
    })
    .await
}
