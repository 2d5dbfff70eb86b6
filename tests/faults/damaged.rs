//! Rows of the database file that cannot be.

use anyhow::{Context, Result};
use countersign_tests::damage;
use countersign_tests::peers::countersign::Countersign;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_concerns_its_own_repository_alone() -> Result<()> {
    let server = Countersign::start().await?;
    let url = format!("sqlite://{}", server.data().join("countersign.db").display());
    let execute = async |statement: &str| {
        let mut database = SqliteConnection::connect(&url).await?;
        let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut database).await;
        anyhow::ensure!(done.context(statement.to_owned())?.rows_affected() > 0, "{statement}");
        Ok(database.close().await?)
    };
    damage::concerns_its_own_repository_alone(server.endpoint(), execute, || server.log()).await
}
