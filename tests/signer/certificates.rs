//! Clients without a certificate, with a wrong one, and with one that is not on the list: none of
//! them gets anything, and nothing is signed.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use countersign_custody::remote::protocol::{CreateKeyRequest, KeyId, PublicKey, SignatureRequest};
use countersign_tests::grpc::{call, connect};
use countersign_tests::peers::certs::{Authority, Pair};
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::peers::process::PATIENCE;
use prost::Message as _;
use tempfile::TempDir;
use tonic::Code;
use tonic::transport::Channel;

const CREATE: &str = "/proto.KeyManagement/CreateKey";
const SIGN: &str = "/proto.Signer/Sign";

/// The bytes of the pending key of a GUN, which stay until it has signed.
async fn pending(channel: &Channel) -> Result<Vec<u8>> {
    let wanted = CreateKeyRequest {
        algorithm: "ecdsa".to_owned(),
        gun: "registry.example/app".to_owned(),
        role: "timestamp".to_owned(),
    };
    Ok(call(channel, CREATE, wanted.encode_to_vec()).await?)
}

/// Everything that can be asked with that key.
fn calls(pending: &[u8]) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let key = PublicKey::decode(pending)?.key_info.and_then(|info| info.key_id);
    let key = key.context("a key without an ID")?;
    let signature = SignatureRequest { key_id: Some(key.clone()), content: b"m".to_vec() };
    let id = KeyId::encode_to_vec(&key);
    Ok(vec![
        (SIGN, signature.encode_to_vec()),
        (CREATE, Vec::new()),
        ("/proto.KeyManagement/GetKeyInfo", id.clone()),
        ("/proto.KeyManagement/DeleteKey", id),
        ("/grpc.health.v1.Health/Check", Vec::new()),
    ])
}

/// A client that shows `pair` does not get as far as an answer.
async fn kept_out(signer: &CountersignSigner, pair: Option<&Pair>, pending: &[u8]) -> Result<()> {
    let ca = signer.authority().certificate();
    // The client's half of the handshake may be over before it is told.
    let Ok(channel) = connect(signer.port(), &ca, pair).await else { return Ok(()) };
    for (path, message) in calls(pending)? {
        match call(&channel, path, message).await {
            Ok(_) => bail!("{pair:?} got an answer to {path}"),
            Err(status) => {
                // The connection ends; no signer has this code for anything.
                let by_transport =
                    matches!(status.code(), Code::Cancelled | Code::Unavailable | Code::Unknown);
                ensure!(by_transport, "{pair:?} was told {status:?}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn without_a_certificate_that_counts_nobody_gets_an_answer() -> Result<()> {
    let mut signer = CountersignSigner::start().await?;
    let ca = signer.authority().certificate();
    let good = connect(signer.port(), &ca, Some(&signer.client())).await?;
    let before = pending(&good).await?;

    let elsewhere = TempDir::new()?;
    let foreign = Authority::create(elsewhere.path(), "CA of the signer and its clients")?;
    let foreign = foreign.leaf("client")?;
    let alone = Pair::ecdsa(elsewhere.path(), "alone", "client")?;
    let ended = signer.authority().ended_leaf("ended")?;
    for pair in [None, Some(&foreign), Some(&alone), Some(&ended)] {
        kept_out(&signer, pair, &before).await?;
    }
    ensure!(pending(&good).await? == before, "the pending key has signed, or is gone");
    ensure!(!signer.log().contains("countersign::signatures"), "{}", signer.log());
    signer.still_runs()
}

#[tokio::test]
async fn a_client_that_is_not_on_the_list_is_denied_everything() -> Result<()> {
    let signer = CountersignSigner::start_with("[signing]\nclients = ['client']", &[]).await?;
    let ca = signer.authority().certificate();
    let good = connect(signer.port(), &ca, Some(&signer.client())).await?;
    let before = pending(&good).await?;
    let other = signer.authority().leaf("other")?;
    let other = connect(signer.port(), &ca, Some(&other)).await?;
    for (path, message) in calls(&before)? {
        let refused = call(&other, path, message).await.err().context("not refused")?;
        ensure!(refused.code() == Code::PermissionDenied, "{path}: {refused:?}");
    }
    ensure!(pending(&good).await? == before, "the pending key has signed, or is gone");
    ensure!(!signer.log().contains("countersign::signatures"), "{}", signer.log());
    Ok(())
}

/// Notary's samples put the certificate of the other side where an authority is expected.
#[tokio::test]
async fn a_certificate_in_the_place_of_the_authority_lets_itself_in_and_nobody_else() -> Result<()>
{
    let mut signer = CountersignSigner::start().await?;
    let ca = signer.authority().certificate();
    let sibling = signer.authority().leaf("sibling")?;
    let alone = Pair::ecdsa(signer.folder(), "alone", "alone")?;
    let settings = fs::read_to_string(signer.settings())?;
    for (pinned, others) in
        [(signer.client(), [&sibling, &alone]), (alone.clone(), [&sibling, &sibling])]
    {
        let file = pinned.certificate.file_name().context("a path without a name")?;
        let named = format!("client_ca = '{}'", file.to_string_lossy());
        fs::write(signer.settings(), settings.replace("client_ca = 'ca.crt'", &named))?;
        signer.stop().await?;
        signer.start_again().await?;
        let good = connect(signer.port(), &ca, Some(&pinned)).await?;
        let before = pending(&good).await?;
        for other in others {
            kept_out(&signer, Some(other), &before).await?;
        }
        ensure!(pending(&good).await? == before, "the pending key has signed, or is gone");
    }
    Ok(())
}

#[tokio::test]
async fn a_client_whose_authority_is_taken_away_is_told_so_on_its_open_connection() -> Result<()> {
    let signer = CountersignSigner::start().await?;
    let ca = signer.authority().certificate();
    let good = connect(signer.port(), &ca, Some(&signer.client())).await?;
    let before = pending(&good).await?;
    let elsewhere = TempDir::new()?;
    let next = Authority::create(elsewhere.path(), "the next CA")?;
    let settings = fs::read_to_string(signer.settings())?;
    let named = format!("client_ca = '{}'", next.certificate().display());
    fs::write(signer.settings(), settings.replace("client_ca = 'ca.crt'", &named))?;
    signer.hang_up()?;
    let denied = async {
        loop {
            let (path, message) = calls(&before)?.swap_remove(2);
            if let Err(status) = call(&good, path, message).await {
                return Ok::<_, anyhow::Error>(status);
            }
            tokio::task::yield_now().await;
        }
    };
    let status = tokio::time::timeout(PATIENCE, denied).await.context("never denied")??;
    ensure!(status.code() == Code::Unauthenticated, "{status:?}");
    let next = next.leaf("client")?;
    let next = connect(signer.port(), &ca, Some(&next)).await?;
    ensure!(pending(&next).await? == before, "the pending key has signed, or is gone");
    Ok(())
}
