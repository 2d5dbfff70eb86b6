//! Bytes that are changed on their way.

use anyhow::{Context as _, Result};
use countersign_tests::peers::impostor::Lie;
use countersign_tests::peers::notary_client::NotaryClient;
use serde_json::{Value, json};

use crate::published::Published;
use crate::stage::ROLES;

/// Serves one damaged document at a time to a new reader, and to one who knows the collection as
/// it was before.
async fn each_is_refused(damage: impl Fn(&[u8]) -> Result<Vec<u8>>) -> Result<()> {
    for role in ROLES {
        let mut published = Published::start().await?;
        published.publish("v2").await?;
        let honest = published.record().await?;
        let bytes = damage(honest.get(role).context("no such role")?)?;
        published.stage.impostor.lie(role, Lie::Bytes(bytes));
        let newcomer = published.stage.reader("newcomer")?;
        let mut readers: Vec<&NotaryClient> = vec![&newcomer];
        // Who knows the root and finds everything in order does not ask for it again.
        if role != "root" {
            readers.push(&published.reader);
        }
        for reader in &readers {
            let refused = published.stage.refuses(reader, &[&honest], words(role)).await;
            refused.with_context(|| role.to_owned())?;
        }
        for reader in &readers {
            published.ends_well(reader, &honest, "v2").await?;
        }
    }
    Ok(())
}

/// What the client says: root and timestamp stand on their signatures, all others are named by
/// their digests.
fn words(role: &str) -> &'static str {
    match role {
        "root" => "could not validate the path to a trusted root",
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
