//! Our signer, on the file that it makes and on PostgreSQL.

use anyhow::Result;
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::peers::postgres::Postgres;

use crate::signer::{Running, Signer};

/// What it is on a file.
pub(crate) const ON_A_FILE: &str = "our signer, on SQLite";

/// What it is where Notary's has its keys too.
pub(crate) const ON_POSTGRES: &str = "our signer, on PostgreSQL";

/// Starts it on a file, and has keys made.
pub(crate) async fn start_on_a_file(keys: usize) -> Result<Signer> {
    ask(ON_A_FILE, CountersignSigner::start().await?, None, keys).await
}

/// Starts it on PostgreSQL, and has keys made.
pub(crate) async fn start_on_postgres(keys: usize) -> Result<Signer> {
    let postgres = Postgres::start().await?;
    postgres.create_database("signer", "").await?;
    let settings = format!(
        "[database]\nurl = 'postgres://postgres@127.0.0.1:{}/signer?sslmode=disable'\n",
        postgres.port()
    );
    let signer = CountersignSigner::start_with(&settings, &[]).await?;
    ask(ON_POSTGRES, signer, Some(postgres), keys).await
}

/// Has keys made by a signer that runs.
pub(crate) async fn ask(
    name: &'static str,
    signer: CountersignSigner,
    database: Option<Postgres>,
    keys: usize,
) -> Result<Signer> {
    let (folder, port) = (signer.folder().to_owned(), signer.port());
    Signer::ask(name, &folder, port, Running::Ours(Box::new(signer), database), keys).await
}
