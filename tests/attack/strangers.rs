//! Documents that are rightly signed, by somebody else; and a server that is somebody else.

use std::fs;

use anyhow::{Result, ensure};
use countersign_tests::peers::certs::Authority;
use countersign_tests::peers::impostor::Recording;
use countersign_tests::wire::Endpoint;

use crate::collection::Collection;
use crate::published::Published;
use crate::stage::{GUN, goes_on_with_the_cache};

const ANOTHER_ROOT: &str = "could not rotate trust to a new trusted root";

/// A collection with the name of the right one, made by somebody with keys of their own.
fn namesake() -> Recording {
    let mut foreign = Collection::new();
    foreign.add("foreign");
    foreign.recording()
}

#[tokio::test]
async fn a_foreign_root_is_refused_by_a_reader_who_knows_the_right_one() -> Result<()> {
    let published = Published::start().await?;
    let honest = published.record().await?;
    published.stage.impostor.show(&namesake());
    published.stage.refuses(&published.reader, &[], ANOTHER_ROOT).await?;
    published.ends_well(&published.reader, &honest, "v1").await
}

/// Trust on first use: nothing tells a new reader which of two is right. The mend is to remove
/// the collection from the reader's trust directory.
#[tokio::test]
async fn a_foreign_root_is_believed_by_a_new_reader_who_then_refuses_the_right_one() -> Result<()> {
    let published = Published::start().await?;
    let (honest, foreign) = (published.record().await?, namesake());
    let stage = &published.stage;
    stage.impostor.show(&foreign);
    let newcomer = stage.reader("newcomer")?;
    stage.sees(&newcomer, "foreign").await?;
    stage.impostor.show(&honest);
    stage.refuses(&newcomer, &[], ANOTHER_ROOT).await?;
    stage.ends_well(&newcomer, &foreign, "foreign").await
}

#[tokio::test]
async fn a_collection_of_another_name_is_refused_by_a_new_reader() -> Result<()> {
    let published = Published::start().await?;
    let honest = published.record().await?;
    let other = published.other_collection("example.com/lab/other").await?;
    published.stage.impostor.show(&other);
    let newcomer = published.stage.reader("newcomer")?;
    let words = "could not validate the path to a trusted root";
    published.stage.refuses(&newcomer, &[], words).await?;
    published.ends_well(&newcomer, &honest, "v1").await
}

#[tokio::test]
async fn targets_of_another_collection_are_refused() -> Result<()> {
    let mut published = Published::start().await?;
    published.publish("v2").await?;
    let honest = published.record().await?;
    let mut other = published.other_collection("example.com/lab/other").await?;
    other.retain(|role, _| role.starts_with("targets"));
    published.stage.impostor.show(&other);
    for reader in [&published.reader, &published.stage.reader("newcomer")?] {
        published.stage.refuses(reader, &[&honest], "checksum for targets").await?;
    }
    published.ends_well(&published.reader, &honest, "v2").await
}

/// To the client a server with a wrong certificate is one that is away.
#[tokio::test]
async fn a_server_with_a_strangers_certificate_gets_no_say() -> Result<()> {
    let mut published = Published::start().await?;
    let folder = published.stage.folder().join("stranger");
    fs::create_dir_all(&folder)?;
    let strangers = Authority::create(&folder, "a stranger's CA")?.certificate();
    let endpoint = Endpoint::new(published.stage.impostor.endpoint().port(), strangers);
    published.publish("v2").await?;
    let honest = published.record().await?;
    let outcome = published.stage.reader("newcomer")?.asking(&endpoint).run(&["list", GUN]).await?;
    let refused = outcome.code == Some(1) && outcome.says("signed by unknown authority");
    ensure!(refused && outcome.says("client is offline"), "{outcome:?}");
    goes_on_with_the_cache(&published.reader.asking(&endpoint), "v1", "v2").await?;
    published.ends_well(&published.reader, &honest, "v2").await
}
