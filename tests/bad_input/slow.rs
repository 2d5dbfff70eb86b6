//! Clients that take their time, under limits of a second or two.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Result, ensure};
use countersign_tests::wire::RawConnection;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use crate::bench::{Bench, GUN, publish_path};

const SETTINGS: &str = "[limits]\nbody_seconds = 4\nbody_pause_seconds = 2\n\
    handshake_seconds = 1\nfirst_request_seconds = 1\n";

/// Far more than any of these limits.
const DEADLINE: Duration = Duration::from_secs(30);

async fn begun(bench: &Bench) -> Result<RawConnection> {
    let mut connection = bench.raw().await?;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\
         Content-Type: multipart/form-data; boundary=edge\r\n\r\n--edge\r\n",
        publish_path(GUN)
    );
    connection.write(head.as_bytes()).await?;
    Ok(connection)
}

async fn is_too_slow(mut connection: RawConnection) -> Result<()> {
    let answer = timeout(DEADLINE, connection.read_until("}\n")).await??;
    ensure!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    ensure!(answer.contains("\"MALFORMED_UPLOAD\""), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_client_that_falls_silent_within_a_body_is_answered() -> Result<()> {
    let bench = Bench::under(SETTINGS).await?;
    let before = bench.state().await?;
    is_too_slow(begun(&bench).await?).await?;
    ensure!(bench.state().await? == before);
    bench.goes_on().await
}

#[tokio::test]
async fn a_body_of_one_byte_a_second_is_answered_at_its_deadline() -> Result<()> {
    let bench = Bench::under(SETTINGS).await?;
    let before = bench.state().await?;
    let mut connection = begun(&bench).await?;
    let mut pace = interval(Duration::from_secs(1));
    // One less than until the deadline: the last byte must not race with the answer.
    for _ in 0..4 {
        pace.tick().await;
        connection.write(b"-").await?;
    }
    is_too_slow(connection).await?;
    ensure!(bench.state().await? == before);
    bench.goes_on().await
}

#[tokio::test]
async fn clients_that_never_ask_are_let_go() -> Result<()> {
    let bench = Bench::under(SETTINGS).await?;
    let mut no_handshake =
        TcpStream::connect((Ipv4Addr::LOCALHOST, bench.server.endpoint().port())).await?;
    timeout(DEADLINE, no_handshake.read_to_end(&mut Vec::new())).await?.ok();
    let mut no_request = bench.raw().await?;
    let closed = timeout(DEADLINE, no_request.read_until("\r\n\r\n")).await?;
    ensure!(closed.is_err(), "{closed:?}");
    bench.goes_on().await
}
