//! Synthetic rows, as many as wanted, made by the database itself: bytes of the size and texture of
//! real documents, different for every row. Nobody reads them; they are in the way.

use anyhow::Result;
use sqlx::{AssertSqlSafe, PgConnection, SqliteConnection};

/// How many rows of SQLite are made in one transaction.
const AT_ONCE: u32 = 50_000;

/// The bytes of a real collection's documents, to make others like them.
#[derive(Debug)]
pub(crate) struct Template {
    /// Role and document.
    pub(crate) documents: Vec<(String, String)>,
    /// The sealed private key of a row.
    pub(crate) sealed: String,
}

const SQLITE_DOCUMENTS: &str = "
    WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?4)
    INSERT INTO tuf_files (created_at, updated_at, gun, role, version, sha256, data)
    SELECT strftime('%Y-%m-%dT%H:%M:%S.000000Z', 'now', '-' || (i % 8000) || ' hours'), NULL,
        printf('example.com/team-%03d/app-%07d', i % 997, i), ?2, 1, lower(hex(randomblob(32))),
        CAST(lower(hex(randomblob(16))) || substr(?3, 33) AS BLOB)
    FROM n";

const SQLITE_CHANGES: &str = "
    INSERT INTO changefeed (created_at, gun, version, sha256)
    SELECT created_at, gun, version, sha256 FROM tuf_files WHERE role = 'timestamp'";

const SQLITE_KEYS: &str = "
    INSERT INTO private_keys (created_at, updated_at, key_id, encryption_alg, keywrap_alg,
        algorithm, passphrase_alias, public, private, gun, role, last_used)
    SELECT created_at, created_at, lower(hex(randomblob(32))), 'A256GCM', 'PBES2-HS256+A128KW',
        'ecdsa', 'countersign', randomblob(91), CAST(?1 AS BLOB), gun, 'timestamp', created_at
    FROM tuf_files WHERE role = 'timestamp'";

const POSTGRES_DOCUMENTS: &str = "
    INSERT INTO tuf_files (created_at, updated_at, gun, role, version, sha256, data)
    SELECT now() - i % 8000 * interval '1 hour', NULL,
        format('example.com/team-%s/app-%s', lpad((i % 997)::text, 3, '0'), lpad(i::text, 7, '0')),
        $2, 1, md5(random()::text) || md5(random()::text),
        convert_to(md5(random()::text) || substr($3, 33), 'UTF8')
    FROM generate_series(1, $1::int) AS i";

const POSTGRES_CHANGES: &str = "
    INSERT INTO changefeed (created_at, gun, version, sha256)
    SELECT created_at, gun, version, sha256 FROM tuf_files WHERE role = 'timestamp' ORDER BY id";

const POSTGRES_KEYS: &str = "
    INSERT INTO private_keys (created_at, updated_at, key_id, encryption_alg, keywrap_alg,
        algorithm, passphrase_alias, public, private, gun, role, last_used)
    SELECT created_at, created_at, md5(random()::text) || md5(random()::text), 'A256GCM',
        'PBES2-HS256+A128KW', 'ecdsa', 'countersign', convert_to(repeat('p', 91), 'UTF8'),
        convert_to($1, 'UTF8'), gun, 'timestamp', created_at
    FROM tuf_files WHERE role = 'timestamp'";

/// Indexes that hold nothing together, with the statements that make them again: rows come faster
/// without.
const SQLITE_INDEXES: &str = "SELECT name, sql FROM sqlite_schema \
    WHERE type = 'index' AND sql NOT LIKE 'CREATE UNIQUE%'";

const POSTGRES_INDEXES: &str = "SELECT indexname::text, indexdef FROM pg_indexes \
    WHERE schemaname = 'public' AND indexdef NOT LIKE 'CREATE UNIQUE%'";

/// Fills a migrated SQLite database that nobody uses.
pub(crate) async fn sqlite(
    connection: &mut SqliteConnection,
    guns: u32,
    template: &Template,
) -> Result<()> {
    sqlx::raw_sql("PRAGMA synchronous = OFF").execute(&mut *connection).await?;
    let indexes: Vec<(String, String)> =
        sqlx::query_as(SQLITE_INDEXES).fetch_all(&mut *connection).await?;
    for (name, _) in &indexes {
        sqlx::raw_sql(AssertSqlSafe(format!("DROP INDEX {name}")))
            .execute(&mut *connection)
            .await?;
    }
    for (role, text) in &template.documents {
        let mut done = 0;
        while done < guns {
            // Each transaction is in the log until it ends.
            let (first, last) = (done + 1, guns.min(done + AT_ONCE));
            let insert = sqlx::query(SQLITE_DOCUMENTS).bind(first).bind(role).bind(text);
            insert.bind(last).execute(&mut *connection).await?;
            done = last;
        }
    }
    sqlx::query(SQLITE_CHANGES).execute(&mut *connection).await?;
    sqlx::query(SQLITE_KEYS).bind(&template.sealed).execute(&mut *connection).await?;
    for (_, statement) in indexes {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(connection).await?;
    Ok(())
}

/// Fills a migrated PostgreSQL database that nobody uses.
pub(crate) async fn postgres(
    connection: &mut PgConnection,
    guns: u32,
    template: &Template,
) -> Result<()> {
    let indexes: Vec<(String, String)> =
        sqlx::query_as(POSTGRES_INDEXES).fetch_all(&mut *connection).await?;
    for (name, _) in &indexes {
        sqlx::raw_sql(AssertSqlSafe(format!("DROP INDEX {name}")))
            .execute(&mut *connection)
            .await?;
    }
    for (role, text) in &template.documents {
        let insert = sqlx::query(POSTGRES_DOCUMENTS).bind(i64::from(guns)).bind(role).bind(text);
        insert.execute(&mut *connection).await?;
    }
    sqlx::query(POSTGRES_CHANGES).execute(&mut *connection).await?;
    sqlx::query(POSTGRES_KEYS).bind(&template.sealed).execute(&mut *connection).await?;
    for (_, statement) in indexes {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    sqlx::raw_sql("VACUUM ANALYZE").execute(connection).await?;
    Ok(())
}
