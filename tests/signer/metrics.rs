//! What our signer counts, by the bytes that its own listener for that sends.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use countersign_custody::remote::protocol::{CreateKeyRequest, KeyId, PublicKey, SignatureRequest};
use countersign_tests::grpc::{call, connect};
use countersign_tests::peers::countersign_signer::CountersignSigner;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const OWN: &str = "[signing]\nmetrics_listen = '127.0.0.1:0'\n";

/// Everything that is sent in answer to these bytes.
async fn answer(to: SocketAddr, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(to).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: signer\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn what_a_signer_did_is_told_without_a_certificate_that_lets_sign() -> Result<()> {
    let mut signer = CountersignSigner::start_with(OWN, &[]).await?;
    let metrics = signer.metrics().await?;
    let ca = signer.folder().join("ca.crt");
    let channel = connect(signer.port(), &ca, Some(&signer.client())).await?;
    let wanted = CreateKeyRequest {
        algorithm: "ecdsa".to_owned(),
        gun: "registry.example/planted-gun".to_owned(),
        role: "timestamp".to_owned(),
    };
    let made = call(&channel, "/proto.KeyManagement/CreateKey", wanted.encode_to_vec()).await?;
    let key = PublicKey::decode(made.as_slice())?.key_info.and_then(|info| info.key_id);
    let key_id = key.context("a key")?.id;
    for id in [&key_id, &key_id, &"0".repeat(64)] {
        let request =
            SignatureRequest { key_id: Some(KeyId { id: id.clone() }), content: b"{}".to_vec() };
        call(&channel, "/proto.Signer/Sign", request.encode_to_vec()).await.ok();
    }
    let told = answer(metrics, &get("/metrics")).await?;
    let (head, body) = told.split_once("\r\n\r\n").context("a head")?;
    ensure!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    ensure!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    for line in [
        "countersign_signer_serving 1",
        "countersign_signer_signatures_total{outcome=\"signed\",role=\"timestamp\"} 2",
        "countersign_signer_signatures_total{outcome=\"no_key\",role=\"unknown\"} 1",
        "countersign_signer_pending_keys_total{algorithm=\"ecdsa\",role=\"timestamp\"} 1",
        "countersign_signer_calls_total{code=\"OK\",method=\"Sign\"} 2",
        "countersign_signer_calls_total{code=\"NOT_FOUND\",method=\"Sign\"} 1",
        "countersign_signer_call_duration_seconds_count{method=\"Sign\"} 3",
    ] {
        ensure!(body.contains(&format!("{line}\n")), "{line} is missing\n{body}");
    }
    ensure!(!body.contains("planted-gun") && !body.contains(&key_id), "{body}");

    ensure!(answer(metrics, &get("/")).await?.starts_with("HTTP/1.1 404"));
    let sign = get("/proto.Signer/Sign").replace("GET", "POST");
    ensure!(answer(metrics, &sign).await?.starts_with("HTTP/1.1 404"));
    signer.stop().await
}

#[tokio::test]
async fn without_the_setting_nothing_more_is_listened_on() -> Result<()> {
    let mut signer = CountersignSigner::start().await?;
    ensure!(!signer.log().contains("metrics at"), "{}", signer.log());
    let listening = listening(signer.process_id())?;
    ensure!(listening == [signer.port()], "{listening:?}");
    signer.stop().await
}

/// The ports that the process listens on.
fn listening(process: u32) -> Result<Vec<u16>> {
    let mut inodes = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{process}/fd"))? {
        let target = std::fs::read_link(entry?.path())?.to_string_lossy().into_owned();
        let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        inodes.extend(inode.map(str::to_owned));
    }
    let mut ports = Vec::new();
    for table in ["tcp", "tcp6"] {
        for line in std::fs::read_to_string(format!("/proc/{process}/net/{table}"))?.lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, state, ..] = fields[..] else { continue };
            let is_its = fields.get(9).is_some_and(|inode| inodes.iter().any(|one| one == inode));
            if state == "0A" && is_its {
                let (_, port) = local.rsplit_once(':').context("a port")?;
                ports.push(u16::from_str_radix(port, 16)?);
            }
        }
    }
    Ok(ports)
}
