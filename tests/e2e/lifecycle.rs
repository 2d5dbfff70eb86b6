//! Starting and stopping Countersign under load.

use anyhow::{Context, Result, bail, ensure};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::process::PATIENCE;
use countersign_tests::session::{Server, Session};
use countersign_tests::wire::RawConnection;
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, sleep};

const GUN: &str = "example.com/lab/app";
const BODY: &str = "--cut\r\nContent-Disposition: form-data; name=\"files\"; \
    filename=\"timestamp\"\r\n\r\n{\"signed\":{},\"signatures\":[]}\r\n--cut--\r\n";

/// An empty publish (a client's timestamp is ignored) where the server holds the snapshot key.
fn publish_head() -> String {
    format!(
        "POST /v2/{GUN}/_trust/tuf/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: multipart/form-data; boundary=cut\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        BODY.len()
    )
}

async fn takes_no_more_connections(port: u16) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
        if Instant::now() > deadline {
            bail!("the port is still open");
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

#[tokio::test]
async fn an_upload_in_flight_at_sigterm_is_answered_and_kept() -> Result<()> {
    let mut s = Session::with(Server::Countersign(Countersign::start().await?))?;
    let alice = s.client("alice")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;

    let endpoint = s.server().endpoint().clone();
    let mut connection = RawConnection::open(&endpoint).await?;
    connection.write(publish_head().as_bytes()).await?;
    // The server asks for the body only when its handler has begun to read.
    let asked = connection.read_until("\r\n\r\n").await?;
    ensure!(asked.starts_with("HTTP/1.1 100 "), "{asked}");
    // The part's headers come alone: its content is still to come when the server reads them.
    let (headers, content) = BODY.split_once("\r\n\r\n").context("no part")?;
    connection.write(format!("{headers}\r\n\r\n").as_bytes()).await?;

    let Server::Countersign(mut server) = s.into_server() else { bail!("another server") };
    server.ask_to_stop()?;
    takes_no_more_connections(endpoint.port()).await?;
    connection.write(content.as_bytes()).await?;
    let answer = connection.read_until("\r\n\r\n").await?;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    drop(connection);
    let status = server.ended().await?;
    ensure!(status.code() == Some(0), "{status}");
    Ok(())
}

#[tokio::test]
async fn a_stopped_server_starts_again_on_its_directory_with_the_same_certificates() -> Result<()> {
    let mut server = Countersign::start().await?;
    let ca = std::fs::read(server.endpoint().ca())?;
    server.restart().await?;
    ensure!(std::fs::read(server.endpoint().ca())? == ca);
    server.kill9()?;
    server.start_again().await?;
    ensure!(std::fs::read(server.endpoint().ca())? == ca);
    Ok(())
}
