//! The real `countersign gc` on MariaDB, beside a server that serves from it.

use anyhow::{Result, ensure};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::upload;
use countersign_tests::wire::Wire;

use super::Bench;
use super::serve::{Passphrase, run};

const GUN: &str = "example.com/lab/app";

#[tokio::test(flavor = "multi_thread")]
async fn a_clearing_leaves_all_roots_and_the_current_state_and_the_tables_get_smaller() -> Result<()>
{
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let secret = Passphrase::new()?;
    let server = Countersign::start_with(&secret.settings(&bench, &database)).await?;
    let wire = Wire::to(server.endpoint())?;
    let mut collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
    for round in 0..5 {
        let answer = upload::publish(&wire, GUN, &collection.all_parts()).await?;
        ensure!(answer.status == 200, "round {round}: {answer:?}");
        collection.bump_all();
    }
    let mut connection = bench.connect(&database).await?;
    let arguments = ["gc", "--keep-versions", "1", "--changefeed-days", "1", "--full"];
    let (code, said) = run(&arguments, &bench, &database).await?;
    ensure!(code == Some(0) && said.contains("removed 12 versions"), "{code:?}: {said}");
    ensure!(said.contains("the database took"), "{said}");
    let count = "SELECT count(*) FROM tuf_files";
    let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut connection).await?;
    ensure!(rows == 8, "{rows} rows");
    for file in ["timestamp.json", "snapshot.json", "targets.json", "1.root.json", "5.root.json"] {
        let status = wire.document(GUN, file).await?.status;
        ensure!(status == 200, "{file}: {status}");
    }
    ensure!(upload::publish(&wire, GUN, &collection.all_parts()).await?.status == 200);
    Ok(())
}
