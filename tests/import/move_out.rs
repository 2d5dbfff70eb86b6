//! A whole move: interrupted twice, into SQLite and into PostgreSQL, and served afterwards.

use anyhow::{Result, ensure};
use countersign_storage::engine::postgres::Tables;
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::process::Process;
use countersign_tests::wire::Endpoint;
use rustix::process::Signal;
use serde_json::Value;

use crate::notary::{BY_CLIENT, FORGED, Notary, forged, tampered, torn, without_alias};
use crate::runs::{Target, arrived, report};
use crate::stored;

/// All GUNs but the two that are damaged and the one that is deleted on the way.
const MOVED: u64 = FORGED as u64 + 2 - 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_notary_of_two_hundred_repositories_moves_into_ours_and_no_client_notices() -> Result<()>
{
    let mut notary = Notary::start().await?;
    let database = "moved";
    notary.go()?.postgres().create_database(database, "").await?;
    let url = notary.go()?.postgres().url("postgres", database);
    let place = |name: &str| notary.session.directory().join(name);
    let sqlite = Target { data: place("sqlite"), database: None };
    let postgres = Target { data: place("postgres"), database: Some(url) };

    // The database has no tables yet.
    let (code, dry) = postgres.imported(notary.go()?, &["--dry-run"]).await?;
    ensure!(code == 13 && dry["dry_run"] == true, "{dry}");
    ensure!(dry["guns"]["new"] == FORGED, "two of two hundred are damaged: {dry}");
    ensure!(!postgres.data.exists(), "a dry run makes nothing");

    interrupt_twice(&mut notary, &sqlite).await?;
    notary.stop()?;
    let notarys = [("NOTARY_SIGNER_FIRST", GoNotary::PASSPHRASE)];
    let (code, moved) = beside_a_reading_server(&mut notary, &sqlite, &notarys).await?;
    told(code, &moved)?;
    let go = notary.go()?;
    same_in_sqlite(go, &sqlite).await?;
    let (code, again) = sqlite.imported(go, &[]).await?;
    told(code, &again)?;
    ensure!(again["guns"]["unchanged"] == MOVED && again["versions"] == 0, "{again}");
    ensure!(again["keys"]["moved"] == 0 && again["changes"] == 0, "{again}");

    let (code, moved) = postgres.imported(go, &["--reseal"]).await?;
    told(code, &moved)?;
    ensure!(moved["guns"]["new"] == MOVED, "{moved}");
    for target in [&sqlite, &postgres] {
        let (code, said) = target.check().await?;
        ensure!(code == Some(0), "{said}");
    }

    let [first, second] = BY_CLIENT;
    let (ours, endpoint) = sqlite.serve(&notarys).await?;
    goes_on(&mut notary, &endpoint, first, ours).await?;
    let (ours, endpoint) = postgres.serve(&[]).await?;
    goes_on(&mut notary, &endpoint, second, ours).await?;

    let (code, refused) = sqlite.import(notary.go()?, &[]).map(ended)?.await?;
    ensure!(code == Some(14), "the target was published to: {refused}");
    Ok(())
}

/// Stops a run by a signal and kills the next, while Notary goes on.
async fn interrupt_twice(notary: &mut Notary, target: &Target) -> Result<()> {
    let file = target.data.join("countersign.db");
    let mut run = target.import(notary.go()?, &[])?;
    arrived(&file, 20, &mut run).await?;
    run.signal(Signal::INT)?;
    let (code, said) = ended(run).await?;
    ensure!(code == Some(130), "{said}");
    ensure!(report(&said)?["interrupted"] == true && said.contains("run it again"), "{said}");
    let there = stored::count_guns(&file).await?;
    ensure!((20..FORGED).contains(&there), "{there} GUNs have arrived");

    let mut run = target.import(notary.go()?, &[])?;
    arrived(&file, there + 40, &mut run).await?;
    run.kill9()?;
    let there = stored::count_guns(&file).await?;
    ensure!((60..FORGED).contains(&there), "{there} GUNs have arrived");
    notary.goes_on().await
}

/// The last run, while clients are served what has arrived and nothing is taken from them.
async fn beside_a_reading_server(
    notary: &mut Notary,
    target: &Target,
    notarys: &[(&str, &str)],
) -> Result<(i32, Value)> {
    let variables = [notarys, &[("COUNTERSIGN_READ_ONLY", "true")]].concat();
    let (mut ours, endpoint) = target.serve(&variables).await?;
    let [gun, _] = BY_CLIENT;
    let (owner, reader) = (notary.owner.asking(&endpoint), notary.reader.asking(&endpoint));
    let late = notary.session.copy(&owner, "owner-in-vain")?;
    notary.session.prints(&reader, &["list", gun], "v1").await?;
    let refused = notary.session.run(&late, &["add", "-p", gun, "v9", &notary.file]).await?;
    ensure!(!refused.succeeded(), "{refused:?}");
    let imported = target.imported(notary.go()?, &[]).await?;
    notary.session.prints(&reader, &["list", gun], "v1").await?;
    ours.signal(Signal::TERM)?;
    ensure!(ours.ended().await?.success(), "{}", ours.log());
    Ok(imported)
}

async fn ended(mut process: Process) -> Result<(Option<i32>, String)> {
    let status = process.ended().await?;
    Ok((status.code(), process.log()))
}

/// The report names what was left out, and why, and nothing else.
fn told(code: i32, report: &Value) -> Result<()> {
    ensure!(code == 13, "{report}");
    let guns = &report["guns"];
    let left_out: Vec<&String> =
        guns["left_out"].as_object().into_iter().flatten().map(|(gun, _)| gun).collect();
    let mut damaged = [tampered(), torn()];
    damaged.sort();
    ensure!(left_out == damaged.iter().collect::<Vec<_>>(), "{report}");
    let reasons = |gun: &str| guns["left_out"][gun].to_string();
    ensure!(reasons(&tampered()).contains("digest"), "{report}");
    ensure!(reasons(&torn()).contains("no snapshot is stored"), "{report}");
    let unusable = report["keys"]["unusable"].as_array().map_or(&[][..], Vec::as_slice);
    ensure!(!unusable.is_empty(), "{report}");
    for key in unusable {
        ensure!(key["gun"] == without_alias().as_str(), "{key}");
        ensure!(key["reason"].to_string().contains("NOTARY_SIGNER_LOST"), "{key}");
    }
    ensure!(report["changes_left_out"].as_array().is_some_and(Vec::is_empty), "{report}");
    Ok(())
}

/// Every document, change and key is as it was; what was left out and deleted is not there.
async fn same_in_sqlite(go: &GoNotary, target: &Target) -> Result<()> {
    let store = stored::sqlite(&target.data.join("countersign.db")).await?;
    let metadata = stored::of_go(go, GoNotary::SERVER_DATABASE, Tables::Metadata).await?;
    let keys = stored::of_go(go, GoNotary::SIGNER_DATABASE, Tables::Keys).await?;
    let mut expected = stored::documents(&metadata).await?;
    expected.retain(|(gun, ..), _| *gun != tampered() && *gun != torn());
    ensure!(expected.keys().all(|(gun, ..)| *gun != forged(7)), "it was deleted");
    ensure!(stored::documents(&store).await? == expected);
    ensure!(stored::changes(&store).await? == stored::changes(&metadata).await?);
    ensure!(stored::keys(&store).await? == stored::keys(&keys).await?);
    store.close().await;
    Ok(())
}

/// Those who know a collection from Notary read it, publish to it, and read that.
pub(crate) async fn goes_on(
    notary: &mut Notary,
    endpoint: &Endpoint,
    gun: &str,
    mut ours: Process,
) -> Result<()> {
    let s = &mut notary.session;
    let (owner, reader) = (notary.owner.asking(endpoint), notary.reader.asking(endpoint));
    s.prints(&reader, &["list", gun], "v1").await?;
    s.ok(&owner, &["add", "-p", gun, "v2", &notary.file]).await?;
    s.prints(&reader, &["list", gun], "v2").await?;
    s.ok(&owner, &["key", "rotate", gun, "timestamp", "-r"]).await?;
    s.prints(&reader, &["list", gun], "v2").await?;
    let stranger = s.client(&format!("stranger-{}", endpoint.port()))?.asking(endpoint);
    s.prints(&stranger, &["list", gun], "v1").await?;
    ours.signal(Signal::TERM)?;
    let status = ours.ended().await?;
    ensure!(status.success(), "{status}\n{}", ours.log());
    Ok(())
}
