//! The Go pair and ours take turns on one pair of databases on MariaDB.

use anyhow::{Result, ensure};
use countersign_tests::peers::go_notary::GoNotary;
use sqlx::{Connection as _, MySqlConnection};

use crate::{cycle, resealing};

/// Tables, columns, indexes and constraints of what is not of our making.
const OF_GO: &str = "
    SELECT CONCAT_WS(' ', 'table', table_name, engine, table_collation, row_format)
    FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name NOT LIKE 'countersign%'
    UNION ALL
    SELECT CONCAT_WS(' ', 'column', table_name, ordinal_position, column_name, column_type,
        is_nullable, COALESCE(column_default, '-'), COALESCE(collation_name, '-'), extra)
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name NOT LIKE 'countersign%'
    UNION ALL
    SELECT CONCAT_WS(' ', 'index', table_name, index_name, seq_in_index, column_name, non_unique,
        COALESCE(sub_part, '-'), index_type)
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name NOT LIKE 'countersign%'
        AND index_name NOT LIKE 'countersign%'
    UNION ALL
    SELECT CONCAT_WS(' ', 'constraint', table_name, constraint_name, constraint_type)
    FROM information_schema.table_constraints
    WHERE table_schema = DATABASE() AND table_name NOT LIKE 'countersign%'
        AND constraint_name NOT LIKE 'countersign%'
    UNION ALL
    SELECT CONCAT_WS(' ', 'reference', table_name, constraint_name, referenced_table_name,
        update_rule, delete_rule)
    FROM information_schema.referential_constraints
    WHERE constraint_schema = DATABASE() AND table_name NOT LIKE 'countersign%'
    ORDER BY 1";

/// Checklist rows C-205 and C-209, with the keys sealed anew between.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_go_signer_are_sealed_anew_and_both_pairs_go_on_on_mariadb() -> Result<()> {
    let go = GoNotary::start_on_mariadb().await?;
    let keys_url = go.mariadb().url("root", GoNotary::SIGNER_DATABASE);
    resealing::play(go, &keys_url).await
}

/// Checklist rows C-205 and C-209.
#[tokio::test(flavor = "multi_thread")]
async fn the_go_pair_and_ours_take_turns_on_mariadb_and_no_client_notices() -> Result<()> {
    let go = GoNotary::start_on_mariadb().await?;
    let before = schemas(&go).await?;
    ensure!(before.iter().all(|schema| schema.len() > 10), "{before:?}");
    let keys_url = go.mariadb().url("root", GoNotary::SIGNER_DATABASE);
    let go = cycle::play(go, &keys_url).await?;
    let after = schemas(&go).await?;
    ensure!(after == before, "before: {before:#?}\nafter: {after:#?}");
    Ok(())
}

/// What the Go pair made in each of its databases.
async fn schemas(go: &GoNotary) -> Result<[Vec<String>; 2]> {
    let mut schemas = [Vec::new(), Vec::new()];
    let databases = [GoNotary::SERVER_DATABASE, GoNotary::SIGNER_DATABASE];
    for (schema, database) in schemas.iter_mut().zip(databases) {
        let url = go.mariadb().url("root", database);
        let mut connection = MySqlConnection::connect(&url).await?;
        *schema = sqlx::query_scalar(OF_GO).fetch_all(&mut connection).await?;
    }
    Ok(schemas)
}
