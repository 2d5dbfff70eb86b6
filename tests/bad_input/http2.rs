//! Floods of HTTP/2 frames that cost the sender nothing: the connection is closed, or the frames
//! are taken without growing, and others are served meanwhile.
//!
//! Source: RFC 9113 sections 4.1 (frames) and 6; RFC 7541 (the heads).

use std::iter::{once, repeat_n};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use countersign_tests::wire::RawConnection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::bench::{Bench, GUN, publish_path};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Methods, by their place in the static table of heads.
const GET: u8 = 2;
const POST: u8 = 3;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the reset of a stream says: the sender no longer wants it.
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// How a flood ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flood {
    /// The server closed the connection.
    Refused,
    /// The server took all of it.
    Taken,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The head of a request: two entries of the static table, and two names of it with a value.
fn head(method: u8, path: &str) -> Vec<u8> {
    let mut head = vec![0x80 | method, 0x87];
    for (name, value) in [(4, path), (1, "localhost")] {
        head.extend([name, u8::try_from(value.len()).unwrap_or_default()]);
        head.extend(value.as_bytes());
    }
    head
}

/// Sends `pieces` on a connection that has answered one request, and reads whatever comes, until
/// either side ends.
async fn flood(bench: &Bench, pieces: impl Iterator<Item = Vec<u8>>) -> Result<Flood> {
    let connection = RawConnection::open_http2(bench.server.endpoint()).await?;
    let (mut reader, mut writer) = connection.split();
    let request = frame(HEADERS, END_HEADERS | END_STREAM, 1, &head(GET, "/v2/"));
    writer.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[]), &request].concat()).await?;
    writer.flush().await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"{}") {
        answer.push(reader.read_u8().await.context("the first request got no answer")?);
    }
    let reading = async {
        let mut buffer = [0; 16_384];
        while reader.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
        Flood::Refused
    };
    let writing = async {
        for piece in pieces {
            if writer.write_all(&piece).await.is_err() {
                return Flood::Refused;
            }
        }
        match writer.flush().await {
            Ok(()) => Flood::Taken,
            Err(_) => Flood::Refused,
        }
    };
    tokio::select! { end = reading => Ok(end), end = writing => Ok(end) }
}

/// Others read while the flood goes on, and publish when it is over; memory stays small.
async fn check(pieces: impl Iterator<Item = Vec<u8>>, expected: &[Flood]) -> Result<()> {
    let bench = Bench::start().await?;
    let others = async {
        loop {
            let answer = bench.wire.document(GUN, "timestamp.json").await?;
            ensure!(answer.status == 200, "{answer:?}");
        }
    };
    let flood = Box::pin(flood(&bench, pieces));
    let both = async {
        tokio::select! { end = flood => end, failed = others => failed }
    };
    let end = timeout(Duration::from_secs(60), both).await.context("the flood never ended")??;
    ensure!(expected.contains(&end), "{end:?}");
    bench.is_small()?;
    bench.goes_on().await
}

#[tokio::test]
async fn a_flood_of_streams_that_are_reset_at_once_is_refused() -> Result<()> {
    let pieces = (0..100_000).map(|number| {
        let stream = 2 * number + 3;
        let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &head(GET, "/v2/"));
        [open, frame(RST_STREAM, 0, stream, &CANCEL)].concat()
    });
    check(pieces, &[Flood::Refused]).await
}

#[tokio::test]
async fn a_head_that_is_continued_without_end_is_refused() -> Result<()> {
    let line = [&[0, 1, b'x', 100][..], &[b'y'; 100]].concat();
    let open = frame(HEADERS, END_STREAM, 3, &head(GET, "/v2/"));
    let more = frame(CONTINUATION, 0, 3, &line.repeat(100));
    check(once(open).chain(repeat_n(more, 10_000)), &[Flood::Refused]).await
}

#[tokio::test]
async fn a_head_that_is_continued_with_nothing_is_refused() -> Result<()> {
    let open = frame(HEADERS, END_STREAM, 3, &head(GET, "/v2/"));
    let nothing = frame(CONTINUATION, 0, 3, &[]).repeat(100);
    check(once(open).chain(repeat_n(nothing, 10_000)), &[Flood::Refused]).await
}

#[tokio::test]
async fn a_body_of_a_million_empty_pieces_is_refused() -> Result<()> {
    let open = frame(HEADERS, END_HEADERS, 3, &head(POST, &publish_path(GUN)));
    let nothing = frame(DATA, 0, 3, &[]).repeat(1000);
    check(once(open).chain(repeat_n(nothing, 1000)), &[Flood::Refused]).await
}

#[tokio::test]
async fn a_million_pings_and_settings_harm_nobody() -> Result<()> {
    let both = [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])].concat().repeat(500);
    check(repeat_n(both, 1000), &[Flood::Refused, Flood::Taken]).await
}
