//! Keys in a hardware token: users get what they get from a pair.

use anyhow::{Context as _, Result, bail, ensure};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::mariadb::MariaDb;
use countersign_tests::peers::postgres::Postgres;
use countersign_tests::peers::softhsm::{LABEL, SoftHsm};
use countersign_tests::session::{Server, Session};

use crate::every_day;
use crate::signature_log::signatures;

/// The section `[pkcs11]` of a server with this token, by a module that finds it in any process.
pub(crate) fn section(hsm: &SoftHsm) -> Result<String> {
    let (module, pin) = (hsm.faulty_module()?, hsm.pin_file()?);
    Ok(format!("[pkcs11]\nmodule = {module:?}\ntoken = {LABEL:?}\npin_file = {pin:?}\n"))
}

/// A server with a token of its own, into which every key goes, and these settings too.
async fn serves(settings: &str) -> Result<()> {
    let hsm = SoftHsm::start()?;
    let settings = format!("{}[keys]\ncustody = \"token\"\n{settings}", section(&hsm)?);
    let server = Countersign::start_with(&settings).await?;
    let mut s = Session::with(Server::Countersign(server))?;
    let played = every_day::play(&mut s).await;
    let Server::Countersign(server) = s.server() else { bail!("{:?}", s.server()) };
    let log = server.log();
    played.with_context(|| log.clone())?;
    let signed = signatures(&log);
    ensure!(!signed.is_empty() && signed.iter().all(|line| line["home"] == "token"), "{log}");
    Ok(())
}

#[tokio::test]
async fn our_server_with_keys_in_a_token_serves_everybody_on_its_own_file() -> Result<()> {
    serves("").await
}

#[tokio::test]
async fn our_server_with_keys_in_a_token_serves_everybody_on_postgresql() -> Result<()> {
    let postgres = Postgres::start().await?;
    postgres.create_database("countersign", "").await?;
    serves(&format!("[database]\nurl = {:?}\n", postgres.url("postgres", "countersign"))).await
}

#[tokio::test]
async fn our_server_with_keys_in_a_token_serves_everybody_on_mariadb() -> Result<()> {
    let mariadb = MariaDb::start().await?;
    mariadb.create_database("countersign", "").await?;
    serves(&format!("[database]\nurl = {:?}\n", mariadb.url("root", "countersign"))).await
}
