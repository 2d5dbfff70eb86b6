//! A server whose keys are in a token, as users of `notary` meet it.

use std::time::Duration;

use anyhow::{Result, ensure};
use countersign_tests::peers::countersign::{binary, healthy};
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::peers::process::{PATIENCE, Process, Program, free_port};
use countersign_tests::peers::softhsm::{LABEL, PIN, SoftHsm};
use countersign_tests::session::Session;
use countersign_tests::wire::{Endpoint, Wire};
use tempfile::TempDir;
use tokio::time::{Instant, interval};

use crate::binary::{run, serve, serve_with, server, settings};
use crate::flows::{delegations, keys, publishing};

const GUN: &str = "example.com/token/app";
const HEALTH: &str = "/_notary_server/health";

/// The home of each key, as `keys list` has it.
async fn homes(hsm: &SoftHsm, session: &Session) -> Result<Vec<String>> {
    let data = server(session)?.data().display().to_string();
    let listed = run(hsm, &["keys", "list", "--data-dir", &data, "--format", "json"]).await?;
    let home = |line: &str| -> Result<String> {
        let key: serde_json::Value = serde_json::from_str(line)?;
        Ok(key["held_by"].as_str().unwrap_or_default().to_owned())
    };
    listed.stdout.lines().map(home).collect()
}

async fn publish(session: &mut Session, alice: &NotaryClient, target: &str) -> Result<()> {
    let file = session.file("file", b"content")?;
    session.ok(alice, &["add", "-p", GUN, target, &file]).await?;
    session.prints(alice, &["list", GUN], &format!("{target} ")).await?;
    Ok(())
}

/// A collection whose snapshot and timestamp keys the server holds.
async fn collection(session: &mut Session) -> Result<NotaryClient> {
    let alice = session.client("alice")?;
    session.ok(&alice, &["init", "-p", GUN]).await?;
    session.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    publish(session, &alice, "v1").await?;
    Ok(alice)
}

/// Waits until health is `status`.
async fn health_is(session: &Session, status: u16) -> Result<()> {
    let wire = Wire::to(server(session)?.endpoint())?;
    let (deadline, mut pace) = (Instant::now() + PATIENCE, interval(Duration::from_millis(20)));
    while wire.get(HEALTH).await?.status != status {
        pace.tick().await;
        ensure!(Instant::now() < deadline, "health is not {status}\n{}", server(session)?.log());
    }
    Ok(())
}

#[tokio::test]
async fn notary_publishes_delegates_and_rotates_with_keys_in_the_token() -> Result<()> {
    let hsm = SoftHsm::start()?;
    for algorithm in ["ecdsa", "ed25519"] {
        let more = format!("[keys]\ncustody = \"token\"\nalgorithm = {algorithm:?}\n");
        let mut session = serve_with(&hsm, &more).await?;
        publishing::a_published_target_is_listed_looked_up_and_verified_by_anyone(&mut session)
            .await?;
        let all = homes(&hsm, &session).await?;
        ensure!(!all.is_empty() && all.iter().all(|home| home == "token"), "{all:?}");
        ensure!(!server(&session)?.log().contains(PIN));
    }
    let mut session = serve(&hsm).await?;
    keys::the_snapshot_key_moves_to_the_server_and_back(&mut session).await?;
    let mut session = serve(&hsm).await?;
    keys::the_timestamp_key_rotates_on_the_server_only(&mut session).await?;
    let mut session = serve(&hsm).await?;
    delegations::a_delegate_below_a_delegate_publishes_within_its_paths(&mut session).await?;
    let all = homes(&hsm, &session).await?;
    ensure!(!all.is_empty() && all.iter().all(|home| home == "token"), "{all:?}");
    Ok(())
}

/// Without the module that fails on request: SoftHSM's own, found by the environment.
#[tokio::test]
async fn softhsms_own_module_serves_and_the_server_stops_in_good_order() -> Result<()> {
    let hsm = SoftHsm::start()?;
    let (data, port) = (TempDir::new()?, free_port()?);
    let config = data.path().join("countersign.toml");
    std::fs::write(&config, settings(&hsm, hsm.module(), "[keys]\ncustody = \"token\"\n")?)?;
    let (name, value) = hsm.environment();
    let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let program = Program::new(binary()?)
        .args([
            "serve".to_owned(),
            "--config".to_owned(),
            text(&config),
            "--data-dir".to_owned(),
            text(data.path()),
            "--listen".to_owned(),
            format!("127.0.0.1:{port}"),
        ])
        .env(&name, &value);
    let mut process = Process::spawn("countersign", &program, None)?;
    process.line(|line| line.contains("https://localhost:").then_some(())).await?;
    let endpoint = Endpoint::new(port, data.path().join("certs/ca.crt"));
    healthy(&mut process, &endpoint).await?;
    let alice = NotaryClient::new(&data.path().join("alice"), &endpoint)?;
    for arguments in [&["init", "-p", GUN][..], &["key", "rotate", GUN, "timestamp", "-r"]] {
        let outcome = alice.run(arguments).await?;
        ensure!(outcome.succeeded(), "{outcome:?}\n{}", process.log());
    }
    process.signal(rustix::process::Signal::TERM)?;
    let status = process.ended().await?;
    ensure!(status.success(), "{status}\n{}", process.log());
    Ok(())
}

#[tokio::test]
async fn while_the_token_is_away_reads_go_on_and_publishes_are_refused_and_then_resume()
-> Result<()> {
    let hsm = SoftHsm::start()?;
    let mut session = serve(&hsm).await?;
    let alice = collection(&mut session).await?;
    let reader = session.client("reader")?;
    hsm.unplug()?;
    health_is(&session, 503).await?;
    session.prints(&reader, &["list", GUN], "v1 ").await?;
    let file = session.file("file", b"content")?;
    let refused = alice.run(&["add", "-p", GUN, "v2", &file]).await?;
    ensure!(!refused.succeeded() && refused.says("503"), "{refused:?}");
    let log = server(&session)?.log();
    ensure!(log.matches("the token is away").count() == 1, "{log}");
    // A start without the token: what is stored stays readable, and health says why it is not well.
    if let countersign_tests::session::Server::Countersign(ours) = session.server_mut() {
        ours.kill9()?;
        ours.start_again_unready().await?;
    }
    ensure!(
        server(&session)?.log().contains("no token has the label"),
        "{}",
        server(&session)?.log()
    );
    health_is(&session, 503).await?;
    let other = session.client("other reader")?;
    session.prints(&other, &["list", GUN], "v1 ").await?;
    ensure!(!alice.run(&["publish", GUN]).await?.succeeded());
    hsm.plug_in()?;
    health_is(&session, 200).await?;
    session.ok(&alice, &["publish", GUN]).await?;
    session.prints(&other, &["list", GUN], "v2 ").await?;
    Ok(())
}

#[tokio::test]
async fn a_lying_token_is_found_out_and_nothing_of_it_is_stored() -> Result<()> {
    let hsm = SoftHsm::start()?;
    let mut session = serve(&hsm).await?;
    let alice = collection(&mut session).await?;
    let wire = Wire::to(server(&session)?.endpoint())?;
    let before = wire.document(GUN, "timestamp.json").await?.body;
    hsm.fail("C_Sign=flip")?;
    let file = session.file("file", b"content")?;
    let refused = alice.run(&["add", "-p", GUN, "v2", &file]).await?;
    ensure!(!refused.succeeded(), "{refused:?}");
    ensure!(wire.document(GUN, "timestamp.json").await?.body == before);
    hsm.fail("")?;
    session.ok(&alice, &["publish", GUN]).await?;
    session.prints(&alice, &["list", GUN], "v2 ").await?;
    Ok(())
}

#[tokio::test]
async fn keys_move_into_the_token_under_a_running_server_and_no_client_notices() -> Result<()> {
    let hsm = SoftHsm::start()?;
    let mut session = serve_with(&hsm, "").await?;
    let alice = collection(&mut session).await?;
    ensure!(homes(&hsm, &session).await?.iter().all(|home| home == "sealed"));
    let data = server(&session)?.data();
    let (config, data) =
        (data.join("countersign.toml").display().to_string(), data.display().to_string());
    let to = |home, which| {
        vec!["keys", "import", "--to", home, which, "--config", &config, "--data-dir", &data]
    };
    let moved = run(&hsm, &to("token", "--all")).await?;
    ensure!(moved.code == Some(0), "{}{}", moved.stdout, moved.stderr);
    ensure!(moved.stdout.contains(&format!("timestamp  {GUN}  moved")), "{}", moved.stdout);
    ensure!(moved.stdout.contains("0 left"), "{}", moved.stdout);
    ensure!(homes(&hsm, &session).await?.iter().all(|home| home == "token"));
    publish(&mut session, &alice, "v2").await?;
    let reader = session.client("reader")?;
    session.prints(&reader, &["list", GUN], "v2 ").await?;
    let again = run(&hsm, &to("token", "--all")).await?;
    ensure!(again.code == Some(0) && again.stdout.contains("0 moved"), "{}", again.stdout);
    let back = run(&hsm, &to("sealed", "--all")).await?;
    ensure!(back.code == Some(13), "{}{}", back.stdout, back.stderr);
    ensure!(back.stdout.contains("countersign keys rotate"), "{}", back.stdout);
    ensure!(back.stdout.contains("0 moved"), "{}", back.stdout);
    publish(&mut session, &alice, "v3").await?;
    ensure!(!server(&session)?.log().contains(PIN) && LABEL != PIN);
    Ok(())
}
