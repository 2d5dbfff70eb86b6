//! Every statement is valid on the tables as they are, and the ones that run often use an index.

use anyhow::{Context, Result, ensure};
use countersign_storage::engine::postgres::statements;
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};

use super::{Bench, TEMPLATE, execute};

#[tokio::test]
async fn every_statement_prepares_on_a_migrated_database() -> Result<()> {
    let bench = Bench::start().await?;
    let mut connection = bench.connect(TEMPLATE).await?;
    for statement in statements::all() {
        let text = AssertSqlSafe(statement).into_sql_str();
        connection.prepare(text).await.with_context(|| statement.to_owned())?;
    }
    Ok(())
}

/// On tables with rows enough, and without guessing from parameters: as a prepared statement that
/// has run often is planned.
#[tokio::test]
async fn what_runs_often_is_found_by_an_index() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let mut connection = bench.connect(&database).await?;
    execute(&mut connection, FILL).await?;
    execute(&mut connection, "SET plan_cache_mode = force_generic_plan").await?;
    for (number, (statement, index)) in statements::INDEXED.into_iter().enumerate() {
        let prepare = format!("PREPARE hot_{number}{} AS {statement}", types(statement));
        execute(&mut connection, &prepare).await?;
        let nulls = ["NULL"; 4].get(..parameters(statement)).unwrap_or_default().join(", ");
        let explain = format!("EXPLAIN EXECUTE hot_{number}({nulls})");
        let plan: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(explain)).fetch_all(&mut connection).await?;
        let plan = plan.join("\n");
        ensure!(plan.contains(index), "{statement}\nuses no {index}:\n{plan}");
        ensure!(!plan.contains("Seq Scan"), "{statement}\nreads all:\n{plan}");
    }
    Ok(())
}

/// As many rows as make an index worth while, with statistics.
const FILL: &str = "
    INSERT INTO tuf_files (created_at, updated_at, gun, role, version, data, sha256)
    SELECT now(), now(), 'example.com/' || gun, role, version, 'x', md5(gun || role || version) || md5('')
    FROM generate_series(1, 500) AS gun, generate_series(1, 5) AS version,
        unnest(ARRAY['root', 'targets', 'snapshot', 'timestamp']) AS role;
    INSERT INTO changefeed (created_at, gun, version, sha256)
    SELECT created_at, gun, version, sha256 FROM tuf_files;
    INSERT INTO private_keys (created_at, key_id, encryption_alg, keywrap_alg, algorithm,
        passphrase_alias, public, private, gun, role, last_used)
    SELECT now(), md5(number::text), 'e', 'k', 'ecdsa', 'p', 'x', 'x', 'example.com/' || number / 2,
        CASE number % 2 WHEN 0 THEN 'timestamp' ELSE 'snapshot' END,
        CASE number % 50 WHEN 0 THEN NULL ELSE now() END
    FROM generate_series(1, 5000) AS number;
    INSERT INTO countersign_key_bindings (key_id, algorithm, gun, role, bound_at)
    SELECT key_id, algorithm, gun, role, created_at FROM private_keys;
    ANALYZE;
";

fn parameters(statement: &str) -> usize {
    (1..=4).filter(|number| statement.contains(&format!("${number}"))).count()
}

/// The types that the store binds, where they are not those of the columns.
fn types(statement: &str) -> String {
    let time_first = statement.contains("(created_at, id) > ");
    let types: &[&str] = match statement {
        _ if time_first => &["timestamp", "bigint", "timestamp", "bigint"],
        _ if statement.contains("FROM changefeed WHERE gun") => &["bigint", "bigint", "text"],
        _ if statement.contains("FROM changefeed WHERE id") => &["bigint", "bigint"],
        _ => return String::new(),
    };
    format!("({})", types.join(", "))
}
