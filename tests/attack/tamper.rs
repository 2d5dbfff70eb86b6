//! Bytes that are changed on their way.

use anyhow::{Context as _, Result};
use countersign_tests::peers::impostor::Lie;
use serde_json::{Value, json};

use crate::published::Published;
use crate::stage::ROLES;

/// What the client says of a first root, which nothing has named to it yet.
const NO_FIRST_ROOT: &str = "could not validate the path to a trusted root";

/// Serves one damaged document at a time to a new reader, and to one who knows the collection as
/// it was before.
async fn each_is_refused(damage: impl Fn(&[u8]) -> Result<Vec<u8>>) -> Result<()> {
    for role in ROLES {
        let mut published = Published::start().await?;
        published.publish("v2").await?;
        if role == "root" {
            published.publish_root().await?;
        }
        let honest = published.record().await?;
        let bytes = damage(honest.get(role).context("no such role")?)?;
        published.stage.impostor.lie(role, Lie::Bytes(bytes));
        let newcomer = published.stage.reader("newcomer")?;
        let first = if role == "root" { NO_FIRST_ROOT } else { words(role) };
        let readers = [(&newcomer, first), (&published.reader, words(role))];
        for (reader, words) in readers {
            let refused = published.stage.refuses(reader, &[&honest], words).await;
            refused.with_context(|| role.to_owned())?;
        }
        for (reader, _) in readers {
            published.ends_well(reader, &honest, "v2").await?;
        }
    }
    Ok(())
}

/// What the client says: the timestamp stands on its signatures, all others are named by their
/// digests.
fn words(role: &str) -> &'static str {
    match role {
        "timestamp" => "valid signatures did not meet threshold for timestamp",
        _ => "checksum for",
    }
}

#[tokio::test]
async fn one_byte_of_the_signed_part_of_any_role_is_noticed() -> Result<()> {
    // The first digit of the year in which it expires: the document stays well-formed.
    each_is_refused(|bytes| {
        let text = std::str::from_utf8(bytes)?;
        let at = text.find("\"expires\":\"2").context("no end")? + "\"expires\":\"".len();
        let mut damaged = bytes.to_vec();
        *damaged.get_mut(at).context("no byte")? = b'3';
        Ok(damaged)
    })
    .await
}

#[tokio::test]
async fn one_byte_of_a_signature_of_any_role_is_noticed() -> Result<()> {
    each_is_refused(|bytes| {
        let mut document: Value = serde_json::from_slice(bytes)?;
        let signature = document.pointer_mut("/signatures/0/sig").context("no signature")?;
        let text = signature.as_str().context("no text")?;
        let other = if text.starts_with('A') { "B" } else { "A" };
        *signature = json!(format!("{other}{}", text.get(1..).unwrap_or_default()));
        Ok(serde_json::to_vec(&document)?)
    })
    .await
}
