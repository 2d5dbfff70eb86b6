//! The Go pair and ours take turns on one pair of databases.

use anyhow::{Result, ensure};
use countersign_tests::peers::go_notary::GoNotary;
use sqlx::{Connection as _, PgConnection};

use crate::{cycle, resealing};

/// Columns, constraints and indexes of what is not of our making.
const OF_GO: &str = "
    SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' '
        || coalesce(column_default, '') || ' ' || coalesce(character_maximum_length::text, '')
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT LIKE 'countersign%'
    UNION ALL
    SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'countersign%'
    UNION ALL
    SELECT indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND indexname NOT LIKE 'countersign%'
        AND tablename NOT LIKE 'countersign%'
    ORDER BY 1";

/// Checklist rows C-205 and C-209, with the keys sealed anew between.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_go_signer_are_sealed_anew_and_both_pairs_go_on() -> Result<()> {
    let go = GoNotary::start().await?;
    let keys_url = go.postgres().url("postgres", GoNotary::SIGNER_DATABASE);
    resealing::play(go, &keys_url).await
}

/// Checklist rows C-205 and C-209.
#[tokio::test(flavor = "multi_thread")]
async fn the_go_pair_and_ours_take_turns_and_no_client_notices() -> Result<()> {
    let go = GoNotary::start().await?;
    let before = schemas(&go).await?;
    ensure!(before.iter().all(|schema| schema.len() > 10), "{before:?}");
    let keys_url = go.postgres().url("postgres", GoNotary::SIGNER_DATABASE);
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
        let url = go.postgres().url("postgres", database);
        let mut connection = PgConnection::connect(&url).await?;
        *schema = sqlx::query_scalar(OF_GO).fetch_all(&mut connection).await?;
    }
    Ok(schemas)
}
