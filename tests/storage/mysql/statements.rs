//! Every statement is valid on the tables as they are, and the ones that run often use an index.

use anyhow::{Context, Result, ensure};
use countersign_storage::engine::mysql::statements;
use countersign_tuf::digest::Sha256Digest;
use sqlx::{AssertSqlSafe, Executor as _, Row as _, SqlSafeStr as _};

use super::{Bench, execute};

#[tokio::test]
async fn every_statement_prepares_on_a_migrated_database() -> Result<()> {
    let mut bench = Bench::start().await?;
    for database in [bench.database().await?, bench.notary_database().await?] {
        bench.open(&database).await?.close().await;
        let mut connection = bench.connect(&database).await?;
        for statement in statements::all() {
            let text = AssertSqlSafe(statement).into_sql_str();
            connection.prepare(text).await.with_context(|| statement.to_owned())?;
        }
    }
    Ok(())
}

/// On tables with rows enough: on those of our own making, and on Notary's.
#[tokio::test]
async fn what_runs_often_is_found_by_an_index() -> Result<()> {
    let mut bench = Bench::start().await?;
    for database in [bench.database().await?, bench.notary_database().await?] {
        bench.open(&database).await?.close().await;
        let mut connection = bench.connect(&database).await?;
        execute(&mut connection, FILL).await?;
        for (statement, indexes, bound) in statements::INDEXED {
            let explain = format!("EXPLAIN {}", fill_in(statement, bound)?);
            let plan: Vec<(String, String)> = sqlx::raw_sql(AssertSqlSafe(explain))
                .fetch_all(&mut connection)
                .await
                .with_context(|| statement.to_owned())?
                .iter()
                .map(|step| {
                    let text = |name| step.try_get::<Option<String>, _>(name);
                    Ok((text("table")?.unwrap_or_default(), text("key")?.unwrap_or_default()))
                })
                .collect::<Result<_, sqlx::Error>>()?;
            // Where the columns compare byte for byte, nothing is alike and nothing is looked for.
            if plan.iter().all(|(table, _)| table.is_empty()) {
                continue;
            }
            let uses = |index: &&str| plan.iter().any(|(_, key)| key == index);
            ensure!(indexes.iter().any(uses), "{statement}\nuses none of {indexes:?}: {plan:?}");
            let read_whole = |(table, key): &(String, String)| {
                key.is_empty() && !DERIVED.iter().any(|derived| table.starts_with(derived))
            };
            ensure!(!plan.iter().any(read_whole), "{statement}\nreads all: {plan:?}");
        }
    }
    Ok(())
}

/// What is no table of the database: the lists that are asked for, and results on the way.
const DERIVED: [&str; 3] = ["listed", "wanted", "<derived"];

/// As many rows as make an index worth while, with statistics. All GUNs share their documents, so a
/// digest alone finds too much.
const FILL: &str = "
    INSERT INTO tuf_files (created_at, updated_at, gun, role, version, data, sha256)
    SELECT NOW() - INTERVAL gun.seq MINUTE, NOW(), CONCAT('example.com/', gun.seq), role.name, version.seq, 'x',
        SHA2(CONCAT(role.name, version.seq), 256)
    FROM seq_1_to_500 AS gun, seq_1_to_5 AS version,
        (SELECT 'root' AS name UNION SELECT 'targets' UNION SELECT 'snapshot' UNION SELECT 'timestamp')
        AS role;
    INSERT INTO changefeed (created_at, gun, version, sha256)
    SELECT created_at, gun, version, sha256 FROM tuf_files;
    INSERT INTO private_keys (created_at, key_id, encryption_alg, keywrap_alg, algorithm,
        passphrase_alias, public, private, gun, role, last_used)
    SELECT NOW(), SHA2(seq, 256), 'e', 'k', 'ecdsa', 'p', 'x', 'x', CONCAT('example.com/', seq DIV 2),
        IF(seq % 2 = 0, 'timestamp', 'snapshot'), IF(seq % 50 = 0, NULL, NOW())
    FROM seq_1_to_5000;
    INSERT INTO countersign_key_bindings (key_id, algorithm, gun, role, bound_at)
    SELECT key_id, algorithm, gun, role, created_at FROM private_keys;
    ANALYZE TABLE tuf_files, changefeed, private_keys, countersign_key_bindings;
";

/// The statement with values in the place of its parameters: as literals, which compare with a
/// column as parameters do, and not as variables would.
fn fill_in(statement: &str, bound: &str) -> Result<String> {
    let digest = |text: &str| format!("'{}'", Sha256Digest::of(text.as_bytes()).to_hex());
    let bound = bound
        .replace("@gun", "'example.com/77'")
        .replace("@sha", &digest("root3"))
        .replace("@key", &digest("77"));
    let mut values = bound.split(", ");
    let mut text = String::new();
    for (number, part) in statement.split('?').enumerate() {
        if number > 0 {
            text.push_str(values.next().with_context(|| format!("more is bound to {statement}"))?);
        }
        text.push_str(part);
    }
    ensure!(values.next().is_none(), "less is bound to {statement}");
    Ok(text)
}
