//! A server that is away, has nothing, or never stops.

use anyhow::{Result, ensure};
use countersign_tests::peers::impostor::Lie;
use countersign_tests::peers::process::free_port;

use crate::published::Published;
use crate::stage::{GUN, ROLES, goes_on_with_the_cache};

#[tokio::test]
async fn without_a_cache_nothing_is_listed_while_the_server_is_away() -> Result<()> {
    let published = Published::start().await?;
    let honest = published.record().await?;
    let nowhere = published.stage.impostor.endpoint().at(free_port()?);
    let newcomer = published.stage.reader("newcomer")?;
    let outcome = newcomer.asking(&nowhere).run(&["list", GUN]).await?;
    ensure!(outcome.code == Some(1) && outcome.says("client is offline"), "{outcome:?}");
    for role in ROLES {
        published.stage.impostor.lie(role, Lie::Status(503));
    }
    let words = "unable to reach trust server at this time: 503";
    published.stage.refuses(&newcomer, &[], words).await?;
    published.ends_well(&newcomer, &honest, "v1").await
}

#[tokio::test]
async fn with_a_cache_only_what_was_known_is_listed_with_a_warning_while_the_server_is_away()
-> Result<()> {
    let mut published = Published::start().await?;
    published.publish("v2").await?;
    let honest = published.record().await?;
    let nowhere = published.stage.impostor.endpoint().at(free_port()?);
    goes_on_with_the_cache(&published.reader.asking(&nowhere), "v1", "v2").await?;
    for status in [404, 500, 503] {
        published.stage.impostor.lie("timestamp", Lie::Status(status));
        goes_on_with_the_cache(&published.reader, "v1", "v2").await?;
    }
    published.ends_well(&published.reader, &honest, "v2").await
}

#[tokio::test]
async fn a_document_that_another_names_and_that_is_not_there_ends_the_update() -> Result<()> {
    let mut published = Published::start().await?;
    published.publish("v2").await?;
    let honest = published.record().await?;
    for role in ["snapshot", "targets", "targets/a"] {
        published.stage.impostor.lie(role, Lie::Status(404));
        let words = format!("{role}.");
        for reader in [&published.reader, &published.stage.reader(role)?] {
            published.stage.refuses(reader, &[&honest], &words).await?;
        }
        published.stage.impostor.repent();
    }
    published.ends_well(&published.reader, &honest, "v2").await
}

#[tokio::test]
async fn a_document_without_end_is_given_up() -> Result<()> {
    const MIB: usize = 1024 * 1024;
    let mut published = Published::start().await?;
    published.publish("v2").await?;
    let honest = published.record().await?;
    // A first root may have 100 MiB, all else much less; buffers on the way hold some MiB more.
    for (role, words, most_mib) in [
        ("root", "unexpected end of JSON input", 128),
        ("timestamp", "unexpected end of JSON input", 32),
        ("snapshot", "checksum for snapshot", 32),
        ("targets", "checksum for targets", 32),
        ("targets/a", "checksum for targets/a", 32),
    ] {
        published.stage.impostor.lie(role, Lie::Endless);
        let before = published.stage.impostor.endless_bytes();
        let newcomer = published.stage.reader(role)?;
        published.stage.refuses(&newcomer, &[&honest], words).await?;
        let taken = published.stage.impostor.endless_bytes() - before;
        ensure!(taken < most_mib * MIB, "{taken} bytes of {role} were taken");
        published.ends_well(&newcomer, &honest, "v2").await?;
    }
    Ok(())
}
