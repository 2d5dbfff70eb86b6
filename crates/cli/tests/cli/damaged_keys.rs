//! Rows of keys that are damaged, one way each: what the server says of it, and that no other key
//! takes its place (signer spec 3.2 and 9).

use std::fs;
use std::path::Path;

use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;

use crate::process::{Server, countersign, empty_dir, run, serve, start};

/// What happens to the row of `a/damaged`.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Alias,
    Bit,
    ForeignPrivate,
    ForeignPublic,
    Truncated,
}

impl Damage {
    /// What the log says of it.
    fn reason(self) -> &'static str {
        match self {
            Self::Alias => {
                "no passphrase is given for its alias: set NOTARY_SIGNER_LOST_ONE, or \
                 NOTARY_SIGNER_LOST_ONE_FILE to a file that holds it"
            }
            Self::Bit => {
                "it does not open: the passphrase is wrong or the row is damaged; give the server \
                 the passphrase that sealed it, or restore the row"
            }
            Self::ForeignPrivate => "its private and public halves are of different keys",
            Self::ForeignPublic => "its public half belongs to another key ID",
            Self::Truncated => "the sealed key is no compact JWE: it has not five parts",
        }
    }

    async fn of(self, database: &mut SqliteConnection) {
        let read = "SELECT private FROM private_keys WHERE gun = 'a/damaged'";
        let mut sealed: Vec<u8> = sqlx::query_scalar(read).fetch_one(&mut *database).await.unwrap();
        let sql = match self {
            Self::Alias => {
                "UPDATE private_keys SET passphrase_alias = 'lost.one' WHERE gun = 'a/damaged'"
            }
            Self::ForeignPrivate => {
                "UPDATE private_keys SET private = (SELECT private FROM private_keys \
                 WHERE gun = 'a/whole') WHERE gun = 'a/damaged'"
            }
            Self::ForeignPublic => {
                "UPDATE private_keys SET public = (SELECT public FROM private_keys \
                 WHERE gun = 'a/whole') WHERE gun = 'a/damaged'"
            }
            Self::Bit | Self::Truncated => {
                "UPDATE private_keys SET private = ?1 WHERE gun = 'a/damaged'"
            }
        };
        match self {
            Self::Bit => {
                let middle = sealed.len() - 60;
                sealed[middle] = if sealed[middle] == b'A' { b'B' } else { b'A' };
            }
            Self::Truncated => sealed.truncate(200),
            Self::Alias | Self::ForeignPrivate | Self::ForeignPublic => {}
        }
        let query = sqlx::query(sql);
        let query = if sql.contains("?1") { query.bind(sealed) } else { query };
        assert_eq!(query.execute(database).await.unwrap().rows_affected(), 1);
    }
}

fn damage(dir: &Path, damage: Damage) {
    let url = format!("sqlite://{}", dir.join("countersign-data/countersign.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut database = SqliteConnection::connect(&url).await.unwrap();
        damage.of(&mut database).await;
        database.close().await.unwrap();
    });
}

fn key(server: &Server, dir: &Path, gun: &str) -> (u16, String) {
    let ca = fs::read(dir.join("countersign-data/certs/ca.crt")).unwrap();
    server.get(&ca, &format!("/v2/{gun}/_trust/tuf/timestamp.key")).unwrap()
}

#[test]
fn each_damage_of_a_key_is_refused_by_its_name_and_no_key_takes_its_place() {
    for kind in [
        Damage::Alias,
        Damage::Bit,
        Damage::ForeignPrivate,
        Damage::ForeignPublic,
        Damage::Truncated,
    ] {
        let dir = empty_dir();
        let server = start(serve(dir.path()));
        for gun in ["a/whole", "a/damaged"] {
            assert_eq!(key(&server, dir.path(), gun).0, 200);
        }
        server.stop();
        damage(dir.path(), kind);
        let mut server = start(serve(dir.path()));
        assert_eq!(key(&server, dir.path(), "a/whole").0, 200, "{kind:?}");
        let (status, body) = key(&server, dir.path(), "a/damaged");
        assert_eq!(status, 500, "{kind:?}: {body}");
        let line = server.wait_for_log(kind.reason());
        assert!(!line.contains("eyJ"), "no part of the token: {line}");
        server.stop();
        let listed = run(countersign(dir.path(), &["keys", "list", "--gun", "a/damaged"])).stdout;
        assert_eq!(listed.lines().count(), 2, "{kind:?}: {listed}");
    }
}
